//! What we may do.

use std::fs;
use std::io;
use std::process::{Command, Stdio};

use rustix::process::geteuid;

use super::fact::Fact;

/// What a capability is called whose bit it is, for those that faults use; see `capabilities(7)`.
const CAPABILITIES: [(u32, &str); 7] = [
    (1, "dac_override"),
    (5, "kill"),
    (12, "net_admin"),
    (19, "sys_ptrace"),
    (21, "sys_admin"),
    (24, "sys_resource"),
    (25, "sys_time"),
];

pub(super) fn root() -> Fact {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let missing = missing(&status);
    let uid = geteuid().as_raw();
    if uid != 0 && !missing.is_empty() {
        let setting = "root's rights (`sudo`), or processes and files of your own as targets";
        return Fact::no(format!("we are uid {uid}, without the capabilities {}", missing.join(", ")), setting);
    }
    let but =
        if missing.is_empty() { String::new() } else { format!(", without the capabilities {}", missing.join(", ")) };
    Fact::yes(format!("we are uid {uid}{but}"))
}

/// The capabilities that are not in effect.
fn missing(status: &str) -> Vec<&'static str> {
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    CAPABILITIES.iter().filter(|(bit, _)| mask >> bit & 1 == 0).map(|(_, name)| *name).collect()
}

/// Settings that forbid user namespaces, and the value that does.
const SETTINGS: [(&str, &str, &str); 3] = [
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl `user.max_user_namespaces` above 0"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl `kernel.unprivileged_userns_clone=1`"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl `kernel.apparmor_restrict_unprivileged_userns=0`",
    ),
];

pub(super) fn user_namespaces() -> Fact {
    let tried = Command::new("unshare").args(["--user", "--map-root-user", "true"]).stdin(Stdio::null()).output();
    let forbidding =
        SETTINGS.iter().find(|(file, value, _)| fs::read_to_string(file).is_ok_and(|now| now.trim() == *value));
    match (tried, forbidding) {
        (Ok(output), _) if output.status.success() => Fact::yes("one was made, and is gone"),
        (Ok(output), forbidding) => {
            let why = String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("it failed").to_owned();
            let setting = "a seccomp profile that allows `unshare`, and no `chroot` (a container: `--security-opt seccomp=unconfined`)";
            Fact::no(why, forbidding.map_or(setting, |(.., setting)| setting))
        }
        (Err(_), Some((file, value, setting))) => Fact::no(format!("`{file}` is {value}"), *setting),
        (Err(error), None) if error.kind() == io::ErrorKind::NotFound => {
            Fact::unknown("no setting forbids them; not tried, since there is no program `unshare`")
        }
        (Err(error), None) => Fact::unknown(format!("no setting forbids them; `unshare`: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_bit_by_bit() {
        assert_eq!(missing("CapEff:\t000001ffffffffff\n"), Vec::<&str>::new());
        assert_eq!(missing("CapEff:\t000001fffeffffff\n"), ["sys_resource"]);
        assert_eq!(missing("").len(), CAPABILITIES.len());
    }
}
