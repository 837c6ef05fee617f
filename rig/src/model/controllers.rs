//! The controllers: each takes one object, asks the pure parts what is due, and does it.
//!
//! They run one after another, each over what the API server says at that moment. Where the real ones race, the order here is the
//! one that shows the race: a Serial starts its next child before an abort by a status check reaches it.

use std::collections::BTreeSet;
use std::time::Duration;

use chaos_manifests::{ABORT_ANNOTATION, ChaosKind, SCHEDULE};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use super::cluster::{Cluster, delete};
use super::note::Note;
use super::object::{Children, Node, PARALLEL, SERIAL, STATUS_CHECK, SUSPEND, TASK, Workflow, name, namespace};
use super::probe::{Probes, Results};
use super::queue::{Key, Kind};
use super::trouble::{Trouble, Wrong};
use super::{
    abort, chaos, check, children, condition, custom, deadline, entry, every, pods, schedule, sequence, spawn, watch,
};
use crate::error::explained;

/// All controllers.
pub(super) struct Controllers {
    cluster: Cluster,
    probes: Probes,
    keys: UnboundedSender<Key>,
    watched: BTreeSet<String>,
    watches: JoinSet<()>,
}

impl Controllers {
    /// Controllers that are woken by these keys, with the watches that send them.
    pub(super) fn new(cluster: Cluster, keys: UnboundedSender<Key>) -> Self {
        let mut it =
            Self { cluster, probes: Probes::default(), keys, watched: BTreeSet::new(), watches: JoinSet::new() };
        for (kind, plural, own) in [
            ("Workflow", "workflows", Kind::Workflow),
            ("WorkflowNode", "workflownodes", Kind::Node),
            ("StatusCheck", "statuschecks", Kind::Check),
        ] {
            it.watch(super::object::resource(kind, plural), Some(own), None);
        }
        it.watch(watch::pods(), None, Some(chaos_manifests::WORKFLOW_LABEL));
        let Cluster { client, only } = it.cluster.clone();
        it.watches.spawn(watch::look(client, only, it.keys.clone()));
        it
    }

    fn watch(&mut self, resource: kube::api::ApiResource, own: Option<Kind>, labels: Option<&'static str>) {
        if self.watched.insert(resource.kind.clone()) {
            let Cluster { client, only } = self.cluster.clone();
            self.watches.spawn(watch::watch(client, resource, only, own, labels, self.keys.clone()));
        }
    }

    /// Begins the watch of a kind of chaos, when the first object of it is to come.
    fn watch_chaos(&mut self, kind: &ChaosKind) {
        self.watch(spawn::chaos_resource(kind.kind), Some(Kind::Chaos(kind.kind)), None);
    }

    /// Reconciles one object, and says when to come back.
    pub(super) async fn reconcile(&mut self, key: &Key) -> Result<Option<Duration>, Trouble> {
        match key.kind {
            Kind::Workflow => {
                if let Some(workflow) = self.cluster.workflows(&key.namespace).get_opt(&key.name).await? {
                    self.workflow(workflow).await?;
                }
                Ok(None)
            }
            Kind::Node => match self.cluster.nodes(&key.namespace).get_opt(&key.name).await? {
                Some(node) => self.node(node).await,
                None => Ok(None),
            },
            Kind::Check => self.check(key).await,
            Kind::Schedule => self.schedule(key).await,
            Kind::Chaos(kind) => match ChaosKind::named(kind) {
                Some(kind) => {
                    self.watch_chaos(kind);
                    chaos::chaos(&self.cluster, kind, key).await
                }
                None => Ok(None),
            },
        }
    }

    /// The node of the entry, the Workflow's status, and the abort that its annotation asks for.
    async fn workflow(&self, mut workflow: Workflow) -> Result<(), Trouble> {
        let cluster = &self.cluster;
        let mut entries = self.entries(&workflow).await?;
        let mut notes = Vec::new();
        if entries.is_empty() {
            match children::create(cluster, &workflow, None, &workflow.spec.entry).await {
                Ok(created) => {
                    notes.push(Note::normal(
                        "EntryCreated",
                        format!("entry node created, entry node {}", name(&created)),
                    ));
                    entries = vec![created];
                }
                Err(Trouble::Conflict) => return Err(Trouble::Conflict),
                Err(why) => {
                    let why = format!("failed to spawn entry node {}: {}", workflow.spec.entry, explained(&why));
                    notes.push(Note::warning("InvalidEntry", why));
                }
            }
        }
        for surplus in entries.iter().skip(1) {
            delete(&cluster.nodes(namespace(&workflow)), name(surplus)).await?;
        }
        let status = entry::status(&workflow, &entries, Timestamp::now());
        let was =
            workflow.status.as_ref().is_some_and(|it| condition::is(&it.conditions, condition::ACCOMPLISHED, true));
        if !was && condition::is(&status.conditions, condition::ACCOMPLISHED, true) {
            notes.push(Note::normal("WorkflowAccomplished", "workflow accomplished"));
        }
        if workflow.status.as_ref() != Some(&status) {
            workflow.status = Some(status);
            let api = cluster.workflows(namespace(&workflow));
            api.replace_status(name(&workflow), &PostParams::default(), &workflow).await?;
        }
        cluster.tell(&workflow, "Workflow", &notes).await;
        if let Some(entry) = entries.into_iter().next() {
            let status = abort::entry(&workflow, &entry);
            let began = abort::asked(&workflow) && !abort::aborted(&entry);
            let entry = cluster.write(entry, status).await?;
            if began {
                let why = format!("abort the node because workflow {} aborted", name(&workflow));
                cluster.tell(&entry, "WorkflowNode", &[Note::normal("WorkflowAborted", why)]).await;
            }
        }
        Ok(())
    }

    async fn entries(&self, workflow: &Workflow) -> Result<Vec<Node>, Trouble> {
        if name(workflow).len() > entry::MAX_LABEL {
            return Ok(Vec::new());
        }
        let Children { active, finished } = self.cluster.children(namespace(workflow), name(workflow)).await?;
        let mut all: Vec<Node> = active.into_iter().chain(finished).collect();
        all.sort_by(|a, b| a.metadata.creation_timestamp.cmp(&b.metadata.creation_timestamp));
        Ok(all)
    }

    /// Deadline, abort, and what the node's type asks for, in this order.
    async fn node(&mut self, node: Node) -> Result<Option<Duration>, Trouble> {
        let cluster = self.cluster.clone();
        let due = deadline::decide(&node, Timestamp::now())?;
        let after = due.after;
        let node = match due.status {
            Some(status) => cluster.write(node, status).await?,
            None => node,
        };
        cluster.tell(&node, "WorkflowNode", &due.notes).await;
        if deadline::cascades(&node) {
            self.cascade(&node, "ParentNodeDeadlineExceed", deadline::of_parent).await?;
        }
        if abort::cascades(&node) {
            self.cascade(&node, "ParentNodeAborted", abort::of_parent).await?;
        }
        match node.spec.kind.as_str() {
            SERIAL | PARALLEL => self.sequence(node).await?,
            TASK => pods::task(&cluster, node).await?,
            SUSPEND => {}
            STATUS_CHECK => {
                if abort::aborted(&node) {
                    self.abort_workflow(&node).await?;
                }
                custom::gate(&cluster, node).await?;
            }
            SCHEDULE => {
                self.watch(spawn::chaos_resource(SCHEDULE), Some(Kind::Schedule), None);
                custom::chaos(&cluster, node).await?;
            }
            kind => {
                self.watch_chaos(ChaosKind::named(kind).ok_or_else(|| Wrong::Type(kind.to_owned()))?);
                custom::chaos(&cluster, node).await?;
            }
        }
        Ok(after)
    }

    /// Gives the children that run their parent's condition.
    async fn cascade(
        &self,
        node: &Node,
        reason: &str,
        status: fn(&Node) -> chaos_manifests::NodeStatus,
    ) -> Result<(), Trouble> {
        for child in self.cluster.children(namespace(node), name(node)).await?.active {
            let status = status(&child);
            let child = self.cluster.write(child, status).await?;
            let why = format!("because of parent node {}", name(node));
            self.cluster.tell(&child, "WorkflowNode", &[Note::normal(reason, why)]).await;
        }
        Ok(())
    }

    /// Sets the annotation on the Workflow of a status check that aborted.
    ///
    /// # Errors
    /// A Workflow without any annotation, for ever: the real controller writes into a map that is not there, panics, and is called again.
    async fn abort_workflow(&self, node: &Node) -> Result<(), Trouble> {
        let mut workflow = self.cluster.workflow_of(node).await?;
        if abort::asked(&workflow) {
            return Ok(());
        }
        let Some(annotations) = &mut workflow.metadata.annotations else {
            return Err(Wrong::NoAnnotations(name(&workflow).to_owned()).into());
        };
        annotations.insert(ABORT_ANNOTATION.to_owned(), "true".to_owned());
        let api = self.cluster.workflows(namespace(node));
        api.replace(name(&workflow), &PostParams::default(), &workflow).await?;
        Ok(())
    }

    async fn sequence(&self, node: Node) -> Result<(), Trouble> {
        let children = self.cluster.children(namespace(&node), name(&node)).await?;
        let start = if node.spec.kind == SERIAL {
            let next = sequence::serial(&node, &children);
            next.map(|template| sequence::Start { discard: Vec::new(), templates: vec![template] })
        } else {
            sequence::parallel(&node, &children)
        };
        let wanted = node.spec.children.as_ref().map_or(0, Vec::len);
        children::replace(&self.cluster, node, start, wanted).await
    }

    /// Makes the next object of a Schedule.
    async fn schedule(&mut self, key: &Key) -> Result<Option<Duration>, Trouble> {
        self.watch(spawn::chaos_resource(SCHEDULE), Some(Kind::Schedule), None);
        let Some(it) = schedule::api(&self.cluster, &key.namespace).get_opt(&key.name).await? else {
            return Ok(None);
        };
        self.watch_chaos(every::kind(&it)?);
        schedule::schedule(&self.cluster, &it).await
    }

    /// Makes the requests of a status check, and writes what they gave.
    async fn check(&mut self, key: &Key) -> Result<Option<Duration>, Trouble> {
        let api = self.cluster.checks(&key.namespace);
        let Some(mut it) = api.get_opt(&key.name).await?.filter(|it| !check::completed(it)) else {
            self.probes.end(key);
            return Ok(None);
        };
        let before = it.status.as_ref().map(|it| Results { count: it.count, records: it.records.clone() });
        let results = self.probes.results(key, &it.spec, before.unwrap_or_default(), &self.keys);
        let status = check::status(&it, results.records, results.count, Timestamp::now())?;
        if it.status.as_ref() != Some(&status) {
            it.status = Some(status);
            it = api.replace_status(&key.name, &PostParams::default(), &it).await?;
        }
        if check::completed(&it) {
            self.probes.end(key);
        }
        // Its end by duration is noticed at the latest one second late.
        Ok(Some(Duration::from_secs(1)))
    }
}
