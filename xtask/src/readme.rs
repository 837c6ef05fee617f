//! The table of plug-ins in the README, made from the generated list of names.

use std::fmt::Write;

/// The line before the table.
const BEGIN: &str = "<!-- generated: plug-ins -->\n";
/// The line after it.
const END: &str = "<!-- end -->";

/// Returns the README with a fresh table; `None` if it has no place for one.
///
/// `names` is what `squall list` prints: a heading for each kind, then indented lines of name, span (faults only) and
/// summary, at least two spaces apart.
pub(crate) fn filled(readme: &str, names: &str) -> Option<String> {
    let (head, rest) = readme.split_once(BEGIN)?;
    let (_, tail) = rest.split_once(END)?;
    Some(format!("{head}{BEGIN}{}{END}{tail}", table(names)))
}

fn table(names: &str) -> String {
    let mut out = String::from("| Kind | `type` | What |\n|---|---|---|\n");
    let mut kind = "";
    for line in names.lines().filter(|line| !line.is_empty()) {
        let Some(entry) = line.strip_prefix("  ") else {
            kind = line;
            continue;
        };
        let columns: Vec<&str> = entry.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect();
        let (name, span, summary) = match columns.as_slice() {
            [name, summary] => (name, String::new(), summary),
            [name, span, summary] => (name, format!(" ({span})"), summary),
            _ => continue,
        };
        let one = kind.trim_end_matches('s');
        let _ = writeln!(out, "| {one}{span} | [`{name}`](generated/reference/{kind}/{name}.md) | {summary} |");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &str =
        "faults\n  load   finite     Makes load.\n  pause  sustained  Stops it.\n\nprobes\n  tcp    Connects.\n";

    #[test]
    fn the_table_replaces_what_stands_between_the_markers() {
        let readme = "# S\n<!-- generated: plug-ins -->\nold\n<!-- end -->\nmore\n";
        let filled = filled(readme, NAMES).unwrap();
        assert_eq!(
            filled,
            "# S\n<!-- generated: plug-ins -->\n| Kind | `type` | What |\n|---|---|---|\n\
             | fault (finite) | [`load`](generated/reference/faults/load.md) | Makes load. |\n\
             | fault (sustained) | [`pause`](generated/reference/faults/pause.md) | Stops it. |\n\
             | probe | [`tcp`](generated/reference/probes/tcp.md) | Connects. |\n<!-- end -->\nmore\n"
        );
        assert_eq!(super::filled(&filled, NAMES).as_deref(), Some(filled.as_str()), "writing twice changes nothing");
    }

    #[test]
    fn a_readme_without_markers_is_left_alone() {
        assert_eq!(filled("# S\n", NAMES), None);
    }
}
