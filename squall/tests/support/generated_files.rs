//! The committed files that are made from the registries: each is what a command of `squall` prints.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use serde_json::Value;

/// The folder that holds them all, and nothing else: a page without its plug-in is stale.
const FOLDER: &str = "generated";

/// Files at fixed places, and the arguments that print them.
const FIXED: &[(&str, &[&str])] = &[
    ("schemas/task.schema.json", &["schema", "--kind", "task"]),
    ("schemas/entry.schema.json", &["schema", "--kind", "entry"]),
    ("schemas/task.plain.schema.json", &["schema", "--kind", "task", "--profile", "plain"]),
    ("schemas/entry.plain.schema.json", &["schema", "--kind", "entry", "--profile", "plain"]),
    ("schemas/experiment.schema.json", &["schema", "--kind", "experiment"]),
    ("schemas/experiment.plain.schema.json", &["schema", "--kind", "experiment", "--profile", "plain"]),
    ("schemas/policy.schema.json", &["schema", "--kind", "policy"]),
    ("schemas/policy.plain.schema.json", &["schema", "--kind", "policy", "--profile", "plain"]),
    ("schemas/report.schema.json", &["schema", "--kind", "report"]),
    ("schemas/event.schema.json", &["schema", "--kind", "event"]),
    ("schemas/tools.json", &["schema", "--profile", "tools"]),
    ("completions/squall.bash", &["completions", "bash"]),
    ("completions/_squall", &["completions", "zsh"]),
    ("completions/squall.fish", &["completions", "fish"]),
    ("reference/names.txt", &["list"]),
];

/// A file that is not what it should be.
pub(crate) struct Stale {
    /// Where it is, from the root of the workspace.
    path: PathBuf,
    /// What it should hold; `None` when nothing makes it any more.
    wanted: Option<String>,
    /// How the two differ.
    difference: String,
}

impl Stale {
    /// Makes it what it should be.
    #[cfg_attr(test, expect(dead_code, reason = "the test only compares"))]
    pub(crate) fn refresh(&self, root: &Path) -> io::Result<()> {
        let path = root.join(&self.path);
        let Some(wanted) = &self.wanted else { return fs::remove_file(path) };
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(path, wanted)
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.difference)
    }
}

/// Compares the files under `root` with what `print` prints.
pub(crate) fn stale(root: &Path, print: &dyn Fn(&[&str]) -> io::Result<String>) -> io::Result<Vec<Stale>> {
    let mut there = BTreeMap::new();
    read(root, &root.join(FOLDER), &mut there)?;
    let mut stale = Vec::new();
    for (path, wanted) in wanted(print)? {
        let path = Path::new(FOLDER).join(path);
        let difference = match there.remove(&path) {
            Some(there) if there == wanted => continue,
            Some(there) => difference(&there, &wanted),
            None => "does not exist".to_owned(),
        };
        stale.push(Stale { path, wanted: Some(wanted), difference });
    }
    let left = there.into_keys();
    stale.extend(left.map(|path| Stale { path, wanted: None, difference: "nothing generates it".to_owned() }));
    Ok(stale)
}

fn wanted(print: &dyn Fn(&[&str]) -> io::Result<String>) -> io::Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    for (path, arguments) in FIXED {
        files.insert(PathBuf::from(path), print(arguments)?);
    }
    let list: Vec<Value> = serde_json::from_str(&print(&["list", "--format", "json"])?)?;
    for plug_in in list {
        let (kind, name) = (plug_in["kind"].as_str().unwrap_or_default(), plug_in["type"].as_str().unwrap_or_default());
        files.insert(
            format!("reference/{kind}s/{name}.md").into(),
            print(&["explain", name, "--kind", &format!("{kind}s")])?,
        );
    }
    Ok(files)
}

fn read(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(root, &path, found)?;
        } else {
            let text = fs::read_to_string(&path)?;
            found.insert(path.strip_prefix(root).unwrap_or(&path).to_owned(), text);
        }
    }
    Ok(())
}

/// The first line in which two texts differ.
fn difference(there: &str, wanted: &str) -> String {
    let mut lines = there.lines().zip(wanted.lines()).enumerate();
    match lines.find(|(_, (there, wanted))| there != wanted) {
        Some((at, (there, wanted))) => format!("line {}:\n  - {there}\n  + {wanted}", at + 1),
        None => format!("{} lines instead of {}", there.lines().count(), wanted.lines().count()),
    }
}
