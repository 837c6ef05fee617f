//! One client's connection behind the pumps.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chaos_tls::rustls::server::Acceptor;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_rustls::LazyConfigAcceptor;

use crate::draw::Draw;
use crate::http::body::Cause;
use crate::http::exchange::Connection;
use crate::http::io::ClientIo;
use crate::http::met::certificate;
use crate::http::tasks::{Executor, Tasks};
use crate::http::tls::{ClientSide, Sides};
use crate::http::upstream::{
    CONNECTION_WINDOW, HANDSHAKE, MOST_HEADERS, MOST_LINES, MOST_STREAMS, STREAM_WINDOW, Upstream,
};
use crate::settings::SharedLink;
use crate::worker::WorkerContext;

/// How long a client may take to close its side after ours.
const LINGER: Duration = Duration::from_secs(5);

/// The stage of a connection. It ends when this is dropped.
pub(crate) struct Attached {
    task: JoinHandle<()>,
    resets: Arc<AtomicBool>,
}

impl Attached {
    /// Makes the end of its connections to the server a reset.
    pub(crate) fn arm_reset(&self) {
        self.resets.store(true, Ordering::Relaxed);
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Puts the stage between the pumps and a server, and gives the socket that the pumps are to take for the server's.
///
/// # Errors
/// When the system has no descriptor left.
pub(crate) fn attach(
    link: &Arc<SharedLink>,
    worker: &Rc<WorkerContext>,
    draw: Draw,
    client: &TcpStream,
    server: TcpStream,
) -> io::Result<(TcpStream, Attached)> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    theirs.set_nonblocking(true)?;
    // The pumps call what sockets of every kind have: read, write, splice, shutdown.
    let theirs = TcpStream::from_std(std::net::TcpStream::from(OwnedFd::from(theirs)))?;
    let io = ClientIo::new(UnixStream::from_std(ours)?);
    let resets = Arc::<AtomicBool>::default();
    let connection = Rc::new(Connection {
        link: link.clone(),
        worker: worker.clone(),
        draw,
        resets: resets.clone(),
        upstream: Upstream::new(link.clone(), Some(server), resets.clone()),
        client: io.state.clone(),
        upgraded: RefCell::default(),
    });
    let address = client.local_addr().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip());
    let task = tokio::task::spawn_local(async move {
        // A connection that fails has nobody to be told; both its sides see that.
        let _ = serve(&io, &connection, address).await;
        drop(connection);
        io.linger(LINGER).await;
    });
    Ok((theirs, Attached { task, resets }))
}

async fn serve(io: &ClientIo, connection: &Rc<Connection>, address: IpAddr) -> Result<(), Cause> {
    let clients = connection.link.http.as_ref().and_then(|sides| sides.clients.as_ref());
    match clients {
        None => speak(io.clone(), connection).await,
        Some(clients) => {
            let handshake = shake_hands(io.clone(), connection, clients, address);
            let stream = tokio::time::timeout(HANDSHAKE, handshake).await??;
            speak(stream, connection).await
        }
    }
}

/// Shakes hands with a client. It is offered what the server speaks; where the server has no TLS and so does not say, HTTP/1.1,
/// and HTTP/2 to a client that knows nothing else.
async fn shake_hands(
    io: ClientIo,
    connection: &Connection,
    clients: &ClientSide,
    address: IpAddr,
) -> Result<tokio_rustls::server::TlsStream<ClientIo>, Cause> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), io).await?;
    let hello = start.client_hello();
    let name = hello.server_name().map(str::to_owned);
    let known = [b"h2".as_slice(), b"http/1.1"];
    let asked: Vec<Vec<u8>> = hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
    let mut protocols: Vec<Vec<u8>> = asked.iter().filter(|name| known.contains(&name.as_slice())).cloned().collect();
    let speaks_tls = connection.link.http.as_ref().is_some_and(Sides::has_server);
    if speaks_tls {
        let offered = if protocols.is_empty() { vec![b"http/1.1".to_vec()] } else { protocols.clone() };
        let picked = connection.upstream.start_tls(&offered).await;
        let picked = picked.inspect_err(|_| connection.link.counters.refused())?;
        if !protocols.is_empty() {
            protocols = vec![picked.unwrap_or_else(|| b"http/1.1".to_vec())];
        }
    } else if protocols.iter().any(|name| name == b"http/1.1") {
        protocols = vec![b"http/1.1".to_vec()];
    }
    let toxics = connection.link.changes.borrow().toxics.clone();
    let shown = name.clone().unwrap_or_else(|| address.to_canonical().to_string());
    let bad = certificate(&toxics, connection.draw, connection.link.draw, &shown);
    let config = clients.config(name.as_deref(), address, bad, protocols)?;
    Ok(start.into_stream(config).await?)
}

fn builder(executor: Executor) -> Builder<Executor> {
    let mut builder = Builder::new(executor);
    // No timer: how long a client may take is the server's business.
    builder
        .http1()
        .preserve_header_case(true)
        .auto_date_header(false)
        .max_headers(MOST_LINES)
        .header_read_timeout(None);
    builder
        .http2()
        .auto_date_header(false)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(MOST_HEADERS);
    builder
}

/// Speaks HTTP with a client until one side closes.
async fn speak<S>(stream: S, connection: &Rc<Connection>) -> Result<(), Cause>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let tasks = Tasks::default();
    let builder = builder(tasks.0.clone());
    let service = service_fn(|request| connection.clone().exchange(request));
    let mut served = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let mut is_last = false;
    let ended = loop {
        tokio::select! {
            ended = &mut served => break ended,
            () = connection.client.closed() => return Ok(()),
            () = connection.upstream.ended(), if !is_last => {
                is_last = true;
                served.as_mut().graceful_shutdown();
            }
        }
    };
    ended?;
    let upgraded = connection.upgraded.borrow_mut().take();
    if let Some((of_client, of_server)) = upgraded {
        let (mut of_client, mut of_server) = (TokioIo::new(of_client.await?), TokioIo::new(of_server.await?));
        tokio::io::copy_bidirectional(&mut of_client, &mut of_server).await?;
    }
    Ok(())
}
