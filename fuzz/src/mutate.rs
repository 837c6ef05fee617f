//! How inputs are spoilt: bytes, words, and the trees of their JSON.

use serde_json::{Map, Value, json};

use crate::documents::Dice;

/// Text that has hurt some parser somewhere.
const WORDS: [&str; 40] = [
    "{{",
    "}}",
    "{{A}}",
    "{{ B }}",
    "{{node.x.dir}}",
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "!!int ",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "|\n",
    ">-\n",
    "# ",
    ": ",
    "- ",
    "? ",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "\\",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\u{feff}",
    "\u{202e}",
    "\u{2028}",
    "\u{10ffff}",
    "e\u{301}",
    ".inf",
    "-0",
    "1e400",
    "18446744073709551616",
    "0x7fffffffffffffff",
];

/// Spoils an input in one to three ways.
pub(crate) fn spoil(input: &mut Vec<u8>, words: &[&str], dice: &mut Dice) {
    for _ in 0..=dice.below(3) {
        match dice.below(3) {
            0 => bytes(input, dice),
            1 => word(input, words, dice),
            _ => tree(input, dice),
        }
    }
}

fn bytes(input: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(input.len() + 1);
    let byte = u8::try_from(dice.below(256)).unwrap_or(0);
    let end = (at + dice.below(32)).min(input.len());
    match dice.below(6) {
        0 => input.insert(at, byte),
        1 => drop(input.drain(at..end)),
        2 => input.truncate(at),
        3 => {
            let piece = input[at..end].to_vec();
            let to = dice.below(input.len() + 1);
            input.splice(to..to, piece);
        }
        _ => {
            if let Some(old) = input.get_mut(at) {
                *old = if dice.below(2) == 0 { byte } else { *old ^ (1 << dice.below(8)) };
            }
        }
    }
}

fn word(input: &mut Vec<u8>, own: &[&str], dice: &mut Dice) {
    let at = dice.below(input.len() + 1);
    let often = if dice.below(64) == 0 { 1 + dice.below(2_000) } else { 1 };
    let words = if own.is_empty() || dice.below(2) == 0 { &WORDS } else { own };
    let word = dice.pick(words).repeat(often);
    let end = (at + dice.below(8)).min(input.len());
    input.splice(at..end, word.into_bytes());
}

/// Spoils the first JSON value that begins a line or follows the first byte.
fn tree(input: &mut Vec<u8>, dice: &mut Dice) {
    let starts: Vec<usize> =
        (0..input.len()).filter(|at| input[*at] == b'{' && (*at < 2 || input[at - 1] == b'\n')).take(16).collect();
    if starts.is_empty() {
        return bytes(input, dice);
    }
    let start = *dice.pick(&starts);
    let mut values = serde_json::Deserializer::from_slice(&input[start..]).into_iter::<Value>();
    let Some(Ok(mut value)) = values.next() else { return bytes(input, dice) };
    let end = start + values.byte_offset();
    branch(&mut value, dice);
    input.splice(start..end, value.to_string().into_bytes());
}

/// Walks down to some branch, and spoils it.
fn branch(root: &mut Value, dice: &mut Dice) {
    let other = part(root, dice).clone();
    let mut at = root;
    loop {
        let inside = match at {
            Value::Array(items) => items.len(),
            Value::Object(map) => map.len(),
            _ => 0,
        };
        if inside == 0 || dice.below(4) == 0 {
            return *at = instead(at, other, dice);
        }
        let chosen = dice.below(inside);
        if let Value::Object(map) = at
            && dice.below(8) == 0
        {
            return member(map, chosen, other, dice);
        }
        at = match at {
            Value::Array(items) => &mut items[chosen],
            Value::Object(map) => match map.values_mut().nth(chosen) {
                Some(value) => value,
                None => return,
            },
            _ => return,
        };
    }
}

fn part<'v>(mut at: &'v Value, dice: &mut Dice) -> &'v Value {
    loop {
        let next = match at {
            Value::Array(items) if !items.is_empty() => items.get(dice.below(items.len())),
            Value::Object(map) if !map.is_empty() => map.values().nth(dice.below(map.len())),
            _ => None,
        };
        match next {
            Some(next) if dice.below(4) > 0 => at = next,
            _ => return at,
        }
    }
}

fn member(map: &mut Map<String, Value>, chosen: usize, other: Value, dice: &mut Dice) {
    let Some(key) = map.keys().nth(chosen).cloned() else { return };
    match dice.below(3) {
        0 => drop(map.remove(&key)),
        1 => drop(map.insert(format!("{key}{}", dice.pick(&WORDS)), other)),
        _ => {
            let value = map.remove(&key).unwrap_or_default();
            map.insert(dice.pick(&WORDS).to_string(), value);
        }
    }
}

fn instead(old: &Value, other: Value, dice: &mut Dice) -> Value {
    match dice.below(12) {
        0 => Value::Null,
        1 => json!(-1),
        2 => json!(u64::MAX),
        3 => json!(1e308),
        4 => json!(""),
        5 => json!("x".repeat(dice.below(5_000))),
        6 => json!([old, other]),
        7 => json!({"type": old}),
        8 => (0..dice.below(140)).fold(other, |inner, _| json!([inner])),
        9 => (0..dice.below(60)).fold(other, |inner, _| json!({"checks": [inner], "type": "all"})),
        10 => json!(format!("{}{}", old.as_str().unwrap_or("{{A}}"), dice.pick(&WORDS))),
        _ => other,
    }
}
