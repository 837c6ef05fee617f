//! Signals that what starts the tests has them ignore.

/// Whether this test was started with a signal ignored, as a shell without job control starts a job in the background:
/// what it starts then ignores it too.
pub(crate) fn is_ignored(name: &str) -> bool {
    let number = match name {
        "HUP" => 1,
        "INT" => 2,
        "QUIT" => 3,
        _ => return false,
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    let ignored = u64::from_str_radix(mask.trim(), 16).unwrap() >> (number - 1) & 1 == 1;
    if ignored {
        eprintln!("skipped: needs SIG{name} not to be ignored by what starts the tests");
    }
    ignored
}
