//! What a command line is refused for, in fortio's words and with its exit codes.

use chaos_load::LoadError;

use crate::values::ValueError;

/// What `-h` shows: the flags that change a run.
const USAGE: &str = "\
usage: fortio load [flags] URL

  -qps F                 calls a second over all connections (8); 0 is as fast as possible
  -c N                   connections (4)
  -t DURATION            length of the run (5s), such as 90s, 1m30s or 1d; 0 is until interrupted
  -n N                   exactly so many calls, without warm-up
  -calc-qps              takes the rate from -n and -t
  -uniform               starts the connections one after the other
  -jitter                varies each wait by 10 %
  -nocatchup             skips calls whose time has passed
  -timeout DURATION      longest time of one call (3s)
  -H 'Name: value'       a request header, repeatable
  -X METHOD, -payload TEXT, -payload-file PATH, -payload-size N, -content-type TYPE, -user NAME:PASSWORD
  -keepalive=false, -connection-reuse A:B, -halfclose, -http1.0, -unix-socket PATH
  -resolve ADDRESS, -resolve-ip-type ip4|ip6|ip
  -stdclient, -h2, -L, -compression, -k, -cacert PATH, -cert PATH, -key PATH
  -sequential-warmup, -allow-initial-errors, -abort-on STATUS, -log-errors=false
  -p LIST, -r SECONDS, -offset DURATION, -labels TEXT, -runid N
  -json PATH (- is standard output), -a, -data-dir FOLDER, -access-log-file PATH, -access-log-format json|influx
  -loglevel LEVEL, -quiet, -gomaxprocs N

Flags end at the URL.";

/// Why a command line is not run; [`FortioArgError::exit_code`] tells how fortio ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FortioArgError {
    /// There is no command.
    #[error("Missing command argument")]
    NoCommand,
    /// The command is none of fortio's.
    #[error("Error: unknown command \"{name}\"")]
    UnknownCommand {
        /// Its name.
        name: String,
    },
    /// The command, flag or target is one that only a real fortio serves.
    #[error("`{what}` needs a real fortio: this engine only makes load (`load`) over http, https and tcp")]
    NotServed {
        /// What was asked for.
        what: String,
    },
    /// Help was asked for.
    #[error("{USAGE}")]
    Help,
    /// A flag is not known.
    #[error("flag provided but not defined: -{name}")]
    UnknownFlag {
        /// Its name.
        name: String,
    },
    /// A word starts with dashes and is not a flag.
    #[error("bad flag syntax: {word}")]
    BadSyntax {
        /// The word.
        word: String,
    },
    /// A flag has no value.
    #[error("flag needs an argument: -{name}")]
    MissingValue {
        /// Its name.
        name: &'static str,
    },
    /// The value of a flag cannot be read.
    #[error("invalid value \"{value}\" for flag -{name}: {reason}")]
    BadValue {
        /// The flag.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: ValueError,
    },
    /// The value of a boolean flag is neither true nor false.
    #[error("invalid boolean value \"{value}\" for -{name}: parse error")]
    BadBool {
        /// The flag.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// There is no target.
    #[error("Error: fortio load/curl needs a URL or destination")]
    NoTarget,
    /// There is more than a target.
    #[error("At most 1 argument expected, got {count}{}", if *.flag_behind { "; flags end at the URL, so put them before it" } else { "" })]
    ExtraWords {
        /// Words from the target on.
        count: usize,
        /// One of them is a flag.
        flag_behind: bool,
    },
    /// The family of addresses is unknown.
    #[error("Aborting because of unknown network {name}; give ip4, ip6 or ip")]
    UnknownNetwork {
        /// What was given.
        name: String,
    },
    /// The list of percentiles cannot be read.
    #[error("Unable to extract percentiles from -p: {reason}")]
    BadPercentiles {
        /// What is wrong with it.
        reason: ValueError,
    },
    /// `-calc-qps` lacks what it divides.
    #[error("Error: can't use `-calc-qps` without also specifying `-n` and `-t`")]
    CalcQps,
    /// The plan cannot be run.
    #[error("Aborting because of {0}")]
    Plan(LoadError),
    /// A file that a flag names cannot be read.
    #[error("Unable to read {path}: {source}")]
    File {
        /// Its path.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

impl FortioArgError {
    /// Gives the exit code with which fortio ends: 2 for what Go's flag parser
    /// refuses, 0 for help, 1 for the rest.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Help => 0,
            Self::UnknownFlag { .. }
            | Self::BadSyntax { .. }
            | Self::MissingValue { .. }
            | Self::BadValue { .. }
            | Self::BadBool { .. } => 2,
            _ => 1,
        }
    }
}
