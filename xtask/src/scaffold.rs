//! `cargo xtask new fault|trigger|probe NAME …`: one new file and one `mod` line each, and the generated files refreshed.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::error::TaskError;
use crate::generate;
use crate::process;
use crate::workspace;

/// Writes the plug-ins, a kind and a name each, and links them.
pub(crate) fn run(words: &[&str]) -> Result<ExitCode, TaskError> {
    let (pairs, rest) = words.as_chunks::<2>();
    if let [kind] = rest {
        return Err(TaskError::Refused(format!("`{kind}` has no name behind it; try `{kind} NAME`")));
    }
    let mut next = Vec::new();
    for [kind, name] in pairs {
        next.push(write(kind, name)?);
    }
    generate::write()?;
    for (file, package) in next {
        println!("next: edit {file}, then run `cargo xtask test -p {package}`");
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes one, and says which file and package it is in.
fn write(kind: &str, name: &str) -> Result<(String, String), TaskError> {
    let (folder, template) = match kind {
        "fault" => ("faults", include_str!("templates/fault.txt")),
        "trigger" => ("triggers", include_str!("templates/trigger.txt")),
        "probe" => ("probes", include_str!("templates/probe.txt")),
        _ => return Err(TaskError::Refused(format!("`{kind}` can't be made; try `fault`, `trigger` or `probe`"))),
    };
    check_name(name)?;
    let sources = workspace::root().join(folder).join("src");
    add(&sources, name, &fill(template, name))?;
    // A long name breaks lines elsewhere than the template does.
    let package = format!("chaos-{folder}");
    process::success(process::cargo().args(["fmt", "-p", &package]).current_dir(workspace::root()))?;
    let file = format!("{folder}/src/{name}.rs");
    println!("wrote {file}, and its `mod` line in {folder}/src/lib.rs");
    Ok((file, package))
}

/// A name is a Rust module, a `type` in task files and a tool of a model at once: the narrowest rule of the three.
fn check_name(name: &str) -> Result<(), TaskError> {
    let first = name.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if first && plain && name.len() <= 48 && !KEYWORDS.contains(&name) {
        return Ok(());
    }
    Err(TaskError::Refused(format!("invalid plug-in name `{name}`: expected snake_case such as `fill_disk`")))
}

/// Rust's words that would pass for a name.
const KEYWORDS: &[&str] = &[
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn",
    "for", "gen", "if", "impl", "in", "let", "lib", "loop", "main", "match", "mod", "move", "mut", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where", "while",
];

fn fill(template: &str, name: &str) -> String {
    template.replace("{{name}}", name).replace("{{Name}}", &camel(name))
}

fn camel(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    name.split('_').map(capital).collect()
}

/// Writes the file and its `mod` line; refuses to write over one that is there.
fn add(sources: &Path, name: &str, text: &str) -> Result<(), TaskError> {
    let file = sources.join(format!("{name}.rs"));
    if file.exists() || sources.join(name).exists() {
        return Err(TaskError::Refused(format!("`{}` is there already", file.display())));
    }
    let lib = sources.join("lib.rs");
    let with_mod = with_mod_line(&fs::read_to_string(&lib).map_err(TaskError::file(&lib))?, name);
    fs::write(&file, text).map_err(TaskError::file(&file))?;
    fs::write(&lib, with_mod).map_err(TaskError::file(&lib))
}

/// Puts `mod NAME;` among the other `mod` lines in order, or at the end where there is none.
fn with_mod_line(lib: &str, name: &str) -> String {
    let line = format!("mod {name};");
    let mut lines: Vec<&str> = lib.lines().collect();
    let is_mod = |l: &&str| l.starts_with("mod ") && l.ends_with(';');
    let after = lines.iter().rposition(|l| is_mod(l) && *l < line.as_str());
    let first = lines.iter().position(is_mod);
    match (after, first) {
        (Some(at), _) => lines.insert(at + 1, &line),
        // An attribute above the first `mod` line belongs to that line.
        (None, Some(mut at)) => {
            while at > 0 && lines[at - 1].starts_with("#[") {
                at -= 1;
            }
            lines.insert(at, &line);
        }
        (None, None) => lines.extend(["", &line]),
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mod_line_goes_where_it_belongs() {
        let rows = [
            ("//! Doc.\n\nmod a;\nmod z;\n", "//! Doc.\n\nmod a;\nmod m;\nmod z;\n"),
            ("//! Doc.\n\n#[cfg(x)]\nmod z;\n", "//! Doc.\n\nmod m;\n#[cfg(x)]\nmod z;\n"),
            ("//! Doc.\n\nmod a;\n\npub use a::A;\n", "//! Doc.\n\nmod a;\nmod m;\n\npub use a::A;\n"),
            ("//! Doc.\n", "//! Doc.\n\nmod m;\n"),
        ];
        for (lib, want) in rows {
            assert_eq!(with_mod_line(lib, "m"), want);
        }
    }

    #[test]
    fn names_are_snake_case_and_not_keywords() {
        for wrong in ["", "Big", "9lives", "a-b", "a b", "../x", "type", "lib", "_a"] {
            assert!(check_name(wrong).unwrap_err().to_string().contains("snake_case"), "{wrong}");
        }
        check_name("fill_disk2").unwrap();
    }

    #[test]
    fn a_kind_without_a_name_and_a_kind_that_is_none_are_refused() {
        for (words, want) in [(&["fault"][..], "has no name behind it"), (&["step", "x"], "can't be made")] {
            assert!(run(words).unwrap_err().to_string().contains(want), "{words:?}");
        }
    }

    #[test]
    fn a_name_becomes_a_struct() {
        assert_eq!(fill("{{Name}} {{name}}", "fill_disk"), "FillDisk fill_disk");
    }

    #[test]
    fn nothing_is_written_over() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("lib.rs"), "//! Doc.\n").unwrap();
        add(temp.path(), "one", "text").unwrap();
        let error = add(temp.path(), "one", "other").unwrap_err();
        assert!(error.to_string().ends_with("is there already"), "{error}");
        assert_eq!(fs::read_to_string(temp.path().join("one.rs")).unwrap(), "text");
    }
}
