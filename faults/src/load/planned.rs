//! A load with nothing left open.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use chaos_core::{
    CeilingKind, DurationText, HeaderName, HeaderValue, HostPort, HttpUrl, LoadDuration, LoadRequest, Plan,
    PluginError, Policy, Reach, RunContext,
};
use chaos_load::{LoadError, LoadModel, LoadPlan, Rate, Stop};

use super::tls;

/// How long a load lasts when its request does not say.
const DEFAULT_DURATION: Duration = Duration::from_secs(30);
/// fortio's own default, for requests that say nothing.
const DEFAULT_CONNECTIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);
/// The longest load without a duration of its own, should the policy have no end.
const LONGEST: Duration = Duration::from_hours(24);

/// A load with nothing left open.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlannedLoad {
    request: LoadRequest,
    connections: NonZeroU32,
    stop: Stop,
    timeout: Duration,
}

impl PlannedLoad {
    /// Fills in what a request leaves open; reads nothing but the policy.
    pub(super) fn of(request: &LoadRequest, policy: &Policy) -> Result<Self, PluginError> {
        tls::check(request)?;
        if let (Some(warmup), Some(duration)) = (request.warmup, request.duration)
            && warmup.get() >= duration.get()
        {
            return Err(PluginError::refused("the warm-up takes all of the duration; make it shorter"));
        }
        if request.trace_context && request.headers.keys().any(|name| name.as_str().eq_ignore_ascii_case("traceparent"))
        {
            return Err(PluginError::refused(
                "`headers` has `traceparent`, which `trace_context` sets; remove one of them",
            ));
        }
        let most = NonZeroU32::new(policy.max_concurrency).unwrap_or(NonZeroU32::MIN);
        let duration = request.duration.map_or_else(|| DEFAULT_DURATION.min(longest(policy)), LoadDuration::get);
        Ok(Self {
            connections: request.concurrency.unwrap_or(DEFAULT_CONNECTIONS.min(most)),
            stop: Stop::After(duration),
            timeout: request.timeout_seconds.get(),
            request: request.clone(),
        })
    }

    /// The same load with another end.
    #[cfg(feature = "generate-load")]
    pub(super) fn until(&self, stop: Stop) -> Self {
        Self { stop, ..self.clone() }
    }

    /// The same load with another timeout.
    #[cfg(feature = "generate-load")]
    pub(super) fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    pub(super) fn url(&self) -> &HttpUrl {
        &self.request.service_url
    }

    pub(super) fn host(&self) -> &HostPort {
        self.url().host()
    }

    /// Requests per second.
    pub(super) fn qps(&self) -> NonZeroU32 {
        self.request.qps
    }

    /// Connections at the most.
    pub(super) fn connections(&self) -> NonZeroU32 {
        self.connections
    }

    /// The longest time for one request.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How long it takes when the target keeps up.
    pub(super) fn duration(&self) -> Duration {
        match self.stop {
            Stop::After(time) => time,
            // At one a second or more, so many seconds fit any duration.
            Stop::Count(calls) => Duration::from_secs(calls) / self.qps().get(),
            Stop::Never => Duration::MAX,
        }
    }

    /// What is asked for in the end.
    pub(super) fn request(&self) -> LoadRequest {
        LoadRequest {
            concurrency: Some(self.connections),
            duration: self.duration().try_into().ok(),
            timeout_seconds: self.timeout.as_secs_f64().try_into().unwrap_or(self.request.timeout_seconds),
            ..self.request.clone()
        }
    }

    /// What it would touch and cost.
    pub(super) fn plan(&self, summary: String, engine: Reach) -> Plan {
        Plan::new(summary)
            .reaching(Reach::host(self.host().clone()).and(engine))
            .at_most(CeilingKind::Qps, self.qps().get())
            .at_most(CeilingKind::Concurrency, self.connections.get())
            .lasting(self.duration())
    }

    /// The engine's plan: pinned addresses, open-loop, no redirects, no request before the schedule.
    pub(super) fn to_engine(&self, addresses: &[SocketAddr], cx: &RunContext) -> Result<LoadPlan, LoadError> {
        let request = &self.request;
        let mut load = LoadPlan::to(self.url().as_str())?;
        load.rate = Rate::Qps(f64::from(self.qps().get()));
        load.connections = NonZeroUsize::try_from(self.connections).unwrap_or(NonZeroUsize::MAX);
        load.stop = self.stop;
        load.timeout = self.timeout;
        load.model = LoadModel::Open;
        load.settle = request.warmup.map(LoadDuration::get).unwrap_or_default();
        load.method = request.method.as_ref().map(ToString::to_string);
        let header = |(name, value): (&HeaderName, &HeaderValue)| (name.as_str().to_owned(), value.expose().to_owned());
        load.headers = request.headers.iter().map(header).collect();
        load.body = request.body.clone().unwrap_or_default().into_bytes();
        load.resolve = if self.host().is_localhost() { addresses.to_vec() } else { one_family(addresses) };
        load.seed = cx.seed();
        load.trace_context = request.trace_context.then(|| trace_seed(cx));
        if let Some(tls) = &request.tls {
            tls::apply(tls, &mut load.transport, cx.workspace());
        }
        load.check()?;
        Ok(load)
    }
}

/// Where the ids of traces are drawn from: another one for each load of each run, whatever the run's seed, since a trace
/// store takes the same id for the same trace.
fn trace_seed(cx: &RunContext) -> u64 {
    let mut hasher = DefaultHasher::new();
    (cx.run_id(), cx.path(), cx.seed()).hash(&mut hasher);
    hasher.finish()
}

/// IPv4 addresses alone if there are any, as fortio has it: half of the requests would fail on hosts without IPv6.
fn one_family(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let four: Vec<_> = addresses.iter().copied().filter(SocketAddr::is_ipv4).collect();
    if four.is_empty() { addresses.to_vec() } else { four }
}

/// The longest load that the policy allows.
pub(super) fn longest(policy: &Policy) -> Duration {
    let seconds = policy.max_duration_seconds;
    // Too large for a duration: no end. Negative or no number: nothing is allowed, as the engine will say.
    let none = if seconds > 0.0 { LONGEST } else { Duration::ZERO };
    Duration::try_from_secs_f64(seconds).unwrap_or(none).min(LONGEST)
}

impl fmt::Display for PlannedLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = DurationText::from(self.duration());
        write!(f, "{} for {time} over {} connections", Requests(&self.request), self.connections)
    }
}

/// What is sent where, as a clause.
pub(super) struct Requests<'a>(pub(super) &'a LoadRequest);

impl fmt::Display for Requests<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LoadRequest { service_url, qps, method, body, tls, .. } = self.0;
        write!(f, "send {qps} requests a second to `{service_url}`")?;
        match (method, body) {
            (None, None) => {}
            (Some(method), _) => write!(f, " ({method})")?,
            (None, Some(_)) => f.write_str(" (POST)")?,
        }
        match tls {
            Some(tls) if tls.insecure => f.write_str(", without checking its certificate,"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use serde_json::json;

    use super::super::test_context::{TestContext, target};
    use super::*;

    #[test]
    fn defaults_stay_inside_the_policy() {
        let policy = Policy { max_duration_seconds: 7.0, max_concurrency: 2, ..Policy::default() };
        let planned = PlannedLoad::of(&target("http://h/", 1, "", 0), &policy).unwrap();
        assert_eq!((planned.duration(), planned.connections().get()), (Duration::from_secs(7), 2));
        for (seconds, most) in [(f64::INFINITY, LONGEST), (f64::NAN, Duration::ZERO), (-1.0, Duration::ZERO)] {
            let policy = Policy { max_duration_seconds: seconds, ..Policy::default() };
            assert_eq!(longest(&policy), most, "{seconds}");
        }
    }

    #[test]
    fn the_load_is_open_loop_pinned_and_without_redirects() {
        let request = target("http://127.0.0.1:8080/", 300, "2s", 4);
        let planned = PlannedLoad::of(&request, &Policy::default()).unwrap();
        let four = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        let six = SocketAddr::from((Ipv6Addr::LOCALHOST, 8080));
        let place = TestContext::new(&[]);
        let load = planned.to_engine(&[six, four], &place.cx()).unwrap();
        assert_eq!((load.model, load.rate, load.connections.get()), (LoadModel::Open, Rate::Qps(300.0), 4));
        let two = Duration::from_secs(2);
        assert_eq!((load.resolve, load.stop, load.timeout), (vec![four], Stop::After(two), Duration::from_secs(3)));
        assert!(!load.transport.follow_redirects && load.headers.is_empty() && load.body.is_empty());
        assert_eq!(one_family(&[six]), [six]);
        let local = PlannedLoad::of(&target("http://localhost:8080/", 300, "2s", 4), &Policy::default()).unwrap();
        assert_eq!(local.to_engine(&[six, four], &place.cx()).unwrap().resolve, [six, four]);
    }

    #[test]
    fn ids_of_traces_differ_between_runs_and_loads_of_one_seed() {
        let mut request = target("http://h/", 1, "1s", 1);
        let seed = |request: &LoadRequest, cx: &RunContext| {
            PlannedLoad::of(request, &Policy::default()).unwrap().to_engine(&[], cx).unwrap().trace_context
        };
        let cx = TestContext::new(&[]).cx();
        assert_eq!(seed(&request, &cx), None);
        request.trace_context = true;
        let other = chaos_test::run_context().run_id("another").scope();
        let seeds = [&cx, &cx.child("chaos_spec/1", None), other.cx()].map(|cx| seed(&request, cx).unwrap());
        assert!(seeds[0] != seeds[1] && seeds[0] != seeds[2] && seeds[1] != seeds[2], "{seeds:?}");
        request.headers.insert("TraceParent".parse().unwrap(), "x".to_owned().try_into().unwrap());
        let refused = PlannedLoad::of(&request, &Policy::default()).unwrap_err().to_string();
        assert!(refused.contains("remove one of them"), "{refused}");
    }

    #[test]
    fn the_request_that_was_asked_for_reaches_the_engine_and_a_plan_shows_no_payload() {
        let request: LoadRequest = chaos_core::parse(&json!({
            "service_url": "http://h/", "method": "PUT", "headers": {"X-Token": "s3cret"}, "body": "p4yload",
            "timeout_seconds": 10, "warmup": "1s",
        }))
        .unwrap();
        let planned = PlannedLoad::of(&request, &Policy::default()).unwrap();
        let load = planned.to_engine(&[], &TestContext::new(&[]).cx()).unwrap();
        assert_eq!((load.method.as_deref(), load.body.as_slice()), (Some("PUT"), b"p4yload".as_slice()));
        assert_eq!(load.headers, [("X-Token".to_owned(), "s3cret".to_owned())]);
        assert_eq!((load.timeout.as_secs(), load.settle.as_secs()), (10, 1));
        let shown = format!("{planned} {:?}", planned.plan(planned.to_string(), Reach::default()));
        assert!(shown.contains("(PUT)") && !shown.contains("s3cret") && !shown.contains("p4yload"), "{shown}");
    }
}
