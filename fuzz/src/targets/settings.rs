//! `squall.toml`.

use std::path::Path;

use squall::cli::parsers;

use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

const VALUES: [&str; 8] = [
    "'/srv/squall'",
    "\"/srv/\\u00e9\"",
    "'relative/here'",
    "\"\"\"/srv/\\\n   long\"\"\"",
    "'''/a'b'''",
    "'../up'",
    "\"\"",
    "'x' # why",
];

pub(super) struct SettingsFiles;

impl FuzzTarget for SettingsFiles {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let mut text = String::from(*dice.pick(&["", "# settings\n", "\n\n"]));
        for key in ["policy", "workspace", "\"state\""] {
            if dice.below(3) > 0 {
                text += &format!("{key} = {}{}", dice.pick(&VALUES), dice.pick(&["\n", "\r\n", "\n\n"]));
            }
        }
        text.into_bytes()
    }

    fn words(&self) -> &'static [&'static str] {
        &["state", " = ", "[a]", "[[a]]", "a.b = 1", "'''", "\"\"\"", "\\u{", "1979-05-27", "{a = 1}", "true"]
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let Ok(text) = std::str::from_utf8(input) else { return Ok(false) };
        match parsers::settings(text, Path::new("/fuzz/squall.toml")) {
            Ok(paths) if paths.iter().all(|path| path.is_absolute()) => Ok(true),
            Ok(paths) => Err(Breach(format!("a path that begins nowhere: {paths:?}"))),
            Err(error) => {
                let said = error.to_string();
                let place = said.strip_prefix("`/fuzz/squall.toml:").and_then(|rest| rest.split_once(':'));
                let line = place.and_then(|(line, _)| line.parse::<usize>().ok());
                let lines = text.matches('\n').count() + 1;
                if line.is_some_and(|line| (1..=lines).contains(&line)) {
                    Ok(false)
                } else {
                    Err(Breach(format!("an error without a place: {said}")))
                }
            }
        }
    }
}
