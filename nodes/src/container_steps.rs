//! The undo steps of effects on containers; each asks the engine how the container is, and leaves another one alone.

use std::path::PathBuf;

use chaos_core::{PluginError, UndoContext, UndoStep, Undone, register_undo_step};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;

/// Removes a container that the run made. Its name is known before it is made, and nobody else has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveContainer {
    /// The engine's socket.
    pub socket: PathBuf,
    /// Name of the container.
    pub container: String,
}

impl UndoStep for RemoveContainer {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let _real = cx.clock().external();
        let container = &self.container;
        let path = format!("/containers/{container}?force=true&v=true");
        let answered = Engine::at(&self.socket).ask("DELETE", &path, None).await?;
        match answered.status {
            404 => Ok(Undone::NothingToDo(format!("there is no container `{container}`"))),
            200..=299 => Ok(Undone::Reverted(format!("container `{container}` is removed"))),
            _ => Err(answered.failed(&path)),
        }
    }

    fn describe(&self) -> String {
        format!("remove container `{}`", self.container)
    }
}

register_undo_step!(RemoveContainer, "remove_container");

/// Lets a container run on that a fault has paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnpauseContainer {
    /// The engine's socket.
    pub socket: PathBuf,
    /// Id of the container, which no later one gets.
    pub id: String,
}

impl UndoStep for UnpauseContainer {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let _real = cx.clock().external();
        let (engine, id) = (Engine::at(&self.socket), short(&self.id));
        match engine.state(&self.id).await? {
            None => Ok(Undone::NothingToDo(format!("there is no container {id}"))),
            Some(state) if !state.is_paused => Ok(Undone::NothingToDo(format!("container {id} is not paused"))),
            Some(_) => {
                engine.tell(&format!("/containers/{}/unpause", self.id), None).await?;
                Ok(Undone::Reverted(format!("container {id} runs on")))
            }
        }
    }

    fn describe(&self) -> String {
        format!("unpause container {}", short(&self.id))
    }
}

register_undo_step!(UnpauseContainer, "unpause_container");

/// Starts a container again that a fault has ended and that was there before the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartContainer {
    /// The engine's socket.
    pub socket: PathBuf,
    /// Id of the container, which no later one gets.
    pub id: String,
}

impl UndoStep for StartContainer {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let _real = cx.clock().external();
        let (engine, id) = (Engine::at(&self.socket), short(&self.id));
        match engine.state(&self.id).await? {
            None => Ok(Undone::NothingToDo(format!("there is no container {id}"))),
            Some(state) if state.is_running => Ok(Undone::NothingToDo(format!("container {id} runs"))),
            Some(_) => {
                engine.tell(&format!("/containers/{}/start", self.id), None).await?;
                Ok(Undone::Reverted(format!("container {id} is started again")))
            }
        }
    }

    fn describe(&self) -> String {
        format!("start container {} again", short(&self.id))
    }
}

register_undo_step!(StartContainer, "start_container");

/// An id as engines show it.
pub(crate) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
