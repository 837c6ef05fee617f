//! The program behind loads on resources: this program, started again under another name.
//!
//! A load is a process of its own, so that the kernel counts it, limits it, and ends it with us. [`run_if_asked`] stands
//! first in `main`; a program that does not call it makes no loads.

use std::fs;
use std::hint::black_box;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit};

/// What the program is called when it is a load.
pub(crate) const NAME: &str = "squall-stress";

/// The variable that says what it is to do.
pub(crate) const VARIABLE: &str = "SQUALL_STRESS";

/// What it says on its output once it does so.
pub(crate) const READY: &str = "ready";

/// Address space beside what it is to hold: its stack, and what the allocator takes.
const SPARE_BYTES: u64 = 64 << 20;

/// How much is taken at once.
const CHUNK_BYTES: u64 = 4 << 20;

/// How likely the kernel is to kill it before everything else.
const FIRST_VICTIM: &str = "1000";

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Arguments under which the program comes to [`run_if_asked`]; none, where it stands first in `main`.
static ARGUMENTS: OnceLock<Vec<String>> = OnceLock::new();

/// What a load is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Orders {
    /// Who it belongs to; it ends with that process.
    pub(crate) parent: u32,
    pub(crate) work: Work,
    /// The files whose writer joins a group.
    pub(crate) join: Vec<PathBuf>,
}

/// What it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// One processor.
    Cpu,
    /// So many bytes.
    Memory(u64),
    /// So many bytes of the group's that do not count as its own, so that the kernel kills another member for them.
    Pressure(u64),
}

impl Orders {
    /// One line each: who it belongs to, what it does, how much, and what it joins.
    pub(crate) fn write(&self) -> String {
        let (work, bytes) = match self.work {
            Work::Cpu => ("cpu", 0),
            Work::Memory(bytes) => ("memory", bytes),
            Work::Pressure(bytes) => ("pressure", bytes),
        };
        let join: Vec<String> = self.join.iter().map(|path| path.display().to_string()).collect();
        format!("{}\n{work}\n{bytes}\n{}", self.parent, join.join("\n"))
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let parent = lines.next()?.parse().ok()?;
        let (work, bytes) = (lines.next()?, lines.next()?.parse().ok()?);
        let work = match work {
            "cpu" => Work::Cpu,
            "memory" => Work::Memory(bytes),
            "pressure" => Work::Pressure(bytes),
            _ => return None,
        };
        Some(Self { parent, work, join: lines.filter(|line| !line.is_empty()).map(PathBuf::from).collect() })
    }
}

/// Does the work of a load where this program was started for that, and gives its exit code; `None` for every other start.
/// It stands first in `main`.
pub(crate) fn run_if_asked() -> Option<u8> {
    let asked = std::env::args_os().next().is_some_and(|name| name == NAME);
    if !asked {
        INSTALLED.store(true, Ordering::Relaxed);
        return None;
    }
    let orders = std::env::var(VARIABLE).ok().and_then(|text| Orders::read(&text));
    let done = match orders {
        Some(orders) => work(&orders),
        None => Err(io::Error::other("it was not told what to do")),
    };
    Some(match done {
        Ok(()) => 0,
        Err(error) => {
            // Whoever started it reads this; nobody else can be told.
            let _ = writeln!(io::stdout(), "{error}");
            1
        }
    })
}

/// For tests of this workspace: under these arguments the test program comes to [`run_if_asked`].
#[doc(hidden)]
pub fn reached_by(arguments: &[&str]) {
    let _ = ARGUMENTS.set(arguments.iter().map(|one| (*one).to_owned()).collect());
    INSTALLED.store(true, Ordering::Relaxed);
}

/// Whether this program can be a load.
pub(crate) fn is_installed() -> bool {
    INSTALLED.load(Ordering::Relaxed)
}

pub(crate) fn arguments() -> &'static [String] {
    ARGUMENTS.get().map_or(&[], Vec::as_slice)
}

fn work(orders: &Orders) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have ended before the kernel was asked.
    if getppid().map(|pid| pid.as_raw_nonzero().get().cast_unsigned()) != Some(orders.parent) {
        return Err(io::Error::other("its parent has ended"));
    }
    if !matches!(orders.work, Work::Pressure(_)) {
        fs::write("/proc/self/oom_score_adj", FIRST_VICTIM)?;
    }
    for file in &orders.join {
        let joined = fs::OpenOptions::new().write(true).open(file).and_then(|mut file| file.write_all(b"0"));
        joined.map_err(|error| io::Error::new(error.kind(), format!("join `{}`: {error}", file.display())))?;
    }
    match orders.work {
        Work::Cpu => {
            bound(0)?;
            say_ready()?;
            count()
        }
        Work::Memory(bytes) => {
            bound(bytes)?;
            let held = hold(bytes)?;
            say_ready()?;
            loop {
                std::thread::park();
                black_box(&held);
            }
        }
        Work::Pressure(bytes) => {
            bound(0)?;
            say_ready()?;
            let held = press(bytes)?;
            loop {
                std::thread::park();
                black_box(&held);
            }
        }
    }
}

/// Keeps the address space within what is there now, what is to be held, and a little.
fn bound(bytes: u64) -> io::Result<()> {
    let pages = fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = pages.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default();
    let now = pages.saturating_mul(rustix::param::page_size() as u64);
    let most = now.saturating_add(bytes).saturating_add(SPARE_BYTES);
    Ok(setrlimit(Resource::As, Rlimit { current: Some(most), maximum: Some(most) })?)
}

/// Takes memory and writes to every page of it.
fn hold(bytes: u64) -> io::Result<Vec<Vec<u8>>> {
    let (mut held, mut left) = (Vec::new(), bytes);
    while left > 0 {
        let now = usize::try_from(left.min(CHUNK_BYTES)).unwrap_or_default();
        let mut chunk = Vec::new();
        chunk.try_reserve_exact(now).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        // Not zeros: pages of those may be shared, or compressed to nothing.
        chunk.resize(now, 0xA5);
        held.push(black_box(chunk));
        left -= now as u64;
    }
    Ok(held)
}

/// Takes memory that is charged to the group, and not seen in the size of this process: by that the kernel chooses whom it
/// kills.
fn press(bytes: u64) -> io::Result<fs::File> {
    let mut held = fs::File::from(memfd_create("squall", MemfdFlags::CLOEXEC)?);
    let page = vec![0xA5; rustix::param::page_size()];
    let mut left = bytes;
    while left > 0 {
        held.write_all(&page)?;
        left = left.saturating_sub(page.len() as u64);
    }
    Ok(held)
}

fn say_ready() -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{READY}")?;
    out.flush()
}

fn count() -> ! {
    let mut number = 0_u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_as_they_were_written() {
        for work in [Work::Cpu, Work::Memory(7), Work::Pressure(8)] {
            for join in [vec![], vec![PathBuf::from("/sys/a b"), PathBuf::from("/sys/c")]] {
                let orders = Orders { parent: 71, work, join };
                assert_eq!(Orders::read(&orders.write()), Some(orders));
            }
        }
        for wrong in ["", "71", "71\ncpu", "x\ncpu\n0", "71\ndance\n0", "71\nmemory\n-1"] {
            assert_eq!(Orders::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn memory_is_taken_to_the_byte() {
        let held = hold(CHUNK_BYTES + 5).unwrap();
        assert_eq!(held.iter().map(Vec::len).sum::<usize>() as u64, CHUNK_BYTES + 5);
    }
}
