//! Replies without a tool call that are no final answer: cut off, or with the call written as text.

use crate::{outcome::EndReason, tool_set::ToolSet};

/// How often in one loop a model is asked to answer once more.
pub(super) const MAX_REMINDERS: u32 = 2;
/// What servers call the end of a reply at their limit of output tokens.
const CUT_OFF: [&str; 5] = ["length", "max_tokens", "MAX_TOKENS", "max_output_tokens", "model_length"];
/// What models put around a call, where their server does not take it out again.
const CALL_MARKS: [&str; 7] = [
    "<tool_call",
    "<function",
    "[TOOL_CALLS]",
    "<|python_tag|>",
    "<|tool_call",
    "<|channel|>commentary to=",
    "<invoke ",
];

/// Why a reply is not a final answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfinished {
    CutOff,
    CallAsText,
}

impl Unfinished {
    /// Looks at a reply that asks for no tool.
    pub(super) fn of(finish_reason: Option<&str>, text: &str, tools: &ToolSet<'_>) -> Option<Self> {
        if is_cut_off(finish_reason) {
            Some(Self::CutOff)
        } else if tools.specs().iter().any(|spec| holds_call(text, &spec.name)) {
            Some(Self::CallAsText)
        } else {
            None
        }
    }

    /// What the model is told. These are words of ours, and say so.
    pub(super) fn reminder(self) -> &'static str {
        match self {
            Self::CutOff => {
                "Instruction of the program, not of the target: your reply was cut off at the server's output limit \
                 (finish_reason `length`). Answer once more, shorter."
            }
            Self::CallAsText => {
                "Instruction of the program, not of the target: your reply holds a tool call as text, and nothing was \
                 run. Ask for tools only in `tool_calls`, or say that you are done."
            }
        }
    }

    /// The end of a loop whose model still does not answer.
    pub(super) fn end(self) -> EndReason {
        match self {
            Self::CutOff => EndReason::CutOff,
            Self::CallAsText => EndReason::CallAsText,
        }
    }
}

/// Whether a reply ended at the server's output limit.
pub(super) fn is_cut_off(finish_reason: Option<&str>) -> bool {
    finish_reason.is_some_and(|reason| CUT_OFF.contains(&reason))
}

fn holds_call(text: &str, tool: &str) -> bool {
    if !text.contains(tool) {
        return false;
    }
    let as_json = text.contains("\"name\"")
        && text.contains(&format!("\"{tool}\""))
        && ["\"arguments\"", "\"parameters\""].iter().any(|word| text.contains(word));
    let bare = text.trim_start_matches(['`', '\n', ' ']).trim_start_matches("functions.");
    let as_code = bare.strip_prefix(tool).is_some_and(|rest| rest.starts_with(['(', '{']));
    as_json || as_code || CALL_MARKS.iter().any(|mark| text.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_as_text_are_told_from_prose() {
        let calls = [
            "<tool_call>{\"name\": \"load\", \"arguments\": {\"qps\": 5}}</tool_call>",
            "```json\n{\"name\": \"load\", \"parameters\": {}}\n```",
            "<function=load>{}</function>",
            "[TOOL_CALLS] [{\"name\": \"load\"}]",
            "functions.load({\"qps\": 5})",
            "load(qps=5)",
        ];
        for text in calls {
            assert!(holds_call(text, "load"), "{text}");
        }
        for text in ["I made the load.", "<function=other>", "The load (50 requests) was made.", ""] {
            assert!(!holds_call(text, "load"), "{text}");
        }
    }
}
