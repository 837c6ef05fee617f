//! Text that is cut to a length.

/// The first characters of a text, `most` at the most; `…` is the last of them where there were more, so that readers see the
/// cut, and a [`crate::Redactor`] finds what it left of a secret.
pub fn shortened(text: &str, most: usize) -> String {
    let Some(kept) = most.checked_sub(1) else { return String::new() };
    let mut ends = text.char_indices().map(|(at, _)| at).skip(kept);
    match (ends.next(), ends.next()) {
        (Some(end), Some(_)) => format!("{}…", &text[..end]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn a_cut_is_shown_and_counts() {
        for (text, most, want) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("é日🦀", 2, "é…"),
            ("ab", 1, "…"),
            ("a", 1, "a"),
            ("", 0, ""),
            ("a", 0, ""),
        ] {
            assert_eq!(shortened(text, most), want, "{text} {most}");
        }
    }
}
