//! `squall` with the plug-ins of this crate.

use chaos_plugin_example as _;

fn main() -> std::process::ExitCode {
    squall::cli::main()
}
