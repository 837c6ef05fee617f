//! One line of an exposition.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::exposed::Exposed;
use crate::MetricKind;

/// Labels of one sample that are read.
const MOST_LABELS: usize = 128;

/// What a line says.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'a> {
    /// A comment, a help text, a unit, or nothing.
    Nothing,
    /// The type of a family.
    Type(Cow<'a, str>, &'a str),
    /// A sample.
    Sample(Exposed<'a>),
    /// The end of an OpenMetrics answer.
    End,
}

/// Reads a line without its end.
pub(super) fn read(text: &str, open: bool) -> Result<Line<'_>, &'static str> {
    let mut line = Cursor::new(text);
    line.skip_blanks();
    if line.rest.is_empty() {
        return Ok(Line::Nothing);
    }
    if line.take('#') { comment(line, open) } else { sample(line, open).map(Line::Sample) }
}

fn comment(mut line: Cursor<'_>, open: bool) -> Result<Line<'_>, &'static str> {
    line.skip_blanks();
    match line.word() {
        "EOF" if open && line.rest.trim().is_empty() => Ok(Line::End),
        "TYPE" => {
            line.skip_blanks();
            let name = if line.take('"') { line.quoted()? } else { Cow::Borrowed(line.word()) };
            line.skip_blanks();
            let word = line.word();
            if name.is_empty() || word.is_empty() {
                Err("a `# TYPE` lacks a name or a type")
            } else {
                Ok(Line::Type(name, word))
            }
        }
        _ => Ok(Line::Nothing),
    }
}

fn sample(mut line: Cursor<'_>, open: bool) -> Result<Exposed<'_>, &'static str> {
    let mut name = Cow::Borrowed(line.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':')));
    line.skip_blanks();
    let mut labels = Vec::new();
    if line.take('{') {
        let quoted = braces(&mut line, &mut labels)?;
        match (quoted, name.is_empty()) {
            (Some(quoted), true) => name = quoted,
            (Some(_), false) => return Err("it has two names"),
            (None, _) => {}
        }
    }
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("it does not begin with the name of a metric");
    }
    line.skip_blanks();
    let value = number(line.word()).ok_or("its value is not a number")?;
    line.skip_blanks();
    let at = if line.rest.is_empty() || line.rest.starts_with('#') { None } else { Some(time(line.word(), open)?) };
    line.skip_blanks();
    // What follows the mark is an exemplar: a hint to a trace, not evidence of its own.
    let has_exemplar = open && line.rest.starts_with("# {");
    if !line.rest.is_empty() && !has_exemplar {
        return Err("there is text after its value");
    }
    Ok(Exposed { name, labels, kind: MetricKind::Unknown, value, at, began: None })
}

/// What stands in braces, whose first is passed already: labels, and the name where it is in quotes.
fn braces<'a>(
    line: &mut Cursor<'a>,
    labels: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>,
) -> Result<Option<Cow<'a, str>>, &'static str> {
    let mut name = None;
    loop {
        line.skip_blanks();
        if line.take('}') {
            break;
        }
        let (key, in_quotes) = if line.take('"') {
            (line.quoted()?, true)
        } else {
            (Cow::Borrowed(line.take_while(|c| c.is_ascii_alphanumeric() || c == '_')), false)
        };
        line.skip_blanks();
        if line.take('=') {
            line.skip_blanks();
            if key.is_empty() || !line.take('"') {
                return Err("a label is not `name=\"value\"`");
            }
            labels.push((key, line.quoted()?));
        } else if in_quotes && name.is_none() {
            name = Some(key);
        } else {
            return Err("a label is not `name=\"value\"`");
        }
        if labels.len() > MOST_LABELS {
            return Err("it has too many labels");
        }
        line.skip_blanks();
        if !line.take(',') && !line.rest.starts_with('}') {
            return Err("labels are not separated by commas, or have no end");
        }
    }
    let twice = |at: usize| labels.iter().skip(at + 1).any(|(key, _)| Some(key) == labels.get(at).map(|(key, _)| key));
    if (0..labels.len()).any(twice) { Err("a label stands there twice") } else { Ok(name) }
}

/// A number; Rust reads the words for infinity and not a number as the format writes them.
fn number(word: &str) -> Option<f64> {
    let has_sign_only = word.trim_start_matches(['+', '-']).is_empty();
    if has_sign_only { None } else { word.parse().ok() }
}

/// A time in seconds: the text format writes whole milliseconds, OpenMetrics seconds.
fn time(word: &str, open: bool) -> Result<f64, &'static str> {
    let wrong = "its time is not a number";
    let time = if open {
        number(word).ok_or(wrong)?
    } else {
        #[expect(clippy::cast_precision_loss, reason = "exact for times of this era")]
        let millis = word.parse::<i64>().map_err(|_| wrong)? as f64;
        millis / 1e3
    };
    if time.is_finite() { Ok(time) } else { Err(wrong) }
}
