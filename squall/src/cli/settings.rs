//! `squall.toml`: settings of the operator, below flags and environment.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use chaos_core::{StateDir, read_bounded};
use chaos_runner::{Guardian, RunnerError};
use serde::Deserialize;

use super::failure::Failure;

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// Where the settings file is, and what takes precedence over it.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct SettingsFlags {
    /// The settings file; default: `SQUALL_CONFIG`, else `squall/squall.toml` in `$XDG_CONFIG_HOME` or `~/.config`.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for undo journals and control sockets; default: `SQUALL_STATE`, else the settings file's, else
    /// `$XDG_STATE_HOME/squall` or `~/.local/state/squall`.
    #[arg(long, global = true, value_name = "FOLDER")]
    state: Option<PathBuf>,
}

/// What a settings file may hold.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    policy: Option<PathBuf>,
    workspace: Option<PathBuf>,
    state: Option<PathBuf>,
    guardian: Option<GuardianSetting>,
}

/// Whether runs have a guardian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GuardianSetting {
    /// They have.
    Own,
    /// What a crash leaves in force stays until somebody recovers.
    None,
}

/// Who undoes runs that can't do it themselves.
pub(crate) fn guardian() -> Guardian {
    match SETTINGS.get().and_then(|settings| settings.guardian) {
        Some(GuardianSetting::None) => Guardian::None,
        Some(GuardianSetting::Own) => Guardian::ThisProgram,
        None => Guardian::default(),
    }
}

/// The policy file, where no flag names one.
pub(crate) fn policy() -> Option<&'static Path> {
    SETTINGS.get()?.policy.as_deref()
}

/// The workspace: that of a flag, else that of the settings.
pub(crate) fn workspace(flag: Option<&Path>) -> Option<&Path> {
    flag.or_else(|| SETTINGS.get()?.workspace.as_deref())
}

/// The same, or the current folder.
pub(crate) fn workspace_or_here(flag: Option<&Path>) -> &Path {
    workspace(flag).unwrap_or(Path::new("."))
}

/// The state directory, where one is set.
pub(crate) fn state_dir() -> Option<StateDir> {
    SETTINGS.get()?.state.as_deref().map(StateDir::at)
}

/// The state directory: where one is set, else the user's.
pub(crate) fn located_state_dir() -> Result<StateDir, Failure> {
    let located = || StateDir::locate(|name| std::env::var(name).ok());
    Ok(state_dir().map_or_else(located, Ok).map_err(RunnerError::StateDir)?)
}

/// Reads them, once, before a command that needs them.
pub(crate) fn read(flags: &SettingsFlags) -> Result<(), Failure> {
    let settings = settings(flags, |name| std::env::var_os(name).filter(|value| !value.is_empty()))?;
    let _ = SETTINGS.set(settings);
    Ok(())
}

fn settings(flags: &SettingsFlags, env: impl Fn(&str) -> Option<OsString>) -> Result<Settings, Failure> {
    let path = |name: &str| env(name).map(PathBuf::from);
    let file = match flags.config.clone().or_else(|| path("SQUALL_CONFIG")) {
        Some(named) => of_file(&named)?,
        None => match own_file(path) {
            Some(own) if own.exists() => of_file(&own)?,
            _ => Settings::default(),
        },
    };
    let settings = Settings {
        policy: path("SQUALL_POLICY").or(file.policy),
        workspace: path("SQUALL_WORKSPACE").or(file.workspace),
        state: flags.state.clone().or_else(|| path("SQUALL_STATE")).or(file.state),
        guardian: guardian_of(env("SQUALL_GUARDIAN").as_deref())?.or(file.guardian),
    };
    let state = settings.state.map(std::path::absolute).transpose();
    let state = state.map_err(|error| Failure::Usage(format!("the state directory has no absolute path: {error}")))?;
    Ok(Settings { state, ..settings })
}

fn guardian_of(text: Option<&OsStr>) -> Result<Option<GuardianSetting>, Failure> {
    match text.map(OsStr::to_string_lossy).as_deref() {
        None => Ok(None),
        Some("own") => Ok(Some(GuardianSetting::Own)),
        Some("none") => Ok(Some(GuardianSetting::None)),
        Some(other) => Err(Failure::Usage(format!("`SQUALL_GUARDIAN={other}`: expected `own` or `none`"))),
    }
}

/// The operator's own file. One in the current folder is never read: it may come with somebody else's files.
fn own_file(path: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // The XDG rule: a relative path is to be ignored.
    let base = path("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let base = base.or_else(|| path("HOME").map(|home| home.join(".config")))?;
    Some(base.join("squall/squall.toml"))
}

/// Bytes of a settings file; it has a handful of keys.
const LONGEST: u64 = 1 << 20;

/// A relative path in the file begins in the file's folder.
fn of_file(path: &Path) -> Result<Settings, Failure> {
    let failed = |source| Failure::File { path: path.to_owned(), doing: "read", source };
    let text = String::from_utf8(read_bounded(path, LONGEST).map_err(failed)?);
    let text = text.map_err(|error| failed(io::Error::other(error)))?;
    of_text(&text, path)
}

fn of_text(text: &str, path: &Path) -> Result<Settings, Failure> {
    let settings: Settings = toml::from_str(text).map_err(|error| {
        let (line, column) = position(text, error.span().map_or(0, |span| span.start));
        let why = error.message().replace('\n', " ");
        Failure::Usage(format!("`{}:{line}:{column}`: {why}", path.display()))
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let beside = |path: Option<PathBuf>| path.map(|path| folder.join(path));
    Ok(Settings {
        policy: beside(settings.policy),
        workspace: beside(settings.workspace),
        state: beside(settings.state),
        guardian: settings.guardian,
    })
}

/// The paths of a settings file, for the fuzzer.
#[cfg(feature = "fuzz")]
pub(super) fn paths(text: &str, path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let Settings { policy, workspace, state, .. } = of_text(text, path)?;
    Ok([policy, workspace, state].into_iter().flatten().collect())
}

fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, env: &[(&str, &str)], state: Option<&str>) -> Result<Settings, Failure> {
        let temp = tempfile::tempdir().unwrap();
        let own = temp.path().join("squall");
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("squall.toml"), text).unwrap();
        let flags = SettingsFlags { config: None, state: state.map(PathBuf::from) };
        settings(&flags, |name| match name {
            "XDG_CONFIG_HOME" => Some(temp.path().into()),
            _ => env.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()),
        })
    }

    #[test]
    fn a_flag_comes_first_then_the_environment_then_the_file() {
        let file = "state = '/file/state'\nworkspace = '/file/work'\npolicy = '/file/policy.yaml'\n";
        let of = |policy: &str, workspace: &str, state: &str| Settings {
            policy: Some(policy.into()),
            workspace: Some(workspace.into()),
            state: Some(state.into()),
            guardian: None,
        };
        assert_eq!(with(file, &[], None).unwrap(), of("/file/policy.yaml", "/file/work", "/file/state"));
        let env = [("SQUALL_POLICY", "/p"), ("SQUALL_WORKSPACE", "/w"), ("SQUALL_STATE", "/s")];
        assert_eq!(with(file, &env, None).unwrap(), of("/p", "/w", "/s"));
        assert_eq!(with(file, &env, Some("/flag")).unwrap(), of("/p", "/w", "/flag"));
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_place() {
        let rows = [
            ("state = '/s'\npolcy = 'x'\n", "squall.toml:2:1`: unknown field `polcy`"),
            ("workspace = 3\n", "squall.toml:1:13`: invalid type"),
            ("state = '/s'\nstate = '/t'\n", "squall.toml:2:1`: duplicate key"),
            ("guardian = 'nobody'\n", "squall.toml:1:12`: unknown variant `nobody`, expected `own` or `none`"),
            ("policy 'x'\n", "squall.toml:1:8`: "),
        ];
        for (text, want) in rows {
            let error = with(text, &[], None).unwrap_err();
            assert!(error.to_string().contains(want), "{text}: {error}");
            assert_eq!(error.exit_code(), 64);
        }
    }

    #[test]
    fn a_relative_path_begins_beside_the_file() {
        let settings = with("policy = 'policy.yaml'\n", &[], None).unwrap();
        let policy = settings.policy.unwrap();
        assert!(policy.is_absolute() && policy.ends_with("squall/policy.yaml"), "{policy:?}");
    }
}
