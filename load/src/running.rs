//! Starts a run and stays in touch with it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::control::Control;
use crate::coordinator::Coordinator;
use crate::destination::Destination;
use crate::error::LoadError;
use crate::localhost::is_localhost;
use crate::observer::Observer;
use crate::plan::{AddressFamily, LoadPlan, Rate, Warmup};
use crate::program::Program;
use crate::result::LoadResult;
use crate::snapshot::Snapshot;
use crate::tally::Tally;
use crate::worker::{self, Gate, Report, Setup};
use crate::worker_stats::WorkerStats;

/// Rate that one worker can hold, in requests a second; faster ones get more.
const QPS_PER_WORKER: f64 = 20_000.0;

/// Starts a run on threads of its own and returns as soon as they are up.
///
/// No async runtime is needed to call it, and none is shared: pacing never
/// waits for what else the caller's runtime does. Where `resolve` is empty the
/// host's name is looked up here, which may block for as long as that takes.
///
/// # Errors
///
/// The plan is out of bounds, the host has no address, or the system refuses a
/// thread. What goes wrong later is counted in the result.
pub fn start(load: LoadPlan) -> Result<Running, LoadError> {
    start_observed(load, &Observer::default())
}

/// Starts a run as [`start`] does, and tells an observer about single requests.
///
/// # Errors
///
/// Those of [`start`].
pub fn start_observed(load: LoadPlan, observer: &Observer) -> Result<Running, LoadError> {
    load.check()?;
    let addresses = addresses(&load)?;
    let destination = Arc::new(Destination::new(&load, addresses)?);
    let load = Arc::new(load);
    let program = Program::of(&load);
    let connections = match load.warmup {
        Warmup::None => program.connections(&load),
        // All that were asked for warm up, even those that are not needed then.
        Warmup::Parallel | Warmup::Sequential => load.connections.get(),
    };
    let workers = worker_count(&load, connections);
    let control = Arc::new(Control::new());
    let stats: Vec<_> = (0..workers).map(|_| Arc::new(WorkerStats::new(Tally::new(&load)))).collect();
    let gate = watch::Sender::new(Gate::Closed);
    let (report, reports) = mpsc::channel();
    for (index, stats) in stats.iter().enumerate() {
        let setup = Setup {
            index,
            connections: (index..connections).step_by(workers).collect(),
            load: load.clone(),
            program,
            destination: destination.clone(),
            control: control.clone(),
            stats: stats.clone(),
            workers,
            observer: observer.clone(),
        };
        spawn_worker(setup, gate.subscribe(), report.clone())?;
    }
    drop(report);
    await_ready(&reports, workers)?;
    let snapshots = watch::Sender::new(Snapshot::default());
    let watcher = snapshots.subscribe();
    let (result, outcome) = oneshot::channel();
    let coordinator = Coordinator {
        load: load.clone(),
        program,
        control: control.clone(),
        stats,
        gate,
        reports,
        snapshots,
        observer: observer.clone(),
    };
    spawn("load".to_owned(), move || coordinator.run(result))?;
    Ok(Running::new(load, control, watcher, outcome))
}

/// A run in progress. Dropping it cancels the run.
#[derive(Debug)]
#[must_use = "dropping the handle cancels the run"]
pub struct Running {
    load: Arc<LoadPlan>,
    control: Arc<Control>,
    snapshots: watch::Receiver<Snapshot>,
    outcome: Option<oneshot::Receiver<LoadResult>>,
}

impl Running {
    pub(crate) fn new(
        load: Arc<LoadPlan>,
        control: Arc<Control>,
        snapshots: watch::Receiver<Snapshot>,
        outcome: oneshot::Receiver<LoadResult>,
    ) -> Self {
        Self { load, control, snapshots, outcome: Some(outcome) }
    }

    /// Gives the state of the run, refreshed each second.
    pub fn snapshots(&self) -> watch::Receiver<Snapshot> {
        self.snapshots.clone()
    }

    /// Waits for the first answer, of whatever status, and tells when it came;
    /// `None` when the run ended without one. Warm-up answers do not count.
    pub async fn first_answer(&self) -> Option<Duration> {
        self.control.first_answer().await
    }

    /// Asks the run to stop: requests that are under way are awaited, at most for
    /// one timeout; none is started after that.
    pub fn cancel(&self) {
        self.control.stop();
    }

    /// Gives a handle that can cancel the run from elsewhere.
    pub fn canceller(&self) -> Canceller {
        Canceller(self.control.clone())
    }

    /// Starts a phase at an instant: requests due from then on are also counted
    /// under its name. Marks come in the order of their instants; a request that
    /// ended before its mark was set stays in the phase before.
    ///
    /// Gives the place of the phase in [`Snapshot::phases`].
    pub fn mark(&self, name: impl Into<String>, at: Instant) -> usize {
        self.control.mark(name.into(), at)
    }

    /// Goes on at an instant with a phase that was begun before; 0 is the time before any mark.
    pub fn mark_again(&self, phase: usize, at: Instant) {
        self.control.mark_again(phase, at);
    }

    /// Waits for the end of the run.
    pub async fn wait(mut self) -> LoadResult {
        let result = match self.outcome.take() {
            Some(outcome) => outcome.await.ok(),
            None => None,
        };
        result.unwrap_or_else(|| LoadResult::lost(self.load.clone()))
    }

    /// Waits for the end of the run without an async runtime.
    ///
    /// # Panics
    ///
    /// Inside an async runtime, as blocking there would be a mistake.
    pub fn wait_blocking(mut self) -> LoadResult {
        let result = self.outcome.take().and_then(|outcome| outcome.blocking_recv().ok());
        result.unwrap_or_else(|| LoadResult::lost(self.load.clone()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.control.stop();
    }
}

/// Cancels a run from elsewhere; dropping it does nothing.
#[derive(Debug, Clone)]
pub struct Canceller(Arc<Control>);

impl Canceller {
    /// Asks the run to stop, as [`Running::cancel`] does.
    pub fn cancel(&self) {
        self.0.stop();
    }
}

fn spawn_worker(setup: Setup, gate: watch::Receiver<Gate>, report: mpsc::Sender<Report>) -> Result<(), LoadError> {
    spawn(format!("load-{}", setup.index), move || {
        worker::run(setup, gate, &report);
    })
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<(), LoadError> {
    let spawned = thread::Builder::new().name(name).spawn(body);
    spawned.map(drop).map_err(|source| LoadError::System { what: "a thread", source })
}

fn await_ready(reports: &Receiver<Report>, workers: usize) -> Result<(), LoadError> {
    for _ in 0..workers {
        if let Ok(Report::Broken(what, source)) = reports.recv() {
            return Err(LoadError::System { what, source });
        }
    }
    Ok(())
}

fn worker_count(load: &LoadPlan, connections: usize) -> usize {
    let wanted = match (load.threads, load.rate) {
        (Some(threads), _) => threads.get(),
        (None, Rate::Qps(qps)) if qps <= QPS_PER_WORKER => 1,
        (None, _) => thread::available_parallelism().map_or(1, NonZeroUsize::get),
    };
    wanted.clamp(1, connections.max(1))
}

/// The addresses of the target: those that are pinned, or the host's of the family that is wanted.
fn addresses(load: &LoadPlan) -> Result<Vec<SocketAddr>, LoadError> {
    if !load.resolve.is_empty() || load.unix_socket.is_some() {
        return Ok(load.resolve.clone());
    }
    let host = load.url.host_str().unwrap_or_default().to_owned();
    let port = load.url.port_or_known_default().unwrap_or(80);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = match (if is_localhost(bare) { "localhost" } else { bare }, port).to_socket_addrs() {
        Ok(found) if is_localhost(bare) => loopback(found, port),
        Ok(found) => found.collect::<Vec<_>>(),
        Err(_) if is_localhost(bare) => loopback(std::iter::empty(), port),
        Err(source) => {
            return Err(LoadError::NoAddress { host, source: Some(source) });
        }
    };
    if bare.parse::<IpAddr>().is_ok() {
        return Ok(found);
    }
    let mut chosen = of_family(found.clone(), load.family);
    if is_localhost(bare) && load.family == AddressFamily::PreferIpv4 {
        // One machine, so that the other addresses are tried where the first one refuses.
        chosen.extend(found.into_iter().filter(SocketAddr::is_ipv6));
    }
    if chosen.is_empty() {
        let source = io::Error::new(io::ErrorKind::AddrNotAvailable, format!("none of its family ({:?})", load.family));
        return Err(LoadError::NoAddress { host, source: Some(source) });
    }
    Ok(chosen)
}

/// The loopback addresses that the system gives, then those that many a system forgets.
fn loopback(found: impl Iterator<Item = SocketAddr>, port: u16) -> Vec<SocketAddr> {
    let always = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()].map(|ip| SocketAddr::new(ip, port));
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found.filter(|address| address.ip().is_loopback()).chain(always) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

fn of_family(mut found: Vec<SocketAddr>, family: AddressFamily) -> Vec<SocketAddr> {
    match family {
        AddressFamily::Ipv4 => found.retain(SocketAddr::is_ipv4),
        AddressFamily::PreferIpv4 if found.iter().any(SocketAddr::is_ipv4) => found.retain(SocketAddr::is_ipv4),
        AddressFamily::Ipv6 => found.retain(SocketAddr::is_ipv6),
        AddressFamily::PreferIpv4 | AddressFamily::Any => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_reached_at_the_addresses_of_the_family_that_is_wanted() {
        use AddressFamily::{Any, Ipv4, Ipv6, PreferIpv4};
        let (six, four): (SocketAddr, SocketAddr) = ("[::1]:80".parse().unwrap(), "127.0.0.1:80".parse().unwrap());
        let rows: [(&[SocketAddr], AddressFamily, &[SocketAddr]); 8] = [
            (&[six, four], PreferIpv4, &[four]),
            (&[six], PreferIpv4, &[six]),
            (&[six, four], Ipv4, &[four]),
            (&[six], Ipv4, &[]),
            (&[six, four], Ipv6, &[six]),
            (&[four], Ipv6, &[]),
            (&[six, four], Any, &[six, four]),
            (&[], PreferIpv4, &[]),
        ];
        for (found, family, chosen) in rows {
            assert_eq!(of_family(found.to_vec(), family), chosen, "{family:?} of {found:?}");
        }
    }

    #[test]
    fn localhost_is_every_loopback_address() {
        use AddressFamily::{Any, Ipv4, Ipv6, PreferIpv4};
        let mut load = LoadPlan::to("http://db.LOCALHOST:81/").unwrap();
        let (six, four): (SocketAddr, SocketAddr) = ("[::1]:81".parse().unwrap(), "127.0.0.1:81".parse().unwrap());
        for (family, expected) in [(Ipv4, vec![four]), (Ipv6, vec![six]), (PreferIpv4, vec![four, six])] {
            load.family = family;
            assert_eq!(addresses(&load).unwrap(), expected, "{family:?}");
        }
        load.family = Any;
        assert_eq!(addresses(&load).unwrap().len(), 2);
        assert!(!is_localhost("localhost.example.com") && is_localhost("localhost."));
    }

    #[test]
    fn an_address_in_the_url_is_of_every_family() {
        let mut load = LoadPlan::to("http://[::1]:81/").unwrap();
        load.family = AddressFamily::Ipv4;
        assert_eq!(addresses(&load).unwrap(), ["[::1]:81".parse().unwrap()]);
    }
}
