//! Kills the real program with SIGKILL while it holds a fault, and looks at the process table afterwards.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs;
use std::path::Path;
#[cfg(feature = "load")]
use std::path::PathBuf;
use std::process::{Child, Command, Output};

use chaos_campaign::{Place, Sleeper, kill, wait_until};
use serde_json::Value;

fn place() -> Place {
    Place::new(Path::new(env!("CARGO_BIN_EXE_squall"))).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Starts holding a fault on a victim.
fn pause(place: &Place, victim: &Sleeper, time: &str) -> Child {
    let pid = format!("pid={}", victim.pid());
    place.squall(&["inject", "pause_process", &pid, "--for", time]).spawn().unwrap()
}

fn wait_until_stopped(victim: &Sleeper) {
    wait_until("the victim stopped", || victim.is_stopped()).unwrap();
}

/// A run that was killed while its victim was stopped, and that victim.
fn killed() -> (Place, Sleeper) {
    let (place, victim) = (place(), Sleeper::start().unwrap());
    let mut run = pause(&place, &victim, "60s");
    wait_until_stopped(&victim);
    kill(&mut run);
    assert!(victim.is_stopped(), "nobody has undone it yet");
    (place, victim)
}

#[test]
fn recover_resumes_what_a_killed_run_left_and_the_second_call_does_nothing() {
    let (place, victim) = killed();
    let (code, report) = place.recover().unwrap();
    assert_eq!((code, report["undone"].as_array().unwrap().len()), (0, 1), "{report}");
    assert!(!victim.is_stopped());
    let (code, report) = place.recover().unwrap();
    assert_eq!((code, report["undone"].as_array().unwrap().len()), (0, 0), "{report}");
    assert!(place.journals().is_empty());
}

#[test]
fn the_next_run_resumes_it_too() {
    let (place, victim) = killed();
    let other = Sleeper::start().unwrap();
    let pid = format!("pid={}", other.pid());
    let output =
        place.squall(&["inject", "pause_process", &pid, "--for", "100ms", "--format", "json"]).output().unwrap();
    let report = json(&output);
    assert_eq!(report["recovered"]["undone"].as_array().unwrap().len(), 1, "{report}");
    assert!(!victim.is_stopped() && !other.is_stopped());
}

/// Changes the journal of a killed run, and gives what recovery says of it.
fn forged(change: impl Fn(&str) -> String) -> (i32, Value, Sleeper, Place) {
    let (place, victim) = killed();
    let journal = &place.journals()[0];
    let text = fs::read_to_string(journal).unwrap();
    let forged = change(&text);
    assert_ne!(text, forged, "nothing was forged in {text}");
    fs::write(journal, chaos_test::sealed(&forged)).unwrap();
    let (code, report) = place.recover().unwrap();
    (code, report, victim, place)
}

fn with_digit_changed(text: &str, key: &str) -> String {
    let at = text.find(key).unwrap() + key.len();
    let digit = at + text[at..].find(|c: char| c.is_ascii_digit()).unwrap();
    let other = if &text[digit..=digit] == "1" { "2" } else { "1" };
    format!("{}{other}{}", &text[..digit], &text[digit + 1..])
}

#[test]
fn a_recycled_pid_is_left_alone() {
    let (code, report, victim, place) = forged(|text| {
        let text = with_digit_changed(text, "\"start_time\":");
        // Where the kernel gives the inode of a pidfd, that alone identifies the process.
        let inode = "\"pidfd_inode\":";
        if text.contains(inode) { with_digit_changed(&text, inode) } else { text }
    });
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["undone"][0]["undone"]["outcome"], "nothing_to_do", "{report}");
    assert!(victim.is_stopped(), "another process was signalled");
    assert!(place.journals().is_empty());
}

#[test]
fn a_step_of_another_boot_is_left_alone() {
    let boot = chaos_core::boot_id();
    let (code, report, victim, _place) = forged(|text| text.replace(&boot, "00000000-0000-4000-8000-000000000000"));
    assert_eq!((code, report["moot"].as_array().unwrap().len()), (0, 1), "{report}");
    assert!(victim.is_stopped(), "another process was signalled");
    // Only the step's own boot id is forged, the header's is right.
    let (_, report, victim, _place) = forged(|text| {
        let (before, rest) = text.split_once("{\"armed\"").unwrap();
        format!("{before}{{\"armed\"{}", rest.replace(&boot, "00000000-0000-4000-8000-000000000000"))
    });
    assert_eq!(report["undone"][0]["undone"]["outcome"], "nothing_to_do", "{report}");
    assert!(victim.is_stopped(), "another process was signalled");
}

#[test]
fn a_garbled_line_keeps_the_journal_and_names_the_program() {
    let (code, report, victim, place) = forged(|text| format!("{text}{{\"armed\":garbled\n"));
    assert_eq!(code, 3, "{report}");
    assert!(report["kept"][0]["executable"].as_str().unwrap().ends_with("squall"), "{report}");
    assert!(!victim.is_stopped(), "what is readable is undone all the same");
    assert_eq!(place.journals().len(), 1);
}

#[test]
fn what_cannot_be_undone_is_given_up_only_by_name_and_is_kept_elsewhere() {
    let (code, report, _victim, place) = forged(|text| format!("{text}{{\"armed\":garbled\n"));
    assert_eq!(code, 3, "{report}");
    let state = place.path().join("squall");
    assert_eq!(report["state_dir"], state.to_str().unwrap());
    let text = place.squall(&["recover"]).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    let run = report["kept"][0]["run_id"].as_str().unwrap();
    let advice = format!("`squall recover --forget {run}` gives it up");
    assert!(text.contains(&advice), "{text}");
    assert!(text.contains(&format!("state directory: {}", state.display())), "{text}");

    let wrong = place.squall(&["recover", "--forget", "nosuch"]).output().unwrap();
    let told = String::from_utf8(wrong.stderr).unwrap();
    assert_eq!(wrong.status.code(), Some(64));
    assert!(told.contains(&format!("known: {run}")), "{told}");
    assert_eq!(place.journals().len(), 1);

    let given_up = place.squall(&["recover", "--forget", run, "--format", "json"]).output().unwrap();
    assert_eq!(given_up.status.code(), Some(0), "{given_up:?}");
    let given_up = json(&given_up);
    assert_eq!((given_up["unreadable"].as_u64(), place.journals().len()), (Some(1), 0), "{given_up}");
    assert!(fs::read_to_string(given_up["kept_as"].as_str().unwrap()).unwrap().contains("garbled\n"));
    assert_eq!(place.recover().unwrap().0, 0);
}

#[test]
fn a_live_run_is_not_given_up() {
    let (place, victim) = (place(), Sleeper::start().unwrap());
    let mut run = pause(&place, &victim, "60s");
    wait_until_stopped(&victim);
    let id = place.journals()[0].file_stem().unwrap().to_str().unwrap().to_owned();
    let refused = place.squall(&["recover", "--forget", &id]).output().unwrap();
    assert_eq!(refused.status.code(), Some(64));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("is alive"), "{told}");
    kill(&mut run);
    place.recover().unwrap();
    assert!(!victim.is_stopped());
}

#[test]
fn a_torn_last_line_is_ignored() {
    let (code, report, victim, place) = forged(|text| format!("{text}{{\"armed\":{{\"seq\":9"));
    assert_eq!(code, 0, "{report}");
    assert!(!victim.is_stopped());
    assert!(place.journals().is_empty());
}

#[test]
fn two_live_runs_and_a_recover_beside_them_leave_each_other_alone() {
    let place = place();
    let victims = [Sleeper::start().unwrap(), Sleeper::start().unwrap()];
    let runs = [pause(&place, &victims[0], "300s"), pause(&place, &victims[1], "300s")];
    victims.iter().for_each(wait_until_stopped);
    let (code, report) = place.recover().unwrap();
    assert_eq!((code, report["live"].as_u64()), (0, Some(2)), "{report}");
    assert!(victims.iter().all(Sleeper::is_stopped), "a live run was undone by somebody else");
    for run in runs {
        // SIGTERM ends a run early: it undoes and reports.
        Command::new("kill").args(["-TERM", &run.id().to_string()]).status().unwrap();
        let output = run.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
    assert!(!victims.iter().any(Sleeper::is_stopped));
    assert!(place.journals().is_empty());
}

#[test]
fn a_second_run_on_a_held_process_is_refused() {
    let place = place();
    let victim = Sleeper::start().unwrap();
    let mut run = pause(&place, &victim, "300s");
    wait_until_stopped(&victim);
    let output = pause(&place, &victim, "300s").wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(victim.is_stopped(), "the refused run undid the first one's fault");
    kill(&mut run);
    place.recover().unwrap();
    assert!(!victim.is_stopped());
}

/// How many processes have exactly this word on their command line.
#[cfg(feature = "load")]
fn processes_with(word: &str) -> usize {
    let has = |path: PathBuf| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|own| own == word.as_bytes())
    };
    fs::read_dir("/proc").unwrap().filter(|entry| entry.as_ref().is_ok_and(|entry| has(entry.path()))).count()
}

#[cfg(feature = "load")]
#[test]
fn recover_stops_the_real_fortio_of_a_killed_run() {
    use squall::chaos_load::target::{Behaviour, serve};

    let found = std::env::var_os("PATH").and_then(|places| squall::chaos_fortio::find(&places));
    if found.is_none() {
        println!("skipped: needs fortio (go install fortio.org/fortio@v1.68.2)");
        return;
    }
    let place = place();
    let target = serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap();
    let url = target.url();
    let parameters = [format!("target.service_url={url}"), "target.duration=5m".into(), "engine=fortio".into()];
    let mut words = vec!["inject", "generate_load", "--allow-command", "fortio"];
    words.extend(parameters.iter().map(String::as_str));
    let mut run = place.squall(&words).spawn().unwrap();
    wait_until("it began", || target.requests() >= 10).unwrap();
    kill(&mut run);
    assert_eq!(processes_with(&url), 1, "it goes on without the run");
    let (code, report) = place.recover().unwrap();
    assert_eq!((code, report["undone"].as_array().unwrap().len()), (0, 1), "{report}");
    assert_eq!(processes_with(&url), 0);
    assert!(place.journals().is_empty());
}
