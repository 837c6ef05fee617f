//! One link as the control plane holds it.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use crate::counters::{Counters, Counts, Direction};
use crate::draw::Draw;
use crate::error::LinkError;
use crate::link_tls::LinkTls;
use crate::listener::Listening;
use crate::protocol::Protocol;
use crate::settings::{Settings, SharedLink};
use crate::toxic::{Toxic, ToxicSpec};
use crate::worker::Spawner;

/// A link as it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkSpec {
    /// Its name, unique.
    pub name: String,
    /// Where clients connect, `host:port`; port 0 takes any that is free, no host is every interface.
    pub listen: String,
    /// Where the server is, `host:port`; resolved at each connection.
    pub upstream: String,
    /// What it forwards.
    pub protocol: Protocol,
    /// Whether it listens.
    pub enabled: bool,
    /// Toxics that are there before the first connection is accepted.
    pub toxics: Vec<ToxicSpec>,
    /// Where an HTTP link speaks TLS; default nowhere.
    pub tls: LinkTls,
}

impl LinkSpec {
    /// An enabled TCP link without toxics.
    pub fn new(name: impl Into<String>, listen: impl Into<String>, upstream: impl Into<String>) -> Self {
        let (name, listen, upstream) = (name.into(), listen.into(), upstream.into());
        Self {
            name,
            listen,
            upstream,
            protocol: Protocol::Tcp,
            enabled: true,
            toxics: Vec::new(),
            tls: LinkTls::default(),
        }
    }
}

/// A link as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkView {
    /// Its name.
    pub name: String,
    /// Where it listens, with the port that it really has.
    pub listen: String,
    /// Where the server is.
    pub upstream: String,
    /// What it forwards.
    pub protocol: Protocol,
    /// Whether it listens.
    pub enabled: bool,
    /// Its toxics: those of the upstream first, each stream's in the order in which they act.
    pub toxics: Vec<ToxicSpec>,
    /// Where it speaks TLS.
    pub tls: LinkTls,
    /// The certificate of its own CA, as PEM, where it speaks TLS with clients.
    pub ca: Option<Arc<str>>,
    /// The names of its rules for HTTP, and how many requests (handshakes, for a certificate) each has met.
    pub rules: BTreeMap<String, u64>,
    /// What it has moved so far.
    pub counts: Counts,
}

/// What is to change of a link; `None` keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkChange {
    /// Where clients connect.
    pub listen: Option<String>,
    /// Where the server is.
    pub upstream: Option<String>,
    /// Whether it listens. A link that is disabled closes its connections.
    pub enabled: Option<bool>,
}

/// One link.
pub(crate) struct Link {
    name: String,
    listen: String,
    upstream: String,
    protocol: Protocol,
    tls: LinkTls,
    toxics: Vec<Arc<Toxic>>,
    listening: Option<Listening>,
    shared: Arc<SharedLink>,
}

/// Tells a toxic from a later one of the same name.
static IDENTITIES: AtomicU64 = AtomicU64::new(1);

impl Link {
    /// Makes a link that does not listen yet.
    pub(crate) fn new(spec: &LinkSpec, seed: u64) -> Result<Self, LinkError> {
        if !cfg!(feature = "http") && spec.protocol == Protocol::Http {
            return Err(LinkError::NoHttp);
        }
        if spec.tls.is_used() && spec.protocol != Protocol::Http {
            return Err(LinkError::TlsProtocol(spec.protocol.name()));
        }
        let upstream: Arc<str> = spec.upstream.as_str().into();
        let settings = Settings { generation: 0, upstream, toxics: Arc::from([]), shifts: 0 };
        let shared = Arc::new(SharedLink {
            draw: Draw::of_seed(seed).named(&spec.name),
            counters: Arc::new(Counters::default()),
            changes: watch::Sender::new(settings),
            #[cfg(feature = "http")]
            http: crate::http::tls::Sides::of(spec.protocol, &spec.tls, &spec.name)?,
        });
        let (name, listen, upstream) = (spec.name.clone(), spec.listen.clone(), spec.upstream.clone());
        let (protocol, tls) = (spec.protocol, spec.tls.clone());
        let mut link = Self { name, listen, upstream, protocol, tls, toxics: Vec::new(), listening: None, shared };
        for toxic in &spec.toxics {
            link.add(toxic.clone())?;
        }
        Ok(link)
    }

    pub(crate) fn view(&self) -> LinkView {
        LinkView {
            name: self.name.clone(),
            listen: self.listen.clone(),
            upstream: self.upstream.clone(),
            protocol: self.protocol,
            enabled: self.listening.is_some(),
            toxics: self.toxics(),
            tls: self.tls.clone(),
            ca: self.ca(),
            rules: self.rules(),
            counts: self.shared.counters.read(),
        }
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) fn tls(&self) -> &LinkTls {
        &self.tls
    }

    #[cfg(feature = "http")]
    fn ca(&self) -> Option<Arc<str>> {
        self.shared.http.as_ref()?.ca()
    }

    #[cfg(feature = "http")]
    fn rules(&self) -> BTreeMap<String, u64> {
        let met = |toxic: &Arc<Toxic>| Some((toxic.spec.name.clone(), toxic.rule.as_ref()?.met()));
        self.toxics.iter().filter_map(met).collect()
    }

    #[cfg(not(feature = "http"))]
    #[expect(clippy::unused_self, reason = "the other build has links with one")]
    fn ca(&self) -> Option<Arc<str>> {
        None
    }

    #[cfg(not(feature = "http"))]
    #[expect(clippy::unused_self, reason = "the other build has links with rules")]
    fn rules(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    pub(crate) fn toxics(&self) -> Vec<ToxicSpec> {
        let of = |direction| self.toxics.iter().filter(move |toxic| toxic.spec.stream == direction);
        Direction::BOTH.into_iter().flat_map(of).map(|toxic| toxic.spec.clone()).collect()
    }

    /// Starts to listen; does nothing when it listens already.
    pub(crate) fn start(&mut self, workers: &Arc<Spawner>) -> Result<(), LinkError> {
        if self.listening.is_some() {
            return Ok(());
        }
        let failed = |source| LinkError::Listen { address: self.listen.clone(), source };
        let address = resolve(&self.listen).map_err(failed)?;
        let listening = Listening::bind(address, self.protocol).map_err(failed)?;
        let generation = self.change(|settings| settings.generation += 1);
        listening.serve(self.shared.clone(), generation, workers).map_err(failed)?;
        self.listen = listening.address.to_string();
        self.listening = Some(listening);
        Ok(())
    }

    /// Refuses connections from now on and closes those that are open, without waiting for them.
    pub(crate) fn stop(&mut self) {
        if self.listening.take().is_some() {
            self.change(|settings| settings.generation += 1);
        }
    }

    pub(crate) fn update(&mut self, change: &LinkChange, workers: &Arc<Spawner>) -> Result<(), LinkError> {
        let listen = change.listen.as_deref().unwrap_or(&self.listen);
        let upstream = change.upstream.as_deref().unwrap_or(&self.upstream);
        let enabled = change.enabled.unwrap_or(self.listening.is_some());
        if self.differs(listen, upstream)? {
            let (listen, upstream) = (listen.to_owned(), upstream.to_owned());
            self.stop();
            self.change(|settings| settings.upstream = upstream.as_str().into());
            (self.listen, self.upstream) = (listen, upstream);
        }
        if enabled {
            return self.start(workers);
        }
        self.stop();
        Ok(())
    }

    /// Whether it would have to be started again to be like this.
    pub(crate) fn differs(&self, listen: &str, upstream: &str) -> Result<bool, LinkError> {
        let address = resolve(listen).map_err(|source| LinkError::Listen { address: listen.to_owned(), source })?;
        Ok(self.listen != address.to_string() || self.upstream != upstream)
    }

    fn position(&self, name: &str) -> Result<usize, LinkError> {
        self.toxics.iter().position(|toxic| toxic.spec.name == name).ok_or(LinkError::ToxicNotFound)
    }

    pub(crate) fn toxic(&self, name: &str) -> Result<&ToxicSpec, LinkError> {
        Ok(&self.toxics[self.position(name)?].spec)
    }

    pub(crate) fn add(&mut self, spec: ToxicSpec) -> Result<(), LinkError> {
        if !spec.kind.acts_on(self.protocol) {
            return Err(LinkError::WrongProtocol(spec.kind.type_name(), self.protocol.name()));
        }
        if self.position(&spec.name).is_ok() {
            return Err(LinkError::ToxicExists);
        }
        let identity = IDENTITIES.fetch_add(1, Ordering::Relaxed);
        self.toxics.push(Arc::new(Toxic::new(identity, spec)?));
        self.publish();
        Ok(())
    }

    /// Replaces what a toxic does; it keeps its identity, so that times go on counting from where they began. A rule for HTTP counts
    /// anew when it has changed.
    pub(crate) fn replace(&mut self, name: &str, spec: ToxicSpec) -> Result<(), LinkError> {
        let at = self.position(name)?;
        if !spec.kind.acts_on(self.protocol) {
            return Err(LinkError::WrongProtocol(spec.kind.type_name(), self.protocol.name()));
        }
        self.toxics[at] = Arc::new(self.toxics[at].replaced(spec)?);
        self.publish();
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &str) -> Result<(), LinkError> {
        let at = self.position(name)?;
        self.toxics.remove(at);
        self.publish();
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.toxics.clear();
        self.publish();
    }

    /// Tells the flows to go on from other ports.
    pub(crate) fn shift_ports(&self) -> Result<(), LinkError> {
        if self.protocol != Protocol::Udp {
            return Err(LinkError::NoFlows(self.protocol.name()));
        }
        self.change(|settings| settings.shifts += 1);
        Ok(())
    }

    fn publish(&self) {
        let toxics = self.toxics.iter().cloned().collect();
        self.change(|settings| settings.toxics = toxics);
    }

    /// Changes what the data path sees, and returns the generation. Connections are told; nobody waits for them.
    fn change(&self, change: impl FnOnce(&mut Settings)) -> u64 {
        self.shared.changes.send_modify(change);
        self.shared.changes.borrow().generation
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Reads an address to listen on: no host is every interface, names are resolved with IPv4 first.
pub(crate) fn resolve(listen: &str) -> io::Result<SocketAddr> {
    if let Ok(address) = listen.parse() {
        return Ok(address);
    }
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let port = |text: &str| match text {
        "" => Ok(0),
        text => text.parse::<u16>().map_err(|_| invalid("invalid port")),
    };
    if listen.is_empty() {
        return Ok(every_interface(0));
    }
    let (host, text) = listen.rsplit_once(':').ok_or_else(|| invalid("missing port in address"))?;
    if host.is_empty() {
        return Ok(every_interface(port(text)?));
    }
    let all: Vec<SocketAddr> = (host, port(text)?).to_socket_addrs()?.collect();
    let first = all.iter().find(|address| address.is_ipv4()).or_else(|| all.first());
    first.copied().ok_or_else(|| invalid("no such host"))
}

/// IPv6 sockets take IPv4, too; a machine without IPv6 has only the other.
fn every_interface(port: u16) -> SocketAddr {
    let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let has_v6 = std::net::UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok();
    if has_v6 { all } else { SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)) }
}
