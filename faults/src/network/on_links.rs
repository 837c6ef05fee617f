//! One act on every link of a target, and what the links show of it.

use std::sync::Arc;

use chaos_core::{
    Evidence, Knock, LinkAct, LinkFacet, LinkProtocol, LinkReading, LinkToxic, LinkToxicKind, LinkWays, Member, Plan,
    PluginError, Presence, RunContext, Sighting, Sounding, Undo,
};
use futures_util::future::join_all;

use crate::shows::{Shows, together};

/// Links as members.
pub(super) type Links = Vec<Arc<dyn Member>>;

/// A fault that does the same to each of its links.
pub(super) trait OnLinks: Sync {
    /// The links.
    fn links(&self, cx: &RunContext) -> Result<Links, PluginError>;

    /// What it does to them, in words that the names of the links complete: "delay by 50ms what passes".
    fn words(&self) -> String;

    /// What it does to a link that forwards this.
    fn act(&self, protocol: LinkProtocol) -> Result<LinkAct, PluginError>;

    /// What a link shows that has every toxic of the act.
    fn shows(
        &self,
        link: &dyn LinkFacet,
        reading: &LinkReading,
    ) -> impl Future<Output = Result<Shows, PluginError>> + Send;

    /// What must show beside the links once they show it, if anything.
    fn besides(&self, _cx: &RunContext) -> impl Future<Output = Option<Shows>> + Send {
        std::future::ready(None)
    }
}

/// Makes a fault of what is in force on its links: all of it is in its [`OnLinks`].
macro_rules! in_force_on_links {
    ($fault:ty) => {
        impl chaos_core::Fault for $fault {
            const SPAN: chaos_core::Span = chaos_core::Span::Sustained;

            async fn plan(&self, cx: &chaos_core::RunContext) -> Result<chaos_core::Plan, chaos_core::PluginError> {
                $crate::network::on_links::plan(self, cx).await
            }

            async fn inject(
                &self,
                cx: &chaos_core::InjectContext,
                undo: &chaos_core::Undo,
            ) -> Result<chaos_core::Injection, chaos_core::PluginError> {
                $crate::network::on_links::perform(self, cx, undo).await?;
                Ok(chaos_core::Injection::in_force())
            }

            async fn witness(&self, cx: &chaos_core::RunContext) -> chaos_core::Sighting {
                $crate::network::on_links::sighting(self, cx).await
            }
        }
    };
}
pub(super) use in_force_on_links;

/// What it would touch.
pub(super) async fn plan(fault: &impl OnLinks, cx: &RunContext) -> Result<Plan, PluginError> {
    let (mut all, mut labels) = (Plan::default(), Vec::new());
    for member in fault.links(cx)? {
        let link = member.link_facet()?;
        let plan = link.plan(&fault.act(link.ends().protocol)?).await?;
        labels.push(plan.summary);
        all.touches.extend(plan.touches);
    }
    all.summary = format!("{} {}", fault.words(), labels.join(", "));
    Ok(all)
}

/// Does it to all of them.
pub(super) async fn perform(fault: &impl OnLinks, cx: &RunContext, undo: &Undo) -> Result<(), PluginError> {
    let mut effects = Vec::new();
    for member in fault.links(cx)? {
        let link = member.link_facet()?;
        effects.push(link.effect(fault.act(link.ends().protocol)?).await?);
    }
    undo.perform_all(effects).await.map(drop)
}

/// What all of them show.
pub(super) async fn sighting(fault: &impl OnLinks, cx: &RunContext) -> Sighting {
    let _real = cx.clock().external();
    let links = match fault.links(cx) {
        Ok(links) => links,
        Err(PluginError::NotYet(why)) => return Sighting::absent(Evidence::new(why)),
        Err(error) => return Sighting::unknown(error.to_string()),
    };
    // At the same time: a check that takes long for each link of many would find the fault only after others have noticed it.
    let all = together(join_all(links.iter().map(|member| shown(fault, member.as_ref()))).await);
    if all.presence != Presence::Present {
        return all;
    }
    match fault.besides(cx).await {
        Some(more) => together([Shows::Yes(all.evidence.summary), more]),
        None => all,
    }
}

async fn shown(fault: &impl OnLinks, member: &dyn Member) -> Shows {
    let told = |text: String| format!("{}: {text}", member.label());
    match one(fault, member).await {
        Ok(Shows::Yes(text)) => Shows::Yes(told(text)),
        Ok(Shows::Unknown(text)) => Shows::Unknown(told(text)),
        Ok(Shows::No(text)) => Shows::No(told(text)),
        Err(error) => Shows::Unknown(told(error.to_string())),
    }
}

async fn one(fault: &impl OnLinks, member: &dyn Member) -> Result<Shows, PluginError> {
    let link = member.link_facet()?;
    let reading = link.read().await?;
    let expected: Vec<String> = match fault.act(link.ends().protocol)? {
        LinkAct::Toxics(toxics) => toxics.iter().map(|toxic| toxic.kind.name().to_owned()).collect(),
        LinkAct::Http { name, .. } => vec![name],
        _ => Vec::new(),
    };
    if let Some(missing) = expected.iter().find(|name| !has(&reading, name)) {
        return Ok(Shows::No(format!("it has no `{missing}`")));
    }
    fault.shows(link, &reading).await
}

fn has(reading: &LinkReading, name: &str) -> bool {
    reading.toxics.iter().any(|toxic| toxic.split('/').next() == Some(name))
}

/// What each of them has moved so far.
pub(super) async fn readings(links: &Links) -> Result<Vec<LinkReading>, PluginError> {
    let mut all = Vec::new();
    for member in links {
        all.push(member.link_facet()?.read().await?);
    }
    Ok(all)
}

/// What has passed, for the evidence.
pub(super) fn passed(reading: &LinkReading) -> String {
    let LinkReading { sent_bytes: [up, down], open, .. } = reading;
    format!("{up} and {down} bytes have gone out so far, {open} open")
}

/// An act of one toxic.
pub(super) fn toxic(kind: LinkToxicKind, ways: LinkWays) -> LinkAct {
    LinkAct::Toxics(vec![LinkToxic { kind, ways }])
}

/// How many of the ways there and back a toxic acts on.
pub(super) fn count(ways: LinkWays) -> u32 {
    match ways {
        LinkWays::Upstream | LinkWays::Downstream => 1,
        LinkWays::Both => 2,
    }
}

/// What cuts a link as a network does: nobody gets an answer to a handshake, and what is connected hears nothing more.
pub(super) fn cut(protocol: LinkProtocol) -> LinkAct {
    let kinds = match protocol {
        LinkProtocol::Tcp | LinkProtocol::Http => vec![LinkToxicKind::NoHandshake, LinkToxicKind::Silence],
        LinkProtocol::Udp => vec![LinkToxicKind::Loss { share: 1.0, every: 0 }],
    };
    LinkAct::Toxics(kinds.into_iter().map(|kind| LinkToxic { kind, ways: LinkWays::Both }).collect())
}

/// How often a connect that was answered is tried once more.
const MORE_KNOCKS: u32 = 20;

/// What a link shows of a cut: by a client's connect, or by datagrams that do not come back.
pub(super) async fn shows_cut(link: &dyn LinkFacet, reading: &LinkReading) -> Result<Shows, PluginError> {
    match link.ends().protocol {
        LinkProtocol::Tcp | LinkProtocol::Http => {
            let mut knocked = link.knock().await?;
            // The queue of the socket may take a moment to be full.
            for _ in 0..MORE_KNOCKS {
                if knocked == Knock::Unanswered {
                    return Ok(Shows::Yes(format!("a connect is not answered ({})", passed(reading))));
                }
                knocked = link.knock().await?;
            }
            Ok(Shows::Unknown(format!("it has the toxics of a cut, and a connect is {knocked}")))
        }
        LinkProtocol::Udp => shows_nothing_back(link, reading).await,
    }
}

/// What a link shows that lets nothing through: by messages through its twin.
pub(super) async fn shows_nothing_back(link: &dyn LinkFacet, reading: &LinkReading) -> Result<Shows, PluginError> {
    let sounded = link.sound(Sounding { messages: 3, bytes: 8, wait_ms: 300 }).await?;
    Ok(match (sounded.sent, sounded.answered) {
        (sent, 0) if sent > 0 => Shows::Yes(format!("{sent} of {sent} messages got no answer ({})", passed(reading))),
        (sent, answered) => Shows::Unknown(format!("it has the toxic, and {answered} of {sent} messages came back")),
    })
}
