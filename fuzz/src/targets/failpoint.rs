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

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let text = String::from_utf8_lossy(input);
        // No site of that name is linked; a guard disarms when it is dropped.
        drop(arm_list(&format!("fuzz.no_such_site={text}")));
        Ok(text.parse::<Rule>().is_ok())
    }
}
