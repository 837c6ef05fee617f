//! Bounds a text, keeping its head and its tail, with a mark where something is missing.

/// Shortens `text` to at most `max_bytes` bytes, mark included.
///
/// Two thirds of the room go to the head and one third to the tail, since commands print their summary last. The tail
/// starts with a whole line, so that a prefix which marks lines as data is never cut off; without one there is none.
pub(crate) fn truncate(text: &str, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text.to_owned();
    }
    // The mark is measured with the largest figure it can hold; the shown one is never longer.
    let Some(room) = max_bytes.checked_sub(mark(text.len()).len()) else {
        return text[..text.floor_char_boundary(max_bytes)].to_owned();
    };
    let tail = text.ceil_char_boundary(text.len() - room / 3);
    let Some(line) = text[tail..].find('\n') else {
        let head = text.floor_char_boundary(room);
        return format!("{}{}", &text[..head], mark(text.len() - head));
    };
    let (head, tail) = (text.floor_char_boundary(room / 3 * 2), tail + line + 1);
    format!("{}{}{}", &text[..head], mark(tail - head), &text[tail..])
}

fn mark(bytes: usize) -> String {
    format!("\n[… {bytes} bytes cut …]\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_stays_as_it_is() {
        assert_eq!(truncate("abc", 3), "abc");
        assert_eq!(truncate("", 0), "");
    }

    #[test]
    fn a_long_text_keeps_head_and_tail_and_says_how_much_is_gone() {
        let text = format!("{}\n{}", "a".repeat(500), "z\n".repeat(250));
        let shown = truncate(&text, 100);
        assert!(shown.len() <= 100, "{} bytes", shown.len());
        assert!(shown.starts_with("aaa") && shown.ends_with("\nz\nz\n"), "{shown}");
        let (head, tail) = shown.split_once("\n[…").expect("a mark");
        let tail = tail.split_once("…]\n").expect("a mark").1;
        let gone = text.len() - head.len() - tail.len();
        assert!(shown.contains(&format!("\n[… {gone} bytes cut …]\n")), "{shown}");
    }

    #[test]
    fn the_tail_starts_with_a_whole_line_or_is_left_out() {
        let line = format!("| {}", "x".repeat(30));
        let text = vec![line.as_str(); 50].join("\n");
        for bound in 60..text.len() {
            let shown = truncate(&text, bound);
            assert!(shown.lines().all(|line| line.starts_with(['|', '[']) || line.is_empty()), "{shown}");
        }
        let shown = truncate(&"x".repeat(1000), 100);
        assert!(shown.ends_with(" bytes cut …]\n"), "{shown}");
        assert!(shown.starts_with(&"x".repeat(60)), "{shown}");
    }

    #[test]
    fn no_bound_splits_a_character() {
        let text = "äöü€🦀\n".repeat(40);
        for bound in 0..=text.len() {
            assert!(truncate(&text, bound).len() <= bound, "bound {bound}");
        }
    }
}
