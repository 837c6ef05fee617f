//! Where `$NAME` and `${NAME}` stand in a text.

/// One placeholder of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Occurrence {
    /// The byte of its `$`.
    pub(super) start: usize,
    /// One past its last byte.
    pub(super) end: usize,
    name: (usize, usize),
}

impl Occurrence {
    /// Its name.
    pub(super) fn name<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.name.0..self.name.1).unwrap_or_default()
    }
}

/// Whether a placeholder can have that name.
pub(super) fn is_name(name: &str) -> bool {
    name_length(name.as_bytes()) == name.len() && !name.is_empty()
}

/// Bytes of the name that a text begins with, as a shell counts.
fn name_length(text: &[u8]) -> usize {
    if text.first().is_none_or(u8::is_ascii_digit) {
        return 0;
    }
    text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
}

/// Every `$NAME` and `${NAME}` of a text, in order.
pub(super) fn scan(text: &str) -> Vec<Occurrence> {
    dollars(text).filter_map(|start| occurrence(text.as_bytes(), start)).collect()
}

/// Every `${NAME…}` with anything else than the name in its braces.
pub(super) fn other_forms(text: &str) -> impl Iterator<Item = Occurrence> {
    dollars(text).filter_map(|start| {
        let bytes = text.as_bytes();
        let rest = bytes.get(start + 1..)?.strip_prefix(b"{")?;
        let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
        // `${#NAME}` and `${!NAME}` are its length and another variable.
        let marks = rest[spaces..].iter().take_while(|byte| matches!(**byte, b'#' | b'!')).count();
        let skipped = spaces + marks;
        let length = name_length(&rest[skipped..]);
        let name = (start + 2 + skipped, start + 2 + skipped + length);
        let plain = skipped == 0 && rest.get(length) == Some(&b'}');
        (length > 0 && !plain).then_some(Occurrence { start, end: name.1, name })
    })
}

fn dollars(text: &str) -> impl Iterator<Item = usize> {
    text.bytes().enumerate().filter(|(_, byte)| *byte == b'$').map(|(at, _)| at)
}

fn occurrence(text: &[u8], start: usize) -> Option<Occurrence> {
    let rest = text.get(start + 1..)?;
    if let Some(braced) = rest.strip_prefix(b"{") {
        let length = name_length(braced);
        let closed = length > 0 && braced.get(length) == Some(&b'}');
        let name = (start + 2, start + 2 + length);
        return closed.then_some(Occurrence { start, end: name.1 + 1, name });
    }
    let length = name_length(rest);
    let name = (start + 1, start + 1 + length);
    (length > 0).then_some(Occurrence { start, end: name.1, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_after_a_dollar_are_placeholders() {
        let text = "$A ${A} $(A) $((1+2)) $$ $i ${B} ${A:-x} ${ A } ${A $1 ${1} $A_2é $$A \\$C $";
        let found: Vec<_> = scan(text).iter().map(|one| (one.name(text), &text[one.start..one.end])).collect();
        let want = [("A", "$A"), ("A", "${A}"), ("i", "$i"), ("B", "${B}"), ("A_2", "$A_2"), ("A", "$A"), ("C", "$C")];
        assert_eq!(found, want);
        let others: Vec<_> = other_forms(text).map(|one| one.name(text)).collect();
        assert_eq!(others, ["A", "A", "A"]);
        assert_eq!(other_forms("${#A} ${!A} ${A[0]}").count(), 3);
    }

    #[test]
    fn names_are_those_of_a_shell() {
        assert!(is_name("A") && is_name("_a9"));
        assert!(!is_name("") && !is_name("9a") && !is_name("a-b") && !is_name("é"));
    }
}
