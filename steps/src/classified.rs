//! From the end of a program to the outcome of its step; one rule for every command that runs one.

use std::io;
use std::path::Path;
use std::process::ExitStatus;

use chaos_core::{StepOutcome, read_bounded};

/// The variable with the file into which a program may write why it ended: `pass`, `task_fail`, `infra_fail`.
pub const EXIT_REASON: &str = "SQUALL_EXIT_REASON";

/// How much of a file of a program is read.
const MOST_BYTES: u64 = 64 * 1024;

/// What a program wrote into a file, which it may have made a pipe or a device; `None` where there is none.
///
/// # Errors
/// It can't be read, is too long, is not a file, or is not UTF-8.
pub fn written(file: &Path) -> io::Result<Option<String>> {
    let bytes = match read_bounded(file, MOST_BYTES) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    String::from_utf8(bytes).map(Some).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// From exit code and reason to an outcome: of the two the worse counts, and the reason names the kind of a failure. `said`
/// is what the program said at its end.
pub fn classified(
    program: &str,
    status: ExitStatus,
    said: Option<&str>,
    reason: io::Result<Option<String>>,
) -> (StepOutcome, String) {
    let (by_code, detail) = match status.code() {
        Some(0) => (StepOutcome::Pass, format!("`{program}` exited with 0")),
        Some(2) => (StepOutcome::InfraFail, format!("`{program}` exited with 2")),
        // As shells report a child that a signal ended.
        Some(code @ 129..=192) => {
            (StepOutcome::TaskFail, format!("`{program}` exited with {code}, as after signal {}", code - 128))
        }
        Some(code) => (StepOutcome::TaskFail, format!("`{program}` exited with {code}")),
        None => (StepOutcome::TaskFail, format!("`{program}` was ended: {status}")),
    };
    let detail = said.map_or(detail.clone(), |said| format!("{detail}: {said}"));
    let reason = match reason {
        Ok(None) => return (by_code, detail),
        Ok(Some(reason)) => reason,
        Err(error) => return (worse(by_code), format!("{detail}; its exit reason can't be read: {error}")),
    };
    match named(&reason) {
        Some(StepOutcome::Pass) => (by_code, detail),
        Some(outcome) => (outcome, format!("{detail}; exit reason `{}`", outcome.word())),
        None => {
            (worse(by_code), format!("{detail}; unknown exit reason: expected `pass`, `task_fail` or `infra_fail`"))
        }
    }
}

/// The outcome that a reason names; `None` for what is not understood. Nothing at all names a pass.
pub fn named(reason: &str) -> Option<StepOutcome> {
    Some(match reason.trim().replace('-', "_").as_str() {
        "" | "pass" => StepOutcome::Pass,
        "task_fail" => StepOutcome::TaskFail,
        "infra_fail" => StepOutcome::InfraFail,
        // What another `squall step-run` has written into a file that steps share.
        "timed_out" => StepOutcome::TimedOut,
        _ => return None,
    })
}

/// An unreadable reason is never a pass.
fn worse(by_code: StepOutcome) -> StepOutcome {
    if by_code == StepOutcome::Pass { StepOutcome::InfraFail } else { by_code }
}
