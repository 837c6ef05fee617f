//! Text that others wrote, made harmless for a terminal: what is not seen, or moves what is seen, is spelled out.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a terminal or a browser obeys the character instead of showing it: control characters (C0, DEL, C1), marks and
/// overrides of direction, separators of lines and paragraphs, spaces without width, tags.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with everything hidden spelled out as `\u{1b}`; breaks of lines and tabs stay. Doing it twice gives the same.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_hidden(c) && c != '\n' && c != '\t', spell)
}

/// The same on one line: ` | ` stands for each break of a line.
pub fn visible_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden, |out, c| match c {
        '\n' => *out += " | ",
        '\t' => out.push(' '),
        c => spell(out, c),
    })
}

/// JSON text with everything hidden spelled out as `\u202e`, which a reader turns back.
pub fn visible_json(json: &str) -> Cow<'_, str> {
    escaped(
        json,
        |c| is_hidden(c) && c != '\n' && c != '\t',
        |out, c| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        },
    )
}

fn spell(out: &mut String, c: char) {
    match c {
        '\r' => *out += "\\r",
        c => out.extend(c.escape_unicode()),
    }
}

fn escaped(text: &str, hidden: impl Fn(char) -> bool, put: impl Fn(&mut String, char)) -> Cow<'_, str> {
    let Some((at, _)) = text.char_indices().find(|(_, c)| hidden(*c)) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..at]);
    for c in text[at..].chars() {
        if hidden(c) { put(&mut out, c) } else { out.push(c) }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str =
        "a\x1b]0;pwned\x07b\u{9b}31m\rc\0\u{202e}d\u{2066}\u{200f}\u{61c}\u{2028}\u{feff}\x7f\u{e0041}é日🦀";

    #[test]
    fn what_is_hidden_is_spelled_out() {
        assert_eq!(visible("plain\n\ttext é"), "plain\n\ttext é");
        assert_eq!(visible("\x1b[31m\r\u{202e}"), r"\u{1b}[31m\r\u{202e}");
        assert_eq!(visible_line("a\nb\tc\0"), r"a | b c\u{0}");
    }

    #[test]
    fn no_hidden_character_is_left_whatever_the_text() {
        for at in 0..=HOSTILE.chars().count() {
            let text: String = HOSTILE.chars().skip(at).chain(HOSTILE.chars().take(at)).collect();
            for shown in [visible(&text), visible_line(&text), visible_json(&text)] {
                assert!(!shown.chars().any(is_hidden), "{shown}");
                assert!(['é', '日', '🦀'].into_iter().all(|c| shown.contains(c)), "{shown}");
            }
            assert_eq!(visible(&visible(&text)), visible(&text));
        }
    }

    #[test]
    fn every_character_is_shown_or_spelled_out() {
        for c in (0..=0x0010_ffff).filter_map(char::from_u32) {
            let text = c.to_string();
            assert_eq!(visible_line(&text) == text, !is_hidden(c), "{c:?}");
        }
    }

    #[test]
    fn json_reads_back_as_it_was() {
        let json = serde_json::to_string(&[HOSTILE]).unwrap();
        let shown = visible_json(&json);
        assert!(!shown.chars().any(is_hidden), "{shown}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), [HOSTILE]);
        assert_eq!(visible_json("{\n  \"a\": 1\n}"), "{\n  \"a\": 1\n}");
    }
}
