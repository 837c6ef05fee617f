//! Text that others wrote, made harmless.

pub(super) use chaos_runner::escape_html as escape;

/// Text for a terminal: one line, without control characters.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { ' ' } else { c }).filter(|c| !c.is_control()).collect()
}
