//! Signals that do not reach what the tests start, whatever that is.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

/// Listens for the signal of its first argument, and ends with 7 when it has come.
const LISTENS: &str = "trap 'exit 7' \"$1\"; echo listening; while :; do sleep 0.02; done";

/// How long a shell may take to hear a signal.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

/// Whether nothing that this test starts can hear a signal. Said by name.
///
/// It may have been started with the signal ignored, as a shell without job control starts a job in the background:
/// what it starts then ignores it too. `cargo xtask test` undoes that where it can. Signals that stop a process are kept
/// from it by some build servers in other ways: a shell that listens for one tells.
pub(crate) fn is_unheard(name: &str) -> bool {
    is_ignored(name) || matches!(name, "TSTP" | "TTIN" | "TTOU") && is_kept_from_a_shell(name)
}

fn is_kept_from_a_shell(name: &str) -> bool {
    let mut shell = Command::new("sh").args(["-c", LISTENS, "sh", name]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "listening\n");
    let signals = signals_of(shell.id());
    let sent = Command::new("kill").args([&format!("-{name}"), &shell.id().to_string()]).status().unwrap();
    let heard = sent.success() && ends_with(&mut shell) == Some(7);
    if !heard {
        eprintln!("skipped: needs SIG{name} to reach a shell that listens for it; its {signals}");
    }
    !heard
}

/// Killed where it does not end.
fn ends_with(child: &mut Child) -> Option<i32> {
    let start = Instant::now();
    while start.elapsed() < HEARD_WITHIN {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

/// What the kernel says of the signals of a process: which it blocks, ignores and catches, and who traces it.
pub(crate) fn signals_of(pid: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let told = |line: &&str| ["Sig", "Shd", "TracerPid", "Seccomp:"].iter().any(|start| line.starts_with(start));
    let lines: Vec<String> = status.lines().filter(told).map(|line| line.replace('\t', " ")).collect();
    lines.join(", ")
}

fn is_ignored(name: &str) -> bool {
    let number = match name {
        "ABRT" => Signal::ABORT,
        "SYS" => Signal::SYS,
        "TTIN" => Signal::TTIN,
        "TTOU" => Signal::TTOU,
        "HUP" => Signal::HUP,
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        "ALRM" => Signal::ALARM,
        "TERM" => Signal::TERM,
        "STKFLT" => Signal::STKFLT,
        "TSTP" => Signal::TSTP,
        "TRAP" => Signal::TRAP,
        "XCPU" => Signal::XCPU,
        "XFSZ" => Signal::XFSZ,
        "VTALRM" => Signal::VTALARM,
        "PROF" => Signal::PROF,
        "IO" => Signal::IO,
        "PWR" => Signal::POWER,
        // A real-time one, as `RT34`.
        other => return ignores(name, other.trim_start_matches("RT").parse().unwrap()),
    };
    ignores(name, number.as_raw())
}

fn ignores(name: &str, number: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    let ignored = u64::from_str_radix(mask.trim(), 16).unwrap() >> (number - 1) & 1 == 1;
    if ignored {
        eprintln!("skipped: needs SIG{name} not to be ignored by what starts the tests");
    }
    ignored
}
