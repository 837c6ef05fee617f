//! Strings that are kept once.

use std::collections::HashMap;
use std::sync::Arc;

/// A kept string: its number in [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(pub u32);

/// Strings, each kept once, within a bound of bytes.
#[derive(Debug)]
pub struct Texts {
    numbers: HashMap<Arc<str>, u32>,
    all: Vec<Arc<str>>,
    bytes: usize,
    most_bytes: usize,
}

/// What a string costs beside its bytes: two handles, its counters, and its place in the table.
const EACH: usize = 64;

impl Texts {
    /// None yet, and never more than about `most_bytes` in all.
    pub fn new(most_bytes: usize) -> Self {
        Self { numbers: HashMap::new(), all: Vec::new(), bytes: 0, most_bytes }
    }

    /// Keeps a string; `None` where that would go beyond the bound.
    pub fn keep(&mut self, text: &str) -> Option<Text> {
        if let Some(number) = self.numbers.get(text) {
            return Some(Text(*number));
        }
        let bytes = self.bytes.saturating_add(text.len()).saturating_add(EACH);
        let number = u32::try_from(self.all.len()).ok()?;
        if bytes > self.most_bytes {
            return None;
        }
        self.bytes = bytes;
        let kept: Arc<str> = text.into();
        self.all.push(Arc::clone(&kept));
        self.numbers.insert(kept, number);
        Some(Text(number))
    }

    /// The number of a string that is kept.
    pub fn find(&self, text: &str) -> Option<Text> {
        self.numbers.get(text).copied().map(Text)
    }

    /// The string; empty for a number that was never given.
    pub fn get(&self, text: Text) -> &str {
        self.all.get(text.0 as usize).map_or("", |text| text)
    }

    /// All of them, with their numbers.
    pub fn all(&self) -> impl Iterator<Item = (Text, &str)> {
        (0..).map(Text).zip(self.all.iter().map(|text| &**text))
    }

    /// About how many bytes they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_kept_once_and_the_bound_holds() {
        let mut texts = Texts::new(2 * (EACH + 5));
        let one = texts.keep("alpha").unwrap();
        assert_eq!(texts.keep("alpha"), Some(one));
        let two = texts.keep("gamma").unwrap();
        assert_ne!(one, two);
        assert_eq!(texts.keep("x"), None);
        assert_eq!((texts.get(one), texts.get(two), texts.get(Text(9))), ("alpha", "gamma", ""));
        assert_eq!((texts.find("gamma"), texts.find("x")), (Some(two), None));
        assert_eq!(texts.bytes(), 2 * (EACH + 5));
        assert_eq!(texts.all().map(|(_, text)| text).collect::<Vec<_>>(), ["alpha", "gamma"]);
    }
}
