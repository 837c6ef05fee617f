//! The kind `link`: what forwards between two sides, so that faults can slow, thin or cut what passes.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{
    BoxFuture, Effect, FlowSocket, HttpTrial, Knock, LinkAct, LinkEnds, LinkFacet, LinkProtocol, LinkReading,
    LinkSounding, LinkToxicKind, Member, NodeContext, NodeKind, NodeStanding, Plan, PluginError, Resource, Sounding,
    Undo, Undone, blocking, register_node,
};
use chaos_host::{ProcessIdentity, TreeMark};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::argv::NodeArgv;
use crate::held;
use crate::log_files::{STREAMS, log_path};
use crate::running::node_resource;
use crate::stress;
use crate::supervisor::{Program, Supervisor};

mod control;
mod flow_sockets;
#[cfg(feature = "http-links")]
mod http_trial;
mod mend_link;
mod protocol;
mod serve;
mod sound;

pub use mend_link::MendLink;
pub(crate) use serve::run_if_asked;

use protocol::{OrderedTls, Orders, Reply, Request, VARIABLE};

/// The port of a link.
const LISTEN: &str = "listen";

/// How long a link may take until it listens.
const START: Duration = Duration::from_secs(10);

/// How long it is left alone before it is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// How long a handshake may take on this machine before it counts as unanswered: less than the first repetition, 1 s.
const HANDSHAKE: Duration = Duration::from_millis(500);

/// Forwards connections or datagrams to a server, so that faults on links have something to act on.
///
/// # What it does
/// It listens on its port `listen` of 127.0.0.1 and forwards to `upstream`, in a process of its own. Point the client at the
/// link in place of the server: `127.0.0.1:{{node.NAME.port.listen}}`. Without a fault it only costs some 20 µs for each
/// message. No rights are needed.
///
/// `from` and `to` say which nodes it joins, so that faults can name two sides: `between: {a: [n1], b: [n2, n3]}`.
///
/// # How it is undone
/// It is stopped with the other nodes of the run. When the run dies it takes every fault off and forwards until it is stopped.
///
/// # Limits
/// With `protocol: tcp` it sees bytes, not what they mean. With `protocol: http` (feature `http-links`) it reads HTTP/1.1 and HTTP/2, so that
/// `http_fault` can break single answers; what speaks neither does not get through. With `tls: {clients: true}` it has a CA of its own, whose
/// certificate is the file `ca.pem` in its folder (`{{node.NAME.dir}}/ca.pem`): clients have to be told to trust it. The server sees the link's address in place of the client's. A UDP client has a flow of its own
/// for each port that it sends from.
///
/// # Example
/// ```yaml
/// type: link
/// upstream: 127.0.0.1:5432
/// ports: [listen]
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkNode {
    /// Where the server is: `host:port`.
    #[schemars(regex(pattern = r"^.+:[0-9]+$"))]
    pub upstream: String,
    /// What it forwards; default `tcp`.
    #[serde(default)]
    pub protocol: LinkProtocol,
    /// The node that connects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The node that is connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Where a link of HTTP speaks TLS; default nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<LinkNodeTls>,
}

/// Where a link of HTTP speaks TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct LinkNodeTls {
    /// With its clients: it shows them certificates of a CA of its own, which is `ca.pem` in its folder.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clients: bool,
    /// With the server, whose certificate has to be for the host of `upstream`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub server: bool,
    /// The CA (PEM) that the server's certificate comes from, instead of the system's; a relative path counts from the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

impl NodeKind for LinkNode {
    async fn plan(&self, cx: &NodeContext) -> Result<Plan, PluginError> {
        self.member(cx.clone())?;
        let (name, upstream) = (cx.name(), &self.upstream);
        Ok(Plan::new(format!("start link `{name}` to {upstream}")).touching(node_resource(cx)))
    }

    fn member(&self, cx: NodeContext) -> Result<Arc<dyn Member>, PluginError> {
        let name = cx.name();
        if let Some(why) = self.contradiction() {
            return Err(PluginError::refused(format!("link `{name}`: {why}")));
        }
        if !stress::is_installed() {
            let why = "starts this program as the process of a link, and its `main` does not ask for that: call \
                       `squall::helper::run_if_asked()` first in `main`";
            return Err(PluginError::refused(format!("link `{name}` {why}")));
        }
        let Some(listen) = cx.place().ports.get(LISTEN).copied() else {
            return Err(PluginError::refused(format!(
                "link `{name}` has no port to listen on; give it `ports: [listen]`"
            )));
        };
        let orders = Orders {
            run: std::process::id(),
            listen: listen.get(),
            upstream: self.upstream.clone(),
            protocol: self.protocol,
            seed: cx.cx().seed(),
            tls: self.tls.as_ref().map(|tls| tls.ordered(cx.cx().workspace())),
        };
        let text = serde_json::to_string(&orders).map_err(|error| PluginError::failed(error.to_string()))?;
        let env = BTreeMap::from([(VARIABLE.to_owned(), text)]);
        let argv = [&["/proc/self/exe".to_owned()], stress::arguments()].concat();
        let argv = NodeArgv::try_from(argv).map_err(|error| PluginError::failed(error.to_string()))?;
        let program = Program { argv, called: Some(serve::NAME), env, grace: Duration::ZERO, group: None };
        let supervisor = Supervisor::new(program, TreeMark::unique(), cx)?;
        Ok(Arc::new(LinkMember { supervisor, link: self.clone(), listen }))
    }
}

impl LinkNode {
    /// What of its keys this build can't do, or does not fit together.
    fn contradiction(&self) -> Option<&'static str> {
        let is_http = self.protocol == LinkProtocol::Http;
        let nothing = LinkNodeTls::default();
        match self.tls.as_ref().unwrap_or(&nothing) {
            _ if is_http && cfg!(not(feature = "http-links")) => {
                Some("`protocol: http` needs a build with the feature `http-links`")
            }
            tls if *tls != nothing && !is_http => {
                Some("`tls` needs `protocol: http`; others are forwarded as they come")
            }
            tls if tls.ca_file.is_some() && !tls.server => {
                Some("`tls.ca_file` is the CA of the server's certificate; give `server: true`, too")
            }
            _ => None,
        }
    }
}

impl LinkNodeTls {
    fn ordered(&self, workspace: &Path) -> OrderedTls {
        let ca_file = self.ca_file.as_ref().map(|file| workspace.join(file));
        OrderedTls { clients: self.clients, server: self.server, ca_file }
    }
}

register_node!(LinkNode, "link");

/// A link, as a member.
#[derive(Debug)]
struct LinkMember {
    supervisor: Arc<Supervisor>,
    link: LinkNode,
    listen: NonZeroU16,
}

impl Member for LinkMember {
    fn label(&self) -> String {
        format!("link `{}`", self.supervisor.node().name())
    }

    fn start<'a>(&'a self, undo: &'a Undo) -> BoxFuture<'a, Result<(), PluginError>> {
        Box::pin(async move {
            let (step, starts) = (self.supervisor.stop_step()?, Arc::clone(&self.supervisor));
            undo.perform(Effect::new(step, async move { starts.spawn() })).await?;
            self.listening().await?;
            self.supervisor.ready().await
        })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.supervisor.stop())
    }

    fn bring_up(&self) -> BoxFuture<'_, Result<Undone, PluginError>> {
        Box::pin(self.supervisor.bring_up())
    }

    fn standing(&self) -> BoxFuture<'_, NodeStanding> {
        Box::pin(std::future::ready(self.supervisor.standing()))
    }

    fn owns<'a>(&'a self, what: &'a Resource) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(self.supervisor.owns(what)))
    }

    fn output_files(&self) -> Vec<PathBuf> {
        let node = self.supervisor.node();
        STREAMS.iter().map(|stream| log_path(&node.place().logs, node.name(), stream)).collect()
    }

    fn link(&self) -> Option<&dyn LinkFacet> {
        Some(self)
    }
}

impl LinkMember {
    fn folder(&self) -> PathBuf {
        self.supervisor.node().place().dir.clone()
    }

    /// Waits until its process answers.
    async fn listening(&self) -> Result<(), PluginError> {
        let cx = self.supervisor.node().cx();
        let until = cx.clock().now() + START;
        loop {
            let Err(why) = self.ask(Request::Read, Duration::ZERO).await else { return Ok(()) };
            self.supervisor.up()?;
            if cx.clock().now() >= until {
                return Err(PluginError::failed(format!("{} does not listen yet: {why}", self.label())));
            }
            if !cx.sleep(ASK_AGAIN).await {
                return Err(PluginError::Cancelled);
            }
        }
    }

    /// Asks its process, which may work that long for the answer.
    async fn ask(&self, request: Request, work: Duration) -> Result<Reply, PluginError> {
        let (folder, label) = (self.folder(), self.label());
        let asked = blocking(move || control::ask(&folder, &request, work)).await?;
        asked.map_err(|error| PluginError::io(&format!("ask {label}"), &error))
    }

    fn refused(&self, act: &LinkAct) -> Option<&'static str> {
        let is_http = self.link.protocol == LinkProtocol::Http;
        let is_udp = self.link.protocol == LinkProtocol::Udp;
        let on_connections = |kind: LinkToxicKind| matches!(kind, LinkToxicKind::NoHandshake | LinkToxicKind::HalfOpen);
        match act {
            LinkAct::Toxics(toxics) if is_udp && toxics.iter().any(|toxic| on_connections(toxic.kind)) => {
                Some("forwards datagrams, which have no connections to be swallowed")
            }
            LinkAct::ShiftPorts if !is_udp => Some("forwards connections, which can't go on from another port"),
            LinkAct::Http { .. } if !is_http => Some("does not read what it forwards; give it `protocol: http`"),
            LinkAct::Http { rule, .. } if rule.effect.as_ref().is_some_and(|effect| effect.certificate.is_some()) => {
                let shows_one = self.link.tls.as_ref().is_some_and(|tls| tls.clients);
                (!shows_one).then_some("shows its clients no certificate; give it `tls: {clients: true}`")
            }
            _ => None,
        }
    }
}

impl LinkFacet for LinkMember {
    fn ends(&self) -> LinkEnds<'_> {
        let LinkNode { protocol, from, to, .. } = &self.link;
        LinkEnds { from: from.as_deref(), to: to.as_deref(), protocol: *protocol }
    }

    fn plan(&self, act: &LinkAct) -> BoxFuture<'_, Result<Plan, PluginError>> {
        let (label, refused) = (self.label(), self.refused(act));
        let names: Vec<&str> = match act {
            LinkAct::Toxics(toxics) => toxics.iter().map(|toxic| toxic.kind.name()).collect(),
            LinkAct::Http { name, .. } => vec![name],
            LinkAct::Flap { .. } => vec!["flap"],
            LinkAct::ShiftPorts => vec!["flows"],
            _ => vec!["connections"],
        };
        let node = self.supervisor.node();
        let whole = node_resource(node).id;
        let part = |name: &str| {
            let which = format!("{}/{}/{name}", node.cx().run_id(), node.name());
            Resource::other("link", which).within(whole.clone())
        };
        let parts: Vec<Resource> = names.into_iter().map(part).collect();
        Box::pin(std::future::ready(match refused {
            Some(why) => Err(PluginError::refused(format!("{label} {why}"))),
            None => Ok(parts.into_iter().fold(Plan::new(label), Plan::touching)),
        }))
    }

    fn effect(&self, act: LinkAct) -> BoxFuture<'_, Result<Effect, PluginError>> {
        Box::pin(async move {
            if let Some(why) = self.refused(&act) {
                return Err(PluginError::refused(format!("{} {why}", self.label())));
            }
            let held = self.supervisor.up()?.ok_or_else(|| self.supervisor.not_up())?;
            let process = ProcessIdentity::of(&held).map_err(|error| held::failed("identify", held.pid(), &error))?;
            let (toxics, request) = match act {
                LinkAct::Toxics(toxics) => {
                    let names = toxics.iter().map(|toxic| toxic.kind.name().to_owned()).collect();
                    (names, Request::Put(toxics))
                }
                LinkAct::Flap { down_ms, up_ms } => (Vec::new(), Request::Flap { down_ms, up_ms }),
                LinkAct::ResetConnections => (vec![serve::RESET.to_owned()], Request::ResetConnections),
                LinkAct::ShiftPorts => (Vec::new(), Request::ShiftPorts),
                LinkAct::Http { name, rule } => (vec![name.clone()], Request::Http { name, rule }),
                _ => return Err(PluginError::refused(format!("{} can't do that", self.label()))),
            };
            let up = matches!(request, Request::Flap { .. });
            let (folder, label) = (self.folder(), self.label());
            let done = async move {
                let asked = blocking(move || control::ask(&folder, &request, Duration::ZERO)).await?;
                asked.map(drop).map_err(|error| PluginError::io(&format!("act on {label}"), &error))
            };
            let node = self.supervisor.node().name().to_owned();
            Ok(Effect::new(MendLink { node, folder: self.folder(), process, toxics, up }, done))
        })
    }

    fn read(&self) -> BoxFuture<'_, Result<LinkReading, PluginError>> {
        Box::pin(async move {
            match self.ask(Request::Read, Duration::ZERO).await? {
                Reply::Reading(reading) => Ok(reading),
                other => Err(PluginError::failed(format!("{} answered {other:?}", self.label()))),
            }
        })
    }

    fn flow_sockets(&self) -> BoxFuture<'_, Result<Vec<FlowSocket>, PluginError>> {
        Box::pin(async move {
            let held = self.supervisor.up()?.ok_or_else(|| self.supervisor.not_up())?;
            let server = self.link.upstream.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default();
            let read = blocking(move || flow_sockets::of(held.pid(), server)).await?;
            read.map_err(|error| PluginError::io(&format!("read the sockets of {}", self.label()), &error))
        })
    }

    fn sound(&self, sounding: Sounding) -> BoxFuture<'_, Result<LinkSounding, PluginError>> {
        let wait = Duration::from_millis(sounding.wait_ms.into()) * sounding.messages.max(1);
        Box::pin(async move {
            match self.ask(Request::Sound(sounding), wait).await? {
                Reply::Sounding(sounding) => Ok(sounding),
                other => Err(PluginError::failed(format!("{} answered {other:?}", self.label()))),
            }
        })
    }

    fn try_request<'a>(&'a self, rule: &'a str, wait_ms: u32) -> BoxFuture<'a, Result<HttpTrial, PluginError>> {
        Box::pin(async move {
            if self.link.protocol != LinkProtocol::Http {
                return Err(PluginError::refused(format!("{} forwards no HTTP", self.label())));
            }
            let request = Request::Try { rule: rule.to_owned(), wait_ms };
            match self.ask(request, Duration::from_millis(wait_ms.into())).await? {
                Reply::Trial(trial) => Ok(*trial),
                other => Err(PluginError::failed(format!("{} answered {other:?}", self.label()))),
            }
        })
    }

    fn knock(&self) -> BoxFuture<'_, Result<Knock, PluginError>> {
        let (address, label) = (SocketAddr::from((Ipv4Addr::LOCALHOST, self.listen.get())), self.label());
        let protocol = self.link.protocol;
        Box::pin(async move {
            let knocked = blocking(move || knock(address, protocol)).await?;
            knocked.map_err(|error| PluginError::io(&format!("connect to {label}"), &error))
        })
    }
}

/// Connects as a client would. A datagram is not sent: the server would see it.
fn knock(address: SocketAddr, protocol: LinkProtocol) -> io::Result<Knock> {
    if protocol == LinkProtocol::Udp {
        // The port is free where the link is down.
        return match UdpSocket::bind(address) {
            Ok(_) => Ok(Knock::Refused),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(Knock::Accepted),
            Err(error) => Err(error),
        };
    }
    match TcpStream::connect_timeout(&address, HANDSHAKE) {
        Ok(_) => Ok(Knock::Accepted),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(Knock::Refused),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(Knock::Unanswered),
        Err(error) => Err(error),
    }
}
