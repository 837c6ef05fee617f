//! `squall release`: ends a hold of a run that another process of this user has under way.

use chaos_runner::{ControlReply, ControlRequest, EntryReply, ReleaseEffect, control};

use super::console::{print, print_json};
use super::failure::Failure;
use super::format::DataFormat;
use super::settings;

/// Ends the hold of a live run now; undo, verification and verdict follow in that run as usual.
///
/// An entry whose fault is not in force yet is cancelled instead.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Id of the run, as it says at its start.
    #[arg(value_name = "RUN")]
    run: String,
    /// Name or position of one entry; without it all are released.
    #[arg(value_name = "ENTRY")]
    entry: Option<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: DataFormat,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let state = settings::located_state_dir()?;
    let request = ControlRequest::Release { entry: args.entry.clone() };
    let entries = match control(&state, &args.run, &request) {
        Ok(ControlReply::Entries(entries)) => entries,
        Ok(reply) => return Err(Failure::Internal(format!("the run answered something else: {reply:?}"))),
        Err(error) => return Err(Failure::control(error)),
    };
    match args.format {
        DataFormat::Json => print_json(&entries)?,
        DataFormat::Text => print(&text(&entries))?,
    }
    Ok(0)
}

fn text(entries: &[EntryReply]) -> String {
    if entries.is_empty() {
        return "no entry is under way\n".to_owned();
    }
    let line = |entry: &EntryReply| {
        let effect = match entry.effect {
            Some(ReleaseEffect::Released) => "released",
            Some(ReleaseEffect::Cancelled) => "cancelled, because its fault was not in force yet",
            Some(ReleaseEffect::TooLate) | None => "already being undone",
        };
        format!("{} ({}): {effect}\n", entry.name, entry.position)
    };
    entries.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use chaos_runner::EntryStage;

    use super::*;

    #[test]
    fn each_entry_says_what_became_of_it() {
        let entry = |effect| EntryReply {
            position: "/chaos_spec/0".into(),
            name: "pause".into(),
            stage: EntryStage::Active,
            effect: Some(effect),
        };
        let shown = text(&[entry(ReleaseEffect::Released), entry(ReleaseEffect::Cancelled)]);
        assert_eq!(
            shown,
            "pause (/chaos_spec/0): released\n\
             pause (/chaos_spec/0): cancelled, because its fault was not in force yet\n"
        );
        assert_eq!(text(&[]), "no entry is under way\n");
    }
}
