//! What is written is read again, and damage never loses a step without a word.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::{Arc, mpsc};

use serde_json::json;

use super::*;

fn state() -> (tempfile::TempDir, StateDir) {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::at(temp.path());
    state.prepare().unwrap();
    (temp, state)
}

fn create(state: &StateDir, run: &str) -> Journal {
    Journal::create(state, run, "squall", Path::new("/work")).unwrap()
}

fn record(n: u64) -> JournalRecord {
    JournalRecord {
        seq: 0,
        entry: "/chaos_spec/0".into(),
        expires_at_boot_ms: None,
        survives_reboot: false,
        owner: None,
        describe: format!("step {n}"),
        step: json!({"type": "x", "n": n}),
    }
}

/// A journal of that many steps whose run is dead.
fn dead(state: &StateDir, steps: u64) -> PathBuf {
    let journal = create(state, "r1");
    for n in 0..steps {
        assert_eq!(journal.append(record(n)).unwrap(), n);
    }
    journal.path().to_owned()
}

/// Takes it. A program that another test is just starting holds its lock, too, until that program runs.
#[expect(clippy::disallowed_methods, reason = "there is no run, so there is no clock")]
fn take(path: &Path) -> PastJournal {
    for _ in 0..6000 {
        if let Some(taken) = PastJournal::take(path).unwrap() {
            return taken;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("`{}` is held", path.display());
}

fn pending(past: &PastJournal) -> Vec<&str> {
    past.pending.iter().map(|record| record.describe.as_str()).collect()
}

#[test]
fn what_was_armed_is_pending_and_what_was_undone_is_not() {
    let (_temp, state) = state();
    let path = dead(&state, 2);
    let mut past = take(&path);
    assert_eq!(past.pending.len(), 2);
    let header = past.header.as_ref().unwrap();
    assert_eq!((header.executable.as_str(), header.workspace.as_str()), ("squall", "/work"));
    assert!(!past.before_reboot());
    past.take_over("other");
    past.mark_undone(1);
    drop(past);
    let past = take(&path);
    assert_eq!((pending(&past), &past.problems), (vec!["step 0"], &Vec::new()));
    past.remove().unwrap();
    assert!(PastJournal::take(&path).unwrap().is_none());
}

#[test]
fn the_journal_of_a_live_run_is_not_taken() {
    let (_temp, state) = state();
    let journal = create(&state, "live");
    assert!(PastJournal::take(journal.path()).unwrap().is_none());
    assert_eq!(PastJournal::list(&state).unwrap(), vec![journal.path().to_owned()]);
}

#[test]
fn the_file_is_private() {
    let (_temp, state) = state();
    assert_eq!(fs::metadata(create(&state, "r").path()).unwrap().mode() & 0o777, 0o600);
}

/// Whether each of these steps is found in what a file holds, or the file is a problem.
fn is_safe(bytes: &[u8], armed: &BTreeSet<String>) -> bool {
    let mut past = PastJournal::unread(Path::new("(memory)"), File::open("/dev/null").unwrap());
    past.read(bytes).unwrap();
    let found: BTreeSet<String> = past.pending.iter().map(|record| record.describe.clone()).collect();
    !past.problems.is_empty() || armed.is_subset(&found)
}

#[test]
fn no_damage_loses_a_step_without_a_word() {
    for (steps, undone) in [(1, None), (3, Some(1))] {
        let (_temp, state) = state();
        let path = dead(&state, steps);
        let mut armed: BTreeSet<String> = (0..steps).map(|n| format!("step {n}")).collect();
        if let Some(seq) = undone {
            take(&path).mark_undone(seq);
            armed.remove(&format!("step {seq}"));
        }
        let whole = fs::read(&path).unwrap();
        assert!(is_safe(&whole, &armed) && take(&path).problems.is_empty());
        for at in 0..whole.len() {
            for byte in [whole[at] ^ 1, whole[at] ^ 0x20, b'0', b'\n', b'"', 0] {
                if byte != whole[at] {
                    let mut changed = whole.clone();
                    changed[at] = byte;
                    assert!(is_safe(&changed, &armed), "byte {at} is {byte}");
                }
            }
            assert!(is_safe(&whole[..at], &armed), "cut to {at}");
            assert!(is_safe(&whole[at + 1..], &armed), "cut from {at}");
            let without = [&whole[..at], &whole[at + 1..]].concat();
            assert!(is_safe(&without, &armed), "without byte {at}");
        }
        let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        for one in 0..lines.len() {
            let mut without = lines.clone();
            without.remove(one);
            assert!(is_safe(&without.concat(), &armed), "without line {one}");
            for other in 0..lines.len() {
                let (mut doubled, mut swapped) = (lines.clone(), lines.clone());
                doubled.insert(other, lines[one]);
                swapped.swap(one, other);
                assert!(is_safe(&doubled.concat(), &armed), "line {one} once more at {other}");
                assert!(is_safe(&swapped.concat(), &armed), "lines {one} and {other} swapped");
            }
        }
    }
}

#[test]
fn what_can_be_read_of_a_damaged_file_is_pending_and_stays_a_problem() {
    let (_temp, state) = state();
    let path = dead(&state, 3);
    let text = fs::read_to_string(&path).unwrap().replace("step 1", "step 7");
    fs::write(&path, text).unwrap();
    for _ in 0..2 {
        let mut past = take(&path);
        assert_eq!(past.problems[0].what, "a line that is not as it was written");
        assert_eq!((past.problems[0].line, past.executable.as_deref()), (5, Some("squall")));
        past.pending.retain(|record| record.describe == "step 2");
        let Some(last) = past.pending.first().map(|record| record.seq) else { return };
        past.mark_undone(last);
    }
}

#[test]
fn a_torn_line_that_never_took_effect_is_ignored_and_stays_so_when_something_is_noted_behind_it() {
    let (_temp, state) = state();
    let path = dead(&state, 1);
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("{\"before\":\"0011223344556677\",\"sum\":\"00");
    fs::write(&path, &text).unwrap();
    // A recovery that dies before it removes the file, twice.
    for _ in 0..2 {
        let mut past = take(&path);
        assert_eq!((pending(&past), &past.problems), (vec!["step 0"], &Vec::new()));
        past.take_over("squall");
    }
    let mut past = take(&path);
    past.mark_undone(0);
    drop(past);
    let past = take(&path);
    assert!(past.pending.is_empty() && past.problems.is_empty(), "{past:?}");
}

#[test]
fn another_format_is_refused_and_not_touched() {
    let (_temp, state) = state();
    let count = encode_count(1);
    let rows = [
        (
            format!("{count}{{\"before\":\"\",\"line\":{{\"header\":{{\"format\":3,\"executable\":\"/new\"}}}}}}\n"),
            "later",
            "/new",
        ),
        ("{\"header\":{\"format\":1,\"executable\":\"/old\"}}\n".to_owned(), "earlier", "/old"),
    ];
    for (text, age, executable) in rows {
        let path = state.journals().join("other.jsonl");
        let text = format!("{text}{{\"armed\":{{\"seq\":0,\"entry\":\"\",\"step\":{{\"type\":\"x\"}}}}}}\n");
        fs::write(&path, &text).unwrap();
        let mut past = take(&path);
        assert!(past.pending.is_empty());
        assert!(past.problems[0].what.contains(age), "{:?}", past.problems);
        assert_eq!(past.executable.as_deref(), Some(executable));
        past.take_over("squall");
        past.mark_undone(0);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn what_is_not_a_file_is_refused_at_once_and_a_line_without_end_is_bounded() {
    let (temp, state) = state();
    let place = |name: &str| state.journals().join(format!("{name}.jsonl"));
    let fifo = std::process::Command::new("mkfifo").arg(place("fifo")).status().unwrap();
    assert!(fifo.success());
    symlink("/dev/zero", place("link")).unwrap();
    fs::create_dir(place("folder")).unwrap();
    let elsewhere = temp.path().join("elsewhere");
    fs::write(&elsewhere, "{}\n").unwrap();
    symlink(&elsewhere, place("link-to-a-file")).unwrap();
    for name in ["fifo", "link", "folder", "link-to-a-file"] {
        let refused = PastJournal::take(&place(name)).unwrap_err();
        assert!(matches!(refused, JournalError::NotAFile { .. }), "{name}: {refused}");
    }
    // Sparse, so that it takes no room.
    File::create(place("long")).unwrap().set_len(1 << 40).unwrap();
    let line = [vec![b'x'; LINE_LIMIT - 2], b"\n".to_vec()].concat();
    fs::write(place("large"), line.repeat(70)).unwrap();
    let large = take(&place("large"));
    assert_eq!(large.problems.last().unwrap().what, "and others after it");
    assert!(large.bytes_read() < FILE_LIMIT + LINE_LIMIT as u64);
    let long = take(&place("long"));
    assert!(long.problems[0].what.contains("more than 1048576 bytes"), "{:?}", long.problems);
}

#[test]
fn drafts_that_nobody_holds_are_removed_once_they_are_old() {
    let (_temp, state) = state();
    let (old, young, held) = ("old.draft", "young.draft", "held.draft");
    for name in [old, young, held] {
        fs::write(state.journals().join(name), "").unwrap();
    }
    let past = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
    let holder = OpenOptions::new().write(true).open(state.journals().join(held)).unwrap();
    holder.set_modified(past).unwrap();
    holder.lock().unwrap();
    OpenOptions::new().write(true).open(state.journals().join(old)).unwrap().set_modified(past).unwrap();
    PastJournal::clean_drafts(&state).unwrap();
    let mut left: Vec<_> = fs::read_dir(state.journals()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [held, young]);
}

#[test]
fn a_full_journal_refuses_steps_and_still_notes_what_is_undone() {
    let (_temp, state) = state();
    let journal = create(&state, "r");
    journal.append(record(0)).unwrap();
    journal.queue().bytes = FILE_LIMIT / 2;
    assert!(matches!(journal.append(record(1)), Err(JournalError::Full)));
    journal.mark_undone(0);
    let path = journal.path().to_owned();
    drop(journal);
    let past = take(&path);
    assert!(past.pending.is_empty() && past.problems.is_empty(), "{past:?}");
}

#[test]
fn what_is_given_up_replaces_nothing() {
    let (_temp, state) = state();
    for n in 0..3 {
        let path = dead(&state, n);
        take(&path).set_aside(&state.forgotten()).unwrap();
    }
    assert_eq!(fs::read_dir(state.forgotten()).unwrap().count(), 3);
}

#[test]
fn a_folder_that_recovery_does_not_need_keeps_nothing_from_it_and_nothing_is_put_behind_a_link() {
    let (temp, state) = state();
    let path = dead(&state, 1);
    let elsewhere = temp.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, state.forgotten()).unwrap();
    std::fs::remove_dir(state.root().join("locks")).unwrap();
    symlink("nowhere", state.root().join("locks")).unwrap();
    assert_eq!(PastJournal::list(&state).unwrap(), std::slice::from_ref(&path));
    let error = take(&path).set_aside(&state.forgotten()).unwrap_err();
    assert!(error.with_cause().contains("is a link or no folder"), "{}", error.with_cause());
    assert!(path.exists() && std::fs::read_dir(&elsewhere).unwrap().next().is_none());
}

/// A journal of these lines behind the ones that a run of one step wrote, each with the right checksums.
fn with_lines(state: &StateDir, lines: &[Line]) -> PathBuf {
    let path = dead(state, 1);
    let mut text = std::fs::read(&path).unwrap();
    let last = text.split(|byte| *byte == b'\n').rev().nth(1).unwrap();
    let mut sum = line::decode(last).unwrap().1;
    for line in lines {
        let (next, after) = encode(sum, line).unwrap();
        text.extend_from_slice(next.as_bytes());
        sum = after;
    }
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_second_header_says_nothing_of_the_run_and_is_a_problem() {
    let (_temp, state) = state();
    let other = JournalHeader {
        format: JOURNAL_FORMAT,
        run_id: "r2".into(),
        executable: "other".into(),
        boot_id: "another".into(),
        machine: String::new(),
        uid: 0,
        workspace: String::new(),
    };
    let past = take(&with_lines(&state, &[Line::Header(other)]));
    assert!(!past.before_reboot(), "its boot is believed");
    assert_eq!((pending(&past), past.problems[0].what.as_str()), (vec!["step 0"], "a second header"));
}

#[test]
fn a_journal_that_can_only_be_read_is_taken_all_the_same() {
    use std::os::unix::fs::PermissionsExt;
    let (_temp, state) = state();
    let path = dead(&state, 1);
    // It keeps nothing from root, for whom only a file system that is mounted to be read is as this.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    let mut past = take(&path);
    assert_eq!(pending(&past), ["step 0"]);
    past.take_over("other");
    past.mark_undone(0);
    assert!(PastJournal::take(&path).unwrap().is_none(), "it is not locked");
}

#[test]
fn the_largest_epoch_is_no_end_of_the_recovery() {
    let (_temp, state) = state();
    let last = Epoch { number: u64::MAX, pid: 1, executable: String::new(), holder: None };
    let mut past = take(&with_lines(&state, &[Line::Epoch(last)]));
    past.take_over("other");
    past.mark_undone(0);
    let path = past.path().to_owned();
    drop(past);
    assert!(take(&path).pending.is_empty());
}

#[test]
fn a_step_larger_than_a_line_is_refused_and_the_journal_goes_on() {
    let (_temp, state) = state();
    let journal = create(&state, "r");
    let large = JournalRecord { describe: "x".repeat(LINE_LIMIT), ..record(0) };
    assert!(matches!(journal.append(large), Err(JournalError::TooLarge { .. })));
    assert_eq!(journal.append(record(0)).unwrap(), 0);
    let path = journal.path().to_owned();
    drop(journal);
    assert_eq!(pending(&take(&path)), ["step 0"]);
}

/// A disk that fails from the n-th write on.
#[derive(Debug)]
struct Failing(u32);

impl Store for Failing {
    fn append(&mut self, _lines: &[u8], _armed: Option<u64>) -> io::Result<()> {
        self.0 = self.0.checked_sub(1).ok_or_else(|| io::Error::other("disk"))?;
        Ok(())
    }

    fn remove(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failed_write_poisons_the_journal_for_good() {
    let journal = Journal::over(Box::new(Failing(1)), PathBuf::from("x"), Sum::START);
    assert_eq!(journal.append(record(0)).unwrap(), 0);
    assert!(matches!(journal.append(record(1)), Err(JournalError::Write { .. })));
    assert!(matches!(journal.append(record(2)), Err(JournalError::Poisoned)));
}

/// A disk whose syncs the test lets through one by one.
#[derive(Debug)]
struct Gated {
    begun: mpsc::Sender<u64>,
    go: mpsc::Receiver<io::Result<()>>,
}

impl Store for Gated {
    fn append(&mut self, lines: &[u8], armed: Option<u64>) -> io::Result<()> {
        assert!(armed.is_some());
        self.begun.send(lines.split_inclusive(|byte| *byte == b'\n').count() as u64).unwrap();
        self.go.recv().unwrap()
    }

    fn remove(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The context of a run that the token cancels.
fn context(cancel: &tokio_util::sync::CancellationToken) -> crate::RunContext {
    let clock: Arc<dyn crate::Clock> = Arc::new(crate::RealClock::new());
    let parts = crate::ContextParts {
        run_id: "r".into(),
        seed: 1,
        events: crate::Events::new(Arc::clone(&clock)),
        clock,
        policy: Arc::default(),
        hosts: crate::Hosts::new(Arc::new(crate::SystemResolver)),
        env: Arc::default(),
        workspace: std::env::temp_dir(),
        redactor: crate::Redactor::default(),
    };
    crate::RunContext::new(parts, cancel.clone())
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Nothing {}

impl crate::UndoStep for Nothing {
    async fn undo(&self, _cx: &crate::UndoContext) -> Result<crate::Undone, crate::PluginError> {
        Ok(crate::Undone::NothingToDo("nothing".into()))
    }

    fn describe(&self) -> String {
        "do nothing".into()
    }
}

crate::register_undo_step!(Nothing, "journal_nothing");

/// Cancels, or seals, while the disk takes its time over a step.
async fn armed_while(ending: impl FnOnce(&tokio_util::sync::CancellationToken, &crate::UndoLog)) -> crate::ArmError {
    let (begun, syncs) = mpsc::channel();
    let (go, gate) = mpsc::channel();
    let journal = Arc::new(Journal::over(Box::new(Gated { begun, go: gate }), PathBuf::from("x"), Sum::START));
    let cancel = tokio_util::sync::CancellationToken::new();
    let log = crate::UndoLog::new(Arc::clone(&journal), context(&cancel), None);
    let undo = log.handle();
    let arming = tokio::spawn(async move { undo.arm(Nothing {}).await.map(drop) });
    let syncs = tokio::task::spawn_blocking(move || {
        assert_eq!(syncs.recv().unwrap(), 1);
        syncs
    });
    let _syncs = syncs.await.unwrap();
    assert!(!arming.is_finished());
    ending(&cancel, &log);
    go.send(Ok(())).unwrap();
    let refused = arming.await.unwrap().unwrap_err();
    // No permit is open, and the step is there to be replayed, since it is on disk.
    log.drained().await;
    assert_eq!(log.newest_first().iter().map(|step| step.seq).collect::<Vec<_>>(), [Some(0)]);
    refused
}

#[tokio::test]
async fn no_effect_begins_after_a_cancel_that_came_while_the_disk_was_slow() {
    assert!(matches!(armed_while(|cancel, _| cancel.cancel()).await, crate::ArmError::Cancelled));
    assert!(matches!(armed_while(|_, log| log.seal()).await, crate::ArmError::Sealed));
}

#[tokio::test]
async fn once_cancelled_nothing_is_armed_any_more() {
    let cancel = tokio_util::sync::CancellationToken::new();
    let log = crate::UndoLog::new(Arc::new(Journal::in_memory()), context(&cancel), None);
    assert!(log.handle().arm(Nothing {}).await.is_ok());
    cancel.cancel();
    assert!(matches!(log.handle().arm(Nothing {}).await, Err(crate::ArmError::Cancelled)));
    assert_eq!(log.newest_first().len(), 1);
}

/// Arms 100 steps while the first one's sync is under way; gives how many had been armed before the second sync ended,
/// how many lines each sync covered, and what each call gave.
fn armed_at_once(second: io::Result<()>) -> (Vec<u64>, usize, usize) {
    let (begun, syncs) = mpsc::channel();
    let (go, gate) = mpsc::channel();
    let journal = Arc::new(Journal::over(Box::new(Gated { begun, go: gate }), PathBuf::from("x"), Sum::START));
    let arm = |n| {
        let journal = Arc::clone(&journal);
        std::thread::spawn(move || journal.append(record(n)))
    };
    let first = arm(0);
    let mut covered = vec![syncs.recv().unwrap()];
    let others: Vec<_> = (1..=100).map(arm).collect();
    while journal.queue().handed_in < 101 {
        std::thread::yield_now();
    }
    assert!(!first.is_finished() && others.iter().all(|other| !other.is_finished()));
    go.send(Ok(())).unwrap();
    covered.push(syncs.recv().unwrap());
    assert_eq!(first.join().unwrap().unwrap(), 0);
    assert!(others.iter().all(|other| !other.is_finished()));
    go.send(second).unwrap();
    let results: Vec<_> = others.into_iter().map(|other| other.join().unwrap()).collect();
    let numbers: BTreeSet<u64> = results.iter().filter_map(|result| result.as_ref().ok().copied()).collect();
    (covered, numbers.len(), results.iter().filter(|result| result.is_err()).count())
}

#[test]
fn steps_armed_together_share_one_sync_and_none_returns_before_it() {
    assert_eq!(armed_at_once(Ok(())), (vec![1, 100], 100, 0));
}

#[test]
fn a_shared_sync_that_fails_fails_for_all() {
    assert_eq!(armed_at_once(Err(io::Error::other("disk"))), (vec![1, 100], 0, 100));
}

#[test]
#[ignore = "a measurement: `cargo test -p chaos-core --lib -- --ignored --nocapture a_thousand_steps`"]
fn a_thousand_steps_one_by_one_and_at_once() {
    let (_temp, state) = state();
    for threads in [1, 1_000] {
        let journal = Arc::new(create(&state, &threads.to_string()));
        let start = std::time::Instant::now();
        let arms = (0..threads).map(|_| {
            let journal = Arc::clone(&journal);
            std::thread::spawn(move || (0..1_000 / threads).for_each(|n| assert!(journal.append(record(n)).is_ok())))
        });
        arms.collect::<Vec<_>>().into_iter().for_each(|arm| arm.join().unwrap());
        eprintln!("1000 steps from {threads} threads: {:?}", start.elapsed());
    }
}

#[test]
fn a_journal_of_another_machine_is_left_alone_whatever_its_boot() {
    let (_temp, state) = state();
    let path = dead(&state, 1);
    if machine_id().is_empty() {
        eprintln!("skipped: needs /etc/machine-id");
        return;
    }
    let before = std::fs::read_to_string(&path).unwrap();
    let (count, lines) = before.split_once('\n').unwrap();
    let (mut text, mut sum) = (format!("{count}\n"), Sum::START);
    for line in lines.lines() {
        let mut line = line::decode(line.as_bytes()).unwrap().2;
        if let Line::Header(header) = &mut line {
            header.machine = "another".into();
            header.boot_id = "another".into();
        }
        let (next, after) = encode(sum, &line).unwrap();
        text.push_str(&next);
        sum = after;
    }
    std::fs::write(&path, text).unwrap();
    let error = PastJournal::take(&path).unwrap_err().with_cause();
    assert!(error.contains("of another machine (`another`)"), "{error}");
    std::fs::write(&path, before).unwrap();
    assert_eq!(pending(&take(&path)), ["step 0"]);
}

/// A journal of one step that was taken over, and these lines of its run behind that, as it wrote them when it woke up: each
/// follows what it knew.
fn woken(lines: &[Line]) -> (tempfile::TempDir, PathBuf) {
    let (temp, state) = state();
    let path = dead(&state, 1);
    let last_sum = |text: &[u8]| line::decode(text.split(|byte| *byte == b'\n').rev().nth(1).unwrap()).unwrap().1;
    let mut sum = last_sum(&std::fs::read(&path).unwrap());
    take(&path).take_over("guardian");
    let mut text = std::fs::read(&path).unwrap();
    for line in lines {
        let (next, after) = encode(sum, line).unwrap();
        text.extend_from_slice(next.as_bytes());
        sum = after;
    }
    std::fs::write(&path, text).unwrap();
    (temp, path)
}

fn late(seq: u64) -> Line {
    Line::Armed(JournalRecord { seq, ..record(seq) })
}

#[test]
fn what_a_run_that_was_taken_over_was_still_writing_is_read_and_pending() {
    let (_temp, path) = woken(&[late(1), Line::Undone { seq: 0 }, late(2)]);
    let past = take(&path);
    assert_eq!((pending(&past), &past.problems[..]), (vec!["step 1", "step 2"], &[][..]));
}

#[test]
fn who_took_a_run_over_writes_on_after_its_late_lines_and_it_after_theirs() {
    let (_temp, path) = woken(&[late(1)]);
    let mut past = take(&path);
    past.mark_undone(0);
    past.mark_undone(1);
    drop(past);
    let past = take(&path);
    assert_eq!((pending(&past), &past.problems[..]), (vec![], &[][..]));
}

#[test]
fn a_late_line_that_is_damaged_or_missing_is_a_problem_and_so_is_one_that_no_run_writes_late() {
    let (_temp, path) = woken(&[late(1), late(2)]);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (first, second) = (lines[lines.len() - 2], lines[lines.len() - 1]);
    let before = &text[..text.len() - first.len() - second.len()];
    for late in [format!("{before}{second}"), format!("{before}{}{second}", first.replace("step 1", "step 7"))] {
        std::fs::write(&path, late).unwrap();
        let past = take(&path);
        assert!(!past.problems.is_empty() && pending(&past).contains(&"step 2"), "{:?}", past.problems);
    }
    // An epoch that follows what stood before another one is of somebody who did not see it.
    let other = Epoch { number: 1, pid: 1, executable: String::new(), holder: None };
    let (_temp, path) = woken(&[Line::Epoch(other)]);
    assert!(!take(&path).problems.is_empty());
}

#[test]
fn late_lines_without_anybody_who_took_over_are_damage() {
    let (_temp, state) = state();
    let path = dead(&state, 2);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    // The last step once more, where the line before it is itself.
    std::fs::write(&path, format!("{text}{}", lines[lines.len() - 1])).unwrap();
    assert!(!take(&path).problems.is_empty());
}
