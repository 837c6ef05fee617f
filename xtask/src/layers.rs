//! `cargo xtask layers`: proves the arrows between the crates, and that nothing forbidden is linked.

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde_json::Value;

use crate::error::TaskError;
use crate::process;
use crate::string_arrows;
use crate::workspace::{self, text};

/// Which workspace crates each crate may depend on, from the contract upwards. Development dependencies are free:
/// cargo allows a test to look upwards.
const ARROWS: &[(&str, &[&str])] = &[
    // Layer 0: the contract, and mechanisms that know nothing of it.
    ("chaos-core", &[]),
    ("chaos-host", &[]),
    ("chaos-tls", &[]),
    ("chaos-load", &["chaos-tls"]),
    ("chaos-failpoints", &[]),
    // Compiled into a library by the build script of `chaos-nodes`, linked by nobody.
    ("chaos-preload", &[]),
    // Layer 1.
    ("chaos-fortio", &["chaos-load"]),
    ("chaos-links", &["chaos-core", "chaos-tls"]),
    ("chaos-schema", &["chaos-core"]),
    ("chaos-evidence", &["chaos-core", "chaos-tls"]),
    ("chaos-agent", &["chaos-core", "chaos-tls"]),
    ("chaos-nodes", &["chaos-core", "chaos-host", "chaos-links", "chaos-tls"]),
    ("chaos-manifests", &["chaos-core", "chaos-schema"]),
    ("chaos-kube", &["chaos-core", "chaos-manifests"]),
    // Layer 2: plug-ins, and the engine that sees them through the contract only.
    ("chaos-triggers", &["chaos-core", "chaos-evidence"]),
    ("chaos-probes", &["chaos-core", "chaos-host", "chaos-evidence", "chaos-tls"]),
    (
        "chaos-faults",
        &["chaos-core", "chaos-host", "chaos-load", "chaos-links", "chaos-failpoints", "chaos-fortio", "chaos-agent"],
    ),
    ("chaos-steps", &["chaos-core", "chaos-probes"]),
    ("chaos-runner", &["chaos-core", "chaos-schema"]),
    // Layer 3: they plan, and the engine acts.
    ("chaos-experiment", &["chaos-core", "chaos-agent", "chaos-runner", "chaos-schema", "chaos-triggers"]),
    ("chaos-soak", &["chaos-core", "chaos-runner", "chaos-schema", "chaos-triggers"]),
    // It runs a soak around a command.
    ("chaos-torture", &["chaos-core", "chaos-host", "chaos-probes", "chaos-runner", "chaos-soak"]),
    ("chaos-workflow", &["chaos-core", "chaos-runner"]),
    (
        "chaos-workflow-run",
        &[
            "chaos-core",
            "chaos-kube",
            "chaos-manifests",
            "chaos-probes",
            "chaos-runner",
            "chaos-schema",
            "chaos-steps",
            "chaos-tls",
            "chaos-workflow",
        ],
    ),
    // Layer 4: the facade.
    (
        "squall",
        &[
            "chaos-core",
            "chaos-host",
            "chaos-load",
            "chaos-links",
            "chaos-failpoints",
            "chaos-fortio",
            "chaos-schema",
            "chaos-evidence",
            "chaos-agent",
            "chaos-nodes",
            "chaos-steps",
            "chaos-triggers",
            "chaos-probes",
            "chaos-faults",
            "chaos-runner",
            "chaos-experiment",
            "chaos-soak",
            "chaos-torture",
            "chaos-workflow",
            "chaos-manifests",
            "chaos-kube",
            "chaos-workflow-run",
        ],
    ),
    // Development.
    ("chaos-test", &["chaos-core", "chaos-schema", "chaos-runner"]),
    // It starts the program and reads the world. The fail points are its own, as a victim's.
    ("chaos-campaign", &["chaos-failpoints", "chaos-rig"]),
    ("chaos-rig", &["chaos-host", "chaos-kube", "chaos-manifests", "chaos-test"]),
    (
        "chaos-fuzz",
        &[
            "chaos-agent",
            "chaos-core",
            "chaos-experiment",
            "chaos-failpoints",
            "chaos-faults",
            "chaos-fortio",
            "chaos-load",
            "chaos-manifests",
            "chaos-probes",
            "chaos-runner",
            "chaos-schema",
            "squall",
        ],
    ),
    ("xtask", &[]),
    ("chaos-examples", &["squall"]),
    // A system under test: it knows nothing of us but the fail points that are linked into it.
    ("chaos-mini-cluster", &["chaos-failpoints"]),
    ("chaos-example-nodes", &["chaos-failpoints"]),
    // A plug-in needs the contract, and `squall` for its own binary.
    ("chaos-plugin-example", &["chaos-core", "squall"]),
];

/// All that the contract may stand on.
const CORE_MAY_USE: &[&str] = &[
    "erased-serde",
    "inventory",
    "ipnet",
    "rand",
    "rand_chacha",
    "rustix",
    "schemars",
    "serde",
    "serde_json",
    "serde_path_to_error",
    "strsim",
    "thiserror",
    "tokio",
    "tokio-util",
    "tracing",
    "typetag",
];

/// Of tokio, the contract uses these; `process` would start programs and `net` would open sockets.
const CORE_TOKIO: &[&str] = &["rt", "sync", "time"];

/// Crates that speak HTTP or TLS.
const HTTP: &[&str] =
    &["reqwest", "hyper", "hyper-util", "h2", "ureq", "curl", "isahc", "rustls", "native-tls", "openssl", "aws-lc-rs"];

/// Crates that know a model's provider.
const MODELS: &[&str] = &["async-openai", "rmcp", "anthropic-sdk", "ollama-rs"];

/// Crates that read YAML.
const YAML: &[&str] =
    &["granit-parser", "serde-saphyr", "saphyr", "serde_yaml", "serde_yaml_ng", "serde_norway", "yaml-rust2"];

/// What faults on processes must not bring along.
const HEAVY: &[&str] = &["chaos-load", "chaos-fortio", "chaos-agent"];

/// What belongs to the command line only.
const COMMAND_LINE: &[&str] = &["anstream", "clap", "clap_complete", "tempfile"];

/// rustls providers beside ring: with two, an embedder's own `rustls::ClientConfig::builder()` would panic.
const SECOND_TLS: &[&str] = &["aws-lc-rs", "aws-lc-sys", "native-tls", "openssl"];

/// What may not be linked where: `cargo tree` arguments, and the lists that must not meet its output.
const TREES: &[(&[&str], &[&[&str]])] = &[
    (&["-p", "chaos-core"], &[HTTP, MODELS, YAML]),
    (&["-p", "chaos-schema"], &[HTTP, MODELS]),
    (&["-p", "chaos-runner"], &[HTTP, MODELS, YAML]),
    (&["-p", "chaos-experiment"], &[HTTP, MODELS]),
    (&["-p", "chaos-load"], &[MODELS, YAML]),
    (&["-p", "chaos-fortio"], &[MODELS, YAML]),
    (&["-p", "chaos-failpoints"], &[HTTP, MODELS, YAML]),
    (&["-p", "chaos-faults", "--no-default-features"], &[HTTP, MODELS]),
    (&["-p", "chaos-faults", "--no-default-features", "--features", "process"], &[HTTP, MODELS, HEAVY]),
    (&["-p", "squall", "--no-default-features"], &[HTTP, MODELS, COMMAND_LINE]),
    (&["--workspace", "--all-features"], &[SECOND_TLS]),
];

/// What an embedder of typed tasks links at the most, in packages.
const EMBEDDED: (&[&str], usize) = (&["-p", "squall", "--no-default-features"], 75);

/// Prints every violation; succeeds when there is none.
pub(crate) fn run() -> Result<ExitCode, TaskError> {
    let packages = workspace::packages()?;
    let mut found = arrows(&packages);
    for (arguments, lists) in TREES {
        let tree = tree(arguments)?;
        let banned: Vec<&str> = lists.concat();
        found.extend(linked(&tree, &banned).map(|name| format!("`cargo tree {}` has `{name}`", arguments.join(" "))));
    }
    let (arguments, most) = EMBEDDED;
    let linked = packages_in(&tree(arguments)?);
    if linked > most {
        found.push(format!("`cargo tree {}` has {linked} packages, at most {most}", arguments.join(" ")));
    }
    found.extend(string_arrows::find(&packages)?);
    for violation in &found {
        println!("layers: {violation}");
    }
    if found.is_empty() {
        println!("layers: {} crates, {} dependency trees, nothing forbidden", ARROWS.len(), TREES.len());
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

/// What `cargo tree` prints for a selection: a package a line, some of them several times.
fn tree(selection: &[&str]) -> Result<String, TaskError> {
    let mut cargo = process::cargo();
    cargo.args(["tree", "-e", "normal", "--prefix", "none", "--format", "{p}"]).args(selection);
    process::output(cargo.current_dir(workspace::root()))
}

/// The packages in the output of `cargo tree`, each counted once.
fn packages_in(tree: &str) -> usize {
    let packages = tree.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.next()?))
    });
    packages.collect::<BTreeSet<_>>().len()
}

/// Every dependency that points the wrong way, and every one of the contract that is not on its list.
fn arrows(packages: &[Value]) -> Vec<String> {
    let names: Vec<&str> = packages.iter().map(|package| text(package, "name")).collect();
    let mut found = Vec::new();
    for package in packages {
        let name = text(package, "name");
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            found.push(format!("`{name}` has no place in the table of xtask/src/layers.rs; give it one"));
            continue;
        };
        for dependency in lasting(package) {
            let target = text(dependency, "name");
            if names.contains(&target) && !allowed.contains(&target) {
                found.push(format!("`{name}` must not depend on `{target}`"));
            }
            if name == "chaos-core" {
                found.extend(core_rule(dependency));
            }
        }
    }
    found
}

fn core_rule(dependency: &Value) -> Option<String> {
    let name = text(dependency, "name");
    if !CORE_MAY_USE.contains(&name) {
        return Some(format!("`chaos-core` must not use `{name}`"));
    }
    let features = dependency["features"].as_array()?;
    let extra = features.iter().filter_map(Value::as_str).find(|feature| !CORE_TOKIO.contains(feature));
    extra.filter(|_| name == "tokio").map(|feature| format!("`chaos-core` must not use tokio's `{feature}`"))
}

/// The dependencies that reach a user: all but those for development.
fn lasting(package: &Value) -> impl Iterator<Item = &Value> {
    package["dependencies"].as_array().into_iter().flatten().filter(|dependency| text(dependency, "kind") != "dev")
}

/// The banned names that stand in the output of `cargo tree`.
fn linked<'a>(tree: &str, banned: &[&'a str]) -> impl Iterator<Item = &'a str> {
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    banned.iter().copied().filter(|name| names.contains(name)).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, dependencies: &[Value]) -> Value {
        json!({"name": name, "dependencies": dependencies})
    }

    fn on(name: &str) -> Value {
        json!({"name": name, "kind": null, "features": []})
    }

    #[test]
    fn a_wrong_arrow_is_named() {
        let core = package("chaos-core", &[]);
        let runner = package("chaos-runner", &[]);
        let probes = package("chaos-probes", &[on("chaos-core"), on("chaos-runner")]);
        assert_eq!(arrows(&[core, runner, probes]), ["`chaos-probes` must not depend on `chaos-runner`"]);
    }

    #[test]
    fn a_development_dependency_may_point_upwards_and_a_build_one_may_not() {
        let runner = package("chaos-runner", &[]);
        let with = |kind: &str| package("chaos-core", &[json!({"name": "chaos-runner", "kind": kind})]);
        assert_eq!(arrows(&[runner.clone(), with("dev")]), Vec::<String>::new());
        assert_eq!(arrows(&[runner, with("build")])[0], "`chaos-core` must not depend on `chaos-runner`");
    }

    #[test]
    fn the_contract_uses_only_what_is_on_its_list() {
        let tokio = json!({"name": "tokio", "kind": null, "features": ["sync", "process"]});
        let core = package("chaos-core", &[on("serde"), on("reqwest"), tokio]);
        assert_eq!(
            arrows(&[core]),
            ["`chaos-core` must not use `reqwest`", "`chaos-core` must not use tokio's `process`"]
        );
    }

    #[test]
    fn a_crate_without_a_place_is_a_violation() {
        let found = arrows(&[package("chaos-new", &[])]);
        assert_eq!(found, ["`chaos-new` has no place in the table of xtask/src/layers.rs; give it one"]);
    }

    #[test]
    fn a_banned_name_is_found_whole_and_not_as_a_part() {
        let tree = "chaos-core v0.1.0 (/x)\nhyper-tail v1.0.0\nserde v1.0.0 (*)\nreqwest v0.13.0";
        assert_eq!(linked(tree, &["hyper", "reqwest"]).collect::<Vec<_>>(), ["reqwest"]);
    }

    #[test]
    fn a_package_counts_once_and_two_versions_count_twice() {
        assert_eq!(packages_in("a v1.0.0 (/x)\nb v1.0.0\n\nb v1.0.0 (*)\nb v2.0.0 (proc-macro)\n"), 3);
    }

    #[test]
    fn this_workspace_obeys_its_arrows() {
        assert_eq!(arrows(&workspace::packages().unwrap()), Vec::<String>::new());
    }
}
