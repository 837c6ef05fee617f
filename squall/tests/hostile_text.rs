//! Text that is made to deceive a terminal or to break a page, in every field that takes a text: every sink spells it out.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::Output;

use chaos_core::is_hidden;
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "support/shell.rs"]
mod shell;
#[path = "support/sinks.rs"]
mod sinks;
#[path = "support/sleeper.rs"]
mod sleeper;

use shell::{journals, place, report, squall, write};
use sinks::{Echo, task, texts, written};
use sleeper::Sleeper;

/// Sequences of terminals, bidi controls, C1, spaces without width, separators, tags, ends of CDATA and of a script.
const HOSTILE: &str = "a\x1b]0;pwned\x07\x1b[31m\u{9b}2J\u{202e}b\u{2066}\u{200f}\u{61c}\u{200b}\u{2028}\u{feff}\u{e0041}\r\
                       c\nd\x7f]]>&<script>alert(1)</script><!--\u{fff9}\u{ad}\"'";

/// A task file's.
const NAME: &str = "ta\x1b[31m\u{202e}sk.json";

/// What only these may hold: pages have `<script>` of nobody, and XML no end of CDATA.
fn assert_harmless(output: &Output, place: &TempDir, inputs: &[&str], what: &str) {
    for (sink, text) in written(output, place.path(), inputs) {
        let hidden = text.chars().find(|c| is_hidden(*c) && *c != '\n' && *c != '\t');
        assert_eq!(hidden, None, "{what}: {sink}: {text:?}");
        let is_page = [".html", ".xml"].iter().any(|end| sink.ends_with(end)) || text.starts_with('<');
        assert!(!is_page || !text.contains("<script>alert") && !text.contains("]]>"), "{what}: {sink}: {text}");
    }
}

const REPORTS: [&str; 8] =
    ["--json", "out.json", "--junit", "out.xml", "--html", "out.html", "--events", "events.jsonl"];

#[test]
fn every_sink_of_a_run_spells_it_out() {
    let (place, sleeper, echo) = (place(), Sleeper::start(), Echo::start(503));
    let document = task(&echo, sleeper.pid(), HOSTILE, "x");
    let file = write(&place, NAME, &document);
    for (flags, reports) in [
        (&["--verbose", "--color", "always"][..], &REPORTS[..]),
        (&["--format", "json"], &REPORTS),
        (&["--format", "junit"], &REPORTS),
        (&["--format", "html"], &REPORTS),
        (&["--dry-run"], &[]),
        (&["--dry-run", "--format", "json"], &[]),
    ] {
        let mut output = squall(&place, &[&["run", &file, "--allow-command", "sh"][..], flags, reports].concat());
        if flags.contains(&"always") {
            // Our own colours are the only sequences.
            for stream in [&mut output.stdout, &mut output.stderr] {
                let text = String::from_utf8(std::mem::take(stream)).unwrap();
                assert!(text.contains("\x1b["), "{text}");
                *stream = uncoloured(&text).into_bytes();
            }
        }
        assert!(!output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_harmless(&output, &place, &[NAME, "probe.env"], &format!("{flags:?}"));
        assert_eq!((sleeper.is_stopped(), journals(&place)), (false, 0));
        if reports.is_empty() {
            continue;
        }
        if flags.contains(&"json") {
            assert_eq!(report(&output).0["entries"][0]["reverted"], "reverted");
        }
        let told: Value = serde_json::from_str(&fs::read_to_string(place.path().join("out.json")).unwrap()).unwrap();
        let name = told["entries"][0]["name"].as_str().unwrap();
        assert_eq!(name, format!("paused {HOSTILE}"), "a reader of JSON has what was written");
    }
}

/// The text without the colours that are ours.
fn uncoloured(text: &str) -> String {
    let mut out = String::new();
    for (at, piece) in text.split("\x1b[").enumerate() {
        let colour = piece.split_once('m').filter(|(digits, _)| at > 0 && digits.bytes().all(|b| b.is_ascii_digit()));
        out += match colour {
            Some((_, rest)) => rest,
            None if at > 0 => panic!("a sequence that is not a colour: {piece:?}"),
            None => piece,
        };
    }
    out
}

#[test]
fn every_diagnostic_of_any_field_spells_it_out() {
    let (place, echo) = (place(), Echo::start(503));
    let document = task(&echo, 1, "text", "part");
    for (at, chunk) in texts(&document).chunks(6).enumerate() {
        let mut document = document.clone();
        for pointer in chunk {
            *document.pointer_mut(pointer).unwrap() = json!(HOSTILE);
        }
        document[HOSTILE] = json!(1);
        let name = format!("task-{at}.json");
        let file = write(&place, &name, &document);
        for format in ["text", "json"] {
            let output = squall(&place, &["validate", &file, "--format", format]);
            fs::remove_file(&file).unwrap();
            assert_harmless(&output, &place, &[], &format!("{chunk:?}"));
            write(&place, &name, &document);
        }
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn every_command_spells_out_its_own_arguments() {
    let place = place();
    for arguments in [
        &["list", HOSTILE][..],
        &["explain", HOSTILE],
        &["inject", HOSTILE],
        &["inject", "load", HOSTILE],
        &["run", HOSTILE],
        &["run", "x.json", "--only", HOSTILE],
        &["run", "x.json", "--var", HOSTILE],
        &["run", "x.json", "--policy", HOSTILE],
        &["diff", HOSTILE, HOSTILE],
        &["recover", HOSTILE],
        &["release", HOSTILE],
        &["experiment", HOSTILE, "--target", HOSTILE],
        &["experiment", "--replay", HOSTILE],
        &["validate", HOSTILE],
        &["schema", HOSTILE],
        &[HOSTILE],
    ] {
        for format in [&[][..], &["--format", "json"]] {
            let output = squall(&place, &[arguments, format].concat());
            assert_harmless(&output, &place, &[], &format!("{arguments:?}"));
        }
    }
}

#[test]
fn recover_spells_out_what_a_journal_says() {
    let place = place();
    let folder = place.path().join("state/squall/journals");
    fs::create_dir_all(&folder).unwrap();
    let header = json!({"format": 2, "run_id": HOSTILE, "executable": HOSTILE, "boot_id": HOSTILE, "uid": 0});
    let line = json!({"seq": 0, "entry": HOSTILE, "describe": HOSTILE, "step": {"type": HOSTILE, "pid": HOSTILE}});
    for (name, text) in [
        ("1.jsonl", format!("{header}\n{line}\n")),
        ("2-\x1b[31m\u{202e}.jsonl", HOSTILE.to_owned()),
        ("3.jsonl", format!("{}\n", json!({"header": header}))),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    for format in ["text", "json"] {
        let output = squall(&place, &["recover", "--format", format]);
        for (sink, text) in written(&output, place.path(), &[]).into_iter().take(2) {
            let hidden = text.chars().find(|c| is_hidden(*c) && *c != '\n' && *c != '\t');
            assert_eq!(hidden, None, "{sink}: {text:?}");
        }
        assert!(!output.stdout.is_empty() || !output.stderr.is_empty());
    }
}
