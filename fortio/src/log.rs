//! fortio's log lines: one JSON object each, where standard error is not a terminal.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// How much is written to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are fortio's own levels and say all there is")]
pub enum LogLevel {
    Debug,
    Verbose,
    Info,
    Warning,
    Error,
    Critical,
}

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
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
pub(crate) struct Log<'a> {
    pub(crate) out: &'a mut dyn Write,
    level: LogLevel,
}

/// Makes a named value of a log line.
pub(crate) fn field<V: Into<Value>>(name: &'static str, value: V) -> (&'static str, Value) {
    (name, value.into())
}

impl<'a> Log<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, level: LogLevel) -> Self {
        Self { out, level }
    }

    /// Whether lines of a level are written.
    pub(crate) fn shows(&self, level: Level) -> bool {
        match level {
            Level::Verbose => self.level <= LogLevel::Verbose,
            Level::Info => self.level <= LogLevel::Info,
            Level::Warning => self.level <= LogLevel::Warning,
            Level::Error => self.level <= LogLevel::Error,
            Level::Fatal => true,
        }
    }

    /// Writes a line, if its level is shown. There are no goroutines and no Go
    /// files here, so `r`, `file` and `line` are left out.
    pub(crate) fn line(&mut self, level: Level, message: &str, fields: &[(&str, Value)]) -> io::Result<()> {
        if !self.shows(level) {
            return Ok(());
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
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
