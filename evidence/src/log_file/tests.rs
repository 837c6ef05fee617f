use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use chaos_core::parse;
use chaos_test::run_context;
use serde_json::json;

use super::*;
use crate::log_store::LogStore;

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn look(follower: &mut Follower, at: i64) -> (Vec<(String, i64)>, usize) {
    let look = follower.look(Moment(at));
    (look.lines.into_iter().map(|line| (line.text, line.earliest.0)).collect(), look.lost.len())
}

fn lines(lines: &[(&str, i64)]) -> Vec<(String, i64)> {
    lines.iter().map(|(text, at)| ((*text).to_owned(), *at)).collect()
}

#[test]
fn a_file_is_read_from_its_end_on_through_rotation_truncation_and_removal() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("app.log");
    append(&path, "old\n");
    let mut file = Follower::new(path.clone(), false, Moment(0));
    assert_eq!(look(&mut file, 1), (vec![], 0));
    append(&path, "one\ntw");
    assert_eq!(look(&mut file, 2), (lines(&[("one", 1)]), 0));
    append(&path, "o\n");
    assert_eq!(look(&mut file, 3), (lines(&[("two", 1)]), 0), "a line begins with its first half");
    // Renamed and made anew, while the writer still has the old one.
    fs::rename(&path, temp.path().join("app.log.1")).unwrap();
    append(&path, "new\n");
    append(&temp.path().join("app.log.1"), "late\n");
    assert_eq!(look(&mut file, 4), (lines(&[("late", 3), ("new", 3)]), 0));
    append(&temp.path().join("app.log.1"), "later\n");
    assert_eq!(look(&mut file, 5), (lines(&[("later", 4)]), 0));
    // Truncated, and longer than before at the next look.
    fs::write(&path, "written anew and longer\n").unwrap();
    assert_eq!(look(&mut file, 6), (lines(&[("written anew and longer", 5)]), 1));
    fs::write(&path, "").unwrap();
    assert_eq!(look(&mut file, 7), (vec![], 1));
    fs::remove_file(&path).unwrap();
    assert_eq!(look(&mut file, 8), (vec![], 0));
    append(&path, "again\n");
    assert_eq!(look(&mut file, 9), (lines(&[("again", 8)]), 0));
    append(&path, "no end");
    assert_eq!((look(&mut file, 10).0, file.rest()[0].text.as_str()), (vec![], "no end"));
}

#[test]
fn what_was_there_counts_with_from_start_and_what_appears_later_always() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("app.log");
    let mut later = Follower::new(path.clone(), false, Moment(0));
    assert_eq!((look(&mut later, 1), later.is_there()), ((vec![], 0), false));
    append(&path, "first\n");
    assert_eq!((look(&mut later, 2), later.is_there()), ((lines(&[("first", 1)]), 0), true));
    let mut all = Follower::new(path, true, Moment(3));
    assert_eq!(look(&mut all, 4), (lines(&[("first", i64::MIN)]), 0));
}

#[test]
fn a_folder_is_no_file_and_said_once() {
    let temp = tempfile::tempdir().unwrap();
    let mut file = Follower::new(temp.path().to_owned(), false, Moment(0));
    assert_eq!([look(&mut file, 1).1, look(&mut file, 2).1], [1, 0]);
}

#[test]
fn a_long_file_is_read_whole_in_several_looks() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("app.log");
    fs::write(&path, "0123456789abcde\n".repeat(300_000)).unwrap();
    let mut file = Follower::new(path, true, Moment(0));
    let first = file.look(Moment(1));
    let second = file.look(Moment(2));
    assert_eq!((first.more, second.more, first.lines.len() + second.lines.len()), (true, false, 300_000));
    assert!(second.lines.iter().all(|line| line.earliest == Moment(i64::MIN)));
}

#[test]
fn logrotate_loses_no_line_by_create_and_says_what_copytruncate_may_lose() {
    let program = ["/usr/sbin/logrotate", "/usr/bin/logrotate"].into_iter().find(|path| Path::new(path).exists());
    let Some(program) = program else {
        eprintln!("skipped: needs logrotate");
        return;
    };
    // It refuses folders that others may write.
    let temp = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    for (how, lost) in [("create", 0), ("create\ncompress\ndelaycompress", 0), ("copytruncate", 1)] {
        let folder = temp.path().join(how.replace('\n', "-"));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let (path, config, state) = (folder.join("app.log"), folder.join("conf"), folder.join("state"));
        fs::write(&config, format!("{} {{\nrotate 3\n{how}\n}}\n", path.display())).unwrap();
        fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).unwrap();
        append(&path, "old\n");
        let mut file = Follower::new(path.clone(), false, Moment(0));
        file.look(Moment(1));
        let (mut seen, mut missed) = (Vec::new(), 0);
        for round in 0..3 {
            append(&path, &format!("before {round}\n"));
            if lost > 0 {
                // What is not read by then is gone.
                seen.extend(file.look(Moment(round * 10 + 2)).lines);
            }
            let rotated =
                std::process::Command::new(program).arg("-f").arg("-s").arg(&state).arg(&config).output().unwrap();
            assert!(rotated.status.success() && folder.join("app.log.1").exists(), "{rotated:?}");
            append(&path, &format!("after {round}\n"));
            let look = file.look(Moment(round * 10 + 3));
            seen.extend(look.lines);
            missed += look.lost.len();
        }
        let texts: Vec<&str> = seen.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["before 0", "after 0", "before 1", "after 1", "before 2", "after 2"], "{how}");
        assert_eq!(missed, 3 * lost, "{how}");
    }
}

#[tokio::test]
async fn what_is_read_and_what_is_lost_is_recorded_with_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let scope = run_context().workspace(folder.path()).scope();
    let path = folder.path().join("app.log");
    let source: LogFile = parse(&json!({"paths": ["app.log"], "max_bytes": 100_000, "record": "past.jsonl"})).unwrap();
    let cx = SourceContext::new("app", scope.cx().clone());
    assert_eq!(Source::plan(&source, &cx).await.unwrap().reach.paths, [Path::new("past.jsonl")]);
    let running = Source::start(&source, &cx).await.unwrap();
    let store = scope.cx().services().get::<LogStore>();
    // Whole at once: what is written into a file may be read in parts.
    fs::write(folder.path().join("new"), format!("{}\nsecond\n", "x".repeat(70_000))).unwrap();
    fs::rename(folder.path().join("new"), &path).unwrap();
    while store.len() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    fs::write(&path, "").unwrap();
    while store.losses("app").count() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    append(&path, "no end");
    let end = running.stop().await;
    assert_eq!((end.taken, end.dropped), (3, 1), "{end:?}");
    let recorded = crate::recording::kinds_of(&folder.path().join("past.jsonl"));
    assert_eq!(recorded, ["began", "awaited", "found", "lines", "lost_lines", "lines", "ended"]);
    let text = fs::read_to_string(folder.path().join("past.jsonl")).unwrap();
    assert!(text.contains(r#"{"began":{"gives":["logs"],"kept":{"log_bytes":100000}}}"#));
    assert!(text.contains(r#""is_cut":true"#) && text.len() < 67_000, "no more of a line is recorded than is kept");
    let other = Source::start(&source, &cx).await.map(drop).unwrap_err().to_string();
    assert!(other.contains("make the recording `past.jsonl`"), "{other}");
}
