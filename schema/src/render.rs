//! The text form of diagnostics.

use std::fmt::{self, Write as _};

use crate::diagnostic::{Diagnostic, Severity, Snippet};

/// Whether the text carries ANSI colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// Plain text.
    #[default]
    Never,
    /// ANSI colours.
    Always,
}

/// Renders diagnostics as plain text, one block each, with an empty line between two.
pub fn render(diagnostics: &[Diagnostic]) -> String {
    render_with(diagnostics, Colour::Never)
}

/// Renders diagnostics as text.
pub fn render_with(diagnostics: &[Diagnostic], colour: Colour) -> String {
    let mut out = String::new();
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        // Writing to a string can't fail.
        let _ = block(&mut out, diagnostic, Paint(colour));
    }
    out
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        block(&mut out, self, Paint(Colour::Never))?;
        f.write_str(out.trim_end())
    }
}

struct Paint(Colour);

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const BLUE: &str = "\x1b[1;34m";
const BOLD: &str = "\x1b[1m";

impl Paint {
    fn on(&self, code: &str, text: impl fmt::Display) -> String {
        match self.0 {
            Colour::Never => text.to_string(),
            Colour::Always => format!("{code}{text}\x1b[0m"),
        }
    }
}

fn block(out: &mut String, diagnostic: &Diagnostic, paint: Paint) -> fmt::Result {
    let tone = if diagnostic.severity == Severity::Error { RED } else { YELLOW };
    let head = paint.on(tone, format_args!("{}[{}]", diagnostic.severity, diagnostic.code));
    writeln!(out, "{head}{}", paint.on(BOLD, format_args!(": {}", diagnostic.message)))?;
    let gutter = diagnostic.line.map_or(0, |line| line.to_string().len()).max(2);
    let help = diagnostic.help.as_deref();
    if let Some(place) = place(diagnostic) {
        writeln!(out, "{}{} {place}", " ".repeat(gutter), paint.on(BLUE, "-->"))?;
    }
    match (diagnostic.line, &diagnostic.snippet) {
        (Some(line), Some(snippet)) => source_lines(out, line, snippet, help, gutter, (paint, tone)),
        _ => match help {
            Some(help) => writeln!(out, "{} {} {help}", " ".repeat(gutter), paint.on(BLUE, "=")),
            None => Ok(()),
        },
    }
}

fn place(diagnostic: &Diagnostic) -> Option<String> {
    let Diagnostic { file, line, column, pointer, .. } = diagnostic;
    match (line, column) {
        (Some(line), Some(column)) => Some(format!("{file}:{line}:{column}")),
        _ if pointer.is_empty() => (!file.is_empty()).then(|| file.clone()),
        _ if file.is_empty() => Some(pointer.clone()),
        _ => Some(format!("{file} {pointer}")),
    }
}

fn source_lines(
    out: &mut String,
    line: usize,
    snippet: &Snippet,
    help: Option<&str>,
    gutter: usize,
    (paint, tone): (Paint, &str),
) -> fmt::Result {
    let bar = paint.on(BLUE, "|");
    let blank = " ".repeat(gutter);
    writeln!(out, "{blank} {bar}")?;
    writeln!(out, "{} {bar} {}", paint.on(BLUE, format_args!("{line:>gutter$}")), snippet.text)?;
    // A tab before the mark stays a tab, so that the mark stands below what it marks.
    let indent: String = snippet.text.chars().take(snippet.mark).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let carets = paint.on(tone, "^".repeat(snippet.width));
    let help = help.map(|help| format!(" {help}")).unwrap_or_default();
    writeln!(out, "{blank} {bar} {indent}{carets}{help}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Span};
    use crate::text::Source;

    fn placed(text: &str, span: Span) -> Diagnostic {
        let mut diagnostic = Diagnostic::new(Code::UnknownFault, "/action/type", "unknown fault type `generate_lod`");
        diagnostic.help = Some("did you mean `generate_load`?".into());
        Source::new("tasks/a.yaml", text).put(&mut diagnostic, span);
        diagnostic
    }

    #[test]
    fn a_placed_problem_shows_its_line() {
        let text = "action:\n  type: generate_lod\n";
        let rendered = render(&[placed(text, Span { start: 16, end: 28 })]);
        let want = "\
error[unknown-fault]: unknown fault type `generate_lod`
  --> tasks/a.yaml:2:9
   |
 2 |   type: generate_lod
   |         ^^^^^^^^^^^^ did you mean `generate_load`?
";
        assert_eq!(rendered, want);
    }

    #[test]
    fn a_value_without_text_shows_its_pointer() {
        let diagnostic = Diagnostic::new(Code::UnknownVerify, "/verify", "x").help("y");
        assert_eq!(render(&[diagnostic]), "warning[unknown-verify]: x\n  --> /verify\n   = y\n");
    }

    #[test]
    fn a_tab_before_the_mark_stays_a_tab() {
        let rendered = render(&[placed("\t{a: b}", Span { start: 5, end: 6 })]);
        assert!(rendered.contains(" 1 | \t{a: b}\n   | \t    ^ did"), "{rendered}");
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let diagnostic = placed("a: b", Span { start: 3, end: 4 });
        let coloured = render_with(std::slice::from_ref(&diagnostic), Colour::Always);
        assert!(coloured.contains("\x1b[1;31merror[unknown-fault]\x1b[0m"));
        let mut plain = coloured;
        for code in [RED, YELLOW, BLUE, BOLD, "\x1b[0m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, render(&[diagnostic]));
    }
}
