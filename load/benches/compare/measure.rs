//! Processor time and memory of a child process, and the middle of several rounds.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// What a child cost.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cost {
    /// Processor time in seconds, of all its threads.
    pub(crate) cpu: f64,
    /// Largest resident memory in kB.
    pub(crate) peak_kb: u64,
    /// Its standard output.
    pub(crate) out: String,
}

/// Runs a command to its end and measures it; `pin` is the core that it may use.
pub(crate) fn run(pin: Option<usize>, words: &[String]) -> Cost {
    let pinned = pin.map(|core| ["taskset".to_owned(), "-c".to_owned(), core.to_string()]);
    let mut line = pinned.iter().flatten().chain(words);
    let mut command = Command::new(line.next().unwrap());
    command.args(line).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let out = drain(child.stdout.take().unwrap());
    let (cpu, peak_kb) = watch(&mut child);
    Cost { cpu, peak_kb, out: out.join().unwrap() }
}

fn drain(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Watches the memory while it runs; once it has ended, and before it is reaped,
/// the kernel still tells its processor time.
fn watch(child: &mut Child) -> (f64, u64) {
    let id = child.id();
    let pid = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let now = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().split(' ').next()?.parse().ok());
        peak = peak.max(now.unwrap_or(0));
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        if waitid(WaitId::Pid(pid), options).unwrap().is_some() {
            break;
        }
        thread::park_timeout(Duration::from_millis(20));
    }
    let cpu = ticks(id) / 100.0;
    child.wait().unwrap();
    (cpu, peak)
}

/// Ticks of 10 ms in user and kernel mode.
fn ticks(id: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let rest = text.rsplit(')').next().unwrap();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()
}

/// Smallest, middle and largest of some figures.
pub(crate) fn spread(figures: &[f64]) -> (f64, f64, f64) {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[0], sorted[sorted.len() / 2], sorted[sorted.len() - 1])
}
