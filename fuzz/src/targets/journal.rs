//! Journals of dead runs: an undo that is forgotten is worse than a crash.

use std::fs;
use std::path::Path;

use chaos_core::{Journal, JournalRecord, PastJournal, StateDir};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

/// Whole journals that real ones were, and the file that a spoilt one is read from.
pub(super) struct Journals {
    whole: Vec<Vec<u8>>,
    folder: TempDir,
}

impl Journals {
    pub(super) fn new() -> Option<Self> {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.ok()?;
        let state = StateDir::at(folder.path().join("state"));
        state.prepare().ok()?;
        let whole = (1..5).filter_map(|steps| written(&state, steps));
        Some(Self { whole: whole.collect(), folder })
    }
}

/// A journal with so many steps, one of them undone.
fn written(state: &StateDir, steps: usize) -> Option<Vec<u8>> {
    let journal = Journal::create(state, &format!("fuzz{steps}"), "/bin/true", Path::new("/tmp")).ok()?;
    for number in 0..steps {
        let step = json!({"type": "resume_process", "pid": number, "note": "\u{202e}\u{7}"});
        let record = json!({"seq": 0, "entry": format!("{number}"), "survives_reboot": number % 2 == 0, "describe": "d", "step": step});
        let record: JournalRecord = serde_json::from_value::<JournalRecord>(record).ok()?;
        let sequence = journal.append(record).ok()?;
        if number == 1 {
            journal.mark_undone(sequence);
        }
    }
    let bytes = fs::read(journal.path()).ok();
    drop(journal);
    bytes
}

impl FuzzTarget for Journals {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        if self.whole.is_empty() { Vec::new() } else { dice.pick(&self.whole).clone() }
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let path = self.folder.path().join("spoilt.jsonl");
        fs::write(&path, input).map_err(|error| Breach(format!("the test's own file: {error}")))?;
        let taken = PastJournal::take(&path);
        let Ok(Some(journal)) = taken else { return Ok(false) };
        let steps = journal.pending.iter().filter(|record| record.step != Value::Null).count();
        // A file in which some whole journal's steps are all there says so; anything else says what is wrong.
        let same = self.whole.iter().any(|whole| whole == input);
        if same != journal.problems.is_empty() && same {
            return Err(Breach(format!("a whole journal has problems: {:?}", journal.problems)));
        }
        Ok(journal.problems.is_empty() && steps == journal.pending.len())
    }
}
