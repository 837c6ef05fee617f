//! The settings of a connection.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::named::Named;
use crate::unchecked::Unchecked;

/// Whose certificates count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// Those of the authorities that this machine trusts.
    #[default]
    System,
    /// Those of the authorities in a file, and the server's own where it is in there.
    File(PathBuf),
    /// All of them, without a check.
    Everybody,
    /// None, for a client that speaks no TLS: nothing is read.
    Nobody,
}

/// The trusted CAs and the certificate of a client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientTls {
    /// Whose certificates count.
    pub trust: Trust,
    /// The client's own certificate and its key, in PEM files.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The protocols that it speaks, the best one first.
    pub protocols: Vec<Vec<u8>>,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFileError {
    /// A file cannot be read.
    #[error("`{path}`: {source}")]
    Read {
        /// Its path.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{path}`: {problem}")]
    Content {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The library refuses.
    #[error(transparent)]
    Library(#[from] rustls::Error),
}

impl TlsFileError {
    /// The file that is meant, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Read { path, .. } | Self::Content { path, .. } => Some(path),
            Self::Library(_) => None,
        }
    }
}

impl ClientTls {
    /// Trusts what this machine trusts and speaks HTTP/1.1; for a URL without TLS nothing is read.
    pub fn http1(is_tls: bool) -> Self {
        let trust = if is_tls { Trust::System } else { Trust::Nobody };
        Self { trust, protocols: vec![b"http/1.1".to_vec()], ..Self::default() }
    }

    /// Reads the files and makes the settings of connections.
    ///
    /// # Errors
    /// A file that cannot be read or holds something else, or what the library refuses.
    pub fn config(&self) -> Result<ClientConfig, TlsFileError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let builder = match &self.trust {
            Trust::Nobody => builder.with_root_certificates(RootCertStore::empty()),
            trust => builder.dangerous().with_custom_certificate_verifier(verifier(trust, provider)?),
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => builder
                .with_client_auth_cert(certificates(cert)?, private_key(key)?)
                .map_err(|error| TlsFileError::Content { path: cert.clone(), problem: crate::words::of(&error) })?,
        };
        config.alpn_protocols.clone_from(&self.protocols);
        Ok(config)
    }
}

fn verifier(trust: &Trust, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TlsFileError> {
    Ok(match trust {
        Trust::Everybody => Arc::new(Unchecked(provider)),
        Trust::File(path) => {
            let named = certificates(path)?;
            let mut store = RootCertStore::empty();
            let (taken, _) = store.add_parsable_certificates(named.iter().cloned());
            if taken == 0 {
                let problem = format!("none of its {} certificates can be trusted", named.len());
                return Err(TlsFileError::Content { path: path.clone(), problem });
            }
            let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider).build();
            let chains =
                chains.map_err(|error| TlsFileError::Content { path: path.clone(), problem: error.to_string() })?;
            Arc::new(Named { chains, named })
        }
        Trust::System | Trust::Nobody => Arc::new(Verifier::new(provider)?),
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(content(path, "it holds no PEM certificate".to_owned())),
        Err(error) => Err(content(path, error.to_string())),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFileError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| content(path, error.to_string()))
}

/// Bytes of a PEM file: the CAs of a whole system take a quarter of it.
const LONGEST: u64 = 1 << 20;

fn read(path: &Path) -> Result<Vec<u8>, TlsFileError> {
    // A named pipe would block, a device may have no end.
    let checked = fs::metadata(path).and_then(|meta| match meta.is_file() {
        true if meta.len() <= LONGEST => fs::read(path),
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {LONGEST} bytes"))),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
    });
    checked.map_err(|source| TlsFileError::Read { path: path.to_owned(), source })
}

fn content(path: &Path, problem: String) -> TlsFileError {
    TlsFileError::Content { path: path.to_owned(), problem }
}
