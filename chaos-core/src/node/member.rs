//! A member of the system under test, as faults and the engine see it.

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::path::PathBuf;

use super::clock::ClockFacet;
use super::facet::Facet;
use super::files::FilesFacet;
use super::link::LinkFacet;
use super::process::ProcessFacet;
use super::resources::ResourcesFacet;
use super::standing::NodeStanding;
use crate::{BoxFuture, PluginError, Resource, ResourceId, Undo, Undone};

/// A member of the system under test: a declared node, or a process that a fault names itself.
///
/// It exists from the preflight on, so that faults on it can be planned; it is up between [`Member::start`] and
/// [`Member::stop`].
pub trait Member: Debug + Send + Sync {
    /// What messages call it: "node `n1`", "process 71 (`sleep`)".
    fn label(&self) -> String;

    /// Brings it up, and waits until it is ready. What it starts has a step in the journal first, which stops it.
    fn start<'a>(&'a self, undo: &'a Undo) -> BoxFuture<'a, Result<(), PluginError>>;

    /// Asks it to end by itself, since its steps will end it otherwise; what ends from now on is not a finding. Does nothing to
    /// what it did not start.
    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Brings it up again if it is down, and waits until it is ready: what its supervisor does for the steps that it owns.
    ///
    /// # Errors
    /// [`PluginError::Refused`] for one without a supervisor.
    fn bring_up(&self) -> BoxFuture<'_, Result<Undone, PluginError>> {
        let why = format!("{} has no supervisor that could start it again", self.label());
        Box::pin(std::future::ready(Err(PluginError::refused(why))))
    }

    /// How it stands, read anew.
    fn standing(&self) -> BoxFuture<'_, NodeStanding> {
        Box::pin(std::future::ready(NodeStanding::default()))
    }

    /// The files that what it prints goes to, whether or not they are there yet; none where it keeps none.
    fn output_files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Whether it lives in the time of the world, so that no run under virtual time may start it; false for one that is kept in
    /// memory.
    fn needs_real_time(&self) -> bool {
        true
    }

    /// Whether that is its own, or a part of what is its own: a process that it consists of, its folder.
    fn owns<'a>(&'a self, what: &'a Resource) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let first = self.standing().await.pid.map(NonZeroU32::get);
            what.ids().any(|id| matches!(id, ResourceId::Process { pid, .. } if Some(*pid) == first))
        })
    }

    /// Its processes, if a fault may act on them.
    fn process(&self) -> Option<&dyn ProcessFacet> {
        None
    }

    /// What it can use, if a fault may act on that.
    fn resources(&self) -> Option<&dyn ResourcesFacet> {
        None
    }

    /// Its wall clock, if a fault may act on it.
    fn clock(&self) -> Option<&dyn ClockFacet> {
        None
    }

    /// Its own file system, if a fault may act on it.
    fn files(&self) -> Option<&dyn FilesFacet> {
        None
    }

    /// What passes through it, if a fault may act on that.
    fn link(&self) -> Option<&dyn LinkFacet> {
        None
    }
}

impl dyn Member + '_ {
    /// The facet, or a refusal that names the member and what it lacks.
    ///
    /// # Errors
    /// [`PluginError::Refused`] when it has no such facet.
    pub fn process_facet(&self) -> Result<&dyn ProcessFacet, PluginError> {
        self.process().ok_or_else(|| self.lacks(Facet::Process))
    }

    /// The facet, or a refusal that names the member and what it lacks.
    ///
    /// # Errors
    /// [`PluginError::Refused`] when it has no such facet.
    pub fn resources_facet(&self) -> Result<&dyn ResourcesFacet, PluginError> {
        self.resources().ok_or_else(|| self.lacks(Facet::Resources))
    }

    /// The facet, or a refusal that names the member and what would give it one.
    ///
    /// # Errors
    /// [`PluginError::Refused`] when it has no such facet.
    pub fn clock_facet(&self) -> Result<&dyn ClockFacet, PluginError> {
        self.clock().ok_or_else(|| self.lacks(Facet::Clock))
    }

    /// The facet, or a refusal that names the member and what would give it one.
    ///
    /// # Errors
    /// [`PluginError::Refused`] when it has no such facet.
    pub fn files_facet(&self) -> Result<&dyn FilesFacet, PluginError> {
        self.files().ok_or_else(|| self.lacks(Facet::Files))
    }

    /// The facet, or a refusal that names the member and what would be one.
    ///
    /// # Errors
    /// [`PluginError::Refused`] when it has no such facet.
    pub fn link_facet(&self) -> Result<&dyn LinkFacet, PluginError> {
        self.link().ok_or_else(|| self.lacks(Facet::Link))
    }

    fn lacks(&self, facet: Facet) -> PluginError {
        let hint = facet.hint();
        PluginError::refused(format!("{} has no {facet} facet, so no fault can act on it that way{hint}", self.label()))
    }
}
