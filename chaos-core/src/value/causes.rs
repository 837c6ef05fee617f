//! An error with what caused it, in one text.

use std::error::Error;

/// The message of an error, and behind it those of its causes that say something new.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Outer(&'static str, #[source] std::io::Error);

    #[test]
    fn a_cause_is_told_once() {
        let cause = || std::io::Error::other("the disk is full");
        assert_eq!(with_causes(&Outer("not written", cause())), "not written: the disk is full");
        assert_eq!(with_causes(&Outer("not written: the disk is full", cause())), "not written: the disk is full");
        assert_eq!(with_causes(&cause()), "the disk is full");
    }
}
