//! Go's flag syntax, and the table of fortio's flags.

use crate::refusal::FortioArgError;

/// Which values a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// None, or `=true` and the like.
    Bool,
    /// The next word, or what follows `=`.
    Value,
}

/// What this engine does with a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Obeys it.
    Obeyed,
    /// Takes it without effect and without a word, as it changes nothing here.
    Silent,
    /// Takes it without effect and warns: it belongs to fortio's servers or to Go.
    Ignored,
    /// Refuses it: only a real fortio can serve it.
    Refused,
}

/// fortio 1.75's flags.
const FLAGS: [(&str, Takes, Use); 102] = {
    use Takes::{Bool, Value};
    use Use::{Ignored, Obeyed, Refused, Silent};
    [
        ("H", Value, Obeyed),
        ("L", Bool, Obeyed),
        ("M", Value, Ignored),
        ("P", Value, Ignored),
        ("X", Value, Obeyed),
        ("a", Bool, Obeyed),
        ("abort-on", Value, Obeyed),
        ("access-log-file", Value, Obeyed),
        ("access-log-format", Value, Obeyed),
        ("allow-initial-errors", Bool, Obeyed),
        ("base-url", Value, Ignored),
        ("c", Value, Obeyed),
        ("cacert", Value, Obeyed),
        ("calc-qps", Bool, Obeyed),
        ("cert", Value, Obeyed),
        ("compression", Bool, Obeyed),
        ("config-dir", Value, Ignored),
        ("config-port", Value, Ignored),
        ("connection-reuse", Value, Obeyed),
        ("content-type", Value, Obeyed),
        ("curl", Bool, Refused),
        ("curl-stdout-headers", Bool, Ignored),
        ("data-dir", Value, Obeyed),
        ("dns-method", Value, Silent),
        ("echo-debug-path", Value, Ignored),
        ("echo-server-default-params", Value, Ignored),
        ("gomaxprocs", Value, Obeyed),
        ("grpc", Bool, Refused),
        ("grpc-compression", Bool, Ignored),
        ("grpc-max-streams", Value, Ignored),
        ("grpc-method", Value, Ignored),
        ("grpc-ping-delay", Value, Ignored),
        ("grpc-port", Value, Ignored),
        ("h2", Bool, Obeyed),
        ("halfclose", Bool, Obeyed),
        ("health", Bool, Refused),
        ("healthservice", Value, Ignored),
        ("http-port", Value, Ignored),
        ("http1.0", Bool, Obeyed),
        ("httpbufferkb", Value, Silent),
        ("httpccch", Bool, Silent),
        ("https-insecure", Bool, Obeyed),
        ("init", Value, Ignored),
        ("jitter", Bool, Obeyed),
        ("json", Value, Obeyed),
        ("k", Bool, Obeyed),
        ("keepalive", Bool, Obeyed),
        ("key", Value, Obeyed),
        ("labels", Value, Obeyed),
        ("log-errors", Bool, Obeyed),
        ("logger-file-line", Bool, Silent),
        ("logger-force-color", Bool, Silent),
        ("logger-goroutine", Bool, Silent),
        ("logger-json", Bool, Silent),
        ("logger-no-color", Bool, Silent),
        ("logger-timestamp", Bool, Silent),
        ("loglevel", Value, Obeyed),
        ("max-echo-delay", Value, Ignored),
        ("maxpayloadsizekb", Value, Obeyed),
        ("mtls", Bool, Obeyed),
        ("multi-mirror-origin", Bool, Ignored),
        ("multi-serial-mode", Bool, Ignored),
        ("n", Value, Obeyed),
        ("nc-dont-stop-on-eof", Bool, Ignored),
        ("no-reresolve", Bool, Obeyed),
        ("nocatchup", Bool, Obeyed),
        ("offset", Value, Obeyed),
        ("p", Value, Obeyed),
        ("payload", Value, Obeyed),
        ("payload-file", Value, Obeyed),
        ("payload-size", Value, Obeyed),
        ("ping", Bool, Refused),
        ("pprof", Bool, Ignored),
        ("profile", Value, Ignored),
        ("proxy-all-headers", Bool, Ignored),
        ("qps", Value, Obeyed),
        ("quiet", Bool, Obeyed),
        ("r", Value, Obeyed),
        ("redirect-port", Value, Ignored),
        ("resolve", Value, Obeyed),
        ("resolve-ip-type", Value, Obeyed),
        ("runid", Value, Obeyed),
        ("s", Value, Ignored),
        ("sequential-warmup", Bool, Obeyed),
        ("server-idle-timeout", Value, Ignored),
        ("static-dir", Value, Ignored),
        ("stdclient", Bool, Obeyed),
        ("stream", Bool, Refused),
        ("sync", Value, Ignored),
        ("sync-interval", Value, Ignored),
        ("t", Value, Obeyed),
        ("tcp-port", Value, Ignored),
        ("timeout", Value, Obeyed),
        ("udp-async", Bool, Ignored),
        ("udp-port", Value, Ignored),
        ("udp-timeout", Value, Ignored),
        ("ui-path", Value, Ignored),
        ("uniform", Bool, Obeyed),
        ("unix-socket", Value, Obeyed),
        ("user", Value, Obeyed),
        ("h", Bool, Obeyed),
        ("help", Bool, Obeyed),
    ]
};

/// One flag as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) name: &'static str,
    pub(crate) used: Use,
    /// `true` for a boolean without a value.
    pub(crate) value: String,
}

/// Splits words into flags and the rest, by the rules of Go's `flag` package:
/// one or two dashes, `-x v` and `-x=v`, booleans only with `=`, and an end at
/// `--` or at the first word that is not a flag.
pub(crate) fn split(words: &[String]) -> Result<(Vec<Given>, &[String]), FortioArgError> {
    let mut given = Vec::new();
    let mut rest = words;
    while let [word, after @ ..] = rest {
        let Some(body) = word.strip_prefix('-').filter(|body| !body.is_empty()) else {
            break;
        };
        rest = after;
        if body == "-" {
            break;
        }
        let body = body.strip_prefix('-').unwrap_or(body);
        if body.is_empty() || body.starts_with(['-', '=']) {
            return Err(FortioArgError::BadSyntax { word: word.clone() });
        }
        let (name, value) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (body, None),
        };
        let Some((name, takes, used)) = FLAGS.iter().find(|(known, ..)| *known == name).copied() else {
            return Err(FortioArgError::UnknownFlag { name: name.to_owned() });
        };
        let value = match (value, takes) {
            (Some(value), Takes::Bool) => boolean(name, &value)?.to_string(),
            (Some(value), Takes::Value) => value,
            (None, Takes::Bool) => "true".to_owned(),
            (None, Takes::Value) => {
                let [value, after @ ..] = rest else {
                    return Err(FortioArgError::MissingValue { name });
                };
                rest = after;
                value.clone()
            }
        };
        given.push(Given { name, used, value });
    }
    Ok((given, rest))
}

fn boolean(name: &'static str, value: &str) -> Result<bool, FortioArgError> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(FortioArgError::BadBool { name, value: value.to_owned() }),
    }
}

/// The flags that are obeyed.
#[cfg(test)]
pub(crate) fn obeyed() -> impl Iterator<Item = (&'static str, Takes)> {
    FLAGS.into_iter().filter(|(.., used)| *used == Use::Obeyed).map(|(name, takes, _)| (name, takes))
}

/// Whether a word looks like a flag that this table knows.
pub(crate) fn is_flag(word: &str) -> bool {
    let bare = word.trim_start_matches('-');
    let name = bare.split('=').next().unwrap_or(bare);
    bare.len() < word.len() && FLAGS.iter().any(|(known, ..)| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn every_flag_is_taken_in_all_three_spellings() {
        for (name, takes, _) in FLAGS {
            let spellings = match takes {
                Takes::Bool => [format!("-{name}"), format!("--{name}"), format!("-{name}=true")],
                Takes::Value => [format!("-{name} 1"), format!("--{name} 1"), format!("-{name}=1")],
            };
            for spelling in spellings {
                let line = words(&format!("{spelling} URL"));
                let (given, rest) = split(&line).unwrap();
                let expected = if takes == Takes::Bool { "true" } else { "1" };
                assert_eq!((given[0].name, given[0].value.as_str(), given.len()), (name, expected, 1), "{spelling}");
                assert_eq!(rest, ["URL"], "{spelling}");
            }
        }
    }

    #[test]
    fn no_flag_stands_twice_in_the_table() {
        let names: std::collections::BTreeSet<_> = FLAGS.iter().map(|(name, ..)| name).collect();
        assert_eq!(names.len(), FLAGS.len());
    }

    #[test]
    fn flags_end_at_the_first_other_word() {
        let line = words("-qps 3 -- -c 4");
        let (given, rest) = split(&line).unwrap();
        assert_eq!((given.len(), rest.len()), (1, 2));
        let line = words("-keepalive false URL");
        let (given, rest) = split(&line).unwrap();
        assert_eq!((given.len(), rest.len()), (1, 2), "a boolean never takes the next word");
        let line = words("- -c 4");
        assert_eq!(split(&line).unwrap().1.len(), 3);
    }

    #[test]
    fn what_is_no_flag_is_named_in_the_error() {
        let cases = [
            ("-foo URL", "flag provided but not defined: -foo"),
            ("--nosuch=3", "flag provided but not defined: -nosuch"),
            ("-keepalive=maybe", "invalid boolean value \"maybe\" for -keepalive: parse error"),
            ("-qps", "flag needs an argument: -qps"),
            ("---qps 3", "bad flag syntax: ---qps"),
            ("-=3", "bad flag syntax: -=3"),
        ];
        for (line, error) in cases {
            assert_eq!(split(&words(line)).unwrap_err().to_string(), error, "{line}");
        }
    }
}
