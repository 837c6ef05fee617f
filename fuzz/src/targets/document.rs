//! Tasks, entries, experiments and policies, from text to a typed document and back.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chaos_schema::{
    DocumentKind, KindHint, LoadOptions, Placeholders, Profile, check_value, load_bytes, read_value, render, schema,
};
use serde_json::Value;

use crate::documents::{Dice, Maker};
use crate::target::{Breach, FuzzTarget};

/// What every document kind is generated from.
pub(super) static SCHEMAS: LazyLock<[Value; 4]> = LazyLock::new(|| {
    [DocumentKind::Task, DocumentKind::Entry, DocumentKind::Experiment, DocumentKind::Policy]
        .map(|kind| schema(kind, Profile::Plain))
});

const HINTS: [KindHint; 5] = [KindHint::Task, KindHint::Entry, KindHint::Experiment, KindHint::Policy, KindHint::Auto];

/// The first byte of an input says what the rest is taken for.
pub(super) struct Documents(Vec<Maker<'static>>);

impl Documents {
    pub(super) fn new() -> Self {
        Self(SCHEMAS.iter().map(Maker::new).collect())
    }
}

impl FuzzTarget for Documents {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let kind = dice.below(self.0.len());
        let (document, _) = self.0[kind].document(dice);
        let text = match dice.below(3) {
            0 => document.to_string(),
            1 => format!("{document:#}"),
            _ => {
                let mut text = String::new();
                block(&document, 0, &mut text);
                text
            }
        };
        let way = u8::try_from(kind + 5 * dice.below(8)).unwrap_or(0);
        [&[way], text.as_bytes()].concat()
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let Some((way, text)) = input.split_first() else { return Ok(false) };
        let name = if text.first() == Some(&b'{') && way & 64 == 0 { "task.json" } else { "task.yaml" };
        let vars: BTreeMap<String, String> =
            [("A", "1"), ("B", "b: [{{A}}\n- x")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let options = LoadOptions {
            vars: if (way / 5) & 1 == 0 { BTreeMap::new() } else { vars },
            placeholders: if (way / 5) & 2 == 0 { Placeholders::Filled } else { Placeholders::Allowed },
            ..LoadOptions::of(HINTS[usize::from(way % 5)])
        };
        let loaded = load_bytes(text, name, &options);
        render(&loaded.diagnostics);
        let lines = text.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
        if let Some(outside) =
            loaded.diagnostics.iter().find(|one| one.line.is_some_and(|line| line == 0 || line > lines))
        {
            return Err(Breach(format!("a problem lies outside the file's {lines} lines: {outside:?}")));
        }
        if loaded.document.is_some() && loaded.has_errors() {
            return Err(Breach("a document with errors was accepted".to_owned()));
        }
        let Some(_) = &loaded.document else { return Ok(!loaded.has_errors()) };
        let value = std::str::from_utf8(text).ok().and_then(|text| read_value(text, name).ok());
        if let Some(value) = value {
            agrees(&value, &options)?;
        }
        Ok(true)
    }
}

/// What was accepted as text is accepted as a value, and as that value's JSON.
fn agrees(value: &Value, options: &LoadOptions) -> Result<(), Breach> {
    let as_value = check_value(value, "", options);
    let as_text = load_bytes(value.to_string().as_bytes(), "again.json", options);
    for (again, form) in [(as_value, "value"), (as_text, "JSON")] {
        if again.document.is_none() {
            let why = chaos_schema::render(&again.diagnostics);
            return Err(Breach(format!("accepted as text, refused as {form}: {why}")));
        }
    }
    Ok(())
}

/// Block style, with scalars as JSON writes them.
fn block(value: &Value, indent: usize, out: &mut String) {
    let pad = "  ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, item) in map {
                out.extend([&pad, &*Value::from(key.as_str()).to_string(), ":"]);
                nested(item, indent, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.extend([&*pad, "-"]);
                nested(item, indent, out);
            }
        }
        scalar => out.extend([&pad, &*scalar.to_string(), "\n"]),
    }
}

fn nested(item: &Value, indent: usize, out: &mut String) {
    match item {
        Value::Object(map) if !map.is_empty() => *out += "\n",
        Value::Array(items) if !items.is_empty() => *out += "\n",
        scalar => {
            out.extend([" ", &*scalar.to_string(), "\n"]);
            return;
        }
    }
    block(item, indent + 1, out);
}
