//! The text form of diagnostics.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet as Lines, normalize_untrusted_str};

use crate::diagnostic::{Diagnostic, Severity};

/// Whether the text carries ANSI colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// Plain text.
    #[default]
    Never,
    /// ANSI colours.
    Always,
}

/// Wider than any snippet, which is cut already.
const WIDTH: usize = 1000;

/// Renders diagnostics as plain text, one block each, with an empty line between two.
pub fn render(diagnostics: &[Diagnostic]) -> String {
    render_with(diagnostics, Colour::Never)
}

/// Renders diagnostics as text.
pub fn render_with(diagnostics: &[Diagnostic], colour: Colour) -> String {
    let blocks: Vec<String> = diagnostics.iter().map(|diagnostic| block(diagnostic, colour) + "\n").collect();
    blocks.join("\n")
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&block(self, Colour::Never))
    }
}

fn block(diagnostic: &Diagnostic, colour: Colour) -> String {
    let renderer = match colour {
        Colour::Never => Renderer::plain(),
        Colour::Always => Renderer::styled(),
    };
    let text = renderer.term_width(WIDTH).render(&[group(diagnostic)]);
    match (diagnostic.line, diagnostic.column, &diagnostic.snippet) {
        // The renderer counts columns in the line that it is given, and of a long line that is a window.
        (Some(line), Some(column), Some(snippet)) if column != snippet.mark + 1 => {
            let place = |column| format!("--> {}:{line}:{column}\n", diagnostic.file);
            text.replacen(&place(snippet.mark + 1), &place(column), 1)
        }
        _ => text,
    }
}

fn group(diagnostic: &Diagnostic) -> Group<'_> {
    let Diagnostic { file, line, pointer, .. } = diagnostic;
    let help = diagnostic.help.as_deref().map(normalize_untrusted_str);
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let group = Group::with_title(level.primary_title(&diagnostic.message).id(diagnostic.code.as_str()));
    if let (Some(line), Some(snippet)) = (line, &diagnostic.snippet) {
        let byte = |chars: usize| snippet.text.char_indices().nth(chars).map_or(snippet.text.len(), |(at, _)| at);
        let mark = byte(snippet.mark)..byte(snippet.mark + snippet.width);
        let mark = AnnotationKind::Primary.span(mark).label(help);
        return group.element(Lines::source(&snippet.text).path(file).line_start(*line).annotation(mark));
    }
    let place = match (file.is_empty(), pointer.is_empty()) {
        (_, true) => file.clone(),
        (true, false) => pointer.clone(),
        (false, false) => format!("{file} {pointer}"),
    };
    let group = if place.is_empty() { group } else { group.element(Origin::path(place)) };
    match help {
        Some(help) => group.element(Level::HELP.no_name().message(help)),
        None => group,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, TextSpan};
    use crate::text::Source;

    fn placed(text: &str, span: TextSpan) -> Diagnostic {
        let mut diagnostic = Diagnostic::new(Code::UnknownFault, "/action/type", "unknown fault type `generate_lod`");
        diagnostic.help = Some("did you mean `generate_load`?".into());
        Source::new("tasks/a.yaml", text).put(&mut diagnostic, span);
        diagnostic
    }

    fn at(text: &str, what: &str) -> Diagnostic {
        let start = text.find(what).unwrap();
        placed(text, TextSpan { start, end: start + what.len() })
    }

    #[test]
    fn a_placed_problem_shows_its_line() {
        let want = "\
error[unknown-fault]: unknown fault type `generate_lod`
  --> tasks/a.yaml:11:9
   |
11 |   type: generate_lod
   |         ^^^^^^^^^^^^ did you mean `generate_load`?
";
        let text = format!("{}  type: generate_lod\n", "\n".repeat(10));
        assert_eq!(render(&[at(&text, "generate_lod")]), want);
    }

    #[test]
    fn a_value_without_text_shows_its_pointer() {
        let diagnostic = Diagnostic::new(Code::UnknownVerify, "/verify", "x").help("y");
        assert_eq!(render(&[diagnostic]), "warning[unknown-verify]: x\n--> /verify\n = y\n");
    }

    /// Columns of a terminal before the first caret, and carets.
    fn caret(rendered: &str) -> (usize, usize) {
        let line = rendered.lines().last().unwrap().strip_prefix("  | ").unwrap();
        (line.find('^').unwrap(), line.matches('^').count())
    }

    #[test]
    fn carets_stand_below_what_they_mark() {
        let rows = [
            ("{a: b}", 4),
            ("{日本語: b}", 9),
            ("{a: \"日本\", c: b}", 15),
            ("{🙂: b}", 5),
            ("{e\u{301}: b}", 4),
            ("\t{a: b}", 8),
            ("\u{feff}{a: b}", 4),
        ];
        for (text, want) in rows {
            assert_eq!(caret(&render(&[at(text, "b}")])).0, want, "{text}");
        }
        assert_eq!(caret(&render(&[at("{a: 日本}", "日本")])), (4, 4), "as wide as what is marked");
    }

    #[test]
    fn a_column_counts_characters() {
        let rendered = render(&[at("{日本語: b}", "b")]);
        assert!(rendered.contains(" --> tasks/a.yaml:1:7\n"), "{rendered}");
    }

    #[test]
    fn the_column_of_a_cut_line_counts_from_its_beginning() {
        let rendered = render(&[at(&format!("{}bad{}", "x".repeat(500), "y".repeat(500)), "bad")]);
        assert!(rendered.contains("--> tasks/a.yaml:1:501\n") && rendered.contains("| …xxx"), "{rendered}");
        assert_eq!(caret(&rendered), (61, 3));
    }

    #[test]
    fn no_control_character_reaches_the_terminal() {
        let mut diagnostic = at("a\u{1b}[31m: b", "b");
        diagnostic.message = "unknown key `\u{1b}[31m`".into();
        diagnostic.help = Some("known: \u{1b}[31m".into());
        let rendered = render(&[diagnostic.clone()]);
        diagnostic.snippet = None;
        assert!(!format!("{rendered}{}", render(&[diagnostic])).contains('\u{1b}'), "{rendered}");
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let diagnostic = at("a: b", "b");
        let coloured = render_with(std::slice::from_ref(&diagnostic), Colour::Always);
        assert!(coloured.contains("\x1b[1m\x1b[91merror"), "{coloured:?}");
        let mut plain = String::new();
        for (index, part) in coloured.split("\x1b[").enumerate() {
            plain += if index == 0 { part } else { part.split_once('m').unwrap().1 };
        }
        assert_eq!(plain, render(&[diagnostic]));
    }
}
