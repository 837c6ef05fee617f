use std::fs;

use chaos_soak::{ManifestError, SoakFailure, SoakManifest, SoakPlan};
use serde_json::json;

use crate::fixture::soak;

fn manifest() -> SoakManifest {
    let pool = [json!({
        "action": { "type": "test_touch_file", "path": "p" },
        "draw": { "duration_seconds": { "min": 0.1, "max": 3.7 } },
    })];
    let spec = soak(&json!({ "pool": pool, "interval_seconds": 10, "events": 20 }));
    SoakManifest {
        squall_version: "0".to_owned(),
        file: "soak.yaml".to_owned(),
        document: "soak:\n".to_owned(),
        step: None,
        targets: Vec::new(),
        plan: SoakPlan::draw(&spec, &[], 5).unwrap(),
        failure: Some(SoakFailure { event: Some(7), rule: "invariant `x`".to_owned() }),
    }
}

#[test]
fn a_manifest_is_read_as_it_was_written() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("m.json");
    fs::write(&path, manifest().to_text()).unwrap();
    let read = SoakManifest::read(&path).unwrap();
    assert_eq!(read, manifest());
    assert_eq!(read.to_text(), manifest().to_text());
}

#[test]
fn a_manifest_that_is_lost_unknown_or_tampered_with_is_refused_by_name() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("m.json");
    assert!(matches!(SoakManifest::read(&path), Err(ManifestError::Lost(_))));
    let text = manifest().to_text();
    let read = |text: &str| SoakManifest::of_bytes(text.as_bytes(), &path).unwrap_err();
    assert!(matches!(read(&text.replace("\"version\": 1", "\"version\": 2")), ManifestError::UnknownVersion { .. }));
    assert!(matches!(read(&text.replacen("\"at_ms\": 10000", "\"at_ms\": 10001", 1)), ManifestError::Tampered(_)));
    assert!(matches!(read(&text[..text.len() / 2]), ManifestError::Tampered(_)));
    assert!(matches!(read("{}"), ManifestError::Foreign(_)));
    assert!(matches!(read("no json"), ManifestError::Foreign(_)));
    // Every byte counts that is not white space.
    for place in (0..text.len()).step_by(97).filter(|place| !text.as_bytes()[*place].is_ascii_whitespace()) {
        let mut bytes = text.clone().into_bytes();
        bytes[place] = if bytes[place] == b'7' { b'8' } else { b'7' };
        let changed = SoakManifest::of_bytes(&bytes, &path);
        assert!(changed.is_err(), "byte {place} of {text}");
    }
}
