//! A connection to the target: TCP, a Unix socket, or TLS.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
#[cfg(feature = "tls")]
use std::task::Waker;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::failure::ClosedBefore;

/// Bytes that a connection's read buffer starts with and, as long as heads fit, keeps.
pub(crate) const BUFFER: usize = 8 * 1024;

/// One open connection.
pub(crate) enum Wire {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a socket file.
    Unix(UnixStream),
    /// Over TLS on TCP.
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl Wire {
    /// Connects to an address, without delay of small writes.
    pub(crate) async fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Connects to a socket file.
    pub(crate) async fn unix(path: &Path) -> io::Result<Self> {
        Ok(Self::Unix(UnixStream::connect(path).await?))
    }

    /// Says whether nothing came since the last read. It asks the system only
    /// where the event loop has seen something already.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut probe = [0];
        let seen = match self {
            Self::Tcp(stream) => stream.try_read(&mut probe),
            Self::Unix(stream) => stream.try_read(&mut probe),
            // Session tickets may come at any time and belong to no answer; the library takes them without a word.
            #[cfg(feature = "tls")]
            Self::Tls(stream) => {
                let mut cx = Context::from_waker(Waker::noop());
                return Pin::new(stream).poll_read(&mut cx, &mut ReadBuf::new(&mut probe)).is_pending();
            }
        };
        matches!(seen, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Says whether the other side had closed the connection before our last bytes came: its system then refuses them
    /// with a reset, which Linux reports as `EPIPE` behind the end of the stream. A server that took the bytes and then
    /// closed leaves no error, and one that resets leaves another.
    pub(crate) fn was_closed_before(&self) -> bool {
        let stream = match self {
            Self::Tcp(stream) => stream,
            Self::Unix(_) => return false,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.get_ref().0,
        };
        matches!(stream.take_error(), Ok(Some(error)) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Says whether both sides agreed on HTTP/2 while shaking hands.
    #[cfg(all(feature = "tls", feature = "std-client"))]
    pub(crate) fn agreed_on_h2(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2"))
    }

    /// Reads what is there; 0 bytes mean that the connection ended.
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        std::future::poll_fn(|cx| {
            let mut into = ReadBuf::new(buffer);
            ready!(Pin::new(&mut *self).poll_read(cx, &mut into))?;
            Poll::Ready(Ok(into.filled().len()))
        })
        .await
    }

    /// Writes all bytes; `put` counts those that were taken, also when it fails.
    pub(crate) async fn write_all(&mut self, bytes: &[u8], put: &mut usize) -> io::Result<()> {
        while *put < bytes.len() {
            let written = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_write(cx, &bytes[*put..])).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            *put += written;
        }
        // TLS keeps records back until it is flushed.
        #[cfg(feature = "tls")]
        if let Self::Tls(stream) = self {
            std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_flush(cx)).await?;
        }
        Ok(())
    }

    /// Closes the sending half: the other side sees the end of what we say.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_shutdown(cx)).await
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        let before = into.filled().len();
        let read = match wire {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, into),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        };
        let ended = match &read {
            Poll::Ready(Ok(())) => into.filled().len() == before && into.remaining() > 0,
            // How TLS says that the stream ended without a good-bye.
            Poll::Ready(Err(error)) => error.kind() == io::ErrorKind::UnexpectedEof,
            Poll::Pending => false,
        };
        if ended && wire.was_closed_before() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, ClosedBefore)));
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
