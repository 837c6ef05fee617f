//! What the tests need from outside cargo, installed where that is possible; what is missing is said, not hidden.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::TaskError;
use crate::process;
use crate::workspace;

/// System packages: the program that shows it is there, the package, and the crates whose tests ask for it.
const SYSTEM: &[(&str, &str, &[&str])] = &[
    ("nginx", "nginx-light", &["chaos-faults", "chaos-fortio", "squall"]),
    ("chromium", "chromium", &["chaos-fortio"]),
    ("ip", "iproute2", &["squall"]),
    ("etcd", "etcd-server", &["chaos-example-nodes"]),
];

/// Packages of the npm registry; their tests speak to servers that we did not write.
const NODE: &[(&str, &str)] =
    &[("yaml-language-server", "2.0.0"), ("ajv", "8.20.0"), ("yaml", "2.8.3"), ("@copilotkit/aimock", AIMOCK)];
const AIMOCK: &str = "1.43.0";
const NODE_FOR: &[&str] = &["chaos-schema", "chaos-agent", "chaos-faults", "squall", "chaos-plugin-example"];

/// The validator that `squall validate` is measured against.
const PYTHON: (&str, &str) = ("check-jsonschema", "0.39.0");
const PYTHON_FOR: &[&str] = &["squall"];

/// The real fortio, whose results ours are compared with.
const FORTIO: &str = "fortio.org/fortio@v1.68.2";
const FORTIO_FOR: &[&str] = &["chaos-fortio", "chaos-faults", "squall"];

/// An install that hangs on the network must not hang the tests.
const PATIENCE_SECONDS: &str = "300";

/// Where the installed tools are, whether or not each install worked.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) node_modules: PathBuf,
    pub(crate) go_bin: PathBuf,
    pub(crate) python_bin: PathBuf,
}

/// Installs what the tests of `packages` need (of all, when it is empty), and prints a line for each thing.
pub(crate) fn install(packages: &[&str]) -> Tools {
    let target = workspace::target();
    let wanted = |users: &[&str]| packages.is_empty() || packages.iter().any(|name| users.contains(name));
    for (program, package, users) in SYSTEM {
        if wanted(users) && !found(program) {
            report(program, system(package));
        }
    }
    let node = target.join("node");
    if wanted(NODE_FOR) && !NODE.iter().all(|(name, version)| node_has(&node, name, version)) {
        report("node packages", node_install(&node));
    }
    let python = target.join("py");
    if wanted(PYTHON_FOR) && !python.join("bin").join(PYTHON.0).exists() {
        report(PYTHON.0, python_install(&python));
    }
    let go_bin = target.join("go/bin");
    if wanted(FORTIO_FOR) && !go_bin.join("fortio").exists() {
        report("fortio", fortio_install(&go_bin));
    }
    Tools { node_modules: node.join("node_modules"), go_bin, python_bin: python.join("bin") }
}

fn report(what: &str, result: Result<(), TaskError>) {
    match result {
        Ok(()) => println!("installed {what}"),
        Err(error) => println!("not installed: {what} ({error}); tests that need it will say `skipped: needs …`"),
    }
}

fn found(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).chain([PathBuf::from("/usr/sbin")]).any(|dir| dir.join(program).is_file())
}

fn bounded(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", PATIENCE_SECONDS, program]).stdin(Stdio::null());
    command
}

fn missing(program: &str) -> Result<(), TaskError> {
    if found(program) { Ok(()) } else { Err(TaskError::Refused(format!("`{program}` is not there"))) }
}

fn system(package: &str) -> Result<(), TaskError> {
    missing("apt-get")?;
    if process::output(Command::new("id").arg("-u"))?.trim() != "0" {
        return Err(TaskError::Refused(format!("only root may run `apt-get install {package}`")));
    }
    println!("installing {package} …");
    let install = || {
        let mut apt = bounded("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-y", "--no-install-recommends", package]);
        process::output(&mut apt)
    };
    if install().is_err() {
        process::output(bounded("apt-get").arg("update"))?;
        install()?;
    }
    Ok(())
}

fn node_has(folder: &Path, name: &str, version: &str) -> bool {
    let manifest = folder.join("node_modules").join(name).join("package.json");
    let text = std::fs::read_to_string(manifest).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    workspace::text(&manifest, "version") == version
}

fn node_install(folder: &Path) -> Result<(), TaskError> {
    missing("npm")?;
    std::fs::create_dir_all(folder).map_err(TaskError::file(folder))?;
    println!("installing node packages into {} …", folder.display());
    let packages = NODE.iter().map(|(name, version)| format!("{name}@{version}"));
    let mut npm = bounded("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--prefix"]);
    process::output(npm.arg(folder).args(packages)).map(drop)
}

fn python_install(folder: &Path) -> Result<(), TaskError> {
    missing("python3")?;
    println!("installing {} into {} …", PYTHON.0, folder.display());
    process::output(bounded("python3").args(["-m", "venv"]).arg(folder))?;
    let pip = folder.join("bin/pip");
    let pinned = format!("{}=={}", PYTHON.0, PYTHON.1);
    let mut pip = bounded(&pip.to_string_lossy());
    process::output(pip.args(["install", "--quiet", "--disable-pip-version-check", &pinned])).map(drop)
}

fn fortio_install(bin: &Path) -> Result<(), TaskError> {
    missing("go")?;
    println!("installing {FORTIO} into {} …", bin.display());
    process::output(bounded("go").args(["install", FORTIO]).env("GOBIN", bin)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_of_another_version_is_not_there() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("node_modules/ajv");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("package.json"), r#"{"version":"8.20.0"}"#).unwrap();
        assert!(node_has(temp.path(), "ajv", "8.20.0"));
        assert!(!node_has(temp.path(), "ajv", "8.20.1"));
        assert!(!node_has(temp.path(), "absent", "8.20.0"));
    }

    #[test]
    fn every_package_is_pinned() {
        assert!(NODE.iter().all(|(_, version)| version.split('.').count() == 3));
        assert!(FORTIO.contains("@v"));
    }

    #[test]
    fn a_program_that_is_not_there_is_said_to_be_missing() {
        assert_eq!(missing("no-such-program-here").unwrap_err().to_string(), "`no-such-program-here` is not there");
        missing("sh").unwrap();
    }
}
