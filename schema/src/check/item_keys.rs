//! Keys of an item of `verification_spec`: it belongs to the harness, but some of its keys change our verdict.

use std::sync::OnceLock;

use chaos_core::PROBES;
use chaos_core::schemars::SchemaGenerator;
use serde_json::{Map, Value};

use super::report::Report;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::NamedCheck;
use crate::pointer;

/// Reports the keys of one item that are not ours: an error where one of ours was meant, else a warning.
pub(super) fn report(item: &Map<String, Value>, at: &str, report: &mut Report) {
    let ours = keys();
    let bare = is_bare(item);
    for key in item.keys().filter(|key| !ours.iter().any(|ours| ours == *key)) {
        if bare {
            continue;
        }
        let near = ours.iter().find(|ours| !item.contains_key(*ours) && is_near(key, ours));
        let at = pointer::join(at, key);
        report.add(match near {
            Some(near) => Diagnostic::new(Code::MisspeltKey, at, format!("unknown key `{key}`"))
                .help(format!("did you mean `{near}`?")),
            None => Diagnostic::new(Code::UnknownCheckKey, at, format!("unknown key `{key}`"))
                .help("the harness may read it; the verdict does not depend on it"),
        });
    }
    if bare {
        let ours = item.get("type").and_then(Value::as_str).filter(|name| PROBES.get(name).is_ok());
        if let Some(name) = ours {
            let help = format!("write `check: {{type: {name}, …}}`, with the parameters of the probe inside");
            let message = "a check stands in its item without `check`";
            report.add(Diagnostic::new(Code::BareCheck, pointer::join(at, "type"), message).help(help));
        }
    }
}

/// Whether an item is a check itself, which has no place of its own then.
pub(super) fn is_bare(item: &Map<String, Value>) -> bool {
    let has = |key: &str| item.get(key).is_some_and(|value| !value.is_null());
    has("type") && !has("check") && !has("spec")
}

/// The keys that the type of an item has.
fn keys() -> &'static [String] {
    static KEYS: OnceLock<Vec<String>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let schema = SchemaGenerator::default().into_root_schema_for::<NamedCheck>();
        schema.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key.clone()).collect()
    })
}

/// Whether a key was most likely meant to be one of ours.
///
/// A short key counts with a letter too many, too few or two swapped: `node` and `code` are words of their own, and no
/// `mode`. A time in another unit, or in none, is meant to be the time that we know.
fn is_near(key: &str, ours: &str) -> bool {
    const SHORT: usize = 6;
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    let (key, ours) = (plain(key), plain(ours));
    if key == ours {
        return true;
    }
    let stem = ours.strip_suffix("seconds");
    if let Some(stem) = stem.filter(|stem| !stem.is_empty()) {
        let unit = key.strip_prefix(stem).is_some_and(|unit| {
            matches!(unit, "" | "s" | "sec" | "secs" | "second" | "ms" | "millis" | "milliseconds" | "minutes")
        });
        return unit || strsim::osa_distance(&key, &ours) <= 2;
    }
    let distance = strsim::osa_distance(&key, &ours);
    distance == 1 && (ours.len() >= SHORT || key.len() != ours.len() || is_swapped(&key, &ours))
}

fn is_swapped(key: &str, ours: &str) -> bool {
    let sorted = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    sorted(key) == sorted(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_near_and_a_word_of_its_own_is_not() {
        for (key, ours) in [
            ("mdoe", "mode"),
            ("modes", "mode"),
            ("Mode", "mode"),
            ("timeout_second", "timeout_seconds"),
            ("timeoutSeconds", "timeout_seconds"),
            ("timeout", "timeout_seconds"),
            ("timeout_ms", "timeout_seconds"),
            ("tiemout_seconds", "timeout_seconds"),
            ("chekc", "check"),
            ("wieght", "weight"),
        ] {
            assert!(is_near(key, ours), "{key}");
        }
        for (key, ours) in [
            ("node", "mode"),
            ("code", "mode"),
            ("rule", "role"),
            ("hold_window_sec", "timeout_seconds"),
            ("tags", "name"),
        ] {
            assert!(!is_near(key, ours), "{key}");
        }
    }
}
