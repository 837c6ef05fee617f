//! Why a handshake failed, in words.

use std::error::Error as StdError;

use rustls::{CertificateError, Error};

/// The words for an error of a handshake, found anywhere among its causes; the error's own words where it is another.
pub fn in_words(error: &(dyn StdError + 'static)) -> String {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<Error>() {
            return of(error);
        }
        // What an input/output error holds is not its source.
        let held = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = held.map(|held| held as &(dyn StdError + 'static)).or_else(|| inner.source());
    }
    error.to_string()
}

/// The words for an error of a handshake; of another error its innermost cause, which is what the system said.
pub fn cause_in_words(error: &(dyn StdError + 'static)) -> String {
    let mut text = in_words(error);
    if text == error.to_string() {
        let mut cause = error.source();
        while let Some(inner) = cause {
            text = inner.to_string();
            cause = inner.source();
        }
    }
    text
}

pub(crate) fn of(error: &Error) -> String {
    let Error::InvalidCertificate(reason) = error else { return error.to_string() };
    match reason {
        CertificateError::UnknownIssuer => {
            "the server's certificate comes from an authority that is not trusted; name the authority's certificate, or \
             the server's own, as trusted"
                .to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } if presented.is_empty() => {
            format!("the server's certificate names no host, so it can't be that of `{}`", expected.to_str())
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| format!("`{}`", bare(name))).collect();
            format!("the server's certificate is for {}, not for `{}`", names.join(", "), expected.to_str())
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet".to_owned()
        }
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "the server's certificate is self-signed and not among the trusted ones; name exactly this one as trusted".to_owned()
        }
        _ => error.to_string(),
    }
}

/// A name without the kind that the library writes around it, as in `DnsName("localhost")`.
fn bare(name: &str) -> &str {
    let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inside.unwrap_or(name).trim_matches('"')
}
