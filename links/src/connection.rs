//! One TCP connection through a link.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::behaviour::{Ending, HoleMode};
use crate::counters::Direction;
use crate::draw::Draw;
use crate::pump::{Pump, WayEnd};
use crate::settings::{Settings, SharedLink};
use crate::worker::WorkerContext;

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Close,
    Reset,
    HalfOpen,
}

/// Watches what ends a connection from outside of its bytes.
struct Supervisor {
    worker: Rc<WorkerContext>,
    changes: watch::Receiver<Settings>,
    generation: u64,
    draw: Draw,
    since: HashMap<u64, u64>,
}

impl Supervisor {
    fn active_hole(&self, settings: &Settings) -> Option<HoleMode> {
        let active = settings.toxics.iter().filter(|toxic| toxic.acts_on(self.draw));
        active.filter_map(|toxic| toxic.spec.kind.behaviour().hole()).max_by_key(|hole| *hole as u8)
    }

    /// The first ending that a toxic has set, each counted from when it took effect on this connection.
    fn ending(&mut self, settings: &Settings) -> Option<(u64, Ending)> {
        let now = self.worker.timer.now();
        let mut since = HashMap::new();
        let mut first: Option<(u64, Ending)> = None;
        for toxic in settings.toxics.iter().filter(|toxic| toxic.acts_on(self.draw)) {
            let Some((after, ending)) = toxic.spec.kind.behaviour().ending() else { continue };
            let began = *since.entry(toxic.identity).or_insert(*self.since.get(&toxic.identity).unwrap_or(&now));
            let due = began.saturating_add(after);
            if first.is_none_or(|(earliest, _)| due < earliest) {
                first = Some((due, ending));
            }
        }
        self.since = since;
        first
    }

    /// Waits for what ends the connection.
    async fn fate(&mut self) -> Fate {
        loop {
            let settings = self.changes.borrow_and_update().clone();
            if settings.generation != self.generation {
                return Fate::Close;
            }
            if self.active_hole(&settings) == Some(HoleMode::HalfOpen) {
                return Fate::HalfOpen;
            }
            let ending = self.ending(&settings);
            tokio::select! {
                changed = self.changes.changed() => if changed.is_err() { return Fate::Close },
                () = self.worker.timer.until(ending.map_or(u64::MAX, |(due, _)| due)), if ending.is_some() => {
                    return if ending.is_some_and(|(_, ending)| ending == Ending::Reset) { Fate::Reset } else { Fate::Close };
                }
            }
        }
    }

    /// Waits as long as the link accepts and says nothing; then says whom to ask.
    async fn server(&mut self) -> Arc<str> {
        loop {
            let settings = self.changes.borrow_and_update().clone();
            if self.active_hole(&settings) != Some(HoleMode::SayNothing) || self.changes.changed().await.is_err() {
                return settings.upstream;
            }
        }
    }
}

/// What the pumps take for the server: its socket or, on an HTTP link, what stands before it.
struct Server {
    socket: TcpStream,
    #[cfg(feature = "http")]
    stage: Option<crate::http::Attached>,
}

impl Server {
    #[cfg(feature = "http")]
    fn behind(
        link: &Arc<SharedLink>,
        worker: &Rc<WorkerContext>,
        draw: Draw,
        client: &TcpStream,
        socket: TcpStream,
    ) -> std::io::Result<Self> {
        if link.http.is_none() {
            return Ok(Self { socket, stage: None });
        }
        let (socket, stage) = crate::http::attach(link, worker, draw, client, socket)?;
        Ok(Self { socket, stage: Some(stage) })
    }

    #[cfg(not(feature = "http"))]
    #[expect(clippy::unnecessary_wraps, reason = "the other build may have no descriptor left")]
    fn behind(
        _: &Arc<SharedLink>,
        _: &Rc<WorkerContext>,
        _: Draw,
        _: &TcpStream,
        socket: TcpStream,
    ) -> std::io::Result<Self> {
        Ok(Self { socket })
    }

    fn arm_reset(&self) {
        #[cfg(feature = "http")]
        if let Some(stage) = &self.stage {
            return stage.arm_reset();
        }
        arm_reset(&self.socket);
    }
}

/// Serves a connection until both sides are closed.
pub(crate) async fn serve(client: TcpStream, link: Arc<SharedLink>, generation: u64, worker: Rc<WorkerContext>) {
    let number = link.counters.number();
    let _open = link.counters.open();
    let draw = link.draw.of(number);
    let supervisor = || {
        let changes = link.changes.subscribe();
        Supervisor { worker: worker.clone(), changes, generation, draw, since: HashMap::new() }
    };
    let mut outside = supervisor();
    let _ = client.set_nodelay(true);
    let mut fate = pin!(outside.fate());
    let connect = async {
        let upstream = supervisor().server().await;
        TcpStream::connect(&*upstream).await
    };
    let server = tokio::select! {
        biased;
        fate = &mut fate => Err(fate),
        server = connect => server.map_err(|_| {
            link.counters.refused();
            Fate::Close
        }),
    };
    let (end, server) = match server {
        Err(fate) => (fate, None),
        Ok(server) => {
            let _ = server.set_nodelay(true);
            let Ok(server) = Server::behind(&link, &worker, draw, &client, server) else { return };
            let both = pumps(&client, &server.socket, &link, &worker, draw);
            let end = tokio::select! {
                biased;
                fate = &mut fate => fate,
                end = both => end,
            };
            (end, Some(server))
        }
    };
    match end {
        Fate::Close => {}
        Fate::Reset => {
            link.counters.reset();
            arm_reset(&client);
            if let Some(server) = &server {
                server.arm_reset();
            }
        }
        Fate::HalfOpen => {
            drop(server);
            half_open(&client, &link, &mut supervisor()).await;
            arm_reset(&client);
        }
    }
}

/// Moves both ways until the connection has ended.
async fn pumps(client: &TcpStream, server: &TcpStream, link: &SharedLink, worker: &WorkerContext, draw: Draw) -> Fate {
    let pump =
        |ways, direction| Pump::new(ways, direction, worker, &link.counters, link.changes.subscribe(), draw).run();
    let mut up = pin!(pump((client, server), Direction::Upstream));
    let mut down = pin!(pump((server, client), Direction::Downstream));
    let (mut up_open, mut down_open) = (true, true);
    while up_open || down_open {
        let end = tokio::select! {
            end = &mut up, if up_open => {
                up_open = false;
                end
            }
            end = &mut down, if down_open => {
                down_open = false;
                end
            }
        };
        match end {
            WayEnd::Eof => {}
            WayEnd::Close => return Fate::Close,
            WayEnd::Reset => return Fate::Reset,
        }
    }
    Fate::Close
}

/// Reads and drops what a client says to a server that is gone, until the client leaves or the hole is closed.
async fn half_open(client: &TcpStream, link: &SharedLink, supervisor: &mut Supervisor) {
    loop {
        let settings = supervisor.changes.borrow_and_update().clone();
        let is_over = supervisor.active_hole(&settings) != Some(HoleMode::HalfOpen);
        if is_over || settings.generation != supervisor.generation {
            return;
        }
        tokio::select! {
            changed = supervisor.changes.changed() => if changed.is_err() { return },
            ready = client.readable() => {
                if ready.is_err() {
                    return;
                }
                match supervisor.worker.with_scratch(|scratch| client.try_read(scratch)) {
                    Ok(0) => return,
                    Ok(read) => {
                        link.counters.received(Direction::Upstream, read);
                        link.counters.dropped(Direction::Upstream, read);
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(_) => return,
                }
            }
        }
    }
}

/// Makes the close of a socket a reset.
fn arm_reset(socket: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(socket.as_fd(), Some(Duration::ZERO));
}
