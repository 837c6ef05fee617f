//! The control endpoints of another process, as a client.

use std::fmt::{Display, Write};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use chaos_core::{Clock, HttpUrl, PluginError};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long one request may take: the server answers from memory.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read.
const LONGEST: u64 = 64 * 1024;

/// Where a process takes requests about its fail points.
#[derive(Debug, Clone)]
pub(super) struct Control {
    host: String,
    base: String,
    addresses: Vec<SocketAddr>,
}

/// A site, as its process describes it.
#[derive(Debug)]
pub(super) struct Site {
    name: String,
    data: Value,
}

/// An answer.
struct Answer {
    status: u16,
    body: String,
}

/// Named fields in a request's body.
#[derive(Debug, Default)]
pub(super) struct Form(String);

impl Control {
    pub(super) fn new(url: &HttpUrl, addresses: Vec<SocketAddr>) -> Self {
        let rest = url.as_str().split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
        let base = path.split('?').next().unwrap_or_default().trim_end_matches('/').to_owned();
        Self { host: url.host().to_string(), base, addresses }
    }

    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Arms a site for an owner, for the time of a lease.
    pub(super) async fn arm(
        &self,
        clock: &dyn Clock,
        site: &str,
        owner: &str,
        form: &str,
        lease: Duration,
    ) -> Result<(), PluginError> {
        let head = format!(
            "failpoint-owner: {owner}\r\nfailpoint-lease: {}\r\ncontent-type: application/x-www-form-urlencoded\r\n",
            lease.as_secs()
        );
        self.done(clock, ["PUT", site, ""], &head, form).await
    }

    /// Renews a lease.
    pub(super) async fn renew(
        &self,
        clock: &dyn Clock,
        site: &str,
        owner: &str,
        lease: Duration,
    ) -> Result<(), PluginError> {
        let head = format!("failpoint-owner: {owner}\r\nfailpoint-lease: {}\r\n", lease.as_secs());
        self.done(clock, ["PUT", site, "/lease"], &head, "").await
    }

    /// Disarms a site; one that has lapsed meanwhile needs nothing more, which the look after it shows.
    pub(super) async fn disarm(&self, clock: &dyn Clock, site: &str, owner: &str) -> Result<(), PluginError> {
        let head = format!("failpoint-owner: {owner}\r\n");
        let answer = self.ask(clock, ["DELETE", site, ""], &head, "").await?;
        match answer {
            Some(answer) if answer.status >= 500 => Err(self.wrong("DELETE", site, &answer)),
            _ => Ok(()),
        }
    }

    /// Asks how a site stands; `None` when nothing listens there.
    pub(super) async fn look(&self, clock: &dyn Clock, site: &str) -> Result<Option<Site>, PluginError> {
        let Some(answer) = self.ask(clock, ["GET", site, "/status"], "", "").await? else {
            return Ok(None);
        };
        if answer.status != 200 {
            return Err(self.wrong("GET", site, &answer));
        }
        let data: Value = serde_json::from_str(&answer.body)
            .map_err(|error| PluginError::failed(format!("{}: no status of a fail point: {error}", self.host)))?;
        Ok(Some(Site { name: site.to_owned(), data }))
    }

    async fn done(&self, clock: &dyn Clock, what: [&str; 3], head: &str, body: &str) -> Result<(), PluginError> {
        match self.ask(clock, what, head, body).await? {
            Some(answer) if answer.status == 204 => Ok(()),
            Some(answer) => Err(self.wrong(what[0], what[1], &answer)),
            None => Err(PluginError::failed(format!("nothing listens at {}", self.host))),
        }
    }

    fn wrong(&self, method: &str, site: &str, answer: &Answer) -> PluginError {
        let said = answer.body.trim();
        PluginError::failed(format!("{method} `{site}` at {}: status {}: {said}", self.host, answer.status))
    }

    /// Sends one request to the first address that takes it; `None` when none does.
    async fn ask(
        &self,
        clock: &dyn Clock,
        what: [&str; 3],
        head: &str,
        body: &str,
    ) -> Result<Option<Answer>, PluginError> {
        let [method, site, part] = what;
        let (host, base, length) = (&self.host, &self.base, body.len());
        let request = format!(
            "{method} {base}/{site}{part} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n{head}\r\n{body}"
        );
        let _real = clock.external();
        let failed = |error: std::io::Error| PluginError::io(&format!("{method} `{site}` at {host}"), &error);
        for address in &self.addresses {
            let late = || PluginError::failed(format!("{method} `{site}` at {host} took longer than 5 s"));
            let exchanged = clock.timeout(PATIENCE, exchange(*address, &request)).await.ok_or_else(late)?;
            match exchanged {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                exchanged => return exchanged.and_then(|bytes| parse(&bytes)).map(Some).map_err(failed),
            }
        }
        Ok(None)
    }
}

async fn exchange(address: SocketAddr, request: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.take(LONGEST).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Reads an answer whose end is the end of the connection.
fn parse(bytes: &[u8]) -> std::io::Result<Answer> {
    let malformed = |why: String| std::io::Error::new(ErrorKind::InvalidData, why);
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => Ok(Answer {
            status: response.code.unwrap_or_default(),
            body: String::from_utf8_lossy(&bytes[head..]).into_owned(),
        }),
        Ok(httparse::Status::Partial) => Err(malformed("the answer ends in its head".to_owned())),
        Err(error) => Err(malformed(format!("the answer is not HTTP: {error}"))),
    }
}

impl Site {
    /// Who has armed it, if somebody has from outside.
    pub(super) fn owner(&self) -> Option<&str> {
        self.data["owner"].as_str()
    }

    pub(super) fn data(&self) -> &Value {
        &self.data
    }

    /// One clause for people.
    pub(super) fn summary(&self) -> String {
        let (name, data) = (&self.name, &self.data);
        if data["armed"] != true {
            return format!("fail point `{name}` is not armed");
        }
        let (rule, hits, fires) = (data["rule"].as_str().unwrap_or("?"), &data["hits"], &data["fires"]);
        let owner = self.owner().unwrap_or("nobody from outside");
        format!("fail point `{name}` is armed by {owner} with `{rule}`: {hits} hits, {fires} fires")
    }
}

impl Form {
    /// Adds a field that is given.
    pub(super) fn add(&mut self, name: &str, value: Option<impl Display>) {
        let Some(value) = value else { return };
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        for byte in value.to_string().bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                self.0.push(char::from(byte));
            } else {
                // Writing to a string does not fail.
                let _ = write!(self.0, "%{byte:02X}");
            }
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}
