//! Files of JSON lines.

use serde_json::Value;

use crate::documents::Dice;

/// Some of the lines, the first and most of the others in their order.
pub(super) fn pick(lines: &[Value], dice: &mut Dice) -> Vec<u8> {
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        if index == 0 || dice.below(4) > 0 {
            text += &line.to_string();
            text += "\n";
        }
    }
    text.into_bytes()
}
