//! The clock of one started node: how it comes by the library, what may be done to it, and what it shows.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::sync::Arc;

use chaos_core::{ClockReading, Effect, NodeContext, Plan, PluginError, Resource, SkewAct};
use chaos_host::{PidFd, ProcessIdentity, polls_in_seconds};

use super::canary;
use super::library::{ClockFiles, preloaded};
use super::program::obstacle;
use super::remove_clock::RemoveClock;
use super::reset_clock::{ResetClock, maps};
use crate::held;
use crate::program_file::file_of;
use crate::running::node_resource;

/// How long the loader of a program may take, from the start of the program on.
const LOAD_SECONDS: u32 = 1;

/// The clock files of one node, and the node that they are for.
#[derive(Debug)]
pub(crate) struct NodeClock {
    files: ClockFiles,
    node: NodeContext,
}

impl NodeClock {
    /// The clock of a node, which gets `env` what makes it read it.
    pub(crate) fn of(node: &NodeContext, env: &mut BTreeMap<String, String>) -> Self {
        let folder = node.place().logs.with_file_name("clock").join(node.name());
        let files = ClockFiles::in_folder(folder);
        files.add_to(env, preloaded(node.cx()).as_deref());
        Self { files, node: node.clone() }
    }

    /// Why a program can't have it, as far as its file tells that before it is started.
    ///
    /// # Errors
    /// [`PluginError::Refused`].
    pub(crate) fn check(&self, program: &str, env: &BTreeMap<String, String>) -> Result<(), PluginError> {
        self.files.check()?;
        let path = env.get("PATH").map(String::as_str).or_else(|| self.node.cx().env("PATH"));
        let Some(file) = file_of(program, &self.node.place().dir, path) else { return Ok(()) };
        let opened = File::open(&file).and_then(|file| obstacle(&file));
        match opened.map_err(|error| PluginError::io(&format!("read `{}`", file.display()), &error))? {
            Some(why) => Err(PluginError::refused(format!("`clock`: `{}` {why}", file.display()))),
            None => Ok(()),
        }
    }

    /// Puts the files beside the node.
    pub(crate) fn install(&self) -> Effect {
        let step = RemoveClock { node: self.node.name().to_owned(), folder: self.files.folder().to_owned() };
        let files = self.files.clone();
        Effect::new(step, async move {
            let failed = |error| PluginError::io(&format!("write `{}`", files.folder().display()), &error);
            files.install().map_err(failed)
        })
    }

    /// What a shift would touch; `held` is the process, if it is up.
    pub(crate) async fn plan(&self, held: Option<Arc<PidFd>>) -> Result<Plan, PluginError> {
        self.files.check()?;
        let node = node_resource(&self.node);
        let label = match held {
            Some(held) => self.reachable(&held).await?,
            None => format!("node `{}`", self.node.name()),
        };
        let clock = Resource::other("clock", format!("{}/{}", self.node.cx().run_id(), self.node.name()));
        Ok(Plan::new(label).touching(clock.within(node.id)))
    }

    /// The shift, and the step that ends it.
    pub(crate) async fn effect(&self, held: Arc<PidFd>, skew: SkewAct) -> Result<Effect, PluginError> {
        let label = self.reachable(&held).await?;
        let process = ProcessIdentity::of(&held).map_err(|error| held::failed("identify", held.pid(), &error))?;
        let step = ResetClock::of(self.node.name(), &self.files.page(), process)?;
        let at = step.clone();
        Ok(Effect::new(step, async move {
            let failed = |error| PluginError::io(&format!("shift the clock of {label}"), &error);
            let page = at.page().map_err(failed)?;
            let page = page.ok_or_else(|| PluginError::failed(format!("the clock page of {label} is gone")))?;
            page.write(skew).map_err(failed)
        }))
    }

    /// The label of the process, if the library reaches its clock.
    ///
    /// # Errors
    /// [`PluginError::Refused`] for a program without libc, or one that has lost the library.
    async fn reachable(&self, held: &Arc<PidFd>) -> Result<String, PluginError> {
        let loaded = self.settled(held).await?;
        let (pid, label) = (held.pid(), self.label(held)?);
        let exe = File::open(format!("/proc/{pid}/exe")).and_then(|file| obstacle(&file));
        let why = exe.map_err(|error| held::failed("read the program of", pid, &error))?;
        if let Some(why) = why {
            return Err(PluginError::refused(format!("{label} {why}")));
        }
        if !loaded {
            let why = "runs without the clock library, which its environment names: something on the way to it clears \
                       the environment, or its loader could not load it";
            return Err(PluginError::refused(format!("{label} {why}")));
        }
        Ok(label)
    }

    fn label(&self, held: &PidFd) -> Result<String, PluginError> {
        Ok(format!("node `{}`, {}", self.node.name(), held::status(held)?.label))
    }

    /// Whether the process has the library and the page; its loader may still be at work.
    async fn settled(&self, held: &Arc<PidFd>) -> Result<bool, PluginError> {
        let _real = self.node.cx().clock().external();
        let (loads, files) = (Arc::clone(held), self.files.clone());
        let settled = tokio::task::spawn_blocking(move || {
            loads.settle(polls_in_seconds(LOAD_SECONDS), |_| is_loaded(&files, &loads))?;
            Ok::<_, std::io::Error>(is_loaded(&files, &loads))
        });
        let settled = settled.await.map_err(|error| PluginError::failed(error.to_string()))?;
        settled.map_err(|error| held::failed("read the mappings of", held.pid(), &error))
    }

    /// What the clock shows, by the canary in the environment `env`.
    pub(crate) async fn read(
        &self,
        held: Arc<PidFd>,
        env: HashMap<String, String>,
    ) -> Result<ClockReading, PluginError> {
        let label = self.label(&held)?;
        let seen = canary::ask(&self.files.canary(), env).await?;
        // Afterwards, so that what was read was of this process's life.
        let reached = is_loaded(&self.files, &held);
        let canary::Difference { offset_ns, offset_error_ns, rate_ppb, rate_error_ppb } = seen;
        let detail = if reached {
            "read by a program in its environment; its process has the clock library and its page mapped"
        } else {
            "its process does not have the clock library mapped"
        };
        let detail = detail.to_owned();
        Ok(ClockReading { label, reached, offset_ns, offset_error_ns, rate_ppb, rate_error_ppb, detail })
    }
}

/// Whether the process has the library and the page, as the kernel shows it.
fn is_loaded(files: &ClockFiles, held: &PidFd) -> bool {
    let loaded = [files.library(), files.page()].map(|path| fs::canonicalize(&path).unwrap_or(path));
    loaded.iter().all(|path| maps(held.pid(), path)) && held.is_there()
}
