//! Ledgers that can't be used, each by name, and runs that can't write theirs.

use std::fs;

use chaos_workflow::{OpenedLedger, ResumeError, ledger_path};
use serde_json::{Value, json};

use crate::fixture::{Place, detail, whole};

fn workflow(place: &Place) -> Value {
    json!({
        "type": "serial", "name": "all", "steps": [place.passes("a"), place.passes("b")], "finally": [place.passes("last")],
    })
}

#[test]
fn each_ledger_that_can_t_be_used_is_refused_by_name() {
    let place = Place::new();
    let report = place.run(&workflow(&place));
    let run_id = report.run_id.unwrap();
    let path = ledger_path(place.bench.folder(), &run_id);
    let text = fs::read_to_string(&path).unwrap();
    let open = |text: &str| {
        fs::write(&path, text).unwrap();
        OpenedLedger::open(place.bench.folder(), &run_id)
    };
    assert!(matches!(open(&text), Err(ResumeError::Finished { .. })));
    let unfinished = whole(text.lines().take(4));
    assert!(!open(&unfinished).unwrap().torn);
    assert!(open(&format!("{unfinished}{{\"record\":\"sta")).unwrap().torn);
    assert!(matches!(
        open(&unfinished.replace("\"pass\"", "\"task_fail\"")),
        Err(ResumeError::Tampered { line: 3, .. })
    ));
    let without: String = whole(unfinished.lines().enumerate().filter(|(at, _)| *at != 1).map(|(_, line)| line));
    assert!(matches!(open(&without), Err(ResumeError::Tampered { line: 2, .. })));
    assert!(matches!(
        open(&unfinished.replace("\"format\":1", "\"format\":2")),
        Err(ResumeError::UnknownFormat { .. })
    ));
    assert!(matches!(
        open(&unfinished.replace("\"seed\":1", "\"seed\":2")),
        Err(ResumeError::Tampered { line: 1, .. })
    ));
    for foreign in ["", "\n", "no json\n", "{}\n", "[]\n", "{\"record\":\"started\"}\n", "\u{0}\u{0}\n"] {
        assert!(matches!(open(foreign), Err(ResumeError::Foreign(_))), "{foreign:?}");
    }
    let held = open(&unfinished).unwrap();
    assert!(matches!(OpenedLedger::open(place.bench.folder(), &run_id), Err(ResumeError::Alive(_))));
    drop(held);
    assert!(matches!(OpenedLedger::open(place.bench.folder(), "../x"), Err(ResumeError::NoId(_))));
    assert!(matches!(OpenedLedger::open(place.bench.folder(), "1-2-3"), Err(ResumeError::Unknown { .. })));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(OpenedLedger::open(place.bench.folder(), &run_id).is_err());
}

#[test]
fn no_byte_of_a_ledger_can_be_changed_unseen() {
    let place = Place::new();
    let run_id = place.run(&workflow(&place)).run_id.unwrap();
    let path = ledger_path(place.bench.folder(), &run_id);
    let text = fs::read_to_string(&path).unwrap();
    let text = whole(text.lines().take(4));
    let mut bytes = text.clone().into_bytes();
    for at in 0..bytes.len() - 1 {
        for flip in [0x01, 0x20, 0x80] {
            bytes[at] ^= flip;
            fs::write(&path, &bytes).unwrap();
            let opened = OpenedLedger::open(place.bench.folder(), &run_id);
            assert!(opened.is_err(), "byte {at} of {text}");
            bytes[at] ^= flip;
        }
    }
}

#[test]
fn what_can_t_be_recorded_does_not_start_and_finally_runs_all_the_same() {
    let place = Place::new();
    fs::write(place.bench.path(".squall"), "in the way").unwrap();
    let report = place.run(&workflow(&place));
    assert_eq!((report.exit_code, place.log()), (2, vec!["last".to_owned()]));
    assert!(detail(&report, "a").contains("can't be recorded in the ledger"), "{}", detail(&report, "a"));
    assert_eq!(report.first_failure.as_deref(), Some("a"));
}

#[test]
fn a_ledger_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    let run_id = place.run(&workflow(&place)).run_id.unwrap();
    let path = ledger_path(place.bench.folder(), &run_id);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(mode(&path.with_file_name("document")), 0o600);
}
