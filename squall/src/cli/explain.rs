//! `squall explain`: everything that is known of one plug-in, as Markdown; the reference pages are this text.

use std::fmt::Write;

use clap::builder::PossibleValuesParser;

use super::console::{print, print_json};
use super::failure::Failure;
use super::format::DataFormat;
use super::list::PluginKind;
use super::parameters::Parameter;
use super::plug_in::{self, PlugIn, span_word};

/// Explains one fault, trigger or probe: what it does, its parameters, an example.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its `type`.
    #[arg(value_name = "TYPE", value_parser = PossibleValuesParser::new(super::type_names::every()))]
    name: String,
    /// The kind that is meant, where several have one of that name; default: all of them.
    #[arg(long, value_enum)]
    kind: Option<PluginKind>,
    /// How to print it; the text is Markdown.
    #[arg(long, value_enum, default_value_t)]
    format: DataFormat,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let wanted = |plug_in: &PlugIn| args.kind.is_none_or(|kind| kind.kind() == plug_in.kind);
    let named: Vec<PlugIn> = plug_in::all().into_iter().filter(|plug_in| plug_in.is_called(&args.name)).collect();
    let kinds: Vec<&str> = named.iter().map(|plug_in| plug_in.kind.word()).collect();
    let known = format!("`{}` is a {}", args.name, kinds.join(" and a "));
    let found: Vec<PlugIn> = named.into_iter().filter(wanted).collect();
    if found.is_empty() {
        return Err(Failure::Usage(format!("nothing of that kind is called `{}`; {known}", args.name)));
    }
    match args.format {
        DataFormat::Json => {
            let explained: Vec<_> = found.iter().map(explained).collect();
            print_json(&explained)?;
        }
        DataFormat::Text => print(&found.iter().map(page).collect::<Vec<_>>().join("\n"))?,
    }
    Ok(0)
}

#[derive(serde::Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    plug_in: &'a PlugIn,
    docs: &'a str,
    parameters: Vec<Parameter>,
    schema: &'a serde_json::Value,
}

fn explained(plug_in: &PlugIn) -> Explained<'_> {
    Explained { plug_in, docs: &plug_in.docs, parameters: plug_in.parameters(), schema: &plug_in.schema }
}

fn page(plug_in: &PlugIn) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut text, plug_in);
    text
}

fn write_page(text: &mut String, plug_in: &PlugIn) -> std::fmt::Result {
    writeln!(text, "# {}\n", plug_in.name)?;
    let span = plug_in.span.map(|span| format!(", {}", span_word(span))).unwrap_or_default();
    write!(text, "A {}{span}, of the crate `{}`", plug_in.kind.word(), plug_in.krate)?;
    if !plug_in.aliases.is_empty() {
        write!(text, "; also called {}", quoted(plug_in.aliases.iter()))?;
    }
    if !plug_in.needs.is_empty() {
        let needs = plug_in.needs.iter().map(|need| serde_json::to_value(need).unwrap_or_default());
        write!(text, "; needs {}", quoted(needs.filter_map(|need| need.as_str().map(str::to_owned))))?;
    }
    writeln!(text, ".\n\n{}", deeper_headings(&plug_in.docs).trim_end())?;
    let parameters = plug_in.parameters();
    writeln!(text, "\n## Parameters\n")?;
    if parameters.is_empty() {
        return writeln!(text, "None.");
    }
    writeln!(text, "| Name | Type | Default | Meaning |\n|---|---|---|---|")?;
    for parameter in &parameters {
        writeln!(text, "{}", row(parameter))?;
    }
    Ok(())
}

fn row(parameter: &Parameter) -> String {
    let default = match &parameter.default {
        serde_json::Value::Null if parameter.required => "required".to_owned(),
        serde_json::Value::Null => String::new(),
        value => format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
    };
    let cell = |text: &str| text.replace('|', "\\|");
    format!(
        "| `{}` | {} | {} | {} |",
        parameter.name,
        cell(&parameter.kind),
        cell(&default),
        cell(&parameter.description)
    )
}

fn quoted(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    names.map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// The page has a title above the headings of the doc comment.
fn deeper_headings(docs: &str) -> String {
    let mut in_fence = false;
    let mut text = String::new();
    for line in docs.lines() {
        in_fence ^= line.trim_start().starts_with("```");
        if !in_fence && line.starts_with('#') {
            text.push('#');
        }
        text += line;
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn headings_go_down_one_level_outside_fences_only() {
        let docs = "Stops.\n\n# Example\n```yaml\n# a comment\ntype: x\n```\n# Limits\n";
        assert_eq!(deeper_headings(docs), "Stops.\n\n## Example\n```yaml\n# a comment\ntype: x\n```\n## Limits\n");
    }

    #[test]
    fn a_row_says_what_is_required_and_escapes_bars() {
        let mut parameter = Parameter {
            name: "pid".into(),
            kind: "integer".into(),
            required: true,
            default: json!(null),
            description: "a|b".into(),
        };
        assert_eq!(row(&parameter), "| `pid` | integer | required | a\\|b |");
        (parameter.required, parameter.default) = (false, json!(3));
        assert_eq!(row(&parameter), "| `pid` | integer | `3` | a\\|b |");
    }
}
