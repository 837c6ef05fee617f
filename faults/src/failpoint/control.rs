//! The control endpoints of another process, as a client.

use std::fmt::{Display, Write};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{AllowedDir, Clock, HttpUrl, PluginError, Redactor, Secret};
use rustix::fs::{AtFlags, FileType, statat};
use rustix::process::{Uid, geteuid};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::place::ControlPlace;

/// How long one request may take: the server answers from memory.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read.
const LONGEST: u64 = 64 * 1024;

/// The variable that holds the token where a document names none.
pub(super) const DEFAULT_TOKEN_ENV: &str = "FAILPOINTS_TOKEN";

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
    pub(super) fn find(
        named: Option<&str>,
        env: impl FnOnce(&str) -> Option<Secret>,
        way: &Way,
    ) -> Result<Self, PluginError> {
        let variable = named.unwrap_or(DEFAULT_TOKEN_ENV).to_owned();
        let value = env(&variable).filter(|_| named.is_some() || way.asks_for_token());
        if value.is_none() && named.is_none() {
            return Ok(Self { variable, value: None });
        }
        let Some(value) = value else {
            return Err(PluginError::failed(format!(
                "variable `{variable}` is not set; set it to the token of the control server"
            )));
        };
        if !way.is_here() {
            return Err(PluginError::refused(format!("the token in `{variable}` is sent to loopback addresses alone")));
        }
        let text = value.expose();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(PluginError::failed(format!(
                "variable `{variable}` holds no token: expected printable ASCII without spaces"
            )));
        }
        Ok(Self { variable, value: Some(value) })
    }

    /// As [`Token::find`], but a variable that is not set is told only when the server asks for the token.
    pub(super) fn find_for_undo(
        named: Option<&str>,
        env: impl Fn(&str) -> Option<Secret>,
        way: &Way,
    ) -> Result<Self, PluginError> {
        match named {
            Some(variable) if env(variable).is_none() => Ok(Self { variable: variable.to_owned(), value: None }),
            _ => Self::find(named, env, way),
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

/// How the control endpoints are reached.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// At one of the addresses that the policy allowed.
    Tcp(Vec<SocketAddr>),
    /// At a socket in a folder that the policy allowed.
    Unix(Arc<AllowedDir>, String),
}

impl Way {
    /// Whether nobody beyond this machine hears what is sent.
    fn is_here(&self) -> bool {
        match self {
            Self::Tcp(addresses) => addresses.iter().all(|address| address.ip().is_loopback()),
            Self::Unix(..) => true,
        }
    }

    /// Whether a server may ask for a token there: on a unix socket it asks the kernel who calls.
    fn asks_for_token(&self) -> bool {
        matches!(self, Self::Tcp(_)) && self.is_here()
    }

    /// Sends a request to the first address that takes it; `None` when none does.
    async fn exchange(&self, request: &str) -> std::io::Result<Option<Vec<u8>>> {
        let addresses = match self {
            Self::Tcp(addresses) => addresses,
            Self::Unix(folder, name) => {
                return match socket(folder, name).await {
                    Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => {
                        Ok(None)
                    }
                    stream => exchange(stream?, request).await.map(Some),
                };
            }
        };
        for address in addresses {
            match TcpStream::connect(address).await {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                stream => return exchange(stream?, request).await.map(Some),
            }
        }
        Ok(None)
    }
}

/// Connects to a socket of this user or of root, by the handle of its folder, whatever happens to the path meanwhile.
async fn socket(folder: &AllowedDir, name: &str) -> std::io::Result<UnixStream> {
    let denied = |why: &str| std::io::Error::new(ErrorKind::PermissionDenied, why.to_owned());
    let found = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::Socket {
        return Err(denied("what is there is not a socket"));
    }
    let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_fd().as_raw_fd())).join(name);
    let stream = UnixStream::connect(path).await?;
    let peer = Uid::from_raw(stream.peer_cred()?.uid());
    if peer != geteuid() && !peer.is_root() {
        return Err(denied("another user's program listens there"));
    }
    Ok(stream)
}

/// Where a process takes requests about its fail points.
#[derive(Debug, Clone)]
pub(super) struct Control {
    /// As people are told it.
    place: String,
    /// The `Host` of a request.
    host: String,
    base: String,
    way: Way,
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

/// What a site is armed with.
#[derive(Debug)]
pub(super) enum Rule {
    /// Named fields, as a form.
    Fields(String),
    /// Callers wait until it is disarmed.
    Pause,
    /// Nothing but that its hits are counted.
    Count,
}

/// Named fields in a request's body.
#[derive(Debug, Default)]
pub(super) struct Form(String);

impl Control {
    pub(super) fn new(place: &ControlPlace, way: Way, token: Token) -> Self {
        let (host, base) = match place {
            ControlPlace::Http(url) => (url.host().to_string(), base(url)),
            ControlPlace::Unix(_) => ("localhost".to_owned(), String::new()),
        };
        Self { place: place.to_string(), host, base, way, token }
    }

    pub(super) fn way(&self) -> &Way {
        &self.way
    }

    /// Arms a site for an owner, for the time of a lease.
    pub(super) async fn arm(
        &self,
        clock: &dyn Clock,
        site: &str,
        owner: &str,
        rule: &Rule,
        lease: Duration,
    ) -> Result<(), PluginError> {
        let (kind, body) = match rule {
            Rule::Fields(form) => ("application/x-www-form-urlencoded", form.as_str()),
            Rule::Pause => ("text/plain", "pause"),
            Rule::Count => ("text/plain", "off"),
        };
        let head =
            format!("failpoint-owner: {owner}\r\nfailpoint-lease: {}\r\ncontent-type: {kind}\r\n", lease.as_secs());
        self.done(clock, ["PUT", site, ""], &head, body).await
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
            .map_err(|error| PluginError::failed(format!("{}: no status of a fail point: {error}", self.place)))?;
        Ok(Some(Site { name: site.to_owned(), data }))
    }

    async fn done(&self, clock: &dyn Clock, what: [&str; 3], head: &str, body: &str) -> Result<(), PluginError> {
        match self.ask(clock, what, head, body).await? {
            Some(answer) if answer.status == 204 => Ok(()),
            Some(answer) => Err(self.wrong(what[0], what[1], &answer)),
            None => Err(PluginError::failed(format!("nothing listens at {}", self.place))),
        }
    }

    fn wrong(&self, method: &str, site: &str, answer: &Answer) -> PluginError {
        if answer.status == 401 {
            let variable = &self.token.variable;
            let what = if self.token.value.is_some() { "another token than the one in" } else { "a token; set" };
            return PluginError::failed(format!(
                "{method} `{site}` at {}: the server asks for {what} `{variable}`",
                self.place
            ));
        }
        let said = answer.body.trim();
        PluginError::failed(format!("{method} `{site}` at {}: status {}: {said}", self.place, answer.status))
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
        let place = &self.place;
        let failed = |error: std::io::Error| PluginError::io(&format!("{method} `{site}` at {place}"), &error);
        let late = || PluginError::failed(format!("{method} `{site}` at {place} took longer than 5 s"));
        let exchanged = clock.timeout(PATIENCE, self.way.exchange(&request)).await.ok_or_else(late)?;
        exchanged.and_then(|bytes| bytes.map(|bytes| self.parse(&bytes)).transpose()).map_err(failed)
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

/// The URL's path without a slash at its end.
fn base(url: &HttpUrl) -> String {
    let rest = url.as_str().split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
    path.split('?').next().unwrap_or_default().trim_end_matches('/').to_owned()
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> std::io::Result<Vec<u8>> {
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

    /// How often it was hit since it was armed; `None` where it is not armed.
    pub(super) fn hits(&self) -> Option<u64> {
        if self.data["armed"] == true { self.data["hits"].as_u64() } else { None }
    }

    /// What is left of its lease, where it has one.
    pub(super) fn lease_left(&self) -> Option<Duration> {
        self.data["lease_ms"].as_u64().map(Duration::from_millis)
    }

    /// How many callers it holds up now.
    #[cfg(feature = "process")]
    pub(super) fn waiting(&self) -> u64 {
        self.data["waiting"].as_u64().unwrap_or_default()
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
