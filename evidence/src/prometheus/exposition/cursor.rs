//! A place in a line that only moves on.

use std::borrow::Cow;

#[cfg(test)]
thread_local! {
    /// How many characters were looked at on this thread, for the test of what reading costs.
    pub(super) static LOOKED_AT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// The rest of a line.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(rest: &'a str) -> Self {
        Self { rest }
    }

    pub(super) fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r']);
    }

    /// Passes that character if it is next.
    pub(super) fn take(&mut self, wanted: char) -> bool {
        self.rest.strip_prefix(wanted).is_some_and(|rest| {
            self.rest = rest;
            true
        })
    }

    /// Passes what is accepted, and gives it.
    pub(super) fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !accept(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        #[cfg(test)]
        LOOKED_AT.with(|sum| sum.set(sum.get() + end as u64 + 1));
        self.rest = rest;
        taken
    }

    /// Everything up to the next blank.
    pub(super) fn word(&mut self) -> &'a str {
        self.take_while(|c| !matches!(c, ' ' | '\t' | '\r'))
    }

    /// A text in quotes, whose first quote is passed already; `\\`, `\"` and `\n` stand for what they say.
    pub(super) fn quoted(&mut self) -> Result<Cow<'a, str>, &'static str> {
        let plain = self.take_while(|c| c != '"' && c != '\\');
        if self.take('"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            if self.take('"') {
                return Ok(Cow::Owned(text));
            }
            if !self.take('\\') {
                return Err("a text in quotes has no end");
            }
            let mut after = self.rest.chars();
            match after.next() {
                Some('n') => text.push('\n'),
                Some(c @ ('"' | '\\')) => text.push(c),
                // As Prometheus does in the text format: what is not an escape stands for itself.
                Some(c) => text.extend(['\\', c]),
                None => return Err("a text in quotes has no end"),
            }
            self.rest = after.as_str();
            text.push_str(self.take_while(|c| c != '"' && c != '\\'));
        }
    }
}
