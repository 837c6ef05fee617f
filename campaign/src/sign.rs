//! How the world shows that something is in force: by the kernel, by files and by the victims themselves, never by what the
//! program says of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::groups;
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
    /// A process that has this word in its command line: a node.
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
    /// A file that a node writes its time to, which the kernel writes another time to.
    Shifted(PathBuf),
    /// A page of a node's clock.
    ClockPage,
    /// A fail point of this process that fires.
    Fires(ArmedSite),
    /// A connection to a service of this process.
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
            Self::Shifted(file) => !nodes(file).is_empty() && is_shifted(file),
            Self::ClockPage => has_page(place, 6),
            Self::Fires(site) => site.fires(),
            Self::Connected(service) => service.is_connected(),
        }
    }

    /// Whether it is the effect of a fault, and not of a node or of what is prepared for one.
    pub(crate) fn is_effect(&self) -> bool {
        !matches!(self, Self::Node(_) | Self::Mount | Self::Group | Self::ClockPage)
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
