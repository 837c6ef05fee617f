//! fortio's command line.

use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

const FLAGS: [&str; 20] = [
    "-c 4",
    "-qps 100",
    "-n 50",
    "-t 3s",
    "-timeout 1s",
    "-p 50,99.9",
    "-r 0.001",
    "-H A:b",
    "-keepalive=false",
    "-uniform",
    "-jitter",
    "-nocatchup",
    "-payload abc",
    "-payload-size 10",
    "-X POST",
    "-content-type text/plain",
    "-a",
    "-json -",
    "-labels x",
    "-offset 1ms",
];

/// The arguments, one a line.
pub(super) struct CommandLines;

impl FuzzTarget for CommandLines {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let mut words: Vec<&str> = vec!["load"];
        for _ in 0..dice.below(5) {
            words.extend(dice.pick(&FLAGS).split(' '));
        }
        words.push(*dice.pick(&["http://127.0.0.1:1/", "https://[::1]/x", "localhost:8080", "tcp://127.0.0.1:9"]));
        words.join("\n").into_bytes()
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let text = String::from_utf8_lossy(input);
        // A file that is named is read.
        if text.contains("-file") || text.contains('@') {
            return Ok(false);
        }
        let words: Vec<String> = text.lines().map(str::to_owned).collect();
        Ok(chaos_fortio::parse(&words).is_ok())
    }
}
