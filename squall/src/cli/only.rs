//! `--only NAME`: some entries of a task, by name.

use chaos_core::{Task, suggestion};

use super::failure::Failure;

/// How many names a message lists.
const LISTED: usize = 20;

/// Keeps the entries of these names, all of them where none is given; each keeps its position in the document.
pub(crate) fn keep(task: &mut Task, names: &[String]) -> Result<(), Failure> {
    if names.is_empty() {
        return Ok(());
    }
    if let Some(unknown) = names.iter().find(|name| task.entries.iter().all(|entry| entry.name != **name)) {
        return Err(Failure::Usage(unknown_name(unknown, task)));
    }
    let positions: Vec<String> = (0..task.entries.len()).map(|index| task.position(index)).collect();
    let numbered = std::mem::take(&mut task.entries).into_iter().zip(positions);
    let kept = numbered.filter(|(entry, _)| names.contains(&entry.name));
    (task.entries, task.positions) = kept.unzip();
    Ok(())
}

fn unknown_name(name: &str, task: &Task) -> String {
    let mut known: Vec<&str> = task.entries.iter().map(|entry| entry.name.as_str()).collect();
    let near = suggestion(name, known.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
    known.dedup();
    let mut listed: Vec<String> = known.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    if known.len() > LISTED {
        listed.push(format!("and {} more", known.len() - LISTED));
    }
    let listed = if listed.is_empty() { "none".to_owned() } else { listed.join(", ") };
    format!("unknown entry `{name}`{}; entries of this task: {listed}", near.unwrap_or_default())
}
