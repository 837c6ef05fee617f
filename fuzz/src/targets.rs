//! One file a parser.

mod access_log;
mod answer;
mod command_line;
mod control;
mod document;
mod event;
mod experiment_transcript;
mod failpoint;
mod failpoint_request;
mod flags;
mod fortio;
mod hostile;
mod inject;
mod journal;
mod lines;
mod manifests;
mod model_command;
mod model_reply;
mod report;
mod settings;
mod tool_arguments;
mod transcript;
mod values;

use crate::target::FuzzTarget;

/// Every target.
pub const NAMES: [&str; 21] = [
    "access_log",
    "answer",
    "command_line",
    "control",
    "document",
    "event",
    "experiment_transcript",
    "failpoint",
    "failpoint_request",
    "flags",
    "fortio",
    "inject",
    "journal",
    "manifests",
    "model_command",
    "model_reply",
    "report",
    "settings",
    "tool_arguments",
    "transcript",
    "values",
];

/// The target of that name.
pub fn of_name(name: &str) -> Option<Box<dyn FuzzTarget>> {
    Some(match name {
        "access_log" => Box::new(access_log::AccessLogs),
        "answer" => Box::new(answer::Answers),
        "command_line" => Box::new(command_line::CommandLines),
        "control" => Box::new(control::Control::new()),
        "document" => Box::new(document::Documents::new()),
        "event" => Box::new(event::EventLines::new()),
        "experiment_transcript" => Box::new(experiment_transcript::ExperimentTranscripts::new()),
        "failpoint" => Box::new(failpoint::Rules),
        "failpoint_request" => Box::new(failpoint_request::Requests),
        "flags" => Box::new(flags::Flags),
        "fortio" => Box::new(fortio::Results::new()),
        "inject" => Box::new(inject::Parameters),
        "journal" => Box::new(journal::Journals::new()?),
        "manifests" => Box::new(manifests::Manifests),
        "model_command" => Box::new(model_command::ModelCommands),
        "model_reply" => Box::new(model_reply::Replies::new()),
        "report" => Box::new(report::Reports::new()),
        "settings" => Box::new(settings::SettingsFiles),
        "tool_arguments" => Box::new(tool_arguments::ToolArguments::new()),
        "transcript" => Box::new(transcript::Transcripts),
        "values" => Box::new(values::Values),
        _ => return None,
    })
}
