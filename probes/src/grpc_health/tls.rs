//! TLS to the server that is asked, and what its failures say of the service.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use chaos_core::{LoadTls, RunContext};
use chaos_tls::TlsFileError;
use chaos_tls::rustls::SignatureScheme;
use chaos_tls::rustls::client::ResolvesClientCert;
use chaos_tls::rustls::pki_types::ServerName;
use chaos_tls::rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::call::Call;
use super::call_error::CallError;
use super::certificate_name::{CertificateName, CertificateNameError};
use super::status::Health;
use crate::client_tls::client_tls;

/// The only protocol of gRPC.
const H2: &[u8] = b"h2";

/// What a connection needs to speak TLS.
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
    asked: Arc<Asked>,
}

/// Why no connection with TLS can be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsSetUpError {
    #[error("`{0}` can't stand in a certificate; name one that can as `server_name`")]
    Name(String),
    #[error(transparent)]
    Certificate(#[from] CertificateNameError),
    #[error(transparent)]
    Files(#[from] TlsFileError),
}

impl Tls {
    /// Reads the files that the author names; without a `name` of his own the server's is its host.
    pub(super) fn of(
        tls: &LoadTls,
        name: Option<&CertificateName>,
        host: &str,
        cx: &RunContext,
    ) -> Result<Self, TlsSetUpError> {
        let of_host = || ServerName::try_from(host.to_owned()).map_err(|_| TlsSetUpError::Name(host.to_owned()));
        let name = match name {
            Some(name) => name.wanted()?,
            None => of_host()?,
        };
        let mut settings = client_tls(tls, cx);
        settings.protocols = vec![H2.to_vec()];
        let mut config = settings.config()?;
        let asked = Arc::new(Asked { own: config.client_auth_cert_resolver, asked: AtomicBool::new(false) });
        config.client_auth_cert_resolver = Arc::<Asked>::clone(&asked);
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name, asked })
    }

    /// Shakes hands and asks.
    pub(super) async fn check(self, stream: TcpStream, call: &Call<'_>) -> Result<Health, CallError> {
        let heard = AtomicBool::new(false);
        let answer = async {
            let stream = self.connector.connect(self.name, stream).await.map_err(CallError::Tls)?;
            call.check(Noted { stream, heard: &heard }).await
        };
        match answer.await {
            // With TLS 1.3 a server refuses our certificate, or that we have none, only when we take the handshake for
            // done. Its alert may be lost with the connection; that it has not begun to speak HTTP/2 is not.
            Err(error) if error.is_broken_off() && self.asked.get() && !heard.load(Ordering::Relaxed) => {
                Err(CallError::AskedWhoWeAre(error.to_string()))
            }
            answer => answer,
        }
    }
}

/// Our certificate, and whether the server has asked for it.
#[derive(Debug)]
struct Asked {
    own: Arc<dyn ResolvesClientCert>,
    asked: AtomicBool,
}

impl Asked {
    fn get(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.own.resolve(issuers, schemes)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.own.only_raw_public_keys()
    }

    fn has_certs(&self) -> bool {
        self.own.has_certs()
    }
}

/// A connection that notes whether the server has said anything over it.
struct Noted<'a> {
    stream: TlsStream<TcpStream>,
    heard: &'a AtomicBool,
}

impl AsyncRead for Noted<'_> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.heard.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Noted<'_> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
