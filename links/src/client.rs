//! A client of the control API, for servers of ours and for toxiproxy's own.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// How long a call may take; a server that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most that an answer may hold, in bytes: some hundred thousand links.
const MOST_ANSWER: usize = 64 * 1024 * 1024;

/// The port of the control API where an address has none.
const DEFAULT_PORT: u16 = 8474;

/// Calls the control API of one server, each call on a connection of its own.
#[derive(Debug, Clone)]
pub struct LinksClient {
    authority: String,
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinksClientError {
    /// The address of the server can't be read.
    #[error("invalid address `{0}` of a control API: expected `http://HOST:PORT`")]
    Address(String),
    /// The server can't be reached, or breaks off.
    #[error("no control API answers at `{address}`")]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// What the system or the HTTP library says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server refuses; the words are its own.
    #[error("refused: {message} ({status})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The API's title of the error.
        message: String,
    },
    /// What answers is another kind of server.
    #[error("what answers at `{0}` is another kind of server: its answer is not one of the control API")]
    NotTheApi(String),
}

impl LinksClient {
    /// A client for `http://HOST:PORT`, or `HOST:PORT`; port 8474 where there is none. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`LinksClientError::Address`] for anything else; the API has no TLS.
    pub fn new(url: &str) -> Result<Self, LinksClientError> {
        let wrong = || LinksClientError::Address(url.to_owned());
        let authority = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if authority.is_empty() || !authority.chars().all(is_plain) {
            return Err(wrong());
        }
        let port = authority.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
        match port {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                Ok(Self { authority: authority.to_owned() })
            }
            None if !authority.contains(':') || authority.ends_with(']') => {
                Ok(Self { authority: format!("{authority}:{DEFAULT_PORT}") })
            }
            _ => Err(wrong()),
        }
    }

    /// Reads what stands at a path, given by its segments.
    pub async fn get(&self, path: &[&str]) -> Result<Value, LinksClientError> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// Makes or changes something. Changes are posted, since servers before 2.6 know no other way.
    pub async fn post(&self, path: &[&str], body: &Value) -> Result<Value, LinksClientError> {
        self.call(Method::POST, path, body.to_string().into()).await
    }

    /// Removes something.
    pub async fn delete(&self, path: &[&str]) -> Result<(), LinksClientError> {
        self.call(Method::DELETE, path, Bytes::new()).await.map(drop)
    }

    async fn call(&self, method: Method, path: &[&str], body: Bytes) -> Result<Value, LinksClientError> {
        let answer = tokio::time::timeout(PATIENCE, self.exchange(method, path, body)).await;
        let late = |_| format!("no answer within {} s", PATIENCE.as_secs()).into();
        let unreachable = |source| LinksClientError::Unreachable { address: self.authority.clone(), source };
        let (status, body) = answer.map_err(late).flatten().map_err(unreachable)?;
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        let value: Option<Value> = serde_json::from_slice(&body).ok();
        if status.is_success() {
            return value.ok_or_else(|| LinksClientError::NotTheApi(self.authority.clone()));
        }
        let title = value.as_ref().and_then(|value| value.get("error")?.as_str());
        match title {
            Some(title) => Err(LinksClientError::Refused { status: status.as_u16(), message: title.to_owned() }),
            None => Err(LinksClientError::NotTheApi(self.authority.clone())),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &[&str],
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let path = path.iter().fold(String::new(), |path, segment| path + "/" + &encoded(segment));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.authority)
            .header(header::USER_AGENT, concat!("squall-links/", env!("CARGO_PKG_VERSION")))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let answer = async {
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, MOST_ANSWER).collect().await?.to_bytes();
            Ok((head.status, body))
        };
        tokio::select! {
            answer = answer => answer,
            // It goes on while the answer is read; when it ends first, the answer says why.
            Err(error) = connection => Err(error.into()),
        }
    }
}

/// Percent-encoding of all that is not unreserved (RFC 3986, 2.3): a `/` in a name is not one of the path.
fn encoded(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // A text takes all that is written to it.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::api::ApiServer;
    use crate::links::Links;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let rows = [
            ("http://localhost:8474", Some("localhost:8474")),
            ("http://localhost:8474/", Some("localhost:8474")),
            ("127.0.0.1:1", Some("127.0.0.1:1")),
            ("toxiproxy", Some("toxiproxy:8474")),
            ("[::1]", Some("[::1]:8474")),
            ("http://[::1]:80", Some("[::1]:80")),
            ("https://localhost:8474", None),
            ("http://user@localhost:8474", None),
            ("http://localhost:8474/proxies", None),
            ("localhost:99999", None),
            ("localhost:", None),
            (":8474", None),
            ("::1", None),
            ("a b", None),
            ("", None),
        ];
        for (url, authority) in rows {
            assert_eq!(LinksClient::new(url).ok().map(|client| client.authority).as_deref(), authority, "{url}");
        }
    }

    fn on_runtime<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn what_is_made_is_read_and_a_refusal_has_the_servers_words() {
        let api = ApiServer::start(Arc::new(Links::start(1).unwrap()), "127.0.0.1:0".parse().unwrap()).unwrap();
        let client = LinksClient::new(&format!("http://{}", api.address())).unwrap();
        on_runtime(async {
            let link = json!({"name": "a/b ä", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"});
            let made = client.post(&["proxies"], &link).await.unwrap();
            assert_eq!(client.get(&["proxies", "a/b ä"]).await.unwrap(), made);
            let again = client.post(&["proxies"], &link).await.unwrap_err();
            assert_eq!(again.to_string(), "refused: proxy already exists (409)");
            client.delete(&["proxies", "a/b ä"]).await.unwrap();
            assert_eq!(client.get(&["proxies"]).await.unwrap(), json!({}));
            assert_eq!(client.post(&["reset"], &json!({})).await.unwrap(), Value::Null);
        });
    }

    #[test]
    fn who_does_not_listen_or_speaks_otherwise_is_told_apart() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let other = std::thread::spawn(move || {
            use std::io::{Read, Write as _};
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap();
        });
        let client = LinksClient::new(&address).unwrap();
        let error = on_runtime(client.get(&["proxies"])).unwrap_err();
        assert!(matches!(error, LinksClientError::NotTheApi(_)), "{error:?}");
        other.join().unwrap();
        let error = on_runtime(client.get(&["proxies"])).unwrap_err();
        assert!(matches!(error, LinksClientError::Unreachable { .. }), "{error:?}");
    }
}
