//! The name that a server's certificate must be for.

use std::fmt;
use std::str::FromStr;

use chaos_tls::rustls::pki_types::ServerName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A DNS name or an IP address, as a certificate has it. Read by its letters, as the published pattern has it; whether it is one is
/// asked before the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CertificateName(String);

/// Text that no certificate is for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid server name `{0}`: expected a DNS name or an IP address without a port, such as `shop.internal`")]
pub struct CertificateNameError(String);

/// The most characters: those of a DNS name, and its last dot.
const MOST: usize = 254;

impl CertificateName {
    /// What the library compares with the names in the certificate.
    ///
    /// # Errors
    /// When it is neither a DNS name nor an IP address.
    pub(super) fn wanted(&self) -> Result<ServerName<'static>, CertificateNameError> {
        ServerName::try_from(self.0.clone()).map_err(|_| CertificateNameError(self.0.clone()))
    }
}

impl FromStr for CertificateName {
    type Err = CertificateNameError;

    fn from_str(text: &str) -> Result<Self, CertificateNameError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
        if text.is_empty() || text.len() > MOST || !text.bytes().all(fits) {
            return Err(CertificateNameError(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for CertificateName {
    type Error = CertificateNameError;

    fn try_from(text: String) -> Result<Self, CertificateNameError> {
        text.parse()
    }
}

impl From<CertificateName> for String {
    fn from(name: CertificateName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for CertificateName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CertificateName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[A-Za-z0-9_.:-]+$",
            "patternErrorMessage": "expected a DNS name or an IP address without a port, such as shop.internal",
            "maxLength": MOST,
            "examples": ["shop.internal"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_the_published_pattern_lets_through() {
        let schema = CertificateName::json_schema(&mut schemars::SchemaGenerator::default());
        let pattern = regex_lite::Regex::new(schema.as_value()["pattern"].as_str().unwrap()).unwrap();
        let texts = [
            "shop.internal",
            "::1",
            "SHOP.internal.",
            "404",
            "a:1",
            "",
            "[::1]",
            "a b",
            "https://a",
            "ä",
            &"a".repeat(255),
        ];
        for text in texts {
            let published = pattern.is_match(text) && text.len() <= MOST;
            assert_eq!(text.parse::<CertificateName>().is_ok(), published, "{text}");
        }
    }

    #[test]
    fn names_and_addresses_are_wanted_and_ports_are_not() {
        let read = |text: &str| text.parse::<CertificateName>().unwrap();
        for text in ["shop.internal", "localhost", "127.0.0.1", "::1", "a_b.internal"] {
            assert_eq!(read(text).wanted().unwrap().to_str(), text);
        }
        for text in ["shop.internal:443", "404", "-"] {
            let error = read(text).wanted().unwrap_err().to_string();
            assert!(error.starts_with(&format!("invalid server name `{text}`")), "{error}");
        }
    }
}
