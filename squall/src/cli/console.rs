//! Where a command's words go: data to standard output, words for people to standard error.

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;
use std::{panic, thread};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use chaos_core::visible;

use super::failure::Failure;
use super::secrets::{masked, write_json};
use super::signals::asked_to_end;
use super::writer::{Settled, Writer};

/// What a colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// Something is wrong.
    Red,
    /// Something is as it should be.
    Green,
    /// The answer is unknown.
    Yellow,
    /// A heading.
    Bold,
}

impl Colour {
    fn style(self) -> Style {
        match self {
            Self::Red => AnsiColor::Red.on_default(),
            Self::Green => AnsiColor::Green.on_default(),
            Self::Yellow => AnsiColor::Yellow.on_default(),
            Self::Bold => Style::new().bold(),
        }
    }
}

/// Sets whether colours are shown, for every stream: the flag's word, or else what the environment says.
///
/// anstream knows `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM`; `FORCE_COLOR` is added here.
pub(crate) fn choose_colour(flag: clap::ColorChoice) {
    choice(flag, |name| env::var(name).ok()).write_global();
}

fn choice(flag: clap::ColorChoice, env: impl Fn(&str) -> Option<String>) -> ColorChoice {
    let set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
    match flag {
        clap::ColorChoice::Always => ColorChoice::Always,
        clap::ColorChoice::Never => ColorChoice::Never,
        clap::ColorChoice::Auto if set("NO_COLOR") => ColorChoice::Never,
        clap::ColorChoice::Auto if set("FORCE_COLOR") && env("FORCE_COLOR").as_deref() != Some("0") => {
            ColorChoice::Always
        }
        clap::ColorChoice::Auto => ColorChoice::Auto,
    }
}

/// Whether a stream shows colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint(bool);

impl Paint {
    /// Colours for standard output.
    pub(crate) fn stdout() -> Self {
        Self(AutoStream::choice(&io::stdout()) != ColorChoice::Never)
    }

    /// Colours for standard error.
    pub(crate) fn stderr() -> Self {
        Self(AutoStream::choice(&io::stderr()) != ColorChoice::Never)
    }

    /// No colours.
    #[cfg(test)]
    pub(crate) fn off() -> Self {
        Self(false)
    }

    /// Whether it shows any.
    pub(crate) fn is_on(self) -> bool {
        self.0
    }

    /// The text in that colour, where colours are shown.
    pub(crate) fn paint(self, colour: Colour, text: &str) -> String {
        let style = colour.style();
        if self.0 { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// Where a report goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Out {
    /// Where data goes.
    Stdout,
    /// Where people look, while standard output has something else.
    Stderr,
}

impl Out {
    /// Where the report goes beside events: they may have taken standard output.
    pub(crate) fn beside(events: Option<&Path>) -> Self {
        if events.is_some_and(|path| path.as_os_str() == "-") { Self::Stderr } else { Self::Stdout }
    }

    /// Its colours.
    pub(crate) fn paint(self) -> Paint {
        match self {
            Self::Stdout => Paint::stdout(),
            Self::Stderr => Paint::stderr(),
        }
    }

    /// Prints a text.
    pub(crate) fn print(self, text: &str) -> Result<(), Failure> {
        match self {
            Self::Stdout => print(text),
            Self::Stderr => {
                deliver(stderr(), &[shown(text.trim_end(), Paint::stderr()).as_bytes(), b"\n"].concat()).or(Ok(()))
            }
        }
    }

    /// Prints a value as one JSON object.
    pub(crate) fn print_json(self, value: &impl serde::Serialize) -> Result<(), Failure> {
        match self {
            Self::Stdout => print_json(value),
            // There is no place to report that it failed.
            Self::Stderr => deliver_json(stderr(), value).or(Ok(())),
        }
    }
}

/// How long standard error may take nothing before what waits for it is given up.
const STALLED: Duration = Duration::from_secs(2);
/// The same of a stream that takes data, once a signal has asked for the end; before, a slow reader has all the time.
const STALLED_AT_THE_END: Duration = Duration::from_secs(5);

fn stderr() -> &'static Writer {
    static STDERR: OnceLock<Writer> = OnceLock::new();
    STDERR.get_or_init(|| Writer::to(io::stderr()))
}

fn stdout() -> &'static Writer {
    static STDOUT: OnceLock<Writer> = OnceLock::new();
    STDOUT.get_or_init(|| Writer::to(io::stdout()))
}

/// Waits until standard error has what was said, or is stalled.
pub(crate) fn settle() {
    stderr().settle(|| Some(STALLED));
}

/// How long a reader of data may stall.
pub(crate) fn patience() -> Option<Duration> {
    asked_to_end().then_some(STALLED_AT_THE_END)
}

/// What was said stands before what is printed. A reader that has gone away is not a failure.
fn deliver(out: &Writer, data: &[u8]) -> Result<(), Failure> {
    settle();
    written(out.hand_over(data, patience)).and_then(|()| written(out.settle(patience))).map_err(Failure::Output)
}

fn deliver_json(out: &Writer, value: &impl serde::Serialize) -> Result<(), Failure> {
    settle();
    deliver_data(out, |data| write_json(data, value)).map_err(Failure::Output)
}

/// Hands over what `write` writes, piece by piece. A reader that has gone away is not a failure.
pub(crate) fn deliver_data(out: &Writer, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut data = io::BufWriter::with_capacity(1 << 16, Data(out));
    match write(&mut data).and_then(|()| data.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => written(out.settle(patience)),
    }
}

fn written(settled: Settled) -> io::Result<()> {
    match settled {
        Settled::Written | Settled::Failed(ErrorKind::BrokenPipe) => Ok(()),
        Settled::Stalled => Err(stalled()),
        Settled::Failed(kind) => Err(kind.into()),
    }
}

fn stalled() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "nobody reads it, and a signal asked for the end")
}

/// Data for a stream, which waits for its reader.
struct Data<'a>(&'a Writer);

impl Write for Data<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.hand_over(bytes, patience) {
            Settled::Written => Ok(bytes.len()),
            Settled::Stalled => Err(stalled()),
            Settled::Failed(kind) => Err(kind.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Puts data on standard output. A reader that has gone away is not a failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    deliver(stdout(), shown(text, Paint::stdout()).as_bytes())
}

/// Puts a value on standard output as one JSON object.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    deliver_json(stdout(), value)
}

/// What a stream gets of a text: no secret, nothing that a terminal obeys but the colours of ours, where they are shown.
fn shown(text: &str, paint: Paint) -> String {
    let text = masked(text);
    let mut shown = String::with_capacity(text.len());
    for (at, piece) in text.split(ESCAPE).enumerate() {
        let colour = (at > 0 && paint.is_on()).then(|| colour_length(piece)).flatten();
        let colour = colour.unwrap_or_else(|| {
            if at > 0 {
                shown += &visible("\x1b");
            }
            0
        });
        if colour > 0 {
            shown.push(ESCAPE);
            shown += &piece[..colour];
        }
        shown += &visible(&piece[colour..]);
    }
    shown
}

const ESCAPE: char = '\x1b';

/// The length of a sequence behind its escape character that does nothing but colour, embolden or underline. One that hides
/// text is none.
fn colour_length(piece: &str) -> Option<usize> {
    let parameters = piece.strip_prefix('[')?;
    let end = parameters.find('m')?;
    let ours = |parameter: &str| matches!(parameter.parse(), Ok(0 | 1 | 4 | 22 | 24 | 31..=37 | 39 | 91..=97));
    parameters[..end].split(';').all(ours).then_some(end + 2)
}

/// Whether a report on standard output follows the display on the same terminal.
pub(crate) fn is_one_terminal() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal()
}

/// Puts a line for people on standard error. Nobody waits for it, and there is no place to report that it failed.
pub(crate) fn say(line: &str) {
    stderr().put(format!("{}\n", shown(line, Paint::stderr())).as_bytes());
}

/// Puts a question there, behind which the answer is typed.
pub(crate) fn say_question(question: &str) {
    stderr().put(shown(question, Paint::stderr()).as_bytes());
    settle();
}

/// Standard error, for a display that writes lines of its own.
pub(crate) fn display() -> Writer {
    stderr().clone()
}

/// Has panics told like everything else: the thread that panics may hold a fault, and must not wait for a terminal.
pub(crate) fn tell_panics() {
    panic::set_hook(Box::new(|panicked| {
        let thread = thread::current();
        complain(&format!("thread `{}` {panicked}", thread.name().unwrap_or("unnamed")));
    }));
}

/// Says that something failed.
pub(crate) fn complain(text: &str) {
    say(&format!("{} {text}", Paint::stderr().paint(Colour::Red, "error:")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_comes_first_then_no_color_then_force_color() {
        use clap::ColorChoice as Flag;
        let with = |flag, set: &'static [(&str, &str)]| {
            choice(flag, move |asked| set.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(with(Flag::Always, &[("NO_COLOR", "1")]), ColorChoice::Always);
        assert_eq!(with(Flag::Never, &[("FORCE_COLOR", "1")]), ColorChoice::Never);
        assert_eq!(with(Flag::Auto, &[("NO_COLOR", "1"), ("FORCE_COLOR", "1")]), ColorChoice::Never);
        assert_eq!(with(Flag::Auto, &[("NO_COLOR", ""), ("FORCE_COLOR", "1")]), ColorChoice::Always);
        assert_eq!(with(Flag::Auto, &[("FORCE_COLOR", "0")]), ColorChoice::Auto);
        assert_eq!(with(Flag::Auto, &[]), ColorChoice::Auto);
    }

    #[test]
    fn nothing_but_our_colours_reaches_a_terminal() {
        let hostile = "a\x1b]0;pwned\x07\u{9b}31m\r\0\u{202e}\x1b[8mhidden\x1b[2J\x1b";
        for (on, colour) in [(true, "\x1b[1m\x1b[31m"), (false, r"\u{1b}[1m\u{1b}[31m")] {
            let shown = shown(&format!("\x1b[1m\x1b[31m{hostile}\n"), Paint(on));
            let rest = shown.strip_prefix(colour).unwrap();
            assert_eq!(rest, "a\\u{1b}]0;pwned\\u{7}\\u{9b}31m\\r\\u{0}\\u{202e}\\u{1b}[8mhidden\\u{1b}[2J\\u{1b}\n");
        }
        let mut json = Vec::new();
        write_json(&mut json, &hostile).unwrap();
        let json = String::from_utf8(json).unwrap();
        assert!(!json.trim_end().chars().any(chaos_core::is_hidden), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
    }

    #[test]
    fn paint_wraps_only_when_it_is_on() {
        assert_eq!(Paint(false).paint(Colour::Red, "x"), "x");
        assert_eq!(Paint(true).paint(Colour::Red, "x"), "\x1b[31mx\x1b[0m");
    }
}
