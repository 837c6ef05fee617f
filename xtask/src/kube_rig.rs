//! The programs of `rig/`: a Kubernetes control plane in one program, and kwok, which plays the nodes. Their versions are part of what they
//! were built from, which is kept beside them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::error::TaskError;
use crate::process::{self, bounded, missing};
use crate::workspace;

/// Plays nodes and pods. Its modules of Kubernetes are newer ones, so it is not built with the rest.
const KWOK: &str = "sigs.k8s.io/kwok/cmd/kwok@v0.8.0";
/// What the control plane is built from.
const SOURCES: &[&str] = &["go.mod", "hold.go", "main.go"];
/// The module whose version the control plane says.
const KUBERNETES: &str = "k8s.io/kubernetes v";

/// Whether both are there, as this workspace wants them.
pub(crate) fn is_there() -> bool {
    let built = fs::read_to_string(stamp()).unwrap_or_default();
    ["kuberig", "kwok"].iter().all(|name| bin().join(name).exists()) && source().is_ok_and(|source| source == built)
}

/// Builds both, which takes two idle cores 5 minutes the first time; what was compiled when time is over is not compiled again.
pub(crate) fn install(seconds: u32) -> Result<(), TaskError> {
    missing("go")?;
    let source = source()?;
    println!("building kuberig and kwok into {} …", bin().display());
    let mut build = go("build", &flags(&source)?, seconds);
    build.args(["-mod=readonly", "-buildvcs=false", "-o"]).arg(bin().join("kuberig")).arg(".");
    process::output(build.current_dir(folder()))?;
    process::output(go("install", "-s -w", seconds).arg(KWOK).env("GOBIN", bin()))?;
    fs::write(stamp(), source).map_err(TaskError::file(stamp()))
}

/// A build by Go, in a seventh less of processor time than by default: the compiler collects its garbage less often, and writes no
/// debug information, which the linker would drop. Both programs are built alike, so that what they share is compiled once.
fn go(verb: &str, linked: &str, seconds: u32) -> Command {
    let mut go = bounded("go", seconds);
    go.args([verb, "-trimpath", "-gcflags=all=-dwarf=false", "-ldflags", linked])
        .envs([("CGO_ENABLED", "0"), ("GOGC", "400")]);
    go
}

fn bin() -> PathBuf {
    workspace::target().join("go/bin")
}

fn folder() -> PathBuf {
    workspace::root().join("rig/kube")
}

fn stamp() -> PathBuf {
    workspace::target().join("go/kuberig.built-from")
}

/// All that decides what comes out.
fn source() -> Result<String, TaskError> {
    let mut all = format!("{KWOK}\n");
    for name in SOURCES {
        let path = folder().join(name);
        all += &fs::read_to_string(&path).map_err(TaskError::file(&path))?;
    }
    Ok(all)
}

/// The flags of the linker: no symbols, and the version, which would be a placeholder.
fn flags(source: &str) -> Result<String, TaskError> {
    let version = source.lines().find_map(|line| line.trim().strip_prefix(KUBERNETES));
    let version = version.ok_or_else(|| TaskError::Refused(format!("rig/kube/go.mod does not say `{KUBERNETES}…`")))?;
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let fields = [
        ("gitVersion", format!("v{version}")),
        ("gitMajor", major.to_owned()),
        ("gitMinor", minor.to_owned()),
        ("gitTreeState", "clean".to_owned()),
        ("gitCommit", "none".to_owned()),
        ("buildDate", "1970-01-01T00:00:00Z".to_owned()),
    ];
    let fields = fields.map(|(name, value)| format!(" -X k8s.io/component-base/version.{name}={value}"));
    Ok(format!("-s -w{}", fields.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_plane_says_the_version_of_its_module() {
        let flags = flags(&source().unwrap()).unwrap();
        let (_, version) = flags.split_once("gitVersion=v").unwrap();
        let version = version.split(' ').next().unwrap();
        assert_eq!(version.split('.').count(), 3, "{flags}");
        assert!(flags.contains(&format!("gitMinor={}", version.split('.').nth(1).unwrap())), "{flags}");
        let mod_file = source().unwrap();
        // The module kubernetes v1.X.Y goes with staging modules v0.X.Y.
        let staging = format!("=> k8s.io/api v0.{}", version.split_once('.').unwrap().1);
        assert!(mod_file.contains(&staging), "{staging}");
        assert!(KWOK.contains("@v"));
    }

    #[test]
    fn a_module_without_a_version_is_refused() {
        assert!(flags("k8s.io/kubectl v0.0.0").unwrap_err().to_string().contains("does not say"));
    }
}
