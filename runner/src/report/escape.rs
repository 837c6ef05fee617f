//! Text that others wrote, made harmless for a page.

/// Text for an HTML page: nothing in it can become a tag or leave an attribute.
pub fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            '\n' => out += "\n",
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
