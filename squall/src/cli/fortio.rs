//! `squall fortio load`: a tool in the operator's own hand, as fortio is; no policy, fortio's exit codes.

use std::ffi::OsString;

/// Makes load with fortio's command line: `squall fortio load [flags] URL`. No policy applies to it.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(super) struct Args {
    /// `load`, fortio's flags, and the URL, as fortio takes them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    rest: Vec<OsString>,
}

pub(super) fn run(args: &Args) -> u8 {
    main(&args.rest)
}

/// What stands behind `squall fortio`, untouched.
pub(super) fn main(rest: &[OsString]) -> u8 {
    let words: Vec<String> = rest.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    // Broken pipes are the engine's to judge: its result also goes to files.
    chaos_fortio::run(&words, &mut std::io::stdout(), &mut std::io::stderr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fortio_refuses_keeps_fortios_exit_code() {
        let words = ["load", "-no-such-flag", "http://127.0.0.1:1/"].map(OsString::from);
        let code = main(&words);
        assert_eq!(code, chaos_fortio::run(&words.map(|w| w.into_string().unwrap()), &mut vec![], &mut vec![]));
        assert_ne!(code, 0);
    }
}
