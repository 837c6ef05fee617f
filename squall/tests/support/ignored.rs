//! Signals that what starts the tests has them ignore.

use rustix::process::Signal;

/// Whether this test was started with a signal ignored, as a shell without job control starts a job in the background:
/// what it starts then ignores it too. `cargo xtask test` undoes that where it can.
pub(crate) fn is_ignored(name: &str) -> bool {
    let number = match name {
        "ABRT" => Signal::ABORT,
        "SYS" => Signal::SYS,
        "TTIN" => Signal::TTIN,
        "TTOU" => Signal::TTOU,
        "HUP" => Signal::HUP,
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
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
