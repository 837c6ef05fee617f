//! The committed files that are made from the registries: each is what a command of `squall` prints.
//!
//! `cargo xtask gen` runs this test with `SQUALL_GEN=write`, which writes them; otherwise it compares. One table serves
//! both.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

/// Files at fixed places, and the arguments that print them.
const FIXED: &[(&str, &[&str])] = &[
    ("schemas/task.schema.json", &["schema", "--kind", "task"]),
    ("schemas/entry.schema.json", &["schema", "--kind", "entry"]),
    ("schemas/task.plain.schema.json", &["schema", "--kind", "task", "--profile", "plain"]),
    ("schemas/entry.plain.schema.json", &["schema", "--kind", "entry", "--profile", "plain"]),
    ("schemas/experiment.schema.json", &["schema", "--kind", "experiment"]),
    ("schemas/experiment.plain.schema.json", &["schema", "--kind", "experiment", "--profile", "plain"]),
    ("schemas/tools.json", &["schema", "--profile", "tools"]),
    ("completions/squall.bash", &["completions", "bash"]),
    ("completions/_squall", &["completions", "zsh"]),
    ("completions/squall.fish", &["completions", "fish"]),
    ("docs/reference/names.txt", &["list"]),
];

/// Folders in which nothing else may stand: a page without its plug-in is stale.
const OWNED: &[&str] = &["schemas", "completions", "docs/reference"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_squall")).args(arguments).output().unwrap();
    assert!(output.status.success(), "squall {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn wanted() -> BTreeMap<PathBuf, String> {
    let fixed = FIXED.iter().map(|(path, arguments)| (PathBuf::from(path), printed(arguments)));
    let list: Vec<Value> = serde_json::from_str(&printed(&["list", "--format", "json"])).unwrap();
    let pages = list.iter().map(|plug_in| {
        let (kind, name) = (plug_in["kind"].as_str().unwrap(), plug_in["type"].as_str().unwrap());
        (PathBuf::from(format!("docs/reference/{kind}s/{name}.md")), printed(&["explain", name]))
    });
    fixed.chain(pages).collect()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path.strip_prefix(root()).unwrap().to_owned());
        }
    }
}

/// The first line in which two texts differ.
fn difference(there: &str, wanted: &str) -> String {
    let mut lines = there.lines().zip(wanted.lines()).enumerate();
    match lines.find(|(_, (there, wanted))| there != wanted) {
        Some((at, (there, wanted))) => format!("line {}:\n  - {there}\n  + {wanted}", at + 1),
        None => format!("{} lines instead of {}", there.lines().count(), wanted.lines().count()),
    }
}

#[test]
fn generated_files_are_up_to_date() {
    let wanted = wanted();
    let mut there = Vec::new();
    for folder in OWNED {
        files(&root().join(folder), &mut there);
    }
    let stale = there.iter().filter(|path| !wanted.contains_key(*path));
    let write = env::var("SQUALL_GEN").is_ok_and(|value| value == "write");
    let mut wrong = Vec::new();
    for path in stale {
        if write {
            fs::remove_file(root().join(path)).unwrap();
            println!("removed {}", path.display());
        } else {
            wrong.push(format!("{}: nothing makes it any more", path.display()));
        }
    }
    for (path, text) in &wanted {
        let full = root().join(path);
        let there = fs::read_to_string(&full).unwrap_or_default();
        if there == *text {
            continue;
        }
        if write {
            fs::create_dir_all(full.parent().unwrap()).unwrap();
            fs::write(&full, text).unwrap();
            println!("wrote {}", path.display());
        } else {
            wrong.push(format!("{}: {}", path.display(), difference(&there, text)));
        }
    }
    assert!(wrong.is_empty(), "out of date; run `cargo xtask gen`\n{}", wrong.join("\n"));
}
