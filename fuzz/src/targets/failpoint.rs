//! Rules of fail points, and lists of them.

use chaos_failpoints::{Rule, arm_list};

use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

const TASKS: [&str; 10] = [
    "off",
    "return",
    "return(x)",
    "sleep(10)",
    "panic(boom)",
    "print(a b)",
    "pause",
    "yield",
    "delay(5)",
    "return(((a)))",
];

pub(super) struct Rules;

impl FuzzTarget for Rules {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let step = |dice: &mut Dice| {
            let share = ["", "50%", "0.5%", "100%"][dice.below(4)];
            let count = ["", "3*", "1*"][dice.below(3)];
            format!("{share}{count}{}", dice.pick(&TASKS))
        };
        let steps: Vec<String> = (0..=dice.below(3)).map(|_| step(dice)).collect();
        steps.join("->").into_bytes()
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "->",
            "%",
            "*",
            "(",
            ")",
            "skip 3 ",
            "every 2 ",
            "return",
            "sleep(18446744073709551615)",
            "101%",
            "0*",
            "1e9%",
            "off",
        ]
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let text = String::from_utf8_lossy(input);
        // No site of that name is linked; a guard disarms when it is dropped.
        drop(arm_list(&format!("fuzz.no_such_site={text}")));
        let Ok(rule) = text.parse::<Rule>() else { return Ok(false) };
        let written = rule.to_string();
        let again = written.parse::<Rule>().map(|again| again.to_string());
        if again.as_ref().ok() != Some(&written) {
            return Err(Breach(format!("`{text}` is written as `{written}`, and that is {again:?}")));
        }
        Ok(true)
    }
}
