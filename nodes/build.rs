//! Compiles the clock library and its canary from `preload/`, for `src/clock/library.rs` to embed.
//!
//! Cargo builds no shared library for another crate to embed, so the compiler is called: two small files, without any
//! dependency, in a fraction of a second. Where that can't be done both are empty, and faults on clocks are refused.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What is compiled: name, source, and the type that the compiler is told.
const ARTIFACTS: [(&str, &str, &str); 2] =
    [("clock_library", "src/lib.rs", "cdylib"), ("clock_canary", "canary.rs", "bin")];

fn main() {
    let preload = Path::new("../preload");
    println!("cargo::rerun-if-changed=build.rs");
    for part in ["src", "canary.rs"] {
        println!("cargo::rerun-if-changed={}", preload.join(part).display());
    }
    let var = |name: &str| env::var(name).unwrap_or_default();
    let out = PathBuf::from(var("OUT_DIR"));
    // As the library itself says: another target's file would be empty.
    let fits = var("CARGO_CFG_TARGET_OS") == "linux"
        && var("CARGO_CFG_TARGET_ENV") == "gnu"
        && var("CARGO_CFG_TARGET_POINTER_WIDTH") == "64";
    for (name, source, kind) in ARTIFACTS {
        let file = out.join(name);
        let compiled = fits && compile(&preload.join(source), name, kind, &file);
        if !compiled && let Err(error) = fs::write(&file, "") {
            println!("cargo::error=write `{}`: {error}", file.display());
        }
    }
}

/// Says whether it worked; why it did not is a warning of the build.
fn compile(source: &Path, name: &str, kind: &str, file: &Path) -> bool {
    let mut compiler = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    compiler.args(["--edition", "2024", "--crate-name", name, "--crate-type", kind]);
    compiler.args(["-C", "panic=abort", "-C", "opt-level=2", "-C", "strip=symbols"]);
    if let Ok(target) = env::var("TARGET") {
        compiler.args(["--target", &target]);
    }
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        compiler.arg("-C").arg(format!("linker={linker}"));
    }
    let done = compiler.arg(source).arg("-o").arg(file).output();
    let why = match done {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned(),
        Err(error) => error.to_string(),
    };
    println!("cargo::warning=faults on clocks are left out: `{}` can't be compiled: {why}", source.display());
    false
}
