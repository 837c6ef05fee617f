//! TLS to the target.

use std::io;
use std::sync::Arc;

use chaos_tls::{ClientTls, TlsFileError, Trust};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::error::LoadError;
use crate::failure::{Failure, FailureKind};
use crate::plan::LoadPlan;

/// What a connection needs to speak TLS.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Tls {
    /// Prepares TLS for a plan; `None` when its URL needs none.
    pub(crate) fn of(load: &LoadPlan) -> Result<Option<Self>, LoadError> {
        if load.url.scheme() != "https" {
            return Ok(None);
        }
        let host = load.url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare).map_err(|error| LoadError::BadUrl {
            url: load.url.to_string(),
            reason: format!("its host cannot stand in a certificate: {error}"),
        })?;
        let transport = &load.transport;
        let tls = ClientTls {
            trust: match &transport.ca_cert {
                _ if transport.insecure => Trust::Everybody,
                Some(path) => Trust::File(path.clone()),
                None => Trust::System,
            },
            identity: transport.cert.clone().zip(transport.key.clone()),
            protocols: if transport.h2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { Vec::new() },
        };
        let config = tls.config().map_err(bad_file)?;
        Ok(Some(Self { connector: TlsConnector::from(Arc::new(config)), name }))
    }

    /// Shakes hands on a connection.
    pub(crate) async fn wrap(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, Failure> {
        let failed = |error: io::Error| Failure::new(FailureKind::Tls, chaos_tls::in_words(&error));
        self.connector.connect(self.name.clone(), stream).await.map_err(failed)
    }
}

fn bad_file(error: TlsFileError) -> LoadError {
    let (path, reason) = match error {
        TlsFileError::Read { path, source } => (path.display().to_string(), source.to_string()),
        TlsFileError::Content { path, problem } => (path.display().to_string(), problem),
        other => ("the system".to_owned(), other.to_string()),
    };
    LoadError::BadFile { path, reason }
}
