//! Text that others wrote, made harmless.

use chaos_core::visible_line;

pub(super) use chaos_runner::escape_html as escape;

/// Text for a terminal: one line, without control characters.
pub(super) fn printable(text: &str) -> String {
    visible_line(text).into_owned()
}
