//! The command line that a model may write in place of typed arguments.

use chaos_faults::parsers::command;

use super::hostile::is_visible;
use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

const FLAGS: [&str; 10] = [
    "-qps 100",
    "-c 4",
    "-t 3s",
    "-uniform",
    "-jitter=true",
    "-nocatchup",
    "-timeout 500ms",
    "--qps=0.5",
    "'-c' \"8\"",
    "-n 20",
];

pub(super) struct ModelCommands;

impl FuzzTarget for ModelCommands {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let mut text = (*dice.pick(&["fortio load", "/usr/bin/fortio load", "~/go/bin/fortio 'load'"])).to_owned();
        let length = *dice.pick(&["", " -t 2s", " -n 10"]);
        text += length;
        for _ in 0..dice.below(3) {
            let flag = *dice.pick(&FLAGS);
            if !flag.starts_with("-n ") && !flag.starts_with("-t ") {
                text += &format!(" {flag}");
            }
        }
        text += *dice.pick(&[" http://127.0.0.1:8080/", " \"http://[::1]:80/a b\"", " https://localhost/x?y=z"]);
        text.into_bytes()
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            " -payload-file /etc/passwd",
            " -H x:y",
            "; id",
            " && ",
            "$(id)",
            "\\",
            "'",
            "\"",
            " -",
            " -qps=-1",
            "| sh",
            " --",
        ]
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let text = String::from_utf8_lossy(input);
        let (words, asked) = match command(&text) {
            Ok(read) => read,
            Err(error) => {
                return if error.to_string().is_empty() { Err(Breach("no reason".to_owned())) } else { Ok(false) };
            }
        };
        let Ok(quoted) = shlex::try_join(words.iter().map(String::as_str)) else { return Ok(true) };
        match command(&quoted) {
            Ok((again, same)) if again == words && same == asked => Ok(true),
            other => Err(Breach(format!("`{text}` is {asked}, and quoted as `{quoted}` {other:?}"))),
        }
        .and_then(|accepted| is_visible("what is asked", &asked).map(|()| accepted))
    }
}
