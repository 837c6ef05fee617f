//! Programs written in Go, built into the build folder: real partners of tests and benches.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::error::TaskError;
use crate::kube_rig;
use crate::process::{self, bounded, missing};
use crate::workspace;

/// The real fortio, whose results ours are compared with.
const FORTIO: &str = "fortio.org/fortio@v1.68.2";

/// A sender of traces that is made of Go's OpenTelemetry SDK.
const TELEMETRYGEN: &str = "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@v0.161.0";

/// Makes a program of the official collector's components; they are of the builder's version, or it does not compile.
const BUILDER: &str = "go.opentelemetry.io/collector/cmd/builder@v0.161.0";

/// The components that tests (`file`) and benches (`nop`) use.
const COLLECTOR: &str = include_str!("templates/otelcol.yaml");

/// For what is installed with the tests: an install that hangs on the network must not hang them.
const WITH_TESTS_SECONDS: u32 = 300;
/// For the control plane of `rig/`, which most of these crates' tests need: a cold build on a busy machine.
const CONTROL_PLANE_SECONDS: u32 = 1200;
/// For what somebody has asked for: the collector takes minutes, and more on a busy machine.
const BY_NAME_SECONDS: u32 = 3600;

type Build = fn() -> Result<(), TaskError>;

/// What takes too long to build for every run of the tests, and how it is built.
const NAMED: &[(&str, Build)] = &[("kuberig", kuberig), ("otelcol", otelcol), ("telemetrygen", telemetrygen)];

/// Where they are.
pub(crate) fn bin() -> PathBuf {
    workspace::target().join("go/bin")
}

/// Builds fortio.
pub(crate) fn fortio() -> Result<(), TaskError> {
    install(FORTIO, WITH_TESTS_SECONDS)
}

/// Builds the control plane of `rig/` and its nodes.
pub(crate) fn control_plane() -> Result<(), TaskError> {
    kube_rig::install(CONTROL_PLANE_SECONDS)
}

/// `cargo xtask install NAME…`: builds them, unless they are there.
pub(crate) fn install_named(names: &[&str]) -> Result<ExitCode, TaskError> {
    let known = |name: &&str| NAMED.iter().find(|(known, _)| known == name).ok_or_else(|| unknown(name));
    for (name, build) in names.iter().map(known).collect::<Result<Vec<_>, _>>()? {
        let program = bin().join(name);
        if program.exists() && (*name != "kuberig" || kube_rig::is_there()) {
            println!("{} is there; remove it to build it again", program.display());
        } else {
            build()?;
            println!("installed {}", program.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn unknown(name: &str) -> TaskError {
    let names: Vec<_> = NAMED.iter().map(|(known, _)| format!("`{known}`")).collect();
    TaskError::Refused(format!("nothing is installed as `{name}`; expected {}", names.join(" or ")))
}

fn kuberig() -> Result<(), TaskError> {
    kube_rig::install(BY_NAME_SECONDS)
}

fn telemetrygen() -> Result<(), TaskError> {
    install(TELEMETRYGEN, BY_NAME_SECONDS)
}

fn otelcol() -> Result<(), TaskError> {
    install(BUILDER, BY_NAME_SECONDS)?;
    let folder = workspace::target().join("go/otelcol");
    fs::create_dir_all(&folder).map_err(TaskError::file(&folder))?;
    let manifest = folder.join("manifest.yaml");
    fs::write(&manifest, COLLECTOR).map_err(TaskError::file(&manifest))?;
    println!("building otelcol in {} …", folder.display());
    let builder = bin().join("builder");
    let mut builder = bounded(&builder.to_string_lossy(), BY_NAME_SECONDS);
    process::output(builder.args(["--config", "manifest.yaml"]).current_dir(&folder))?;
    let (built, program) = (folder.join("out/otelcol"), bin().join("otelcol"));
    fs::copy(&built, &program).map_err(TaskError::file(&built)).map(drop)
}

fn install(package: &str, seconds: u32) -> Result<(), TaskError> {
    missing("go")?;
    println!("installing {package} into {} …", bin().display());
    process::output(bounded("go", seconds).args(["install", package]).env("GOBIN", bin())).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned_and_the_collector_is_of_its_builders_version() {
        assert!([FORTIO, TELEMETRYGEN, BUILDER].iter().all(|package| package.contains("@v")));
        let (_, version) = BUILDER.split_once('@').unwrap();
        let modules: Vec<&str> = COLLECTOR.lines().filter_map(|line| line.trim().strip_prefix("- gomod: ")).collect();
        let parts = |part: &str| modules.iter().filter(|module| module.contains(part)).collect::<Vec<_>>();
        assert!(parts("/exporter/").len() == 2 && parts("/receiver/").len() == 1, "{modules:?}");
        assert!(COLLECTOR.contains(&format!("version: {}\n", &version[1..])));
        for module in [parts("/exporter/"), parts("/receiver/")].concat() {
            assert!(module.ends_with(version), "{module}");
        }
    }

    #[test]
    fn what_nobody_knows_is_refused_before_anything_is_built() {
        let error = install_named(&["otelcol", "jaeger"]).unwrap_err().to_string();
        assert_eq!(error, "nothing is installed as `jaeger`; expected `kuberig` or `otelcol` or `telemetrygen`");
    }
}
