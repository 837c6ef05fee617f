//! One parser for YAML and JSON, with budgets.

use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, MessageFormatter, Options, Spanned, UserMessageFormatter};

use super::lower::{Lowered, lower};
use super::source::Source;
use super::tree::Node;
use crate::depth::MAX_LEVELS;
use crate::diagnostic::{Code, Diagnostic, TextSpan};

/// Bytes of a text; a task file is some kilobytes, and a prompt in it hardly more.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Nodes of a text. A list of 10,000 entries has some 250,000.
const MAX_NODES: usize = 500_000;

/// Nodes that aliases stand for: a small text must not become a large document.
const MAX_REPLAYED: usize = 50_000;

/// Aliases in one text; the largest task file seen had 12.
const MAX_ALIASES: usize = 500;

fn options() -> Options {
    serde_saphyr::options! {
        // Both are let through and found in the tree, so that one pass reports all.
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        // `no` is text in YAML 1.2.
        strict_booleans: true,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_nodes: MAX_NODES, max_depth: MAX_LEVELS, max_aliases: MAX_ALIASES },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_REPLAYED },
    }
}

/// Reads a text, or says in one diagnostic where it stops being readable.
pub(crate) fn read(source: &Source) -> Result<Lowered, Box<Diagnostic>> {
    if source.text.len() > MAX_BYTES {
        let message = format!("the text has {} bytes; the limit is {MAX_BYTES}", source.text.len());
        let mut diagnostic = Diagnostic::new(Code::TooLarge, "", message);
        source.put(&mut diagnostic, TextSpan { start: 0, end: 0 });
        return Err(Box::new(diagnostic));
    }
    serde_saphyr::from_str_with_options::<Spanned<Node>>(&source.text, options())
        .map(|root| lower(&source.text, root))
        .map_err(|error| Box::new(diagnose(source, &error)))
}

fn diagnose(source: &Source, error: &Error) -> Diagnostic {
    let location = error.location();
    let mut diagnostic = describe(error);
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let start = location.map_or(0, |at| {
        let offset = at.span().byte_offset().map(number);
        offset.unwrap_or_else(|| source.offset(number(at.line()), number(at.column())))
    });
    let start = start.min(source.text.len());
    if source.text.as_bytes().get(start) == Some(&b'\t') && diagnostic.code == Code::Syntax {
        diagnostic = diagnostic.help("YAML is indented with spaces, never with tabs");
    }
    let width = source.text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    source.put(&mut diagnostic, TextSpan { start, end: start + width });
    diagnostic
}

fn describe(error: &Error) -> Diagnostic {
    let of = |code, message: &str| Diagnostic::new(code, "", message);
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => describe(error),
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => too_deep(),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => {
            let bounds = format!(
                "the limit is {MAX_NODES} values, of which aliases may stand for {MAX_REPLAYED}, and {MAX_ALIASES} aliases"
            );
            of(Code::TooLarge, "too many values").help(bounds)
        }
        Error::MultipleDocuments { .. } => {
            of(Code::ManyDocuments, "a second document starts here").help("one file holds one document")
        }
        Error::UnknownAnchor { .. } => of(Code::Syntax, "this alias has no anchor before it"),
        other => {
            let message = UserMessageFormatter.format_message(other).escape_debug().to_string();
            // The parser has its own bound on flow nesting, which it reports as text only.
            if message.starts_with("recursion limit") { too_deep() } else { of(Code::Syntax, &message) }
        }
    }
}

fn too_deep() -> Diagnostic {
    let message = format!("nested more than {MAX_LEVELS} levels deep");
    Diagnostic::new(Code::TooDeep, "", message).help(format!("the limit is {}", chaos_core::MAX_DEPTH))
}
