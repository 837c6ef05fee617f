//! UDP links: each client has a flow of its own, with its own socket towards the server.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket as StdUdpSocket};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};

use crate::behaviour::Gate;
use crate::chain::Chain;
use crate::counters::Direction;
use crate::draw::Draw;
use crate::piece::{Body, Piece};
use crate::settings::{Settings, SharedLink};
use crate::worker::WorkerContext;

/// How many clients a link serves at a time; datagrams of others are dropped and counted as refused.
const MOST_FLOWS: usize = 4096;

/// How long a flow lives without a datagram, in nanoseconds: what routers give a stream of UDP.
const IDLE: u64 = 120_000_000_000;

/// How many datagrams of a client may wait for its flow. A full queue drops, as a router's does.
const MOST_WAITING: usize = 256;

/// What one way of a flow may hold back, in bytes.
const MOST_HELD: usize = 1024 * 1024;

/// Where a flow takes datagrams of its client.
type Inbox = mpsc::Sender<Bytes>;

/// The flows of a link by the client's address.
type Flows = Rc<RefCell<HashMap<SocketAddr, Inbox>>>;

/// Serves a UDP link until it is stopped.
pub(crate) async fn serve(socket: StdUdpSocket, link: Arc<SharedLink>, generation: u64, worker: Rc<WorkerContext>) {
    let Ok(socket) = UdpSocket::from_std(socket) else { return };
    let socket = Rc::new(socket);
    if socket.writable().await.is_err() {
        return;
    }
    let flows = Flows::default();
    let mut changes = link.changes.subscribe();
    while changes.borrow_and_update().generation == generation {
        tokio::select! {
            told = changes.changed() => if told.is_err() { return },
            ready = socket.readable() => if ready.is_err() { return },
        }
        // As many as are there, but not so many that nobody else has a turn.
        for _ in 0..64 {
            let received = worker.with_scratch(|scratch| {
                let (len, client) = socket.try_recv_from(scratch)?;
                io::Result::Ok((Bytes::copy_from_slice(&scratch[..len]), client))
            });
            // Besides "not yet": what an earlier answer met, such as a client that is gone.
            let Ok((datagram, client)) = received else { break };
            link.counters.received(Direction::Upstream, datagram.len());
            let Some(inbox) = inbox(&flows, client, || Flow::new(client, &socket, &link, generation, &worker)) else {
                link.counters.refused();
                continue;
            };
            let len = datagram.len();
            if inbox.try_send(datagram).is_err() {
                link.counters.dropped(Direction::Upstream, len);
            }
        }
    }
}

/// The inbox of a client's flow, which is made when there is none and room for one.
fn inbox(flows: &Flows, client: SocketAddr, make: impl FnOnce() -> Flow) -> Option<Inbox> {
    if let Some(inbox) = flows.borrow().get(&client) {
        return Some(inbox.clone());
    }
    if flows.borrow().len() >= MOST_FLOWS {
        return None;
    }
    let (inbox, waiting) = mpsc::channel(MOST_WAITING);
    flows.borrow_mut().insert(client, inbox.clone());
    let (flow, flows) = (make(), flows.clone());
    tokio::task::spawn_local(async move {
        // The client of a server that can't be reached learns it by silence, as on any network.
        let _ = flow.run(waiting).await;
        flows.borrow_mut().remove(&client);
    });
    Some(inbox)
}

/// What a flow waits for.
enum Event {
    /// The link's settings have changed.
    Told,
    /// The client has sent a datagram.
    Sent(Bytes),
    /// The server has.
    Answered,
    /// The time of a datagram that waits has come.
    Due,
}

/// One client's way to the server and back.
struct Flow {
    client: SocketAddr,
    socket: Rc<UdpSocket>,
    link: Arc<SharedLink>,
    worker: Rc<WorkerContext>,
    changes: watch::Receiver<Settings>,
    generation: u64,
    shifts: u64,
    draw: Draw,
    is_swallowed: bool,
    chains: [Chain; 2],
    sent: [u64; 2],
    number: [u64; 2],
}

impl Flow {
    fn new(
        client: SocketAddr,
        socket: &Rc<UdpSocket>,
        link: &Arc<SharedLink>,
        generation: u64,
        worker: &Rc<WorkerContext>,
    ) -> Self {
        let draw = link.draw.of(link.counters.number());
        let changes = link.changes.subscribe();
        let shifts = changes.borrow().shifts;
        Self {
            client,
            socket: socket.clone(),
            link: link.clone(),
            worker: worker.clone(),
            changes,
            generation,
            shifts,
            draw,
            is_swallowed: false,
            chains: Direction::BOTH.map(|direction| Chain::new(direction, draw)),
            sent: [0; 2],
            number: [0; 2],
        }
    }

    async fn run(mut self, mut waiting: mpsc::Receiver<Bytes>) -> io::Result<()> {
        let counters = self.link.counters.clone();
        let _open = counters.open();
        let upstream = self.changes.borrow().upstream.clone();
        let mut server = towards(&upstream).await.inspect_err(|_| counters.refused())?;
        if !self.adopt() {
            return Ok(());
        }
        self.shift(&mut server, &upstream).await;
        let mut idle = self.worker.timer.now().saturating_add(IDLE);
        loop {
            let timer = self.worker.timer.clone();
            let due = self.chains.iter().filter_map(|chain| Some(chain.head()?.release)).min();
            let event = tokio::select! {
                told = self.changes.changed() => match told {
                    Ok(()) => {
                        self.changes.mark_changed();
                        Event::Told
                    }
                    Err(_) => return Ok(()),
                },
                datagram = waiting.recv() => match datagram {
                    Some(datagram) => Event::Sent(datagram),
                    None => return Ok(()),
                },
                ready = server.readable() => ready.map(|()| Event::Answered)?,
                () = timer.until(due.unwrap_or(idle)) => if due.is_none() { return Ok(()) } else { Event::Due },
            };
            // What was told before a datagram came acts on it, whichever of them is seen first.
            if self.changes.has_changed().unwrap_or(true) {
                if !self.adopt() {
                    return Ok(());
                }
                self.shift(&mut server, &upstream).await;
            }
            match event {
                Event::Sent(datagram) => self.pass(Direction::Upstream, datagram),
                Event::Answered => self.receive(&server),
                Event::Told | Event::Due => {}
            }
            let now = timer.now();
            if due.is_none_or(|due| due > now) {
                idle = now.saturating_add(IDLE);
            }
            self.send_due(&server, now);
        }
    }

    /// Takes new settings over; says whether the flow goes on.
    fn adopt(&mut self) -> bool {
        let settings = self.changes.borrow_and_update().clone();
        let now = self.worker.timer.now();
        for (chain, sent) in self.chains.iter_mut().zip(self.sent) {
            chain.adopt(&settings, now, sent);
        }
        // A hole of any mode is one for datagrams, which know no handshake.
        let mut active = settings.toxics.iter().filter(|toxic| toxic.acts_on(self.draw));
        self.is_swallowed = active.any(|toxic| toxic.spec.kind.behaviour().hole().is_some());
        settings.generation == self.generation
    }

    /// Goes on from another port where it has been told to; where there is none to be had it stays.
    async fn shift(&mut self, server: &mut UdpSocket, upstream: &str) {
        let shifts = self.changes.borrow().shifts;
        if shifts == self.shifts {
            return;
        }
        self.shifts = shifts;
        // The old socket holds its port meanwhile, so the new one has another.
        if let Ok(other) = towards(upstream).await {
            *server = other;
            self.link.counters.shifted();
        }
    }

    fn receive(&mut self, server: &UdpSocket) {
        let worker = self.worker.clone();
        let received = worker.with_scratch(|scratch| {
            let len = server.try_recv(scratch)?;
            io::Result::Ok(Bytes::copy_from_slice(&scratch[..len]))
        });
        // Besides "not yet": a server that refuses, which a client of UDP need not learn.
        let Ok(datagram) = received else { return };
        self.link.counters.received(Direction::Downstream, datagram.len());
        self.pass(Direction::Downstream, datagram);
    }

    /// Passes a datagram through the toxics. What would wait for ever is dropped, since a network holds nothing.
    fn pass(&mut self, direction: Direction, datagram: Bytes) {
        let chain = &mut self.chains[direction as usize];
        let len = datagram.len();
        let (before, was) = (chain.weight(), chain.len());
        if self.is_swallowed || chain.gate() != Gate::Open || before >= MOST_HELD {
            self.link.counters.dropped(direction, len);
            return;
        }
        let now = self.worker.timer.now();
        let number = self.number[direction as usize];
        self.number[direction as usize] += 1;
        chain.push(Piece { arrived: now, release: now, number, is_datagram: true, body: Body::Bytes(datagram) });
        if chain.len() == was {
            self.link.counters.dropped(direction, len);
        }
    }

    fn send_due(&mut self, server: &UdpSocket, now: u64) {
        for direction in Direction::BOTH {
            let chain = &mut self.chains[direction as usize];
            while chain.head().is_some_and(|piece| piece.release <= now) {
                let Some(Piece { body: Body::Bytes(datagram), .. }) = chain.take() else { continue };
                let sent = match direction {
                    Direction::Upstream => server.try_send(&datagram),
                    Direction::Downstream => self.socket.try_send_to(&datagram, self.client),
                };
                match sent {
                    Ok(sent) => {
                        self.sent[direction as usize] += sent as u64;
                        self.link.counters.sent(direction, sent);
                    }
                    Err(_) => self.link.counters.dropped(direction, datagram.len()),
                }
            }
        }
    }
}

/// A socket of its own towards the server.
async fn towards(upstream: &str) -> io::Result<UdpSocket> {
    let address = tokio::net::lookup_host(upstream).await?.next();
    let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
    let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    // A socket counts as not writable until the driver has seen it, and a datagram would be lost.
    socket.writable().await?;
    Ok(socket)
}
