//! The report as JUnit XML: one suite, one case an entry.

use std::fmt::{self, Write};

use chaos_core::{ChaosResult, Verdict};

use super::run_report::Report;

/// The report as JUnit XML. `deviated` is a failure; `inconclusive` and `revert_failed` are errors.
pub fn junit(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut out, report);
    out
}

fn write(out: &mut String, report: &Report) -> fmt::Result {
    let count = |wanted: &[Verdict]| report.entries.iter().filter(|e| wanted.contains(&e.verdict)).count();
    let failures = count(&[Verdict::Deviated]);
    let errors = count(&[Verdict::Inconclusive, Verdict::RevertFailed]);
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuite name=\"squall {}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\" time=\"{:.3}\">",
        escape(&report.run_id),
        report.entries.len(),
        report.elapsed_seconds
    )?;
    for entry in &report.entries {
        write_case(out, entry)?;
    }
    writeln!(out, "</testsuite>")
}

fn write_case(out: &mut String, entry: &ChaosResult) -> fmt::Result {
    let (name, fault) = (escape(&entry.name), escape(&entry.injected_fault));
    write!(out, "  <testcase name=\"{name}\" classname=\"{fault}\" time=\"{:.3}\"", entry.elapsed_time)?;
    let tag = match entry.verdict {
        Verdict::Held | Verdict::Unchecked => return writeln!(out, "/>"),
        Verdict::Deviated => "failure",
        Verdict::Inconclusive | Verdict::RevertFailed => "error",
    };
    let why = escape(&reason(entry));
    writeln!(out, ">\n    <{tag} type=\"{}\" message=\"{why}\"/>\n  </testcase>", entry.verdict.word())
}

fn reason(entry: &ChaosResult) -> String {
    let probes = entry.probes.iter().chain(&entry.verification);
    let probes = probes.filter(|probe| !probe.success).map(|probe| format!("`{}`: {}", probe.name, probe.detail));
    entry.error.clone().into_iter().chain(probes).collect::<Vec<_>>().join("; ")
}

/// Escapes for an attribute, and drops what XML 1.0 can't hold.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' | '\r' => out.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_in_a_text_can_break_the_document() {
        assert_eq!(escape("<a href=\"x\">&\u{1}\u{ffff}\n"), "&lt;a href=&quot;x&quot;&gt;&amp; ");
    }
}
