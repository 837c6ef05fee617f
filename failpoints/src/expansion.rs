//! The functions that the macros expand to.

use std::str::FromStr;

use crate::{FiredSite, Form};

/// Tells the compiler that the branch which calls this is the unlikely one.
#[cold]
#[inline]
pub const fn unlikely() {}

/// Makes a fail-rs style early return: the closure gets the rule's text.
#[cold]
#[expect(clippy::needless_pass_by_value, reason = "the macros hand over the value")]
pub fn early<R>(fired: FiredSite, value: impl FnOnce(Option<String>) -> R) -> R {
    value(fired.argument().map(str::to_owned))
}

/// Makes the caller's error.
#[cold]
pub fn error<E>(fired: FiredSite, error: impl FnOnce(FiredSite) -> E) -> E {
    error(fired)
}

/// Reads the typed value; arming has checked that the text is one.
pub fn typed<T: FromStr>(fired: Option<FiredSite>) -> Option<T> {
    fired?.argument()?.parse().ok()
}

/// Makes the caller's return value from the typed one.
#[cold]
pub fn convert<T, R>(value: T, into: impl FnOnce(T) -> R) -> R {
    into(value)
}

/// Describes a site that returns a value of a type.
pub const fn value_form<T: FromStr>(type_name: &'static str) -> Form {
    Form::Value { type_name, parses: |text| text.parse::<T>().is_ok() }
}
