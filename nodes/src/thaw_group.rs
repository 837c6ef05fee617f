//! Freezing a group, and the undo step that thaws it.

use chaos_core::{Effect, PluginError, UndoContext, UndoStep, Undone, blocking, boot_id, register_undo_step};
use chaos_host::CgroupDir;
use serde::{Deserialize, Serialize};

use crate::group::failed;

/// Thaws a group, if it is still the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThawGroup {
    /// Whose group it is: "node `n1`".
    pub of: String,
    /// The boot in which it was frozen.
    pub boot_id: String,
    /// The group.
    #[serde(flatten)]
    pub dir: CgroupDir,
}

/// The pause of everything in the group, and the step that ends it.
pub(crate) fn freeze(dir: CgroupDir, of: String) -> Effect {
    let step = ThawGroup { of, boot_id: boot_id(), dir: dir.clone() };
    Effect::new(step, Effect::blocking(move || dir.freeze().map_err(failed)))
}

impl UndoStep for ThawGroup {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let (of, now) = (&self.of, boot_id());
        if self.boot_id != now && !self.boot_id.is_empty() && !now.is_empty() {
            return Ok(Undone::NothingToDo(format!("the group of {of} was of another boot")));
        }
        let _real = cx.clock().external();
        let dir = self.dir.clone();
        let thawed = blocking(move || {
            if !dir.is_there()? {
                return Ok(None);
            }
            // Written in any case: one that is being frozen does not show it yet.
            let frozen = dir.is_frozen()?;
            dir.thaw().map(|()| Some(frozen))
        });
        Ok(match thawed.await?.map_err(failed)? {
            None => Undone::NothingToDo(format!("the group of {of} is gone")),
            Some(false) => Undone::NothingToDo(format!("the group of {of} was not frozen")),
            Some(true) => Undone::Reverted(format!("the group of {of} is thawed")),
        })
    }

    fn describe(&self) -> String {
        format!("thaw the group of {}", self.of)
    }
}

register_undo_step!(ThawGroup, "thaw_group");
