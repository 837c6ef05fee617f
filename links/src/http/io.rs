//! Both ends of the stage: the socket towards the pumps, and the one towards the server.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Notify;

/// What is known of the bytes towards the client, from outside of the HTTP library.
#[derive(Debug, Default)]
pub(super) struct ClientState {
    is_last: AtomicBool,
    is_blocked: AtomicBool,
    written: AtomicU64,
    closed: Notify,
}

impl ClientState {
    /// Asks for the connection to be closed once all that the library has buffered is written. Whoever asks must be
    /// within a poll of the connection, which flushes when it ends.
    pub(super) fn close_when_flushed(&self) {
        self.is_last.store(true, Ordering::Relaxed);
    }

    /// Closes the connection as it is.
    pub(super) fn close(&self) {
        self.closed.notify_one();
    }

    /// Waits until it is to be closed.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }

    /// The bytes written so far, and whether the client's side takes no more at the moment.
    pub(super) fn progress(&self) -> (u64, bool) {
        (self.written.load(Ordering::Relaxed), self.is_blocked.load(Ordering::Relaxed))
    }
}

/// The end of the pair of sockets that the stage reads and writes.
#[derive(Debug, Clone)]
pub(super) struct ClientIo {
    socket: Arc<UnixStream>,
    pub(super) state: Arc<ClientState>,
}

impl ClientIo {
    pub(super) fn new(socket: UnixStream) -> Self {
        Self { socket: Arc::new(socket), state: Arc::default() }
    }

    /// Ends what is said, and reads what the client still says until it has ended, too, or for so long: to close with
    /// bytes unread would reset the client's connection, and take from it what it has not read yet.
    pub(super) async fn linger(&self, at_most: Duration) {
        let _ = rustix::net::shutdown(self.socket.as_fd(), rustix::net::Shutdown::Write);
        let rest = async {
            let mut scratch = [0; 4096];
            while self.socket.readable().await.is_ok() {
                match self.socket.try_read(&mut scratch) {
                    Ok(0) => return,
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                    _ => {}
                }
            }
        };
        let _ = tokio::time::timeout(at_most, rest).await;
    }

    fn poll_to_write(
        &self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(&UnixStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let ready = self.socket.poll_write_ready(cx);
            self.state.is_blocked.store(ready.is_pending(), Ordering::Relaxed);
            ready!(ready)?;
            match write(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => {
                    let bytes = written.as_ref().map_or(0, |written| *written as u64);
                    self.state.written.fetch_add(bytes, Ordering::Relaxed);
                    return Poll::Ready(written);
                }
            }
        }
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.socket.poll_read_ready(cx))?;
            match self.socket.try_read_buf(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read.map(drop)),
            }
        }
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_to_write(cx, |socket| socket.try_write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_to_write(cx, |socket| socket.try_write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Called by the library when its own buffers are empty.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.state.is_last.load(Ordering::Relaxed) {
            self.state.close();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(rustix::net::shutdown(self.socket.as_fd(), rustix::net::Shutdown::Write).map_err(Into::into))
    }
}

/// A connection to the server. It is reset when it is dropped, where that was asked for.
#[derive(Debug)]
pub(super) struct ServerIo {
    socket: TcpStream,
    resets: Arc<AtomicBool>,
}

impl ServerIo {
    pub(super) fn new(socket: TcpStream, resets: Arc<AtomicBool>) -> Self {
        let _ = socket.set_nodelay(true);
        Self { socket, resets }
    }

    /// Whether the server has closed it, as far as that has come through.
    pub(super) async fn is_closed(&self) -> bool {
        let mut first = [0; 1];
        tokio::select! {
            biased;
            peeked = self.socket.peek(&mut first) => !matches!(peeked, Ok(1..)),
            () = std::future::ready(()) => false,
        }
    }
}

impl Drop for ServerIo {
    fn drop(&mut self) {
        if self.resets.load(Ordering::Relaxed) {
            let _ = rustix::net::sockopt::set_socket_linger(self.socket.as_fd(), Some(Duration::ZERO));
        }
    }
}

impl AsyncRead for ServerIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for ServerIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
