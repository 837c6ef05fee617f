//! What breaks YAML, in the words of an author.

use granit_parser::{ErrorKind, ScanError};

use crate::depth::MAX_LEVELS;
use crate::diagnostic::{Code, Diagnostic};

/// The diagnostic of a text that ends being YAML where `rest` begins.
pub(super) fn describe(error: &ScanError, rest: &str) -> Diagnostic {
    let of = |message: &str| Diagnostic::new(Code::Syntax, "", message);
    let tab = rest.starts_with('\t');
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(),
        ErrorKind::UnknownAnchor => of("this alias has no anchor before it"),
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            of("a tab is used for indentation").help("YAML is indented with spaces, never with tabs")
        }
        _ if tab => of("a tab is used for indentation").help("YAML is indented with spaces, never with tabs"),
        ErrorKind::UnclosedFlowCollection { open } => {
            of(&format!("`{open}` is never closed")).help(format!("add the closing `{}`", closing(*open)))
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            of(&format!("`{open}` is closed by `{close}`")).help(format!("close it with `{}`", closing(*open)))
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
            of("a quoted string that begins before this is never closed")
                .help("add the closing quote, or indent its other lines")
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            of("a `:` can't stand here").help("put quotes around text that holds `: `, or start a new line for a key")
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey | ErrorKind::ExpectedBlockMappingKey => {
            of("a key with a `:` is expected here").help("check the indentation of this line and of those above it")
        }
        ErrorKind::InvalidIndentation | ErrorKind::BlockSequenceEntryNotAllowed => {
            of("this line is not indented like the lines it belongs to")
                .help("indent it like its neighbours, with spaces")
        }
        ErrorKind::ExpectedFlowMappingSeparator => of("expected `,` or `}`").help("check quotes and commas before it"),
        ErrorKind::ExpectedFlowSequenceSeparator => of("expected `,` or `]`").help("check quotes and commas before it"),
        ErrorKind::UnexpectedCharacter { character } if matches!(character, '@' | '`' | '%') => {
            of(&format!("a value can't begin with `{character}`")).help("put quotes around it")
        }
        ErrorKind::UnknownQuotedScalarEscape => of("unknown escape in a string in double quotes")
            .help(r"write `\\` for one backslash, or use single quotes"),
        ErrorKind::UndeclaredTagHandle => of("unknown tag").help("remove it"),
        ErrorKind::UnsupportedYamlMajorVersion => {
            of("the document asks for another YAML than 1.2").help("remove the line")
        }
        other => of(&other.to_string()),
    }
}

fn closing(open: char) -> char {
    if open == '[' { ']' } else { '}' }
}

pub(super) fn too_deep() -> Diagnostic {
    let message = format!("nested more than {MAX_LEVELS} levels deep");
    Diagnostic::new(Code::TooDeep, "", message).help(format!("the limit is {}", chaos_core::MAX_DEPTH))
}
