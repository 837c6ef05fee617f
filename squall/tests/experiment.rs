//! Experiments as a shell sees them: a goal, a file, a replay, and what is refused before anything is asked of a target.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use serde_json::json;
use squall::chaos_load::target::{Behaviour, serve};

#[path = "support/shell.rs"]
mod shell;

use shell::{journals, place, report, squall, write};

#[test]
fn a_goal_is_answered_and_its_transcript_replays_to_the_same_report() {
    let (place, target) = (place(), serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap());
    let (page, record) = (place.path().join("a.html"), place.path().join("a.jsonl"));
    let (page, record) = (page.to_str().unwrap(), record.to_str().unwrap());
    let url = target.url();
    // An SLO that no busy machine breaks.
    let short = ["--slo", "p99<100s", "--load", "max_qps=20", "--load", "seconds=0.5", "--load", "warmup_seconds=0.1"];
    let goal = ["experiment", "how much can it take", "--target", &url, "--report", page, "--transcript", record];
    let run = squall(&place, &[&goal[..], &short[..], &["--offline", "--seed", "7"]].concat());
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert_eq!(run.status.code(), Some(0), "{out}\n{err}");
    assert!(out.contains("the word `how much` in the goal chose the strategy `capacity`"), "{out}");
    assert!(out.contains("held at 20 qps, the greatest rate that was allowed"), "{out}");
    assert_eq!(journals(&place), 0);

    drop(target);
    let again = place.path().join("b.html");
    let replay = squall(&place, &["experiment", "--replay", record, "--report", again.to_str().unwrap()]);
    assert_eq!((replay.status.code(), replay.stdout), (Some(0), run.stdout.clone()));
    assert_eq!(fs::read(page).unwrap(), fs::read(again).unwrap());
    let (object, code) = report(&squall(&place, &["experiment", "--replay", record, "--format", "json"]));
    assert_eq!(
        (code, &object["outcome"], &object["findings"][0]["capacity_qps"]),
        (0, &json!("answered"), &json!(20.0))
    );
}

#[test]
fn a_file_is_validated_and_run_only_as_what_it_is() {
    let place = place();
    let file = write(
        &place,
        "e.json",
        &json!({"goal": "how much", "target": "http://127.0.0.1:9/", "allow": ["generate_load"]}),
    );
    let valid = squall(&place, &["validate", &file]);
    assert!(String::from_utf8_lossy(&valid.stdout).ends_with("e.json: valid, an experiment\n"));
    let run = squall(&place, &["run", &file]);
    assert_eq!(run.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&run.stderr).contains("run it with `squall experiment FILE`"));
    let both = squall(&place, &["experiment", &file, "--slo", "p99<1ms"]);
    assert_eq!(both.status.code(), Some(64), "{}", String::from_utf8_lossy(&both.stderr));
    let refused = squall(&place, &["experiment", &file]);
    assert_eq!(refused.status.code(), Some(2), "nothing listens there");
}

#[test]
fn what_is_wrong_is_told_before_anything_is_asked_of_the_target() {
    let place = place();
    let target = serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap();
    let url = target.url();
    let rows: [(&[&str], i32, &str); 6] = [
        (&["how much"], 64, "`--target URL` names the service"),
        (&["how much", "--target", &url, "--slo", "p98<1ms"], 65, "p99"),
        (&["how much", "--target", &url, "--allow", "rm"], 65, " clock_skew, disk_full, fill_disk, "),
        (&["how much", "--target", &url, "--budget", "steps=0"], 65, "steps"),
        (&["how much", "--target", &url, "--budget", "steps=NaN"], 64, "expected `KEY=NUMBER`"),
        (&["how much", "--target", "http://192.0.2.7/", "--offline"], 2, "--allow-host 192.0.2.7"),
    ];
    for (arguments, code, why) in rows {
        let output = squall(&place, &[&["experiment"], arguments].concat());
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(why), "{arguments:?}: {told}");
    }
    assert_eq!(target.requests(), 0);
}
