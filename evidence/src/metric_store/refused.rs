//! Why a sample is not kept.

/// Why a sample is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Full,
    TooLong,
    OutOfOrder,
    NotANumber,
}

impl Refused {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Full => "there was no room for more series",
            Self::TooLong => "a name or a label was too long",
            Self::OutOfOrder => "a sample was older than the one before it, or contradicted it",
            Self::NotANumber => "an increment was not a number, or a histogram had no scale that means something",
        }
    }
}
