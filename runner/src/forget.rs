//! The operator's last word on what a dead run left and nobody here can undo.

use std::path::PathBuf;

use chaos_core::{JournalError, PastJournal, StateDir};
use serde::Serialize;

/// A journal that is not to be undone any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// Id of the dead run.
    pub run_id: String,
    /// Where the file is now; no recovery looks there.
    pub kept_as: PathBuf,
    /// The steps that were never undone: their effects may still be in force.
    pub steps: Vec<String>,
    /// Lines that could not be read, so that nobody knows what they stand for.
    pub unreadable: usize,
}

/// Why a journal was not given up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForgetError {
    /// No journal is that run's.
    #[error("no journal of run `{run_id}` in `{}`: {}", journals.display(), known(.runs))]
    Unknown {
        /// What was asked for.
        run_id: String,
        /// Where it was looked for.
        journals: PathBuf,
        /// The dead runs that have one.
        runs: Vec<String>,
    },
    /// The run is alive, and will undo what it made.
    #[error("run `{0}` is alive; stop it, and it undoes what it made")]
    Live(String),
    /// The run is dead, and its guardian, or another recovery, is at its journal.
    #[error("run `{0}` is dead, and another process still holds its journal to undo it; `squall status` names it")]
    Held(String),
    /// A journal can't be read or moved.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

fn known(runs: &[String]) -> String {
    if runs.is_empty() { "there is none at all".to_owned() } else { format!("known: {}", runs.join(", ")) }
}

/// Gives up the journal of a dead run: moves the file to `forgotten/` in the state directory, without undoing anything.
///
/// A run is named by its id, which is also the name of its file.
///
/// # Errors
/// [`ForgetError`]; the journal is then where it was.
pub fn forget(state: &StateDir, run_id: &str) -> Result<Forgotten, ForgetError> {
    let mut runs = Vec::new();
    for path in PastJournal::list(state)? {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if stem != run_id {
            runs.push(stem);
            continue;
        }
        let journal = match PastJournal::take(&path) {
            Ok(Some(journal)) => journal,
            Ok(None) if PastJournal::outlives_its_run(&path) => return Err(ForgetError::Held(stem)),
            Ok(None) => return Err(ForgetError::Live(stem)),
            // It can't be taken, so only the operator can say what becomes of it.
            Err(
                JournalError::NotAFile { .. }
                | JournalError::Foreign { .. }
                | JournalError::Elsewhere { .. }
                | JournalError::Read { .. },
            ) => {
                let kept_as = PastJournal::set_aside_unread(&path, &state.forgotten())?;
                return Ok(Forgotten { run_id: stem, kept_as, steps: Vec::new(), unreadable: 1 });
            }
            Err(error) => return Err(error.into()),
        };
        let steps = journal.pending.iter().map(|record| record.describe.clone()).collect();
        let unreadable = journal.problems.len();
        let kept_as = journal.set_aside(&state.forgotten())?;
        return Ok(Forgotten { run_id: stem, kept_as, steps, unreadable });
    }
    Err(ForgetError::Unknown { run_id: run_id.to_owned(), journals: state.journals(), runs })
}
