//! `cargo xtask features`: checks every crate without features, and with each feature alone.

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

/// A package that has features: once without, once with each. One that has none is compiled by every other check.
fn combinations(package: &Value) -> Vec<(String, Option<String>)> {
    let name = text(package, "name").to_owned();
    let features = package["features"].as_object().into_iter().flatten();
    let alone: Vec<_> = features.map(|(feature, _)| (name.clone(), Some(feature.clone()))).collect();
    if alone.is_empty() { alone } else { std::iter::once((name, None)).chain(alone).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_feature_stands_alone_and_once_none_does() {
        let package = json!({"name": "p", "features": {"a": [], "default": ["a"]}});
        let found = combinations(&package);
        assert_eq!(found, [("p".into(), None), ("p".into(), Some("a".into())), ("p".into(), Some("default".into()))]);
    }

    #[test]
    fn a_package_without_features_needs_no_check_of_its_own() {
        assert!(combinations(&json!({"name": "p", "features": {}})).is_empty());
    }
}
