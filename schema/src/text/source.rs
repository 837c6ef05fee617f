//! Text with its name and lines: from byte offsets to places that people can find.

use chaos_core::is_hidden;

use crate::diagnostic::{Code, Diagnostic, Snippet, TextSpan};

/// Characters of a line that a snippet shows; a task file in one JSON line can be a million long.
const WINDOW: usize = 160;

/// Characters kept before the mark of a cut line.
const BEFORE_MARK: usize = 60;

/// A text and where its lines start.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
    starts: Vec<usize>,
}

impl Source {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let first = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let starts = std::iter::once(first).chain(breaks).collect();
        Self { name: name.to_owned(), text: text.to_owned(), starts }
    }

    /// Line and column, both from 1, of a byte offset; one past the end is the end.
    pub(crate) fn line_column(&self, offset: usize) -> (usize, usize) {
        let offset = self.floor(offset);
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1].min(offset);
        (line, self.text[start..offset].chars().count() + 1)
    }

    /// The byte offset of a line and column, both from 1.
    pub(crate) fn offset(&self, line: usize, column: usize) -> usize {
        let Some(start) = self.starts.get(line.saturating_sub(1)) else { return self.text.len() };
        let rest = &self.text[*start..];
        rest.char_indices().nth(column.saturating_sub(1)).map_or(self.text.len(), |(at, _)| start + at)
    }

    /// Puts a diagnostic at a span.
    pub(crate) fn put(&self, diagnostic: &mut Diagnostic, span: TextSpan) {
        let (line, column) = self.line_column(span.start);
        self.name.clone_into(&mut diagnostic.file);
        diagnostic.line = Some(line);
        diagnostic.column = Some(column);
        diagnostic.span = Some(span);
        diagnostic.snippet = Some(self.snippet(line, column, span));
    }

    fn snippet(&self, line: usize, column: usize, span: TextSpan) -> Snippet {
        let start = self.starts[line - 1];
        let end = self.starts.get(line).map_or(self.text.len(), |next| next - 1).max(start);
        let end = start + self.text[start..end].trim_end_matches('\r').len();
        let from = self.floor(span.start).clamp(start, end);
        // A line can be megabytes long; what the window may show is within these bytes, four a character.
        let near = 4 * (WINDOW + 1);
        let first = self.floor(from.saturating_sub(near)).max(start);
        let last = self.floor(from.saturating_add(near)).min(end);
        let to = self.floor(span.end).clamp(from, last.max(from));
        let width = self.text[from..to].trim_end().chars().count().max(1);
        let mark = if first == start { column - 1 } else { self.text[first..from].chars().count() };
        window(&self.text[first..last], mark, width)
    }

    fn floor(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

fn window(line: &str, mark: usize, width: usize) -> Snippet {
    let clean = |c: char| if is_hidden(c) && c != '\t' && c != '\u{feff}' { '\u{fffd}' } else { c };
    let length = line.chars().count();
    if length <= WINDOW {
        return Snippet { text: line.chars().map(clean).collect(), mark, width };
    }
    let from = mark.saturating_sub(BEFORE_MARK);
    let head = if from > 0 { "…" } else { "" };
    let tail = if from + WINDOW < length { "…" } else { "" };
    let middle: String = line.chars().skip(from).take(WINDOW).map(clean).collect();
    let mark = mark - from + head.chars().count();
    Snippet { mark, width: width.min(WINDOW - (mark - head.chars().count())), text: format!("{head}{middle}{tail}") }
}

/// Bytes as text, or the one diagnostic that says where they stop being text.
pub(crate) fn decode<'b>(bytes: &'b [u8], name: &str) -> Result<&'b str, Box<Diagnostic>> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        let good = std::str::from_utf8(good).unwrap_or_default();
        let source = Source::new(name, good);
        let mut diagnostic = Diagnostic::new(Code::NotUtf8, "", "the text is not UTF-8").help(match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16; save it as UTF-8",
            _ => "save it as UTF-8",
        });
        source.put(&mut diagnostic, TextSpan { start: good.len(), end: good.len() });
        Box::new(diagnostic)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_become_lines_and_characters() {
        let source = Source::new("t", "\u{feff}aé: 1\r\nb: 2\n");
        let rows = [(0, (1, 1)), (3, (1, 1)), (4, (1, 2)), (6, (1, 3)), (11, (2, 1)), (999, (3, 1))];
        for (offset, want) in rows {
            assert_eq!(source.line_column(offset), want, "{offset}");
        }
        assert_eq!((source.offset(1, 3), source.offset(2, 1), source.offset(9, 9)), (6, 11, 16));
    }

    #[test]
    fn a_snippet_is_one_line_without_control_characters() {
        let source = Source::new("t", "a\u{1b}[31m: xyz\r\nb");
        let snippet = source.snippet(1, 9, TextSpan { start: 8, end: 14 });
        assert_eq!(snippet, Snippet { text: "a\u{fffd}[31m: xyz".into(), mark: 8, width: 3 });
    }

    #[test]
    fn a_long_line_is_cut_around_the_mark() {
        let text = format!("{}bad{}", "x".repeat(500), "y".repeat(500));
        let source = Source::new("t", &text);
        let snippet = source.snippet(1, 501, TextSpan { start: 500, end: 503 });
        let marked: String = snippet.text.chars().skip(snippet.mark).take(snippet.width).collect();
        assert_eq!((marked.as_str(), snippet.text.chars().count()), ("bad", WINDOW + 2));
        // As far from both ends as can be, and of the widest characters.
        let text = format!("{}bad{}", "🙂".repeat(100_000), "🙂".repeat(100_000));
        let again = Source::new("t", &text).snippet(1, 100_001, TextSpan { start: 400_000, end: 400_003 });
        assert_eq!((again.mark, again.width, again.text.chars().count()), (snippet.mark, snippet.width, WINDOW + 2));
        let whole = format!("{}bad", "🙂".repeat(WINDOW - 3));
        let snippet =
            Source::new("t", &whole).snippet(1, WINDOW - 2, TextSpan { start: 4 * (WINDOW - 3), end: whole.len() });
        assert_eq!(snippet, Snippet { text: whole, mark: WINDOW - 3, width: 3 });
    }

    #[test]
    fn bytes_that_are_no_text_are_placed() {
        let error = decode(b"a: 1\nb: \xff", "t").unwrap_err();
        assert_eq!((error.line, error.column, error.code), (Some(2), Some(4), Code::NotUtf8));
        let error = decode(b"\xff\xfea\0", "t").unwrap_err();
        assert_eq!(error.help.as_deref(), Some("it is UTF-16; save it as UTF-8"));
    }
}
