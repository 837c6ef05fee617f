//! A process by pid, pid file, port or command.

use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, SystemTime};

use chaos_core::{Locator, PluginError, read_bounded};
use chaos_host::{PidFd, ProcessStat, listening_on, with_command_line};
use rustix::param::clock_ticks_per_second;
use rustix::time::{ClockId, clock_gettime};

use crate::held::{failed, hold, missing, own_proc};

/// A pid file holds a number and a line feed; some hold a few words more.
const PID_FILE_BYTES: u64 = 4096;

/// How much later than its pid file a process may seem to have started: clocks are read to the hundredth, files are dated to
/// the second on some systems, and the wall clock may have been set meanwhile.
const SLACK: Duration = Duration::from_secs(2);

/// Takes hold of the process.
///
/// # Errors
/// [`PluginError::Refused`] when a pid is nobody's or when several processes fit, [`PluginError::NotYet`] when the process
/// may appear.
pub(crate) fn locate(locator: &Locator) -> Result<PidFd, PluginError> {
    match locator {
        Locator::Pid(pid) => hold(*pid)?.ok_or_else(|| missing(*pid)),
        Locator::PidFile(path) => by_pid_file(path),
        Locator::Port(port) => {
            own_proc()?;
            let found = listening_on(port.get());
            only(found.map_err(|error| PluginError::io(&format!("find {locator}"), &error))?, locator, "listens on")
        }
        Locator::Command(argv) => {
            own_proc()?;
            let found = with_command_line(argv);
            only(found.map_err(|error| PluginError::io(&format!("find {locator}"), &error))?, locator, "has")
        }
    }
}

fn by_pid_file(path: &Path) -> Result<PidFd, PluginError> {
    let shown = path.display();
    let text = match read_bounded(path, PID_FILE_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(PluginError::NotYet(format!("there is no pid file `{shown}`")));
        }
        Err(error) => return Err(PluginError::io(&format!("read pid file `{shown}`"), &error)),
    };
    let text = String::from_utf8_lossy(&text);
    let pid = text.split_whitespace().next().and_then(|word| word.parse::<NonZeroU32>().ok());
    let Some(pid) = pid else {
        return Err(PluginError::refused(format!("pid file `{shown}` does not begin with a pid")));
    };
    // Held first: what is read of it then is of the process that a signal reaches.
    let Some(held) = hold(pid)? else {
        return Err(PluginError::NotYet(format!("pid file `{shown}` names process {pid}, which is not there")));
    };
    let stat = held.stat().map_err(|error| failed("read the state of", pid, &error))?;
    let Some(stat) = stat else {
        return Err(PluginError::NotYet(format!("pid file `{shown}` names process {pid}, which is not there")));
    };
    let written = fs::metadata(path).and_then(|file| file.modified());
    let written = written.map_err(|error| PluginError::io(&format!("read pid file `{shown}`"), &error))?;
    if started(&stat).is_some_and(|started| started > written + SLACK) {
        let label = stat.label();
        return Err(PluginError::refused(format!(
            "pid file `{shown}` is older than {label}, so it names another process"
        )));
    }
    Ok(held)
}

/// When a process started, on the wall clock; `None` where that is before what the clock can say.
fn started(stat: &ProcessStat) -> Option<SystemTime> {
    let since_boot: Duration = clock_gettime(ClockId::Boottime).try_into().ok()?;
    let after_boot = Duration::from_millis(stat.start_time.checked_mul(1000)? / clock_ticks_per_second().max(1));
    SystemTime::now().checked_sub(since_boot.saturating_sub(after_boot))
}

/// The one process that fits.
fn only(mut found: Vec<PidFd>, locator: &Locator, verb: &str) -> Result<PidFd, PluginError> {
    if found.len() > 1 {
        let pids: Vec<String> = found.iter().map(|held| held.pid().to_string()).collect();
        let why = format!("{} processes fit {locator} ({}); name one by `pid`", pids.len(), pids.join(", "));
        return Err(PluginError::refused(why));
    }
    found.pop().ok_or_else(|| PluginError::NotYet(format!("no process that we can see {verb} {locator}")))
}
