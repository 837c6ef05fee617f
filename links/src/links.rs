//! All links of a process: the control plane. No call waits for the data path.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use crate::error::LinkError;
use crate::link::{Link, LinkChange, LinkSpec, LinkView};
use crate::toxic::ToxicSpec;
use crate::worker::{Spawner, Workers};

/// All links of a process, and the threads that serve them. Dropping it closes everything.
pub struct Links {
    all: Mutex<BTreeMap<String, Link>>,
    seed: u64,
    workers: Workers,
}

impl Links {
    /// Starts the threads. Draws hang on the seed: the same seed, links and order of connections give the same faults.
    ///
    /// # Errors
    ///
    /// [`LinkError::Start`] when a thread or runtime can't be had.
    pub fn start(seed: u64) -> Result<Self, LinkError> {
        // More threads than four have not been of use on any machine that was measured: the kernel does the work.
        let threads = std::thread::available_parallelism().map_or(2, usize::from).min(4);
        let workers = Workers::start(threads).map_err(LinkError::Start)?;
        Ok(Self { all: Mutex::default(), seed, workers })
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Link>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawner(&self) -> Result<&Arc<Spawner>, LinkError> {
        self.workers.spawner().ok_or_else(|| LinkError::Start(std::io::ErrorKind::NotConnected.into()))
    }

    fn with<T>(&self, name: &str, act: impl FnOnce(&mut Link) -> Result<T, LinkError>) -> Result<T, LinkError> {
        act(self.locked().get_mut(name).ok_or(LinkError::LinkNotFound)?)
    }

    /// Makes a link. Its toxics are there before the first connection is.
    ///
    /// # Errors
    ///
    /// When the name is taken, a toxic can't be, or the address can't be listened on; then nothing is left behind.
    pub fn create(&self, spec: &LinkSpec) -> Result<LinkView, LinkError> {
        let mut links = self.locked();
        if links.contains_key(&spec.name) {
            return Err(LinkError::LinkExists);
        }
        let mut link = Link::new(spec, self.seed)?;
        if spec.enabled {
            link.start(self.spawner()?)?;
        }
        let view = link.view();
        links.insert(spec.name.clone(), link);
        Ok(view)
    }

    /// Makes a link, or replaces the one of its name when that listens or forwards elsewhere.
    ///
    /// # Errors
    ///
    /// As [`Links::create`].
    pub fn create_or_replace(&self, spec: &LinkSpec) -> Result<LinkView, LinkError> {
        let mut links = self.locked();
        if let Some(existing) = links.get_mut(&spec.name) {
            if existing.protocol() == spec.protocol
                && *existing.tls() == spec.tls
                && !existing.differs(&spec.listen, &spec.upstream)?
            {
                return Ok(existing.view());
            }
            existing.stop();
        }
        let mut link = Link::new(spec, self.seed)?;
        if spec.enabled {
            link.start(self.spawner()?)?;
        }
        let view = link.view();
        links.insert(spec.name.clone(), link);
        Ok(view)
    }

    /// All links by name.
    pub fn list(&self) -> Vec<LinkView> {
        self.locked().values().map(Link::view).collect()
    }

    /// One link.
    pub fn get(&self, name: &str) -> Result<LinkView, LinkError> {
        self.with(name, |link| Ok(link.view()))
    }

    /// Changes a link. Another address closes its connections, toxics stay.
    pub fn update(&self, name: &str, change: &LinkChange) -> Result<LinkView, LinkError> {
        let workers = self.spawner()?;
        self.with(name, |link| {
            link.update(change, workers)?;
            Ok(link.view())
        })
    }

    /// Removes a link and closes its connections.
    pub fn remove(&self, name: &str) -> Result<(), LinkError> {
        self.locked().remove(name).map(drop).ok_or(LinkError::LinkNotFound)
    }

    /// Enables all links and removes all toxics. Links that can't listen are passed over, and the first error is told.
    pub fn reset(&self) -> Result<(), LinkError> {
        let workers = self.spawner()?;
        let mut result = Ok(());
        for link in self.locked().values_mut() {
            link.clear();
            result = result.and(link.start(workers));
        }
        result
    }

    /// Puts a toxic on a link, on the connections that it has, too.
    pub fn add_toxic(&self, link: &str, toxic: ToxicSpec) -> Result<(), LinkError> {
        self.with(link, |link| link.add(toxic))
    }

    /// The toxics of a link.
    pub fn toxics(&self, link: &str) -> Result<Vec<ToxicSpec>, LinkError> {
        self.with(link, |link| Ok(link.toxics()))
    }

    /// One toxic of a link.
    pub fn toxic(&self, link: &str, name: &str) -> Result<ToxicSpec, LinkError> {
        self.with(link, |link| link.toxic(name).cloned())
    }

    /// Replaces what a toxic of a link does.
    pub fn replace_toxic(&self, link: &str, name: &str, toxic: ToxicSpec) -> Result<(), LinkError> {
        self.with(link, |link| link.replace(name, toxic))
    }

    /// Changes some attributes of a toxic and its toxicity.
    pub(crate) fn overlay_toxic(
        &self,
        link: &str,
        name: &str,
        attributes: &Map<String, Value>,
        toxicity: Option<f32>,
    ) -> Result<ToxicSpec, LinkError> {
        self.with(link, |link| {
            let mut spec = link.toxic(name)?.clone();
            spec.kind = spec.kind.overlaid(attributes)?;
            spec.toxicity = toxicity.unwrap_or(spec.toxicity);
            link.replace(name, spec.clone())?;
            Ok(spec)
        })
    }

    /// Has each flow of a UDP link go on from another port, as behind a router that has lost its table: its client and what
    /// waits stay, and what the server sends to the old port is lost. Flows are told and count as `shifts` once they have moved.
    ///
    /// # Errors
    ///
    /// [`LinkError::NoFlows`] for a link of another protocol: a connection of TCP can't move.
    pub fn shift_ports(&self, link: &str) -> Result<(), LinkError> {
        self.with(link, |link| link.shift_ports())
    }

    /// Removes a toxic from a link and its connections.
    pub fn remove_toxic(&self, link: &str, name: &str) -> Result<(), LinkError> {
        self.with(link, |link| link.remove(name))
    }
}
