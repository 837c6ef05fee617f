//! A survey as text for people.

use std::fmt;

use super::Survey;

/// Characters that a value of a scenario has at most; what is longer stands in JSON.
const WIDTH: usize = 60;

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.scenarios.len();
        writeln!(f, "{count} scenarios: {}", self.scenarios.join(", "))?;
        let knobs = self.universal.iter().map(|one| &one.knob).chain(self.varying.iter().map(|one| &one.knob));
        let width = knobs.map(|knob| knob.chars().count()).max().unwrap_or_default();
        writeln!(f, "\nUniversal: {} alike in all", self.universal.len())?;
        for one in &self.universal {
            writeln!(f, "  {:width$}  {}", one.knob, short(&one.value))?;
        }
        writeln!(f, "\nVarying: {}, as values in the order above", self.varying.len())?;
        for one in &self.varying {
            let values: Vec<String> =
                one.values.iter().map(|value| value.as_deref().map_or("-".to_owned(), short)).collect();
            writeln!(f, "  {:width$}  {}", one.knob, values.join(" | "))?;
        }
        writeln!(f, "\nUnused: {} in none", self.unused.len())?;
        if !self.unused.is_empty() {
            writeln!(f, "  {}", self.unused.join(", "))?;
        }
        Ok(())
    }
}

fn short(value: &str) -> String {
    let clean = |c: char| if chaos_core::is_hidden(c) { '\u{fffd}' } else { c };
    let mut short: String = value.chars().take(WIDTH).map(clean).collect();
    if value.chars().count() > WIDTH {
        short.push('…');
    }
    short
}
