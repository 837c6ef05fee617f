//! `cargo xtask gen`: writes the committed files that are made from the registries.
//!
//! Two parts. The linking file, which names each plug-in crate so that the linker keeps its registrations, is made
//! here from the sources. Everything under `generated/` (schemas, reference pages, completions, the list of names) is
//! what `squall` prints; a small program beside it, `squall/examples/generate.rs`, compares and writes them.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use serde_json::Value;

use crate::error::TaskError;
use crate::process;
use crate::readme;
use crate::string_arrows::REGISTRATIONS;
use crate::workspace::{self, text};

/// The linking file.
const LINKED: &str = "squall/src/linked.rs";

/// The list of plug-ins, and the page that shows it as a table.
const NAMES: &str = "generated/reference/names.txt";
const README: &str = "README.md";

/// Writes every generated file.
pub(crate) fn write() -> Result<ExitCode, TaskError> {
    let path = workspace::root().join(LINKED);
    let text = linking_file(&workspace::packages()?)?;
    if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
        fs::write(&path, text).map_err(TaskError::file(&path))?;
        println!("wrote {LINKED}");
    }
    generate(&[])?;
    if let Some(text) = stale_readme()? {
        let path = workspace::root().join(README);
        fs::write(&path, text).map_err(TaskError::file(&path))?;
        println!("wrote {README}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the README as it should be, if it differs.
fn stale_readme() -> Result<Option<String>, TaskError> {
    let read = |name: &str| {
        let path = workspace::root().join(name);
        fs::read_to_string(&path).map_err(TaskError::file(&path))
    };
    let (there, names) = (read(README)?, read(NAMES)?);
    let wanted = readme::filled(&there, &names).ok_or_else(|| {
        TaskError::Refused(format!("{README} has no `<!-- generated: plug-ins -->` and `<!-- end -->`"))
    })?;
    Ok((wanted != there).then_some(wanted))
}

/// Says which generated files are out of date.
pub(crate) fn check() -> Result<ExitCode, TaskError> {
    let path = workspace::root().join(LINKED);
    let there = fs::read_to_string(&path).map_err(TaskError::file(&path))?;
    if there != linking_file(&workspace::packages()?)? {
        return Err(TaskError::Refused(format!("{LINKED} is out of date; run `cargo xtask gen`")));
    }
    generate(&["--check"])?;
    if stale_readme()?.is_some() {
        return Err(TaskError::Refused(format!("{README} is out of date; run `cargo xtask gen`")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the program that knows what is generated, and runs it.
///
/// The selection is that of `cargo xtask test`, so that dependencies are compiled with the same features, and only once.
fn generate(arguments: &[&str]) -> Result<(), TaskError> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--quiet", "--workspace", "--all-features", "--example", "generate"]);
    process::success(cargo.current_dir(workspace::root()))?;
    let program = workspace::target().join("debug/examples/generate");
    process::success(Command::new(program).args(arguments).current_dir(workspace::root()))
}

/// Names each workspace crate that `squall` depends on and that registers something.
fn linking_file(packages: &[Value]) -> Result<String, TaskError> {
    let squall = packages.iter().find(|package| text(package, "name") == "squall");
    let depends = |name: &str| {
        let dependencies = squall.and_then(|package| package["dependencies"].as_array()).into_iter().flatten();
        dependencies.filter(|d| text(d, "kind") != "dev").any(|d| text(d, "name") == name)
    };
    let mut lines = String::from(
        "//! Names each plug-in crate, so that the linker keeps what it registers. Written by `cargo xtask gen`.\n\n",
    );
    let mut names: Vec<&Value> = packages.iter().collect();
    names.sort_by_key(|package| text(package, "name"));
    for package in names {
        let name = text(package, "name");
        let sources = Path::new(text(package, "manifest_path")).with_file_name("src");
        if name == "chaos-core" || !depends(name) || !registers(&sources)? {
            continue;
        }
        if let Some(feature) = squall.and_then(|squall| feature_of(squall, name)) {
            lines += &["#[cfg(feature = \"", feature, "\")]\n"].concat();
        }
        lines += "use ";
        lines += &name.replace('-', "_");
        lines += " as _;\n";
    }
    Ok(lines)
}

/// The feature that brings an optional dependency along.
fn feature_of<'a>(package: &'a Value, dependency: &str) -> Option<&'a str> {
    let wanted = format!("dep:{dependency}");
    let brings = |list: &Value| list.as_array().is_some_and(|list| list.iter().any(|item| *item == wanted));
    let features = package["features"].as_object()?;
    features.iter().find(|(_, list)| brings(list)).map(|(name, _)| name.as_str())
}

fn registers(folder: &Path) -> Result<bool, TaskError> {
    let entries = fs::read_dir(folder).map_err(TaskError::file(folder))?;
    for entry in entries {
        let path = entry.map_err(TaskError::file(folder))?.path();
        let found = if path.is_dir() {
            registers(&path)?
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).map_err(TaskError::file(&path))?;
            registers_in(&source)
        } else {
            false
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn registers_in(source: &str) -> bool {
    source.lines().any(|line| {
        let line = line.trim_start_matches("chaos_core::");
        REGISTRATIONS.iter().any(|call| line.strip_prefix(call).is_some_and(|rest| rest.starts_with("!(")))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_call_at_the_start_of_a_line_registers() {
        assert!(registers_in("x\nregister_fault!(A, \"a\");"));
        assert!(registers_in("chaos_core::register_probe!(A, \"a\");"));
        assert!(!registers_in("/// `register_fault!(A, \"a\");`"));
        assert!(!registers_in("    register_fault!(InATest, \"a\");"));
    }

    #[test]
    fn crates_that_register_something_are_named_in_order() {
        let temp = tempfile::tempdir().unwrap();
        let package = |name: &str, source: &str| {
            let folder = temp.path().join(name);
            fs::create_dir_all(folder.join("src")).unwrap();
            fs::write(folder.join("src/lib.rs"), source).unwrap();
            json!({"name": name, "manifest_path": folder.join("Cargo.toml")})
        };
        let registering = "register_fault!(A, \"a\");";
        let mut squall = package("squall", "");
        squall["dependencies"] = json!([
            {"name": "zeta", "kind": null, "optional": false},
            {"name": "alpha", "kind": null, "optional": false},
            {"name": "plain", "kind": null, "optional": false},
        ]);
        let packages = [
            squall,
            package("zeta", registering),
            package("alpha", registering),
            package("plain", ""),
            package("out", registering),
        ];
        let text = linking_file(&packages).unwrap();
        assert!(text.ends_with("\n\nuse alpha as _;\nuse zeta as _;\n"), "{text}");
    }

    #[test]
    fn the_readme_is_up_to_date() {
        assert_eq!(stale_readme().unwrap(), None, "run `cargo xtask gen`");
    }

    #[test]
    fn the_linking_file_is_up_to_date() {
        let there = fs::read_to_string(workspace::root().join(LINKED)).unwrap();
        assert_eq!(there, linking_file(&workspace::packages().unwrap()).unwrap(), "run `cargo xtask gen`");
    }
}
