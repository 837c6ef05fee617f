//! A sustained fault whose world is a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::{
    Evidence, Fault, InjectContext, Injection, Plan, PluginError, Resource, RunContext, Sighting, Span, Undo,
    UndoContext, UndoStep, Undone, register_fault, register_undo_step,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// In which way the fault misbehaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Misbehave {
    /// It does not.
    #[default]
    No,
    /// The file is never made, and success is claimed.
    NoEffect,
    /// The file is made whether or not its step reached the journal.
    NoJournal,
    /// The file is made, then `inject` fails.
    FailAfter,
    /// The file is made, then `inject` panics.
    PanicAfter,
    /// The file is made, then `inject` never ends and ignores cancellation.
    HangAfter,
    /// The file is gone before the hold ends.
    Vanish,
    /// The undo step fails each time.
    UndoFails,
    /// The undo step panics each time.
    UndoPanics,
    /// The undo step claims success and leaves the file.
    UndoLies,
    /// The witness panics.
    WitnessPanics,
    /// The effect is made in a blocking thread that goes on after `inject` was dropped, under its permit.
    LateEffect,
}

/// Makes a file and removes it again.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TouchFile {
    /// The file.
    pub path: PathBuf,
    /// In which way it misbehaves.
    #[serde(default)]
    pub misbehave: Misbehave,
}

/// Removes the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RemoveFile {
    /// The file.
    pub path: PathBuf,
    /// In which way it misbehaves.
    #[serde(default)]
    pub misbehave: Misbehave,
}

impl Fault for TouchFile {
    const SPAN: Span = Span::Sustained;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        let summary = format!("make `{}`", self.path.display());
        Ok(Plan::new(summary).touching(Resource::other("file", self.path.display())))
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let armed = undo.arm(RemoveFile { path: self.path.clone(), misbehave: self.misbehave }).await;
        if self.misbehave == Misbehave::NoJournal {
            touch(&self.path)?;
        }
        let effect = armed?;
        if self.misbehave == Misbehave::LateEffect {
            let (path, _still_at_it) = (self.path.clone(), cx.clock().external());
            let late = tokio::task::spawn_blocking(move || {
                let wait = (0..3_000_000_u64).fold(0, u64::wrapping_add);
                let made = touch(&path);
                drop(effect);
                (wait, made).1
            });
            return late.await.map_err(|error| PluginError::failed(error.to_string()))?.map(|()| Injection::in_force());
        }
        if self.misbehave != Misbehave::NoEffect {
            touch(&self.path)?;
        }
        drop(effect);
        match self.misbehave {
            Misbehave::FailAfter => Err(PluginError::failed("failed after the effect")),
            Misbehave::PanicAfter => std::panic::panic_any("panicked after the effect"),
            Misbehave::HangAfter => std::future::pending().await,
            _ => Ok(Injection::in_force()),
        }
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        if self.misbehave == Misbehave::WitnessPanics && self.path.exists() {
            std::panic::panic_any("the check panicked");
        }
        if self.misbehave == Misbehave::Vanish && cx.clock().now() > Duration::from_secs(5) {
            // Somebody else undid it.
            let _ = fs::remove_file(&self.path);
        }
        let shown = Evidence::new(format!("`{}` exists: {}", self.path.display(), self.path.exists()));
        if self.path.exists() { Sighting::present(shown) } else { Sighting::absent(shown) }
    }
}

fn touch(path: &Path) -> Result<(), PluginError> {
    fs::write(path, "").map_err(|error| PluginError::io("make the file", &error))
}

register_fault!(TouchFile, "test_touch_file");

impl UndoStep for RemoveFile {
    async fn undo(&self, _cx: &UndoContext) -> Result<Undone, PluginError> {
        match self.misbehave {
            Misbehave::UndoFails => return Err(PluginError::failed("the undo failed")),
            Misbehave::UndoPanics => std::panic::panic_any("the undo panicked"),
            Misbehave::UndoLies => return Ok(Undone::Reverted("lied".into())),
            _ => {}
        }
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(Undone::Reverted("removed".into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Undone::NothingToDo("no such file".into()))
            }
            Err(error) => Err(PluginError::io("remove the file", &error)),
        }
    }

    fn describe(&self) -> String {
        format!("remove `{}`", self.path.display())
    }
}

register_undo_step!(RemoveFile, "test_remove_file");
