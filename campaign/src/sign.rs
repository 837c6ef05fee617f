//! How the world shows that something is in force: by the kernel, by files and by the victims themselves, never by what the
//! program says of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::groups;
use crate::link_watch::{LinkWatch, acts};
use crate::processes::{has_ended, soft_descriptors, with_argument, with_environment};
use crate::service::Service;
use crate::sites::ArmedSite;
use crate::sleeper::state_of;

/// How far a node's clock must be off; the fault puts it an hour ahead.
const SHIFT: Duration = Duration::from_mins(30);

/// What the page of a node's clock begins with.
const PAGE: &[u8] = b"SQCLOCK1";

/// One thing that is there while a run has something in force, and at no other time.
#[derive(Debug)]
pub(crate) enum Sign {
    /// A file in a folder that a fault fills.
    Filled(PathBuf),
    /// A process that has this word in its command line: a node, or a program that makes load.
    Node(PathBuf),
    /// The same, stopped.
    NodeStopped(PathBuf),
    /// The same, with another limit of descriptors than what started it.
    NodeDescriptors(PathBuf, String),
    /// A mount below the place of the round.
    Mount,
    /// The same, without room.
    MountFull,
    /// A group of the run.
    Group,
    /// The same, with a limit.
    GroupLimited,
    /// A limit on the group of a victim.
    VictimLimited(groups::VictimGroup),
    /// Another limit of descriptors than a victim began with.
    VictimDescriptors(u32, String),
    /// A process of the run that uses resources.
    Load,
    /// A process of the run that serves a link, or a port that still leads through it.
    Link(LinkWatch),
    /// A fault on that link, as the link itself tells who asks it.
    LinkActs,
    /// A file that a node writes its time to, which the kernel writes another time to.
    Shifted(PathBuf),
    /// A page of a node's clock.
    ClockPage,
    /// A fail point of this process that fires.
    Fires(ArmedSite),
    /// A connection to a service of this process, but of a run that is stopped: that keeps its own, and sends nothing.
    Connected(Service),
}

impl Sign {
    /// Whether it is there, for a run of that pid in that folder.
    pub(crate) fn shows(&self, place: &Path, run: u32) -> bool {
        match self {
            Self::Filled(folder) => fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()),
            Self::Node(word) => !nodes(word).is_empty(),
            Self::NodeStopped(word) => nodes(word).into_iter().any(|pid| state_of(pid) == Some('T')),
            Self::NodeDescriptors(word, before) => nodes(word).into_iter().any(|pid| has_other(pid, before)),
            Self::Mount => !mounts(place).is_empty(),
            Self::MountFull => mounts(place).iter().any(|path| has_no_room(path)),
            Self::Group => !groups::of_run(run).is_empty(),
            Self::GroupLimited => groups::of_run(run).iter().any(|group| groups::has_limited_child(group)),
            Self::VictimLimited(group) => group.is_limited(),
            Self::VictimDescriptors(pid, before) => has_other(*pid, before),
            Self::Load => loads(run),
            Self::Link(watch) => watch.is_there(run),
            Self::LinkActs => acts(place).is_ok_and(|acts| !acts.is_empty()),
            Self::Shifted(file) => !nodes(file).is_empty() && is_shifted(file),
            Self::ClockPage => has_page(place, 6),
            Self::Fires(site) => site.fires(),
            Self::Connected(service) => service.is_connected() && state_of(run) != Some('T'),
        }
    }

    /// Whether it is the effect of a fault, and not of a node or of what is prepared for one.
    pub(crate) fn is_effect(&self) -> bool {
        !matches!(self, Self::Node(_) | Self::Link(_) | Self::Mount | Self::Group | Self::ClockPage)
    }
}

fn nodes(word: &Path) -> Vec<u32> {
    with_argument(word.as_os_str().as_encoded_bytes())
}

fn has_other(pid: u32, before: &str) -> bool {
    soft_descriptors(pid).is_some_and(|now| now != before)
}

/// The loads that say that they belong to this process.
fn loads(run: u32) -> bool {
    let orders = format!("SQUALL_STRESS={run}\n");
    with_argument(b"squall-stress").into_iter().any(|pid| with_environment(pid, orders.as_bytes()) && !has_ended(pid))
}

fn mounts(place: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = table.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
    points.filter(|point| point.starts_with(place)).collect()
}

fn has_no_room(mount: &Path) -> bool {
    rustix::fs::statvfs(mount).is_ok_and(|room| room.f_bavail == 0)
}

/// Whether a file says another time than the kernel says of it.
fn is_shifted(file: &Path) -> bool {
    let said = fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok());
    let written = fs::metadata(file).and_then(|meta| meta.modified()).ok();
    let (Some(said), Some(written)) = (said, written) else { return false };
    let said = SystemTime::UNIX_EPOCH + Duration::from_secs(said);
    said.duration_since(written).unwrap_or_else(|earlier| earlier.duration()) > SHIFT
}

/// Whether a folder, so deep, holds the page of a clock.
fn has_page(folder: &Path, deep: u32) -> bool {
    fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
        let Ok(kind) = entry.file_type() else { return false };
        if kind.is_dir() {
            return deep > 0 && has_page(&entry.path(), deep - 1);
        }
        let is_small = entry.metadata().is_ok_and(|meta| meta.len() == 4096);
        kind.is_file() && is_small && fs::read(entry.path()).is_ok_and(|bytes| bytes.starts_with(PAGE))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpStream;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::child::wait_until;
    use crate::sleeper::Sleeper;

    /// What a sign says before and after something is done.
    fn before_and_after(sign: &Sign, place: &Path, act: impl FnOnce()) -> [bool; 2] {
        let before = sign.shows(place, 0);
        act();
        [before, sign.shows(place, 0)]
    }

    #[test]
    fn files_are_seen() {
        let place = tempfile::tempdir().unwrap();
        let (filled, page) = (place.path().join("filled"), place.path().join("a/b"));
        fs::create_dir_all(&filled).unwrap();
        fs::create_dir_all(&page).unwrap();
        let fill = || fs::write(filled.join("file"), "x").unwrap();
        assert_eq!(before_and_after(&Sign::Filled(filled.clone()), place.path(), fill), [false, true]);
        let mut bytes = PAGE.to_vec();
        bytes.resize(4096, 0);
        let write = || fs::write(page.join("page"), bytes).unwrap();
        assert_eq!(before_and_after(&Sign::ClockPage, place.path(), write), [false, true]);
        let told = place.path().join("told");
        let hour = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + Duration::from_hours(1);
        for (seconds, is) in [(hour.as_secs(), true), (hour.as_secs() - 3_600, false)] {
            fs::write(&told, seconds.to_string()).unwrap();
            assert_eq!(is_shifted(&told), is);
        }
    }

    #[test]
    fn another_limit_of_descriptors_is_seen() {
        let (place, victim) = (tempfile::tempdir().unwrap(), Sleeper::start().unwrap());
        let pid = victim.pid();
        let sign = Sign::VictimDescriptors(pid, soft_descriptors(pid).unwrap());
        let lower = || {
            let lowered = Command::new("prlimit").args(["--pid", &pid.to_string(), "--nofile=9:"]).status();
            assert!(lowered.unwrap().success());
        };
        assert_eq!(before_and_after(&sign, place.path(), lower), [false, true]);
    }

    #[test]
    fn limits_of_a_group_are_seen() {
        let (place, victim) = (tempfile::tempdir().unwrap(), Sleeper::start().unwrap());
        let group = groups::VictimGroup::of(victim.pid());
        let files = group.files(&["pids.max", "freezer.state", "cgroup.freeze"]);
        if files.is_empty() {
            eprintln!("skipped: needs a cgroup that can be written");
            return;
        }
        let sign = Sign::VictimLimited(group);
        for file in files {
            let before = fs::read_to_string(&file).unwrap();
            let limit = if file.ends_with("freezer.state") { "FROZEN" } else { "1" };
            let set = || fs::write(&file, limit).unwrap();
            assert_eq!(before_and_after(&sign, place.path(), set), [false, true], "{}", file.display());
            fs::write(&file, before.trim()).unwrap();
            wait_until("the limit is off", || !sign.shows(place.path(), 0)).unwrap();
        }
    }

    #[test]
    fn loads_and_nodes_are_seen() {
        let place = tempfile::tempdir().unwrap();
        let word = place.path().join("word");
        let start = |name: &str, variable: &str| {
            // The shell is called so, and waits for its input.
            let mut command = Command::new("sh");
            command.args(["-c", "read -r line", name]).env("SQUALL_STRESS", variable);
            command.stdin(Stdio::piped()).spawn().unwrap()
        };
        let stress = start("squall-stress", "77\ncpu\n0\n");
        let node = start(word.to_str().unwrap(), "");
        wait_until("they are there", || Sign::Load.shows(place.path(), 77)).unwrap();
        wait_until("it is there", || Sign::Node(word.clone()).shows(place.path(), 77)).unwrap();
        assert!(!Sign::Load.shows(place.path(), 78));
        for mut child in [stress, node] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(!Sign::Load.shows(place.path(), 77));
        assert!(!Sign::Node(word).shows(place.path(), 77));
    }

    #[test]
    fn a_fail_point_and_a_connection_are_seen() {
        let place = tempfile::tempdir().unwrap();
        let site = ArmedSite::take().unwrap();
        let (name, address) = (site.name(), site.url().replace("http://", ""));
        let ask = |head: &str, body: &str| {
            let mut stream = TcpStream::connect(&address).unwrap();
            write!(
                stream,
                "{head} /{name} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
            std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
        };
        let sign = Sign::Fires(site);
        assert_eq!(before_and_after(&sign, place.path(), || ask("PUT", "return(no)")), [false, true]);
        ask("DELETE", "");
        assert!(!sign.shows(place.path(), 0));

        let service = Service::start().unwrap();
        let address = service.url().replace("http://", "").replace('/', "");
        let sign = Sign::Connected(service);
        assert!(!sign.shows(place.path(), 0));
        let stream = TcpStream::connect(address).unwrap();
        wait_until("it is connected", || sign.shows(place.path(), 0)).unwrap();
        drop(stream);
        wait_until("it is closed", || !sign.shows(place.path(), 0)).unwrap();
    }
}
