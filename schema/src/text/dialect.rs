//! What YAML 1.1 reads otherwise.

/// How YAML 1.1 reads a plain scalar that YAML 1.2 reads otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Boolean,
    Octal,
    /// `089`, which has no octal digits.
    ZerosThenText,
    /// `0o17`.
    NewOctal,
    /// `1e3`, without the point and the sign that YAML 1.1 asks for.
    Exponent,
    /// Text here: `1_000`, `0b101`, `+0x10`.
    Number,
    Sexagesimal,
    Date,
}

impl Dialect {
    /// What it is to a reader of YAML 1.1, and how it is written so that both agree.
    pub(crate) fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Boolean => ("a boolean", "put quotes around it"),
            Self::Octal => ("an octal number", "remove the leading zeros"),
            Self::ZerosThenText => ("text", "remove the leading zeros"),
            Self::NewOctal => ("text", "write it in decimal"),
            Self::Exponent => ("text", "write it without an exponent"),
            Self::Number => ("a number", "put quotes around it"),
            Self::Sexagesimal => ("a number in base 60", "put quotes around it"),
            Self::Date => ("a date", "put quotes around it"),
        }
    }
}
