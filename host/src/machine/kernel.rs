//! What the kernel has.

use std::fs::{self, File};
use std::io::{self, BufRead};
use std::num::NonZeroU32;
use std::path::Path;

use rustix::system::uname;

use super::fact::Fact;
use crate::namespace::proc_is_ours;
use crate::pidfd::PidFd;

pub(super) fn pidfd() -> Fact {
    let release = uname().release().to_string_lossy().into_owned();
    let us = NonZeroU32::new(std::process::id());
    match us.map(PidFd::open).transpose() {
        Ok(Some(Some(_))) => {}
        _ => {
            return Fact::no(
                format!("Linux {release} has no pidfds"),
                "Linux 5.3 or later, and no seccomp filter on `pidfd_open`",
            );
        }
    }
    match proc_is_ours() {
        Ok(true) => Fact::yes(format!("Linux {release}")),
        Ok(false) => Fact::no(
            "`/proc` shows another pid namespace than ours",
            "a `/proc` of our own: `mount -t proc proc /proc`",
        ),
        Err(error) => Fact::no(format!("`/proc` can't be read: {error}"), "a mounted `/proc`"),
    }
}

pub(super) fn fuse() -> Fact {
    // Opening makes nothing: a connection begins with a mount.
    match File::options().read(true).write(true).open("/dev/fuse") {
        Ok(_) => Fact::yes("`/dev/fuse` can be opened"),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Fact::no(
            format!("`/dev/fuse`: {error}"),
            "read and write access to `/dev/fuse`; in a container, `--device /dev/fuse`",
        ),
        Err(error) => Fact::no(
            format!("`/dev/fuse`: {error}"),
            "the kernel module `fuse`, and the device node; in a container, `--device /dev/fuse`",
        ),
    }
}

/// Whether the kernel has a module, loaded, built in or on disk; a function of that name is in it.
pub(super) fn module(name: &str, function: &str, option: &str) -> Fact {
    if Path::new("/sys/module").join(name).exists() || has_function(function) {
        return Fact::yes(format!("`{name}` is there"));
    }
    let release = uname().release().to_string_lossy().into_owned();
    let lists = Path::new("/lib/modules").join(&release);
    let listed = |list: &str| {
        let text = fs::read_to_string(lists.join(list)).ok()?;
        let file = |line: &str| line.split(':').next().unwrap_or_default().rsplit('/').next().map(str::to_owned);
        let is_it = |file: String| file.split('.').next().is_some_and(|stem| stem.replace('-', "_") == name);
        Some(text.lines().filter_map(file).any(is_it))
    };
    match (listed("modules.builtin"), listed("modules.dep")) {
        (Some(true), _) => Fact::yes(format!("`{name}` is built into Linux {release}")),
        (_, Some(true)) => Fact::yes(format!("`{name}` can be loaded (`modprobe {name}`)")),
        (None, None) => {
            Fact::unknown(format!("`{name}` is not loaded, and Linux {release} has no list of modules here"))
        }
        _ => Fact::no(format!("Linux {release} has no `{name}`"), format!("a kernel with `{option}`")),
    }
}

/// Whether the running kernel has a function of that name, as it tells everybody, with or without addresses.
fn has_function(name: &str) -> bool {
    let Ok(symbols) = File::open("/proc/kallsyms") else { return false };
    let lines = io::BufReader::new(symbols).lines().map_while(Result::ok);
    lines.into_iter().any(|line| line.split(' ').nth(2).is_some_and(|symbol| symbol.split('\t').next() == Some(name)))
}
