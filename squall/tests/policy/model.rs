//! What a policy should say, written down again: plain lists and bits, and nothing of the code that is tested.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What one side allows; the operator's, or what a document leaves of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Side {
    /// Network and bits.
    pub(crate) networks: Vec<(u32, u32)>,
    /// Whether names below it are meant, and the name.
    pub(crate) names: Vec<(bool, String)>,
    pub(crate) commands: Vec<String>,
    pub(crate) permissions: BTreeSet<&'static str>,
    pub(crate) faults: Option<Vec<String>>,
    /// Requests per second, seconds, connections, bytes.
    pub(crate) ceilings: [f64; 4],
    /// As it is written, and where it really is.
    pub(crate) paths: Vec<(String, PathBuf)>,
}

/// Where an entry would connect.
#[derive(Debug, Clone)]
pub(crate) enum Host {
    /// An address in some spelling that stands for it.
    Address(u32, String),
    /// A name.
    Name(String),
    /// What some programs take for an address of loopback, and what is none.
    Odd(String),
}

/// What an entry wants.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    pub(crate) host: Option<Host>,
    pub(crate) command: Option<String>,
    pub(crate) permission: Option<&'static str>,
    pub(crate) irreversible: bool,
    pub(crate) ceilings: [Option<f64>; 4],
    /// As it is written, and where it really is.
    pub(crate) path: Option<(String, PathBuf)>,
}

/// The folders of the test.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    pub(crate) workspace: PathBuf,
    pub(crate) home: PathBuf,
    pub(crate) state: PathBuf,
}

/// The address that every name of the test has.
pub(crate) const NAMED: u32 = 0xc000_024d;
const LOOPBACK: (u32, u32) = (0x7f00_0000, 8);
/// The fault's type.
pub(crate) const FAULT: &str = "squall_policy_case";

fn in_network(address: u32, (network, bits): (u32, u32)) -> bool {
    (0..bits).all(|bit| (address >> (31 - bit)) & 1 == (network >> (31 - bit)) & 1)
}

fn named(name: &str, (under, pattern): &(bool, String)) -> bool {
    let labels = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (name, pattern) = (labels(name), labels(pattern));
    if *under { name.len() > pattern.len() && name.ends_with(&pattern) } else { name == pattern }
}

/// Whether all that an entry wants is allowed by the operator and by the document.
pub(crate) fn allowed(wish: &Wish, operator: &Side, document: Option<&Side>, folders: &Folders) -> bool {
    let sides = || [Some(operator), document].into_iter().flatten();
    let host = wish.host.as_ref().is_none_or(|host| match host {
        Host::Odd(_) => false,
        Host::Address(address, _) => {
            let at = |side: &Side| side.networks.iter().any(|network| in_network(*address, *network));
            at(operator) && (document.is_none_or(at) || in_network(*address, LOOPBACK))
        }
        Host::Name(name) => {
            let by_name = |side: &Side| side.names.iter().any(|pattern| named(name, pattern));
            let by_address = |side: &Side| side.networks.iter().any(|network| in_network(NAMED, *network));
            by_name(operator) && document.is_none_or(|side| by_name(side) || by_address(side))
        }
    });
    let command = |command: &String| sides().all(|side| side.commands.iter().any(|one| one == "*" || one == command));
    let permitted = |name: &str| sides().all(|side| side.permissions.contains(name));
    let fault = sides().all(|side| side.faults.as_ref().is_none_or(|list| list.iter().any(|one| one == FAULT)));
    let ceilings = wish.ceilings.iter().enumerate().all(|(kind, value)| {
        value.is_none_or(|value| !value.is_nan() && sides().all(|side| value <= side.ceilings[kind]))
    });
    let path = wish.path.as_ref().is_none_or(|(_, real)| {
        let below = |side: &Side| side.paths.iter().any(|(_, root)| real.starts_with(root));
        let Folders { workspace, home, state } = folders;
        let in_workspace = real.starts_with(workspace);
        let implied = in_workspace && !home.starts_with(workspace);
        let operator_allows = if real.starts_with(state) {
            operator.paths.iter().any(|(_, root)| root.starts_with(state) && real.starts_with(root))
        } else {
            below(operator) || implied || permitted("outside_paths")
        };
        operator_allows && document.is_none_or(|side| below(side) || in_workspace)
    });
    host && fault
        && ceilings
        && path
        && wish.command.as_ref().is_none_or(command)
        && wish.permission.is_none_or(permitted)
        && (!wish.irreversible || permitted("irreversible"))
}

/// Whether a file lies where the operator lets anybody write.
pub(crate) fn writable(file: &Path, operator: &Side, folders: &Folders) -> bool {
    let roots = || operator.paths.iter().map(|(_, root)| root.as_path());
    operator.permissions.contains("outside_paths")
        || roots().chain([folders.workspace.as_path()]).any(|root| file.starts_with(root))
}
