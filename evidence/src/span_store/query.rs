//! What can be asked of spans, and the answer.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::moment::Moment;
use crate::span::{AttributeValue, SpanId, SpanStatus, TraceId};
use crate::window::Window;

/// A question about spans. What is `None` or empty fits every span.
#[derive(Clone, Copy)]
pub struct SpanQuery<'a> {
    /// The source that took them in.
    pub source: Option<&'a str>,
    /// They began and arrived in it.
    pub window: Window,
    /// What their `service.name` must be.
    pub service: Option<&'a (dyn Fn(&str) -> bool + Sync)>,
    /// What their name must be.
    pub name: Option<&'a (dyn Fn(&str) -> bool + Sync)>,
    /// Attributes of the span, or of its resource.
    pub attributes: &'a [(String, AttributeValue<'static>)],
    /// Their status.
    pub status: Option<SpanStatus>,
    /// They took longer.
    pub duration_above: Option<Duration>,
    /// They took less.
    pub duration_below: Option<Duration>,
    /// Nodes whose spans do not count.
    pub injected: &'a [String],
    /// Names of all nodes: a sender whose `service.instance.id` is one of them is that node.
    pub nodes: &'a [String],
}

impl SpanQuery<'_> {
    /// A question that every span of that window fits.
    pub fn all(window: Window) -> Self {
        Self {
            source: None,
            window,
            service: None,
            name: None,
            attributes: &[],
            status: None,
            duration_above: None,
            duration_below: None,
            injected: &[],
            nodes: &[],
        }
    }
}

impl fmt::Debug for SpanQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanQuery").field("window", &self.window).finish_non_exhaustive()
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundSpans {
    /// How many spans fit.
    pub count: u64,
    /// How many more would, were they not from an injected node.
    pub from_injected: u64,
    /// The one that began first.
    pub first: Option<SpanSeen>,
    /// The one that began last.
    pub last: Option<SpanSeen>,
    /// Why more may have been sent than what is kept; `None` where nothing is missing.
    pub missing: Option<String>,
}

impl FoundSpans {
    pub(super) fn count(&mut self, first: Option<SpanSeen>, last: Option<SpanSeen>) {
        if let Some(seen) = first.filter(|seen| self.first.as_ref().is_none_or(|first| seen.start < first.start)) {
            self.first = Some(seen);
        }
        if let Some(seen) = last.filter(|seen| self.last.as_ref().is_none_or(|last| seen.start >= last.start)) {
            self.last = Some(seen);
        }
    }
}

/// A span that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanSeen {
    /// Its trace.
    pub trace_id: TraceId,
    /// Its number.
    pub span_id: SpanId,
    /// That of the span that it is a part of; zero where it is the first.
    pub parent: SpanId,
    /// When it began.
    pub start: Moment,
    /// When it arrived.
    pub arrival: Moment,
    /// The `service.name` of who sent it; empty where that was not said.
    pub service: String,
    /// Its name.
    pub name: String,
}

/// Who sent spans: what its resource says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'t> {
    /// `service.name`.
    pub(super) service: Option<&'t str>,
    /// `service.instance.id`.
    pub(super) instance: Option<&'t str>,
}

/// A query with what must be known of all senders to answer it.
pub(super) struct Asked<'a> {
    pub(super) query: SpanQuery<'a>,
    /// Services as which an injected node has sent spans.
    pub(super) services: BTreeSet<String>,
}

impl<'a> Asked<'a> {
    pub(super) fn new<'s>(query: SpanQuery<'a>, senders: impl Iterator<Item = Sender<'s>>) -> Self {
        let is = |instance: &str| query.injected.iter().any(|node| node == instance);
        let theirs = senders.filter(|sender| sender.instance.is_some_and(is)).filter_map(|sender| sender.service);
        let services = theirs.map(str::to_owned).collect();
        Self { query, services }
    }

    /// Whether that sender is an injected node, or can't be told apart from one.
    ///
    /// The instance decides where it is the name of a node. Without, the service does: it is the injected node's where it has
    /// its name, and where the node itself has used it while nothing else says which of its instances this sender is.
    pub(super) fn is_injected(&self, sender: Sender<'_>) -> bool {
        let Sender { service, instance } = sender;
        let among = |nodes: &[String], name: &str| nodes.iter().any(|node| node == name);
        if let Some(instance) = instance
            && (among(self.query.nodes, instance) || among(self.query.injected, instance))
        {
            return among(self.query.injected, instance);
        }
        let Some(service) = service else { return !self.query.injected.is_empty() && instance.is_none() };
        among(self.query.injected, service) || (instance.is_none() && self.services.contains(service))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_the_injected_node_or_provably_another() {
        let (injected, nodes) = (["n1".to_owned()], ["n1".to_owned(), "n2".to_owned()]);
        let window = Window { from: Moment(0), to: Moment(1) };
        let query = SpanQuery { injected: &injected, nodes: &nodes, ..SpanQuery::all(window) };
        let senders = [(Some("kv"), Some("n1")), (Some("kv"), Some("n2")), (Some("shop"), None)];
        let senders = senders.map(|(service, instance)| Sender { service, instance });
        let asked = Asked::new(query, senders.into_iter());
        let rows = [
            (Some("kv"), Some("n1"), true),
            (Some("kv"), Some("n2"), false),
            // Which of the two it is can't be told.
            (Some("kv"), None, true),
            (Some("n1"), None, true),
            (Some("n2"), None, false),
            (Some("shop"), None, false),
            // A number that an SDK has drawn is not the name of a node.
            (Some("n1"), Some("6f1c"), true),
            (Some("kv"), Some("6f1c"), false),
            // A service that is called like an injected node, and is another node.
            (Some("n1"), Some("n2"), false),
            (None, None, true),
        ];
        for (service, instance, injected) in rows {
            assert_eq!(asked.is_injected(Sender { service, instance }), injected, "{service:?} {instance:?}");
        }
        let nobody = Asked::new(SpanQuery::all(window), senders.into_iter());
        assert!(!nobody.is_injected(senders[0]) && !nobody.is_injected(Sender { service: None, instance: None }));
    }
}
