//! Numbers that no schema knows.

use crate::diagnostic::{Code, Diagnostic};
use crate::pointer;

/// A number that no schema knows.
pub(crate) fn not_finite_at(at: &str) -> Diagnostic {
    Diagnostic::new(Code::NotFinite, at, format!("{} must be a finite number", pointer::subject(at)))
}
