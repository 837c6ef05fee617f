//! Bounds a text, keeping its head and its tail, with a mark where something is missing.

/// Shortens `text` to at most `max_bytes` bytes, mark included.
///
/// Two thirds of the room go to the head and one third to the tail, since commands print their summary last.
pub(crate) fn cut(text: &str, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text.to_owned();
    }
    // The mark is measured with the largest figure it can hold; the shown one is never longer.
    let room = max_bytes.saturating_sub(mark(text.len()).len());
    let head = text.floor_char_boundary(room / 3 * 2);
    let tail = text.ceil_char_boundary(text.len() - room / 3);
    let shown = format!("{}{}{}", &text[..head], mark(tail - head), &text[tail..]);
    if shown.len() <= max_bytes {
        shown
    } else {
        // Too small a bound even for the mark.
        text[..text.floor_char_boundary(max_bytes)].to_owned()
    }
}

fn mark(bytes: usize) -> String {
    format!("\n[… {bytes} bytes cut …]\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_stays_as_it_is() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("", 0), "");
    }

    #[test]
    fn a_long_text_keeps_head_and_tail_and_says_how_much_is_gone() {
        let text = format!("{}{}", "a".repeat(500), "z".repeat(500));
        let shown = cut(&text, 100);
        assert!(shown.len() <= 100, "{} bytes", shown.len());
        assert!(shown.starts_with("aaa") && shown.ends_with("zzz"), "{shown}");
        let kept = shown.matches(['a', 'z']).count();
        assert!(shown.contains(&format!("[… {} bytes cut …]", 1000 - kept)), "{shown}");
    }

    #[test]
    fn no_bound_splits_a_character() {
        let text = "äöü€🦀".repeat(40);
        for bound in 0..=text.len() {
            assert!(cut(&text, bound).len() <= bound, "bound {bound}");
        }
    }
}
