//! Links and toxics as the control API shows them, as text.

use chaos_core::visible_line;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::cli::failure::Failure;

/// A link.
#[derive(Debug, Deserialize)]
pub(super) struct ShownLink {
    pub(super) name: String,
    pub(super) listen: String,
    pub(super) upstream: String,
    pub(super) enabled: bool,
    protocol: Option<String>,
    #[serde(default)]
    pub(super) toxics: Vec<ShownToxic>,
}

/// A toxic.
#[derive(Debug, Deserialize)]
pub(super) struct ShownToxic {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) stream: String,
    toxicity: f64,
    #[serde(default)]
    attributes: Map<String, Value>,
}

/// Reads an answer of the API.
pub(super) fn read<T: DeserializeOwned>(answer: &Value) -> Result<T, Failure> {
    T::deserialize(answer).map_err(|error| Failure::Usage(format!("the answer is not one of a control API: {error}")))
}

/// A table of links.
pub(super) fn links(links: &[ShownLink]) -> String {
    if links.is_empty() {
        return "no links; `squall links create -l LISTEN -u UPSTREAM NAME` makes one\n".to_owned();
    }
    let head = ["NAME", "LISTEN", "UPSTREAM", "STATE", "TOXICS"].map(str::to_owned);
    let row = |link: &ShownLink| {
        let toxics = if link.toxics.is_empty() { "-".to_owned() } else { link.toxics.len().to_string() };
        [link.name.clone(), link.listen(), link.upstream.clone(), link.state().to_owned(), toxics]
    };
    table(std::iter::once(head).chain(links.iter().map(row)), "")
}

/// A link with its toxics.
pub(super) fn link(link: &ShownLink) -> String {
    let title = format!("link {}: {} -> {}, {}", link.name, link.listen(), link.upstream, link.state());
    let title = visible_line(&title);
    if link.toxics.is_empty() {
        return format!("{title}, no toxics\n");
    }
    let head = ["TOXIC", "TYPE", "STREAM", "TOXICITY", "ATTRIBUTES"].map(str::to_owned);
    let rows = link.toxics.iter().map(|toxic| {
        [toxic.name.clone(), toxic.kind.clone(), toxic.stream.clone(), toxic.toxicity.to_string(), toxic.attributes()]
    });
    format!("{title}\n{}", table(std::iter::once(head).chain(rows), "  "))
}

impl ShownLink {
    fn listen(&self) -> String {
        match self.protocol.as_deref() {
            None | Some("tcp") => self.listen.clone(),
            Some(protocol) => format!("{protocol}://{}", self.listen),
        }
    }

    pub(super) fn state(&self) -> &'static str {
        if self.enabled { "enabled" } else { "disabled" }
    }
}

impl ShownToxic {
    fn attributes(&self) -> String {
        let shown = self.attributes.iter().map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        });
        shown.collect::<Vec<_>>().join(" ")
    }
}

fn table(rows: impl Iterator<Item = [String; 5]>, indent: &str) -> String {
    let rows: Vec<[String; 5]> = rows.map(|row| row.map(|cell| visible_line(&cell).into_owned())).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths = [0, 1, 2, 3, 4].map(width);
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{indent}{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn links_and_toxics_stand_in_columns_and_control_characters_are_spelled_out() {
        let toxic = json!({"name": "slow", "type": "latency", "stream": "downstream", "toxicity": 0.5,
            "attributes": {"latency": 100, "distribution": "normal"}});
        let web = json!({"name": "web", "listen": "127.0.0.1:1", "upstream": "localhost:80", "enabled": true,
            "toxics": [toxic]});
        let dns = json!({"name": "d\u{1b}[31m", "listen": "127.0.0.1:53", "upstream": "x:53", "enabled": false,
            "protocol": "udp", "toxics": []});
        let (web, dns): (ShownLink, ShownLink) = (read(&web).unwrap(), read(&dns).unwrap());
        let lines = [
            "link web: 127.0.0.1:1 -> localhost:80, enabled",
            "  TOXIC  TYPE     STREAM      TOXICITY  ATTRIBUTES",
            "  slow   latency  downstream  0.5       latency=100 distribution=normal",
            "",
        ];
        let attributes_first = link(&web).replace("distribution=normal latency=100", "latency=100 distribution=normal");
        assert_eq!(attributes_first, lines.join("\n"));
        assert_eq!(link(&dns), "link d\\u{1b}[31m: udp://127.0.0.1:53 -> x:53, disabled, no toxics\n");
        let lines = [
            "NAME         LISTEN              UPSTREAM      STATE     TOXICS",
            "web          127.0.0.1:1         localhost:80  enabled   1",
            "d\\u{1b}[31m  udp://127.0.0.1:53  x:53          disabled  -",
            "",
        ];
        assert_eq!(links(&[web, dns]), lines.join("\n"));
    }

    #[test]
    fn what_another_server_answers_is_told() {
        let error = read::<ShownLink>(&json!({"hello": 1})).unwrap_err();
        assert!(error.to_string().starts_with("the answer is not one of a control API: missing field"), "{error}");
    }
}
