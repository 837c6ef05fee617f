//! fortio's result files.

use chaos_fortio::FortioDocument;

use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fortio/tests/golden");

/// Results of real runs.
pub(super) struct Results(Vec<Vec<u8>>);

impl Results {
    pub(super) fn new() -> Self {
        let files = std::fs::read_dir(GOLDEN).into_iter().flatten().flatten().map(|file| file.path());
        let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
        files.sort();
        Self(files.iter().filter_map(|path| std::fs::read(path).ok()).collect())
    }
}

impl FuzzTarget for Results {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        if self.0.is_empty() { Vec::new() } else { dice.pick(&self.0).clone() }
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let Ok(document) = FortioDocument::read(&String::from_utf8_lossy(input)) else { return Ok(false) };
        if let Ok(text) = document.to_text() {
            let again = FortioDocument::read(&text).and_then(|again| again.to_text());
            if again.as_ref().ok() != Some(&text) {
                return Err(Breach(format!("a result changes when it is written: {text}")));
            }
        }
        Ok(true)
    }
}
