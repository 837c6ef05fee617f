//! With the feature off a site is gone from the machine code; with it on it is one compare and one branch.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{path::Path, process::Command};

/// Compiles the little crate to assembly.
fn assembly(features: &[&str]) -> String {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/assembly/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("assembly{}", features.concat()));
    let output = Command::new(env!("CARGO"))
        .args(["rustc", "--release", "--quiet", "--manifest-path"])
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&target)
        .args(features)
        .args(["--", "--emit", "asm"])
        .output()
        .expect("cargo runs this test, so it is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = std::fs::read_dir(target.join("release/deps")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let asm = paths.filter(|path| path.extension().is_some_and(|end| end == "s"));
    // An older toolchain may have left its own beside it.
    let asm = asm.max_by_key(|path| path.metadata().and_then(|data| data.modified()).unwrap());
    std::fs::read_to_string(asm.expect("`--emit asm` writes one")).unwrap()
}

/// Returns the instructions of a function, without labels and directives.
fn body(assembly: &str, function: &str) -> Vec<String> {
    let is_start = |line: &&str| line.starts_with("_R") || line.starts_with("_ZN");
    let mut lines =
        assembly.lines().skip_while(|line| !(is_start(line) && line.contains(function) && line.ends_with(':')));
    assert!(lines.next().is_some(), "`{function}` is in the assembly");
    lines
        .take_while(|line| !line.trim_start().starts_with(".cfi_endproc"))
        .map(str::trim)
        .filter(|line| !line.starts_with('.') && !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.replace("rolq\t$6", "rolq\t$5"))
        .collect()
}

#[test]
fn off_the_site_is_gone_and_on_it_is_one_compare_and_branch() {
    if !cfg!(target_arch = "x86_64") {
        println!("skipped: needs x86_64, whose instructions are counted here");
        return;
    }
    let off = assembly(&[]);
    assert_eq!(strip(&body(&off, "9with_site")), strip(&body(&off, "12without_site")));
    for trace in ["assembly.site", "chaos_failpoints", ".init_array"] {
        assert!(!off.contains(trace), "`{trace}` is left over");
    }
    let on = assembly(&["--features=sites"]);
    assert!(on.contains("assembly.site") && on.contains(".init_array"), "the site is there and listed");
    let site: Vec<_> = body(&on, "9with_site").into_iter().filter(|line| line.contains("__FAIL_POINT")).collect();
    let tests = site.iter().filter(|line| line.starts_with("cmpl\t$0") || line.starts_with("movl")).count();
    assert_eq!(tests, 1, "one load of the site's word: {site:#?}");
    assert!(!body(&on, "9with_site").iter().any(|line| line.starts_with("lock")), "no locked instruction");
}

/// Local labels carry the function's number.
fn strip(body: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    let rename = |word: &str| {
        if !word.starts_with(".L") {
            return word.to_owned();
        }
        let at = names.iter().position(|name| name == word).unwrap_or_else(|| {
            names.push(word.to_owned());
            names.len() - 1
        });
        format!("label{at}")
    };
    let words: Vec<&str> = body.iter().flat_map(|line| line.split_whitespace()).collect();
    words.into_iter().map(rename).collect()
}
