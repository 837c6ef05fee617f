//! Arrows made of a string: a crate that names another crate's plug-in, or a parameter of it, in a string literal.
//!
//! Such a name is a dependency that no manifest shows: renaming the plug-in breaks the other crate, and no compiler
//! says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::error::TaskError;
use crate::rust::{self, Kind, Source, Token};
use crate::workspace::{self, text};

/// Macros that register a plug-in under a name.
pub(crate) const REGISTRATIONS: &[&str] = &[
    "register_fault",
    "register_trigger",
    "register_probe",
    "register_node",
    "register_source",
    "register_step",
    "register_undo_step",
];

/// Names that are ordinary words, too; a string of this word counts only where a type is expected.
const ORDINARY: &[&str] = &[
    "after",
    "all",
    "any",
    // A toxic of a link, too.
    "black_hole",
    "check",
    "command",
    // A container of a pod, and a schedule, in manifests of Kubernetes.
    "container",
    "event",
    "fault",
    "http",
    "link",
    "load",
    "log",
    "metric",
    "none",
    "otlp",
    "parallel",
    "probe",
    "process",
    "prometheus",
    "running",
    "schedule",
    "sequence",
    "signal",
    "soak",
    "tcp",
    "time",
    "wait",
];

/// Pointers that are paths of URLs, too.
const PATHS: &[&str] = &["/status"];

/// Registries: what is asked for in one is the name of a plug-in.
const REGISTRIES: &[&str] = &["FAULTS", "TRIGGERS", "PROBES", "NODES", "SOURCES", "STEPS", "UNDO_STEPS"];

/// Crates that may name plug-ins: they show how to use them, or use the program as one would on the command line.
const SHOWS: &[&str] = &[
    "chaos-campaign",
    "chaos-example-nodes",
    "chaos-examples",
    "chaos-fuzz",
    "chaos-mini-cluster",
    "chaos-plugin-example",
    "xtask",
];

/// The published schema, for the parameters of each plug-in.
const SCHEMA: &str = "generated/schemas/task.plain.schema.json";

/// What each crate registers, and which parameters it has.
#[derive(Debug, Default)]
struct PlugIns {
    /// Name of the plug-in to the crate that registers it.
    owner: BTreeMap<String, String>,
    /// Name of the plug-in to the pointers of its parameters.
    pointers: BTreeMap<String, BTreeSet<String>>,
    /// The pointers of what is not a plug-in, such as a soak.
    shared: BTreeSet<String>,
}

/// Every arrow made of a string in the workspace.
pub(crate) fn find(packages: &[Value]) -> Result<Vec<String>, TaskError> {
    let mut crates = Vec::new();
    for package in packages {
        crates.push((text(package, "name"), rust::sources(package)?));
    }
    let mut plug_ins = PlugIns::default();
    for (name, sources) in crates.iter().filter(|(name, _)| !SHOWS.contains(name)) {
        for plug_in in sources.iter().flat_map(registered) {
            plug_ins.owner.insert(plug_in, (*name).to_owned());
        }
    }
    let path = workspace::root().join(SCHEMA);
    let schema = fs::read_to_string(&path).map_err(TaskError::file(&path))?;
    let schema: Value = serde_json::from_str(&schema).map_err(TaskError::Metadata)?;
    (plug_ins.pointers, plug_ins.shared) = (pointers(&schema), shared(&schema));
    let shown = crates.iter().filter(|(name, _)| !SHOWS.contains(name));
    Ok(shown.flat_map(|(name, sources)| sources.iter().flat_map(|source| arrows(name, source, &plug_ins))).collect())
}

/// The names that a file registers.
fn registered(source: &Source) -> Vec<String> {
    let tokens = &source.tokens;
    let calls = tokens.windows(3).enumerate().filter(|(_, three)| {
        REGISTRATIONS.iter().any(|call| three[0].is(call)) && three[1].is("!") && three[2].is("(")
    });
    let names = calls.flat_map(|(at, _)| {
        let call = &tokens[at..rust::closing(tokens, at + 2)];
        call.iter().filter(|token| token.kind == Kind::Text && is_name(&token.text))
    });
    names.map(|token| token.text.clone()).collect()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The arrows in one file of the crate `name`.
fn arrows(name: &str, source: &Source, plug_ins: &PlugIns) -> Vec<String> {
    let mut found = Vec::new();
    for (at, token) in source.tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Text) {
        let foreign = |plug_in: &str| plug_ins.owner.get(plug_in).is_some_and(|owner| owner != name);
        let mut named: Vec<&str> = types_in(&token.text).into_iter().filter(|plug_in| foreign(plug_in)).collect();
        let whole = token.text.as_str();
        if foreign(whole) && (!ORDINARY.contains(&whole) || is_type_expected(&source.tokens[..at])) {
            named.push(whole);
        }
        let place = format!("{}:{}", source.path.display(), token.line);
        found.extend(named.iter().map(|plug_in| {
            format!("{place}: `{name}` names `{plug_in}`, a plug-in of `{}`", plug_ins.owner[*plug_in])
        }));
        if let Some((plug_in, owner)) = parameter(name, whole, plug_ins) {
            found.push(format!("{place}: `{name}` names `{whole}`, a parameter of `{plug_in}` of `{owner}`"));
        }
    }
    found
}

/// Whether what comes next is a `type`, or what a registry is asked for.
fn is_type_expected(before: &[Token]) -> bool {
    match before {
        [.., key, colon] if colon.is(":") => key.kind == Kind::Text && key.text == "type",
        [.., registry, dot, _, open] if dot.is(".") && open.is("(") => REGISTRIES.iter().any(|one| registry.is(one)),
        _ => false,
    }
}

/// The values of `type` in a text that is YAML or JSON.
fn types_in(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, key) in text.match_indices("type") {
        let inside_word = text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let rest = text[at + key.len()..].trim_start_matches('"').trim_start();
        let Some(value) = rest.strip_prefix(':').filter(|_| !inside_word) else { continue };
        let value = value.trim_start_matches([' ', '"']);
        let end = value.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(value.len());
        found.push(&value[..end]);
    }
    found
}

/// The plug-in of another crate whose parameter this pointer is, unless the crate has such a parameter itself, or what is not
/// a plug-in has one.
fn parameter<'a>(name: &str, pointer: &str, plug_ins: &'a PlugIns) -> Option<(&'a str, &'a str)> {
    if !pointer.starts_with('/') || PATHS.contains(&pointer) || plug_ins.shared.contains(pointer) {
        return None;
    }
    let having = plug_ins.pointers.iter().filter(|(_, pointers)| pointers.contains(pointer));
    let owners: Vec<_> = having.filter_map(|(plug_in, _)| plug_ins.owner.get_key_value(plug_in)).collect();
    if owners.iter().any(|(_, owner)| *owner == name) {
        return None;
    }
    owners.first().map(|(plug_in, owner)| (plug_in.as_str(), owner.as_str()))
}

/// The pointers of every plug-in's parameters, from the published schema.
fn pointers(schema: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    for kind in schema["definitions"].as_object().into_iter().flatten().map(|(_, kind)| kind) {
        for branch in kind["allOf"].as_array().into_iter().flatten() {
            let Some(name) = branch["if"]["properties"]["type"]["const"].as_str() else { continue };
            let mut own = BTreeSet::new();
            parameters(&branch["then"], "", &mut own);
            own.remove("/type");
            own.remove("/name");
            found.insert(name.to_owned(), own);
        }
    }
    found
}

/// The pointers of the keys that a document has, and those that a mapping has whatever its plug-in is.
fn shared(schema: &Value) -> BTreeSet<String> {
    let kinds = schema["definitions"].as_object().into_iter().flatten().map(|(_, kind)| kind);
    let keys =
        std::iter::once(schema).chain(kinds).flat_map(|kind| kind["properties"].as_object().into_iter().flatten());
    keys.map(|(name, _)| format!("/{name}")).collect()
}

fn parameters(schema: &Value, above: &str, found: &mut BTreeSet<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let pointer = format!("{above}/{name}");
        parameters(property, &pointer, found);
        found.insert(pointer);
    }
    // What may also be null stands behind an `else`.
    if let Some(other) = schema.get("else") {
        parameters(other, above, found);
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        for one in schema[key].as_array().into_iter().flatten() {
            parameters(one, above, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plug_ins() -> PlugIns {
        let schema = json!({"definitions": {"soak": {"properties": {"pace": {}}}, "fault": {"allOf": [{
            "if": {"properties": {"type": {"const": "make_wind"}}},
            "then": {"properties": {
                "type": {}, "name": {}, "pace": {},
                "target": {"properties": {"service_url": {}}},
            }},
        }]}}});
        let owner = [("make_wind", "chaos-faults"), ("http", "chaos-probes")];
        let owner = owner.map(|(plug_in, owner)| (plug_in.to_owned(), owner.to_owned()));
        PlugIns { owner: owner.into(), pointers: pointers(&schema), shared: shared(&schema) }
    }

    fn source(code: &str) -> Source {
        Source { path: "x/src/y.rs".into(), module: vec!["y".into()], tokens: rust::tokens(code) }
    }

    #[test]
    fn a_planted_arrow_is_found() {
        let rows = [
            ("f(\"make_wind\")", "names `make_wind`, a plug-in of `chaos-faults`"),
            ("json!({\"type\": \"http\"})", "names `http`, a plug-in of `chaos-probes`"),
            ("PROBES.get(\"http\")", "names `http`, a plug-in of `chaos-probes`"),
            ("\"action:\\n  type: make_wind\\n\"", "names `make_wind`, a plug-in of `chaos-faults`"),
            ("r#\"{\"type\": \"make_wind\"}\"#", "names `make_wind`, a plug-in of `chaos-faults`"),
            ("\"/target/service_url\"", "names `/target/service_url`, a parameter of `make_wind` of `chaos-faults`"),
        ];
        for (code, want) in rows {
            let found = arrows("chaos-runner", &source(code), &plug_ins());
            assert_eq!(found, [format!("x/src/y.rs:1: `chaos-runner` {want}")], "{code}");
        }
    }

    #[test]
    fn an_own_name_an_ordinary_word_and_a_comment_are_none() {
        let rows = [
            ("chaos-faults", "f(\"make_wind\"); g(\"/target/service_url\")"),
            ("chaos-runner", "scheme == \"http\""),
            ("chaos-runner", "// \"make_wind\"\n/// type: make_wind\nfn f() {}"),
            ("chaos-runner", "f(\"make_windows\"); g(\"/target/other\"); h(\"/name\"); k(\"/pace\")"),
            ("chaos-runner", "\"some_type: make_wind\""),
        ];
        for (name, code) in rows {
            assert_eq!(arrows(name, &source(code), &plug_ins()), Vec::<String>::new(), "{code}");
        }
    }

    #[test]
    fn names_are_collected_from_the_registrations() {
        let code = "chaos_core::register_fault!(MakeWind, \"make_wind\", aliases: [\"blow\"], about: \"Some text\");";
        assert_eq!(registered(&source(code)), ["make_wind", "blow"]);
    }
}
