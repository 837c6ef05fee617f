//! What an operator grants beyond hosts, paths and commands.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that a fault may do only when the operator says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
#[non_exhaustive]
pub enum Permission {
    /// Acts on a process or a file of another user.
    OtherUser,
    /// Uses root's rights.
    Root,
    /// Changes interfaces, routes or filters of a network namespace (the capability `CAP_NET_ADMIN`).
    NetAdmin,
    /// Does what can't be undone, such as killing a process that nobody restarts.
    Irreversible,
    /// Writes outside of every allowed path.
    OutsidePaths,
    /// Touches a context or a namespace of a cluster that looks like production.
    Production,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::OtherUser, Self::Root, Self::NetAdmin, Self::Irreversible, Self::OutsidePaths, Self::Production];

    /// What the deprecated `allow_privileged` stands for.
    pub const PRIVILEGED: [Self; 3] = [Self::OtherUser, Self::Root, Self::NetAdmin];

    /// The name in documents and flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::OtherUser => "other_user",
            Self::Root => "root",
            Self::NetAdmin => "net_admin",
            Self::Irreversible => "irreversible",
            Self::OutsidePaths => "outside_paths",
            Self::Production => "production",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no permission has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown permission `{name}`; known: {}", Permission::ALL.map(Permission::name).join(", "))]
pub struct UnknownPermission {
    name: String,
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(name: &str) -> Result<Self, UnknownPermission> {
        Self::ALL
            .into_iter()
            .find(|known| known.name() == name)
            .ok_or_else(|| UnknownPermission { name: name.to_owned() })
    }
}

/// A permission that a plan needs, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PermissionNeed {
    /// The permission.
    pub permission: Permission,
    /// What it is needed for, in one clause.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_in_flags_and_documents() {
        for permission in Permission::ALL {
            assert_eq!(permission.name().parse(), Ok(permission));
            assert_eq!(serde_json::to_value(permission).unwrap(), permission.name());
        }
        let error = "sudo".parse::<Permission>().unwrap_err().to_string();
        let known = "other_user, root, net_admin, irreversible, outside_paths, production";
        assert_eq!(error, format!("unknown permission `sudo`; known: {known}"));
    }
}
