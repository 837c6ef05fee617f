//! What the tests need from outside cargo, installed where that is possible; what is missing is said, not hidden.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::TaskError;
use crate::go_tools;
use crate::kube_rig;
use crate::process::{self, bounded, found, missing};
use crate::workspace;

/// System packages: the program that shows it is there, the package, and the crates whose tests ask for it.
const SYSTEM: &[(&str, &str, &[&str])] = &[
    ("nginx", "nginx-light", &["chaos-faults", "chaos-fortio", "squall"]),
    ("chromium", "chromium", &["chaos-fortio"]),
    ("logrotate", "logrotate", &["chaos-evidence"]),
    ("prometheus-node-exporter", "prometheus-node-exporter", &["chaos-evidence"]),
    ("prometheus", "prometheus", &["squall"]),
    ("ip", "iproute2", &["squall"]),
    ("etcd", "etcd-server", &["chaos-example-nodes"]),
];

/// Packages of the npm registry; their tests speak to servers that we did not write.
const NODE: &[(&str, &str)] = &[
    ("yaml-language-server", "2.0.0"),
    ("ajv", "8.20.0"),
    ("yaml", "2.8.3"),
    ("@copilotkit/aimock", AIMOCK),
    ("toxiproxy-node-client", "4.1.0"),
];
const AIMOCK: &str = "1.43.0";
const NODE_FOR: &[&str] =
    &["chaos-schema", "chaos-agent", "chaos-faults", "chaos-links", "squall", "chaos-plugin-example"];

/// The validator that `squall validate` is measured against.
const PYTHON: (&str, &str) = ("check-jsonschema", "0.39.0");
const PYTHON_FOR: &[&str] = &["squall"];

/// A health server that we did not write, for the probe `grpc_health`.
const PYTHON_HEALTH: (&str, &str) = ("grpcio-health-checking", "1.85.1");
const PYTHON_HEALTH_FOR: &[&str] = &["chaos-probes"];
/// The Python SDK of OpenTelemetry, whose spans we take in.
const SDK: &[(&str, &str)] = &[
    ("opentelemetry-sdk", "1.45.2"),
    ("opentelemetry-exporter-otlp-proto-grpc", "1.45.2"),
    ("opentelemetry-exporter-otlp-proto-http", "1.45.2"),
];
const SDK_FOR: &[&str] = &["chaos-evidence"];

/// Clients of toxiproxy in Python, which speak to our links.
const PYTHON_LINKS: &[(&str, &str)] = &[("toxiproxy-python", "0.1.1"), ("chaostoolkit-toxiproxy", "0.3.1")];
/// The Python client of OpenAI's API, which speaks to the presets of our links.
const PYTHON_OPENAI: (&str, &str) = ("openai", "3.57.0");
/// Programs around clients for Rust, outside of the workspace: toxiproxy's brings an HTTP stack of years ago and OpenSSL with it, and
/// async-openai is there as others have it. What each is about, its name and its folder.
const RUST_CLIENTS: &[(&str, &str, &str)] =
    &[("toxiproxy_rust", "toxiproxy-rust-client", "rust"), ("async-openai", "openai-rust-client", "openai-rust")];
const CLIENTS_FOR: &[&str] = &["chaos-links"];

/// An S3-compatible server that we did not write, and what its HTTP side stands on.
const MOTO: &[(&str, &str)] = &[("moto[s3]", "5.2.5"), ("flask", "3.1.3"), ("flask-cors", "6.0.5")];
const MOTO_FOR: &[&str] = &["chaos-workflow-run"];

/// Whose tests start a Kubernetes control plane.
const KUBERIG_FOR: &[&str] = &["chaos-campaign", "chaos-kube", "chaos-rig", "chaos-workflow-run", "squall"];
const FORTIO_FOR: &[&str] = &["chaos-fortio", "chaos-faults", "squall"];

/// An install that hangs on the network must not hang the tests.
const PATIENCE_SECONDS: u32 = 300;

/// Where the installed tools are, whether or not each install worked.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) node_modules: PathBuf,
    pub(crate) go_bin: PathBuf,
    pub(crate) python_bin: PathBuf,
    pub(crate) clients_bin: PathBuf,
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
        report(PYTHON.0, python_install(&python, &[PYTHON]));
    }
    let (health, version) = PYTHON_HEALTH;
    if wanted(PYTHON_HEALTH_FOR) && !python_has(&python, health, version) {
        report(health, python_install(&python, &[PYTHON_HEALTH]));
    }
    if wanted(SDK_FOR) && !SDK.iter().all(|(name, version)| python_has(&python, name, version)) {
        report("the Python SDK of OpenTelemetry", python_install(&python, SDK));
    }
    if wanted(CLIENTS_FOR) && !PYTHON_LINKS.iter().all(|(name, version)| python_has(&python, name, version)) {
        report("toxiproxy's Python clients", python_install(&python, PYTHON_LINKS));
    }
    let (openai, version) = PYTHON_OPENAI;
    if wanted(CLIENTS_FOR) && !python_has(&python, openai, version) {
        report("the Python client of OpenAI", python_install(&python, &[PYTHON_OPENAI]));
    }
    if wanted(MOTO_FOR) && !MOTO.iter().all(|(name, version)| python_has(&python, name, version)) {
        report("moto", python_install(&python, MOTO));
    }
    let clients = target.join("clients");
    let clients_bin = clients.join("debug");
    for (client, program, folder) in RUST_CLIENTS {
        if wanted(CLIENTS_FOR) && !clients_bin.join(program).exists() {
            report(client, rust_client_build(client, folder, &clients));
        }
    }
    let go_bin = go_tools::bin();
    if wanted(FORTIO_FOR) && !go_bin.join("fortio").exists() {
        report("fortio", go_tools::fortio());
    }
    if wanted(KUBERIG_FOR) && !kube_rig::is_there() {
        report("kuberig and kwok", go_tools::control_plane());
    }
    Tools { node_modules: node.join("node_modules"), go_bin, python_bin: python.join("bin"), clients_bin }
}

fn report(what: &str, result: Result<(), TaskError>) {
    match result {
        Ok(()) => println!("installed {what}"),
        Err(error) => println!("not installed: {what} ({error}); tests that need it will say `skipped: needs …`"),
    }
}

fn system(package: &str) -> Result<(), TaskError> {
    missing("apt-get")?;
    if process::output(Command::new("id").arg("-u"))?.trim() != "0" {
        return Err(TaskError::Refused(format!("only root may run `apt-get install {package}`")));
    }
    println!("installing {package} …");
    let install = || {
        let mut apt = bounded("apt-get", PATIENCE_SECONDS);
        apt.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-y", "--no-install-recommends", package]);
        process::output(&mut apt)
    };
    if install().is_err() {
        process::output(bounded("apt-get", PATIENCE_SECONDS).arg("update"))?;
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
    let mut npm = bounded("npm", PATIENCE_SECONDS);
    npm.args(["install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--prefix"]);
    process::output(npm.arg(folder).args(packages)).map(drop)
}

fn python_has(folder: &Path, name: &str, version: &str) -> bool {
    let lib = std::fs::read_dir(folder.join("lib")).into_iter().flatten().flatten();
    // Without the parts of it that are installed, too.
    let name = name.split_once('[').map_or(name, |(name, _)| name).replace('-', "_");
    let info = format!("site-packages/{name}-{version}.dist-info");
    lib.map(|entry| entry.path().join(&info)).any(|path| path.is_dir())
}

fn python_install(folder: &Path, packages: &[(&str, &str)]) -> Result<(), TaskError> {
    missing("python3")?;
    let pinned: Vec<String> = packages.iter().map(|(name, version)| format!("{name}=={version}")).collect();
    println!("installing {} into {} …", pinned.join(", "), folder.display());
    process::output(bounded("python3", PATIENCE_SECONDS).args(["-m", "venv"]).arg(folder))?;
    let pip = folder.join("bin/pip");
    let mut pip = bounded(&pip.to_string_lossy(), PATIENCE_SECONDS);
    process::output(pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(pinned)).map(drop)
}

fn rust_client_build(client: &str, source: &str, folder: &Path) -> Result<(), TaskError> {
    println!("building {client} into {} …", folder.display());
    let manifest = format!("links/tests/clients/{source}/Cargo.toml");
    let mut cargo = bounded("cargo", PATIENCE_SECONDS);
    cargo.args(["build", "--quiet", "--locked", "--manifest-path", &manifest, "--target-dir"]).arg(folder);
    process::output(cargo.current_dir(workspace::root())).map(drop)
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
        assert!(PYTHON_LINKS.iter().all(|(_, version)| version.split('.').count() == 3));
        assert!(MOTO.iter().all(|(_, version)| version.split('.').count() == 3));
        assert!(SDK.iter().all(|(_, version)| version.split('.').count() == 3));
    }
}
