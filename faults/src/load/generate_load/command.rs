//! The one command line that a model may write: words checked against a list, then read by fortio's own rules.

use std::path::Path;

use chaos_fortio::{FortioArgError, FortioCommand};
use chaos_load::Rate;

use super::offer::Asked;

/// The flags that may be given, and whether each takes a value. Every other one reads or writes files, changes the
/// target, or changes what is sent.
const FLAGS: [(&str, Takes); 8] = [
    ("qps", Takes::Value),
    ("c", Takes::Value),
    ("t", Takes::Value),
    ("n", Takes::Value),
    ("uniform", Takes::Nothing),
    ("jitter", Takes::Nothing),
    ("nocatchup", Takes::Nothing),
    ("timeout", Takes::Value),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Value,
    Nothing,
}

/// Why a command line is not allowed. The text is for the model: the program, the flag or the word, and what would be
/// right.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// A text that no shell would split either.
    #[error("the command's quotes do not close; give it as a list of words")]
    Quotes,
    /// Fewer words than a command has.
    #[error("the command must be `fortio load [flags] URL`")]
    TooShort,
    /// Another program.
    #[error("program `{0}` is not allowed; the only command is `fortio load`, and there is no shell")]
    Program(String),
    /// Another command of fortio's.
    #[error("`fortio {0}` is not allowed; the only command is `fortio load`")]
    Subcommand(String),
    /// A flag off the list. Its value may be a payload or a secret, so only the name is told.
    #[error("flag `{0}` is not allowed; allowed are {allowed}", allowed = allowed())]
    Flag(String),
    /// A flag at the end of the command.
    #[error("flag `-{0}` needs a value")]
    NoValue(&'static str),
    /// A value that fortio reads as "no limit", or as its default.
    #[error("value `{value}` of flag `-{flag}` is not allowed; write a plain figure above 0")]
    Value { flag: &'static str, value: String },
    /// Two ends.
    #[error("`-n` and `-t` contradict each other; give one of them")]
    TwoEnds,
    /// No URL.
    #[error("the command names no URL; it must be `fortio load [flags] URL`")]
    NoUrl,
    /// A flag after the URL, where models often put them.
    #[error("flag `{0}` is after the URL, where flags end; put it before the URL")]
    MisplacedFlag(String),
    /// More words after the URL.
    #[error("`{0}` is after the URL and is not run; the command ends there, and there is no shell")]
    AfterUrl(String),
    /// What fortio's own rules refuse.
    #[error(transparent)]
    Fortio(#[from] FortioArgError),
}

fn allowed() -> String {
    FLAGS.map(|(name, _)| format!("-{name}")).join(", ")
}

/// Splits a command given as one text into words, by the quoting rules of a shell and without any shell.
pub(super) fn split(text: &str) -> Result<Vec<String>, CommandError> {
    shlex::split(text).ok_or(CommandError::Quotes)
}

/// Reads a command line into what it asks for, touching nothing.
pub(super) fn read(words: &[String], home: Option<&str>) -> Result<Asked, CommandError> {
    let [program, sub, rest @ ..] = words else {
        return Err(CommandError::TooShort);
    };
    check_program(program, home)?;
    if sub != "load" {
        return Err(CommandError::Subcommand(sub.clone()));
    }
    let given = check_flags(rest)?;
    let words: Vec<String> = std::iter::once("load".to_owned()).chain(rest.iter().cloned()).collect();
    let command = chaos_fortio::parse(&words)?;
    if given.contains(&"n") && given.contains(&"t") {
        return Err(CommandError::TwoEnds);
    }
    Ok(asked(&command, &given))
}

/// The program is only a name here: the load engine does the work, and nothing is started.
fn check_program(program: &str, home: Option<&str>) -> Result<(), CommandError> {
    let path = match (program.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ => Path::new(program).to_path_buf(),
    };
    let is_fortio = program == "fortio" || (path.is_absolute() && path.ends_with("fortio"));
    if is_fortio { Ok(()) } else { Err(CommandError::Program(program.to_owned())) }
}

/// Checks every word before fortio's parser sees one, since that one opens the files that some flags name.
fn check_flags(words: &[String]) -> Result<Vec<&'static str>, CommandError> {
    let mut given = Vec::new();
    let mut rest = words;
    while let [word, after @ ..] = rest {
        if !word.starts_with('-') {
            break;
        }
        rest = after;
        let (name, value) = flag(word)?;
        let value = match (name.1, value) {
            (Takes::Value, None) => {
                let [value, after @ ..] = rest else {
                    return Err(CommandError::NoValue(name.0));
                };
                rest = after;
                Some(value.as_str())
            }
            (_, value) => value,
        };
        // fortio reads these as "no limit" or takes its default instead, so they are never what was meant.
        if let Some(value) = value.filter(|value| value.starts_with(['-', '+'])) {
            return Err(CommandError::Value { flag: name.0, value: value.to_owned() });
        }
        given.push(name.0);
    }
    match rest {
        [_url] => Ok(given),
        [] => Err(CommandError::NoUrl),
        [_url, more @ ..] => Err(behind(more)),
    }
}

fn flag(word: &str) -> Result<(&'static (&'static str, Takes), Option<&str>), CommandError> {
    let body = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).unwrap_or(word);
    let (name, value) = match body.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (body, None),
    };
    let known = FLAGS.iter().find(|(known, _)| *known == name);
    let name = || word.split('=').next().unwrap_or(word).to_owned();
    known.map(|known| (known, value)).ok_or_else(|| CommandError::Flag(name()))
}

/// What is after the URL is never run; a flag is named, since models often put them there.
fn behind(words: &[String]) -> CommandError {
    let misplaced = words.iter().find(|word| word.starts_with('-')).map(|word| (word, flag(word)));
    match misplaced {
        Some((_, Err(refusal))) => refusal,
        Some((word, Ok(_))) => CommandError::MisplacedFlag(word.clone()),
        None => CommandError::AfterUrl(words.first().cloned().unwrap_or_default()),
    }
}

/// What is not given is fortio's default, as the command line means it.
fn asked(command: &FortioCommand, given: &[&str]) -> Asked {
    let load = &command.load;
    let qps = match load.rate {
        Rate::Qps(qps) => qps,
        // At full speed: above every figure.
        Rate::Max => f64::INFINITY,
    };
    Asked {
        url: command.target.clone(),
        qps: Some(qps),
        connections: u64::try_from(load.connections.get()).ok(),
        stop: Some(load.stop),
        timeout: given.contains(&"timeout").then_some(load.timeout),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chaos_load::Stop;

    use super::*;

    const URL: &str = "http://127.0.0.1:8080/";

    fn read_text(text: &str) -> Result<Asked, CommandError> {
        read(&split(text)?, Some("/home/someone"))
    }

    #[test]
    fn a_plain_command_is_read_by_fortios_rules() {
        let rows = [
            format!("fortio load -qps 300 -c 4 -t 2s {URL}"),
            format!("fortio load --qps=300 --c=4 -t=2s -uniform -jitter=true -nocatchup=false {URL}"),
            format!("'fortio' \"load\" -qps 300 -t 2s '{URL}'"),
            format!("~/go/bin/fortio load -qps 300 -t 2s {URL}"),
            format!("/usr/bin/fortio load -qps 3e2 -t 2000ms {URL}"),
        ];
        for text in rows {
            let asked = read_text(&text).unwrap();
            assert_eq!((asked.qps, asked.connections, asked.timeout), (Some(300.0), Some(4), None), "{text}");
            assert_eq!((asked.url.as_str(), asked.stop), (URL, Some(Stop::After(Duration::from_secs(2)))), "{text}");
        }
        let asked = read_text(&format!("fortio load -n 600 -timeout 1s -qps 0 {URL}")).unwrap();
        assert_eq!((asked.stop, asked.timeout), (Some(Stop::Count(600)), Some(Duration::from_secs(1))));
        assert_eq!(asked.qps, Some(f64::INFINITY), "full speed is above every figure");
    }

    #[test]
    fn other_programs_and_commands_are_refused() {
        let rows = [
            ("sh -c 'fortio load http://127.0.0.1:8080/'", "program `sh` is not allowed"),
            ("/bin/sh -c id", "program `/bin/sh` is not allowed"),
            ("bash -lc id", "program `bash` is not allowed"),
            ("env fortio load http://h/", "program `env` is not allowed"),
            ("sudo fortio load http://h/", "program `sudo` is not allowed"),
            ("FORTIO=1 fortio load http://h/", "program `FORTIO=1` is not allowed"),
            ("./fortio load http://h/", "program `./fortio` is not allowed"),
            ("../fortio load http://h/", "program `../fortio` is not allowed"),
            ("/tmp/fortio.sh load http://h/", "program `/tmp/fortio.sh` is not allowed"),
            ("~other/fortio load http://h/", "program `~other/fortio` is not allowed"),
            ("$(which fortio) load http://h/", "program `$(which` is not allowed"),
            ("`id` load http://h/", "program ``id`` is not allowed"),
            ("Fortio load http://h/", "program `Fortio` is not allowed"),
            ("curl load http://h/", "program `curl` is not allowed"),
            ("fortio server", "`fortio server` is not allowed"),
            ("fortio curl http://h/", "`fortio curl` is not allowed"),
            ("fortio LOAD http://h/", "`fortio LOAD` is not allowed"),
            ("fortio -qps 3 load http://h/", "`fortio -qps` is not allowed"),
            ("fortio", "the command must be `fortio load [flags] URL`"),
            ("", "the command must be `fortio load [flags] URL`"),
            ("fortio load 'http://h/", "the command's quotes do not close"),
        ];
        for (text, why) in rows {
            let refusal = read_text(text).unwrap_err().to_string();
            assert!(refusal.starts_with(why), "{text}: {refusal}");
        }
    }

    #[test]
    fn every_flag_off_the_list_is_refused_by_name() {
        let flags = [
            "-json",
            "-H",
            "-payload",
            "-payload-file",
            "-payload-size",
            "-unix-socket",
            "-resolve",
            "-a",
            "-k",
            "-X",
            "-user",
            "-L",
            "-h2",
            "-stdclient",
            "-cert",
            "-key",
            "-cacert",
            "-data-dir",
            "-access-log-file",
            "-labels",
            "-content-type",
            "-abort-on",
            "-profile",
            "-grpc",
            "-P",
            "-M",
            "-curl",
            "-h",
            "-help",
            "-gomaxprocs",
            "-calc-qps",
            "-offset",
            "-p",
            "-r",
            "-keepalive",
            "-sequential-warmup",
            "-allow-initial-errors",
            "-connection-reuse",
            "-runid",
            "-loglevel",
            "-quiet",
            "-https-insecure",
            "-no-such-flag",
            "-QPS",
            "-",
            "--",
            "---qps",
            "-qps ",
        ];
        for flag in flags {
            for word in [flag.to_owned(), format!("{flag}=/etc/x"), format!("-{flag}=/etc/x")] {
                let place = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
                let name = word.split('=').next().unwrap_or_default();
                let mut ways = vec![
                    place(&["fortio", "load", &word, URL]),
                    place(&["fortio", "load", "-qps", "300", &word, "/etc/x", URL]),
                ];
                ways.push(place(&["fortio", "load", "-qps", "300", URL, &word]));
                for words in ways {
                    let refusal = read(&words, None).unwrap_err().to_string();
                    let want =
                        format!("flag `{name}` is not allowed; allowed are -qps, -c, -t, -n, -uniform, -jitter, ");
                    assert!(refusal.starts_with(&want), "{words:?}: {refusal}");
                    assert!(!refusal.contains("/etc/x"), "{refusal}");
                }
            }
        }
    }

    #[test]
    fn nothing_behind_the_url_is_run() {
        let rows = [
            ("; rm -rf /", "flag `-rf` is not allowed"),
            ("; id", "`;` is after the URL"),
            ("&& id", "`&&` is after the URL"),
            ("| sh", "`|` is after the URL"),
            ("> /etc/x", "`>` is after the URL"),
            ("$(id)", "`$(id)` is after the URL"),
            ("`id`", "``id`` is after the URL"),
            ("\nid", "`id` is after the URL"),
            ("http://evil.example/", "`http://evil.example/` is after the URL"),
            ("-qps 300", "flag `-qps` is after the URL, where flags end; put it before the URL"),
        ];
        for (more, why) in rows {
            let refusal = read_text(&format!("fortio load -qps 300 -t 2s {URL} {more}")).unwrap_err().to_string();
            assert!(refusal.starts_with(why), "{more}: {refusal}");
        }
    }

    #[test]
    fn a_metacharacter_in_a_word_stays_a_character() {
        for tail in [";id", "$(id)", "`id`", "|sh", "&id", ">x", "{uuid}"] {
            let words = ["fortio", "load", "-qps", "300", &format!("{URL}{tail}")].map(str::to_owned);
            // Whatever it is, it is another URL, which the plan refuses.
            let asked = read(&words, None).map(|asked| asked.url).unwrap_or_default();
            assert_ne!(asked, URL, "{tail}");
        }
    }

    #[test]
    fn figures_that_are_none_are_refused() {
        let rows = [
            ("-qps -300", "value `-300` of flag `-qps` is not allowed"),
            ("-qps +300", "value `+300` of flag `-qps` is not allowed"),
            ("-qps=-Inf", "value `-Inf` of flag `-qps` is not allowed"),
            ("-qps NaN", "invalid value \"NaN\" for flag -qps"),
            ("-qps Inf", "invalid value \"Inf\" for flag -qps"),
            ("-qps 1e999", "invalid value \"1e999\" for flag -qps"),
            ("-qps -json", "value `-json` of flag `-qps` is not allowed"),
            ("-qps 1e12", "Aborting because of `rate`"),
            ("-c -4", "value `-4` of flag `-c` is not allowed"),
            ("-c 99999999999999999999", "invalid value \"99999999999999999999\" for flag -c"),
            ("-n 18446744073709551617", "invalid value \"18446744073709551617\" for flag -n"),
            ("-t -1s", "value `-1s` of flag `-t` is not allowed"),
            ("-t 5", "invalid value \"5\" for flag -t"),
            ("-t 99999999999999999999h", "invalid value"),
            ("-timeout=-1s", "value `-1s` of flag `-timeout` is not allowed"),
            ("-uniform=perhaps", "invalid boolean value \"perhaps\" for -uniform"),
            ("-n 600 -t 2s", "`-n` and `-t` contradict each other"),
            ("-qps", "the command names no URL"),
        ];
        for (flags, why) in rows {
            let refusal = read_text(&format!("fortio load {flags} {URL}")).unwrap_err().to_string();
            assert!(refusal.starts_with(why), "{flags}: {refusal}");
        }
        assert_eq!(read_text("fortio load -qps").unwrap_err().to_string(), "flag `-qps` needs a value");
    }
}
