//! fortio's log lines: one JSON object each, where standard error is no terminal.

use std::io::{self, Write};

use serde_json::Value;

use super::args::LogLevel;
use super::text::shows;

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Verbose,
    Info,
    Warning,
    Error,
    Fatal,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Verbose => "trace",
            Self::Info => "info",
            Self::Warning => "warn",
            Self::Error => "err",
            Self::Fatal => "fatal",
        }
    }
}

/// Where text and log lines go.
pub(super) struct Log<'a> {
    pub(super) out: &'a mut dyn Write,
    level: LogLevel,
}

/// Makes a named value of a log line.
pub(super) fn field<V: Into<Value>>(name: &'static str, value: V) -> (&'static str, Value) {
    (name, value.into())
}

impl<'a> Log<'a> {
    pub(super) fn new(out: &'a mut dyn Write, level: LogLevel) -> Self {
        Self { out, level }
    }

    /// Whether lines of a level are written.
    pub(super) fn shows(&self, level: Level) -> bool {
        shows(self.level, level)
    }

    /// Writes a line, if its level is shown. There are no goroutines and no Go
    /// files here, so `r`, `file` and `line` are left out.
    pub(super) fn line(&mut self, level: Level, message: &str, fields: &[(&str, Value)]) -> io::Result<()> {
        if !self.shows(level) {
            return Ok(());
        }
        let since = crate::observer::wall();
        let (seconds, micros) = (since.as_secs(), since.subsec_micros());
        write!(
            self.out,
            "{{\"ts\":{seconds}.{micros:06},\"level\":\"{}\",\"msg\":{}",
            level.name(),
            Value::from(message)
        )?;
        for (name, value) in fields {
            write!(self.out, ",\"{name}\":{value}")?;
        }
        writeln!(self.out, "}}")
    }
}
