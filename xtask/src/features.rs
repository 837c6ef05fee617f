//! `cargo xtask features`: checks every crate without features, and with each feature alone that no other check compiles.

use std::process::ExitCode;

use serde_json::Value;

use crate::error::TaskError;
use crate::process;
use crate::workspace::{self, text};

/// Checks all; the error names the first combination that does not compile.
pub(crate) fn run() -> Result<ExitCode, TaskError> {
    let packages = workspace::packages()?;
    let combinations: Vec<_> = packages.iter().flat_map(combinations).collect();
    for (package, feature) in &combinations {
        println!("features: {package} with {}", feature.as_deref().unwrap_or("none"));
        let mut cargo = process::cargo();
        cargo.args(["check", "--quiet", "-p", package, "--no-default-features"]).current_dir(workspace::root());
        if let Some(feature) = feature {
            cargo.args(["--features", feature]);
        }
        process::success(&mut cargo)?;
    }
    println!("features: {} combinations compile", combinations.len());
    Ok(ExitCode::SUCCESS)
}

/// Features that another check compiles: clippy and the first build the default ones, `chaos-fuzz` those for fuzzers, and the
/// tests all of them at once, which `full` is nearly.
const ELSEWHERE: [&str; 3] = ["default", "full", "fuzz"];

/// A package that has features: once without, once with each. One that has none is compiled by every other check.
fn combinations(package: &Value) -> Vec<(String, Option<String>)> {
    let name = text(package, "name").to_owned();
    let features = package["features"].as_object().into_iter().flatten().map(|(feature, _)| feature);
    let features: Vec<_> = features.filter(|feature| !ELSEWHERE.contains(&feature.as_str())).collect();
    let alone = features.into_iter().map(|feature| (name.clone(), Some(feature.clone())));
    let combinations: Vec<_> = std::iter::once((name.clone(), None)).chain(alone).collect();
    if package["features"].as_object().is_none_or(serde_json::Map::is_empty) { Vec::new() } else { combinations }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_feature_stands_alone_and_once_none_does() {
        let package = json!({"name": "p", "features": {"a": [], "default": ["a"]}});
        let found = combinations(&package);
        assert_eq!(found, [("p".into(), None), ("p".into(), Some("a".into()))]);
    }

    #[test]
    fn a_package_without_features_needs_no_check_of_its_own() {
        assert!(combinations(&json!({"name": "p", "features": {}})).is_empty());
    }
}
