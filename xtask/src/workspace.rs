//! Where things are in this workspace, and what cargo says of it.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

use crate::error::TaskError;
use crate::process;

/// The root of the workspace: the folder above this crate, as cargo says it when it runs us. What it was when this was
/// compiled is only the second choice: a copied workspace shares the compiled program.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let here = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        here.parent().map_or(here.clone(), Path::to_owned)
    })
}

/// The build folder, where installed tools are put too.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The packages of the workspace, as cargo describes them.
pub(crate) fn packages() -> Result<Vec<Value>, TaskError> {
    let mut cargo = process::cargo();
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root());
    let text = process::output(&mut cargo)?;
    let metadata: Value = serde_json::from_str(&text).map_err(TaskError::Metadata)?;
    Ok(metadata["packages"].as_array().cloned().unwrap_or_default())
}

/// The test programs that need the machine for themselves, as cargo would run them: `tests-alone` of a package's metadata names them,
/// because what they start judges time by itself.
///
/// # Errors
/// [`TaskError::Refused`] where there is no test of such a name.
pub(crate) fn alone(packages: &[Value]) -> Result<Vec<String>, TaskError> {
    let mut alone = Vec::new();
    for package in packages {
        let name = text(package, "name");
        for test in package["metadata"]["xtask"]["tests-alone"].as_array().into_iter().flatten() {
            let is_test = |target: &Value| target["kind"][0] == "test" && target["name"] == *test;
            if !package["targets"].as_array().is_some_and(|targets| targets.iter().any(is_test)) {
                return Err(TaskError::Refused(format!(
                    "`tests-alone` of `{name}` names {test}, which is not a test of it"
                )));
            }
            alone.push(format!("-p {name} --test {}", test.as_str().unwrap_or_default()));
        }
    }
    Ok(alone)
}

/// A text field of a package or a dependency; empty when it is absent.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tests_that_need_the_machine_are_named_as_cargo_runs_them_and_must_be_there() {
        let package = |alone: &str| {
            json!({ "name": "p", "metadata": { "xtask": { "tests-alone": [alone] } },
                "targets": [{ "kind": ["lib"], "name": "p" }, { "kind": ["test"], "name": "mesh" }] })
        };
        assert_eq!(alone(&[package("mesh"), json!({ "name": "q", "metadata": null })]).unwrap(), ["-p p --test mesh"]);
        let error = alone(&[package("mash")]).unwrap_err().to_string();
        assert_eq!(error, "`tests-alone` of `p` names \"mash\", which is not a test of it");
    }
}
