//! The control endpoints of another process, as a client.

use std::fmt::{Display, Write};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use chaos_core::{Clock, HttpUrl, PluginError, Redactor, Secret};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long one request may take: the server answers from memory.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read.
const LONGEST: u64 = 64 * 1024;

/// The variable that holds the token where a document names none.
const DEFAULT_TOKEN_ENV: &str = "FAILPOINTS_TOKEN";

/// The token that a server may ask for, and the variable that it is from.
#[derive(Debug, Clone)]
pub(super) struct Token {
    variable: String,
    value: Option<Secret>,
}

impl Token {
    /// Reads the variable that a document names, which must be set then, or the default one, which need not be.
    ///
    /// A token goes over plain HTTP to this machine alone: a document must not send a variable elsewhere.
    pub(super) fn find<'a>(
        named: Option<&str>,
        env: impl FnOnce(&str) -> Option<&'a str>,
        addresses: &[SocketAddr],
    ) -> Result<Self, PluginError> {
        let variable = named.unwrap_or(DEFAULT_TOKEN_ENV).to_owned();
        let value = env(&variable).filter(|_| named.is_some() || is_here(addresses));
        if value.is_none() && named.is_none() {
            return Ok(Self { variable, value: None });
        }
        let Some(value) = value else {
            return Err(PluginError::failed(format!(
                "variable `{variable}` is not set; set it to the token of the control server"
            )));
        };
        if !is_here(addresses) {
            return Err(PluginError::refused(format!("the token in `{variable}` is sent to loopback addresses alone")));
        }
        if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(PluginError::failed(format!(
                "variable `{variable}` holds no token: expected printable ASCII without spaces"
            )));
        }
        Ok(Self { variable, value: Some(Secret::new(value)) })
    }

    /// As [`Token::find`], but a variable that is not set is told only when the server asks for the token.
    pub(super) fn find_for_undo<'a>(
        named: Option<&str>,
        env: impl Fn(&str) -> Option<&'a str>,
        addresses: &[SocketAddr],
    ) -> Result<Self, PluginError> {
        match named {
            Some(variable) if env(variable).is_none() => Ok(Self { variable: variable.to_owned(), value: None }),
            _ => Self::find(named, env, addresses),
        }
    }

    #[cfg(test)]
    pub(super) fn is_sent(&self) -> bool {
        self.value.is_some()
    }

    fn header(&self) -> String {
        self.value.as_ref().map_or_else(String::new, |token| format!("authorization: Bearer {}\r\n", token.expose()))
    }

    /// Masks the token in what the server says.
    fn mask(&self, text: &str) -> String {
        Redactor::new(self.value.clone()).text(text)
    }
}

fn is_here(addresses: &[SocketAddr]) -> bool {
    addresses.iter().all(|address| address.ip().is_loopback())
}

/// Where a process takes requests about its fail points.
#[derive(Debug, Clone)]
pub(super) struct Control {
    host: String,
    base: String,
    addresses: Vec<SocketAddr>,
    token: Token,
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
    pub(super) fn new(url: &HttpUrl, addresses: Vec<SocketAddr>, token: Token) -> Self {
        let rest = url.as_str().split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
        let base = path.split('?').next().unwrap_or_default().trim_end_matches('/').to_owned();
        Self { host: url.host().to_string(), base, addresses, token }
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
            Some(answer) if answer.status >= 500 || answer.status == 401 => Err(self.wrong("DELETE", site, &answer)),
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
        if answer.status == 401 {
            let variable = &self.token.variable;
            let what = if self.token.value.is_some() { "another token than the one in" } else { "a token; set" };
            return PluginError::failed(format!(
                "{method} `{site}` at {}: the server asks for {what} `{variable}`",
                self.host
            ));
        }
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
        let (host, base, length, token) = (&self.host, &self.base, body.len(), self.token.header());
        let request = format!(
            "{method} {base}/{site}{part} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n{token}{head}\r\n{body}"
        );
        let _real = clock.external();
        let failed = |error: std::io::Error| PluginError::io(&format!("{method} `{site}` at {host}"), &error);
        for address in &self.addresses {
            let late = || PluginError::failed(format!("{method} `{site}` at {host} took longer than 5 s"));
            let exchanged = clock.timeout(PATIENCE, exchange(*address, &request)).await.ok_or_else(late)?;
            match exchanged {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                exchanged => return exchanged.and_then(|bytes| self.parse(&bytes)).map(Some).map_err(failed),
            }
        }
        Ok(None)
    }

    /// Reads an answer whose end is the end of the connection.
    fn parse(&self, bytes: &[u8]) -> std::io::Result<Answer> {
        let malformed = |why: String| std::io::Error::new(ErrorKind::InvalidData, why);
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(bytes) {
            Ok(httparse::Status::Complete(head)) => Ok(Answer {
                status: response.code.unwrap_or_default(),
                body: self.token.mask(&String::from_utf8_lossy(&bytes[head..])),
            }),
            Ok(httparse::Status::Partial) => Err(malformed("the answer ends in its head".to_owned())),
            Err(error) => Err(malformed(format!("the answer is not HTTP: {error}"))),
        }
    }
}

async fn exchange(address: SocketAddr, request: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.take(LONGEST).read_to_end(&mut bytes).await?;
    Ok(bytes)
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
