//! One file a parser.

mod command_line;
mod control;
mod document;
mod experiment_transcript;
mod failpoint;
mod fortio;
mod journal;
mod lines;
mod transcript;
mod values;

use crate::target::FuzzTarget;

/// Every target.
pub const NAMES: [&str; 9] = [
    "document",
    "values",
    "journal",
    "control",
    "transcript",
    "experiment_transcript",
    "fortio",
    "command_line",
    "failpoint",
];

/// The target of that name.
pub fn of_name(name: &str) -> Option<Box<dyn FuzzTarget>> {
    Some(match name {
        "document" => Box::new(document::Documents::new()),
        "values" => Box::new(values::Values),
        "journal" => Box::new(journal::Journals::new()?),
        "control" => Box::new(control::Control::new()),
        "transcript" => Box::new(transcript::Transcripts),
        "experiment_transcript" => Box::new(experiment_transcript::ExperimentTranscripts),
        "fortio" => Box::new(fortio::Results::new()),
        "command_line" => Box::new(command_line::CommandLines),
        "failpoint" => Box::new(failpoint::Rules),
        _ => return None,
    })
}
