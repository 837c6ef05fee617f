//! Instructions of one call of a site, counted by callgrind, beside `fail` 0.5.
//!
//! `cargo bench -p chaos-failpoints --bench instructions` starts itself once a case under valgrind, with two numbers
//! of calls; the difference, divided, is what one call costs, the loop's own four instructions included.

use std::{hint::black_box, process::Command};

use chaos_failpoints::{Guard, Scope, arm};

macro_rules! sites {
    ($ours:ident, $theirs:ident, $name:literal) => {
        #[inline(never)]
        fn $ours(value: u64) -> u64 {
            chaos_failpoints::fail_point!($name, |_| 0);
            black_box(value)
        }

        #[inline(never)]
        fn $theirs(value: u64) -> u64 {
            fail::fail_point!($name, |_| 0);
            black_box(value)
        }
    };
}
sites!(ours, theirs, "instructions.site");
sites!(other, fail_other, "instructions.other");

#[inline(never)]
fn bare(value: u64) -> u64 {
    black_box(value)
}

type Call = fn(u64) -> u64;

const CASES: [(&str, Call, &str); 12] = [
    ("no site", bare, ""),
    ("ours: idle", ours, ""),
    ("fail: idle", theirs, ""),
    ("ours: another site armed", ours, "another"),
    ("fail: another site armed", theirs, "another"),
    ("ours: armed in another scope, none entered", ours, "elsewhere"),
    ("ours: armed in another scope, one entered", ours, "entered"),
    ("ours: armed and off", ours, "off"),
    ("fail: armed and off", theirs, "off"),
    ("ours: firing", ours, "return"),
    ("fail: firing", theirs, "return"),
    ("ours: firing in a scope", ours, "scoped"),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, run, case, calls] = arguments.as_slice()
        && run == "--run"
    {
        run_case(case.parse().expect("this program wrote it"), calls.parse().expect("this program wrote it"));
        return;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: needs valgrind");
        return;
    }
    println!("instructions a call");
    for (at, (name, ..)) in CASES.iter().enumerate() {
        let (few, many) = (count(at, 20_000), count(at, 40_000));
        println!("{:>8.1}  {name}", (many - few) / 20_000.0);
    }
}

/// Runs one case in this process.
fn run_case(case: usize, calls: u64) {
    let (_, call, state) = CASES[case];
    let scope = Scope::new("instructions");
    let _armed: Vec<Guard> = set(state, &scope).into_iter().collect();
    let _entered = matches!(state, "entered" | "scoped").then(|| {
        let own = if state == "scoped" { scope.clone() } else { Scope::new("own") };
        own.enter()
    });
    for value in 0..calls {
        black_box(call(black_box(value)));
    }
    black_box((other(1), fail_other(1)));
}

fn set(state: &str, scope: &Scope) -> Option<Guard> {
    let site = "instructions.site";
    let (name, rule) = match state {
        "" => return None,
        "another" => ("instructions.other", "return"),
        "elsewhere" | "entered" | "scoped" => return scope.arm(site, "return").ok(),
        rule => (site, rule),
    };
    fail::cfg(name, rule).expect("it parses");
    Some(arm(name, rule).expect("the site is in this file"))
}

/// Runs a case under callgrind and reads how many instructions it took.
fn count(case: usize, calls: u64) -> f64 {
    let this = std::env::current_exe().expect("a running program has a path");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .args(["--run", &case.to_string(), &calls.to_string()])
        .output()
        .expect("valgrind is there: its version was asked for");
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, count)| count.trim());
    line.and_then(|count| count.parse().ok()).unwrap_or(f64::NAN)
}
