//! A place of its own for each round.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A state directory of its own, and the program in it; gone when dropped.
#[derive(Debug)]
pub struct Place {
    folder: TempDir,
    program: PathBuf,
    guardian: bool,
}

impl Place {
    /// A place for the program at a path, without guardians: what a killed run leaves is recovered by the next one.
    pub fn new(program: &Path) -> io::Result<Self> {
        Ok(Self {
            folder: tempfile::Builder::new().prefix("campaign-").tempdir()?,
            program: program.to_owned(),
            guardian: false,
        })
    }

    /// The same with guardians, which undo a run that is killed before anybody recovers it.
    pub fn with_guardian(program: &Path) -> io::Result<Self> {
        Ok(Self { guardian: true, ..Self::new(program)? })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The program that is attacked.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The program with arguments; what it prints can be read from its pipes.
    pub fn squall(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.settle_in(&mut command);
        command
    }

    /// Gives any command this place: folder, state directory and standard input.
    pub fn settle_in(&self, command: &mut Command) {
        for variable in ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "HOME"] {
            command.env(variable, self.path());
        }
        // Whoever runs the campaign may have settings.
        // A model would be asked for a load.
        for variable in [
            "CHAOS_MODEL",
            "AGENT_MODEL",
            "FAILPOINTS_TOKEN",
            "SQUALL_CONFIG",
            "SQUALL_POLICY",
            "SQUALL_STATE",
            "SQUALL_WORKSPACE",
        ] {
            command.env_remove(variable);
        }
        command.env("SQUALL_GUARDIAN", if self.guardian { "own" } else { "none" });
        command.current_dir(self.path()).stdin(Stdio::null());
    }

    /// Lets a command print into a file that [`said`](Self::said) reads, so that no pipe can fill.
    pub fn quiet(&self, command: &mut Command) -> io::Result<()> {
        let said = File::options().create(true).append(true).open(self.path().join("said.txt"))?;
        command.stdout(said.try_clone()?).stderr(said);
        Ok(())
    }

    /// The end of what quiet commands printed.
    pub fn said(&self) -> String {
        let text = fs::read(self.path().join("said.txt")).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(1500)..]).into_owned()
    }

    /// Recovers, and gives the exit code and what it printed as JSON.
    pub fn recover(&self) -> io::Result<(i32, Value)> {
        let output = self.squall(&["recover", "--format", "json"]).output()?;
        let code = output.status.code().ok_or_else(|| io::Error::other(output.status.to_string()))?;
        Ok((code, serde_json::from_slice(&output.stdout)?))
    }

    /// The journals that are there.
    pub fn journals(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path().join("squall/journals")) else { return Vec::new() };
        let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|ext| ext == "jsonl")).collect();
        paths.sort();
        paths
    }

    /// Whether a journal holds a step.
    pub fn is_armed(&self) -> bool {
        self.journals().iter().any(|path| {
            let text = fs::read(path).unwrap_or_default();
            text.windows(7).any(|part| part == b"\"armed\"")
        })
    }
}
