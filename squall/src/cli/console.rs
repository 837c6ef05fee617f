//! Where a command's words go: data to standard output, words for people to standard error.

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};

use super::failure::Failure;

/// Colours of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// Something is wrong.
    Red,
    /// Something is as it should be.
    Green,
    /// Something can't be told.
    Yellow,
    /// A heading.
    Bold,
}

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Bold => "1",
        }
    }
}

/// Whether a stream shows colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint(bool);

impl Paint {
    /// Colours only on a terminal that knows them, and never against `NO_COLOR`.
    fn when(terminal: bool, env: impl Fn(&str) -> Option<String>) -> Self {
        let refused = env("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env("TERM").is_some_and(|term| term == "dumb");
        Self(terminal && !refused && !dumb)
    }

    /// Colours for standard output.
    pub(crate) fn stdout() -> Self {
        Self::when(io::stdout().is_terminal(), |name| env::var(name).ok())
    }

    /// Colours for standard error.
    pub(crate) fn stderr() -> Self {
        Self::when(io::stderr().is_terminal(), |name| env::var(name).ok())
    }

    /// Whether it shows any.
    pub(crate) fn is_on(self) -> bool {
        self.0
    }

    /// The text in that colour, where colours are shown.
    pub(crate) fn paint(self, colour: Colour, text: &str) -> String {
        if self.0 { format!("\x1b[{}m{text}\x1b[0m", colour.code()) } else { text.to_owned() }
    }
}

/// Puts data on standard output. A reader that has gone away is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(()),
    }
}

/// Puts a value on standard output as one JSON object.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Internal(error.to_string()))?;
    print(&(text + "\n"))
}

/// Puts a line for people on standard error. Nobody can be told when that fails.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Says that something failed.
pub(crate) fn complain(text: &str) {
    say(&format!("{} {text}", Paint::stderr().paint(Colour::Red, "error:")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_need_a_terminal_and_no_refusal() {
        let with = |terminal, name: &'static str, value: &'static str| {
            Paint::when(terminal, move |asked| (asked == name).then(|| value.to_owned())).is_on()
        };
        assert!(with(true, "TERM", "xterm"));
        assert!(with(true, "NO_COLOR", ""), "an empty NO_COLOR refuses nothing");
        assert!(!with(true, "NO_COLOR", "1"));
        assert!(!with(true, "TERM", "dumb"));
        assert!(!with(false, "TERM", "xterm"));
    }

    #[test]
    fn paint_wraps_only_when_it_is_on() {
        assert_eq!(Paint(false).paint(Colour::Red, "x"), "x");
        assert_eq!(Paint(true).paint(Colour::Red, "x"), "\x1b[31mx\x1b[0m");
    }
}
