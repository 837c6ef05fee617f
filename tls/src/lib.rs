//! TLS of every client: trusted CAs, client certificate, failures in words.
//!
//! The provider is ring, handed over explicitly: the process default belongs to the program that embeds us, and may be
//! another one.
//!
//! | Modules | What they hold |
//! |---|---|
//! | `config` | the settings of a connection |
//! | `named` | a server whose own certificate was named as trusted |
//! | `unchecked` | a server that is not checked at all |
//! | `words` | why a handshake failed, in words |

mod config;
mod named;
mod unchecked;
mod words;

pub use config::{ClientTls, TlsFileError, Trust};
pub use words::{cause_in_words, in_words};

pub use rustls;
