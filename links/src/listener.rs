//! Listening sockets that close at once, and the task that accepts.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, UdpSocket as StdUdpSocket};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;

use rustix::net::Shutdown;
use tokio::net::{TcpListener, TcpStream};

use crate::behaviour::HoleMode;
use crate::connection;
use crate::flow;
use crate::protocol::Protocol;
use crate::settings::SharedLink;
use crate::worker::{Spawner, WorkerContext};

/// How many handshakes may wait to be accepted.
const BACKLOG: i32 = 1024;

/// The pause after a failed accept, such as for want of descriptors, in nanoseconds.
const PAUSE: u64 = 10_000_000;

/// The control plane's hold on a listening socket, whoever accepts on it.
pub(crate) struct Listening {
    socket: Socket,
    pub(crate) address: SocketAddr,
}

enum Socket {
    Tcp(StdListener),
    Udp(StdUdpSocket),
}

/// How often a port of UDP is tried that is taken: the worker may be about to close it, which takes it microseconds.
const TRIES: u32 = 50;

impl Listening {
    /// Binds and listens.
    pub(crate) fn bind(address: SocketAddr, protocol: Protocol) -> io::Result<Self> {
        if !protocol.has_connections() {
            let socket = bind_udp(address)?;
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            return Ok(Self { socket: Socket::Udp(socket), address });
        }
        let socket = StdListener::bind(address)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Self { socket: Socket::Tcp(socket), address })
    }

    /// Starts to accept for a link.
    pub(crate) fn serve(&self, link: Arc<SharedLink>, generation: u64, workers: &Arc<Spawner>) -> io::Result<()> {
        let socket = match &self.socket {
            Socket::Tcp(socket) => socket.try_clone()?,
            Socket::Udp(socket) => {
                let socket = socket.try_clone()?;
                workers.spawn(move |worker| flow::serve(socket, link, generation, worker));
                return Ok(());
            }
        };
        // The workers end when the last handle outside of them is gone.
        let others = Arc::downgrade(workers);
        workers.spawn(move |worker| async move {
            let Ok(listener) = TcpListener::from_std(socket) else { return };
            let accepting = Accepting { listener, link, generation, worker };
            accepting
                .run(|client| {
                    let Some(workers) = others.upgrade() else { return };
                    let link = accepting.link.clone();
                    workers.spawn(move |worker| async move {
                        if let Ok(client) = TcpStream::from_std(client) {
                            connection::serve(client, link, generation, worker).await;
                        }
                    });
                })
                .await;
        });
        Ok(())
    }
}

impl Drop for Listening {
    /// Refuses from now on, though the accepting task has a handle, too: the port can be bound again at once.
    fn drop(&mut self) {
        if let Socket::Tcp(socket) = &self.socket {
            let _ = rustix::net::shutdown(socket.as_fd(), Shutdown::Both);
        }
    }
}

fn bind_udp(address: SocketAddr) -> io::Result<StdUdpSocket> {
    let mut tries = 0;
    loop {
        match StdUdpSocket::bind(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < TRIES => tries += 1,
            bound => return bound,
        }
        std::thread::park_timeout(std::time::Duration::from_micros(500));
    }
}

struct Accepting {
    listener: TcpListener,
    link: Arc<SharedLink>,
    generation: u64,
    worker: Rc<WorkerContext>,
}

impl Accepting {
    async fn run(&self, mut serve: impl FnMut(std::net::TcpStream)) {
        let mut changes = self.link.changes.subscribe();
        let mut plugs = Plugs::default();
        // Who was accepted when other settings had come already: those act on it.
        let mut held = Vec::new();
        loop {
            let settings = changes.borrow_and_update().clone();
            if settings.generation != self.generation {
                return;
            }
            let is_hole = settings.toxics.iter().any(|toxic| {
                toxic.spec.toxicity > 0.0 && toxic.spec.kind.behaviour().hole() == Some(HoleMode::AcceptNothing)
            });
            if is_hole {
                plugs.set(&self.listener).await;
                if changes.changed().await.is_err() {
                    return;
                }
                continue;
            }
            plugs.pull(&self.listener);
            held.drain(..).for_each(&mut serve);
            tokio::select! {
                told = changes.changed() => if told.is_err() { return },
                accepted = self.listener.accept() => match accepted {
                    Ok((_, peer)) if plugs.take(peer) => {}
                    Ok((client, _)) => {
                        let is_outdated = changes.has_changed().unwrap_or(true);
                        match client.into_std() {
                            Ok(client) if is_outdated => held.push(client),
                            Ok(client) => serve(client),
                            Err(_) => {}
                        }
                    }
                    Err(_) => self.worker.timer.until(self.worker.timer.now() + PAUSE).await,
                },
            }
        }
    }
}

/// Connections of our own that fill the queue of a listening socket, so that the kernel drops further handshakes. An
/// ordinary user can't drop packets, but can do this.
#[derive(Default)]
struct Plugs {
    open: Vec<TcpStream>,
    peers: Vec<SocketAddr>,
    is_set: bool,
}

impl Plugs {
    async fn set(&mut self, listener: &TcpListener) {
        if self.is_set {
            return;
        }
        self.is_set = true;
        self.peers.clear();
        // A queue of zero holds one connection.
        let _ = rustix::net::listen(listener.as_fd(), 0);
        let Ok(mut address) = listener.local_addr() else { return };
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                [127, 0, 0, 1].into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            });
        }
        let connected = tokio::time::timeout(std::time::Duration::from_millis(100), TcpStream::connect(address)).await;
        // When others wait to be accepted, the queue is full without ours.
        if let Ok(Ok(plug)) = connected {
            self.peers.extend(plug.local_addr());
            self.open.push(plug);
        }
    }

    fn pull(&mut self, listener: &TcpListener) {
        if !self.is_set {
            return;
        }
        self.is_set = false;
        self.open.clear();
        let _ = rustix::net::listen(listener.as_fd(), BACKLOG);
    }

    /// Whether this is one of them; only once, since the port may be anybody's afterwards.
    fn take(&mut self, peer: SocketAddr) -> bool {
        let at = self.peers.iter().position(|known| *known == peer);
        at.map(|at| self.peers.swap_remove(at)).is_some()
    }
}
