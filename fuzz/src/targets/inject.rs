//! `squall inject TYPE KEY=VALUE…`.

use squall::cli::parsers;

use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

const LINES: [&[&str]; 7] = [
    &["pause_process", "pid=7"],
    &["pause_process", "pid:=7", "--for", "2s"],
    &["pause_process", "pid={{A}}", "--var", "A=12"],
    &["load", "target.service_url=http://127.0.0.1:1/", "target.qps=5", "target.duration=1s"],
    &["load", "target:={\"service_url\": \"http://127.0.0.1:1/\", \"qps\": 5}", "engine=embedded"],
    &["failpoint", "url=http://127.0.0.1:22381", "site=a.b", "error=full", "failure_rate=0.3", "--for", "1m30s"],
    &["disk_full", "directory=data", "fill.bytes=1048576"],
];

/// The words, one a line.
pub(super) struct Parameters;

impl FuzzTarget for Parameters {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let line = *dice.pick(&LINES);
        ["squall\ninject", &line.join("\n")].join("\n").into_bytes()
    }

    fn words(&self) -> &'static [&'static str] {
        &["a.", ".", "=", ":=", ":=[", "{{A}}", "\n--var\nA=", "\n--for\n", "type=", "{\"a\":", "pid="]
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let text = String::from_utf8_lossy(input);
        let words: Vec<String> = text.split('\n').map(str::to_owned).collect();
        // These read files and the environment, and what is secret is kept for good.
        if words.iter().any(|word| word.starts_with("--var-")) {
            return Ok(false);
        }
        match parsers::command_line(&words) {
            Ok(valid) => Ok(valid),
            Err(error) if error.to_string().trim().is_empty() => Err(Breach("an error without a word".to_owned())),
            Err(_) => Ok(false),
        }
    }
}
