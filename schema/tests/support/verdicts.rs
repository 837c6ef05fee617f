//! The published schema, judged by ajv, against the loader.

use std::collections::BTreeMap;
use std::path::Path;

use chaos_schema::{Code, DocumentKind, KindHint, LoadOptions, Loaded, Profile, check_value, load, schema};
use serde_json::{Value, json};

use crate::documents::{Dice, Maker, SPOILS, Spoil, spoil};
use crate::judge::judged;

/// `SCHEMA_SEED=N` makes other documents.
fn seed() -> u64 {
    match std::env::var("SCHEMA_SEED") {
        Ok(text) => text.parse().expect("SCHEMA_SEED is a number"),
        Err(_) => 20_260_301,
    }
}

/// Of twenty documents so many are spoilt; what is spoilt at an optional or foreign key stays valid.
const SPOILT: usize = 12;

pub(crate) struct Judged {
    pub(crate) kind: DocumentKind,
    pub(crate) document: Value,
    pub(crate) how: String,
}

fn hint(kind: DocumentKind) -> KindHint {
    match kind {
        DocumentKind::Task => KindHint::Task,
        DocumentKind::Entry => KindHint::Entry,
        DocumentKind::Experiment => KindHint::Experiment,
        DocumentKind::Policy => KindHint::Policy,
    }
}

/// ajv's verdicts over the published schema.
pub(crate) fn judge(modules: &Path, documents: &[Judged]) -> Vec<bool> {
    let schemas = json!({
        "task": schema(DocumentKind::Task, Profile::Plain),
        "entry": schema(DocumentKind::Entry, Profile::Plain),
        "experiment": schema(DocumentKind::Experiment, Profile::Plain),
        "policy": schema(DocumentKind::Policy, Profile::Plain),
    });
    let mut input = schemas.to_string();
    for Judged { kind, document, .. } in documents {
        input += "\n";
        input += &json!({ "kind": kind.word(), "document": document }).to_string();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/judge.cjs");
    judged(script, modules, input).iter().map(|byte| *byte == b'1').collect()
}

/// Documents of both kinds, most of them spoilt, where and how the fewest were before.
fn documents(count: usize) -> (Vec<Judged>, BTreeMap<(String, Spoil), usize>) {
    let schemas = [DocumentKind::Task, DocumentKind::Entry, DocumentKind::Experiment, DocumentKind::Policy]
        .map(|kind| (kind, schema(kind, Profile::Plain)));
    let mut makers = schemas.each_ref().map(|(kind, schema)| (*kind, Maker::new(schema)));
    let mut dice = Dice::new(seed());
    let mut covered: BTreeMap<(String, Spoil), usize> = BTreeMap::new();
    let mut out = Vec::new();
    while out.len() < count {
        let (kind, maker) = &mut makers[out.len() % 4];
        let (document, places) = maker.document(&mut dice);
        if dice.below(20) >= SPOILT {
            out.push(Judged { kind: *kind, document, how: "as made".into() });
            continue;
        }
        let mut choices = Vec::new();
        for place in places.iter().filter(|place| !place.pointer.is_empty()) {
            for how in SPOILS {
                let key = (place.label.clone(), how);
                choices.push((covered.get(&key).copied().unwrap_or(0), key, place, how));
            }
        }
        choices.sort_by_key(|(count, ..)| *count);
        for (_, key, place, how) in choices {
            let told = format!("{} {how:?}", place.pointer);
            // The inside of a string is an exception, tested below.
            let spoilt = spoil(&document, place, how, &mut dice)
                .filter(|d| !d["chaos_spec"].is_string() && !d["verification_spec"].is_string());
            if let Some(document) = spoilt {
                *covered.entry(key).or_default() += 1;
                out.push(Judged { kind: *kind, document, how: told });
                break;
            }
        }
    }
    (out, covered)
}

/// Near misses of open keys, and rules between steps of a workflow, are in the closed list of what only the loader sees.
fn is_near_miss(diagnostic: &chaos_schema::Diagnostic) -> bool {
    let between_steps = matches!(diagnostic.code, Code::DuplicateStep | Code::QuorumOutOfReach)
        || diagnostic.code == Code::ExclusiveKeys && diagnostic.pointer == "/workflow";
    between_steps || matches!(diagnostic.code, Code::MisspeltKey | Code::BareCheck | Code::UnknownKind)
}

/// Rules between, or of, the parameters of one plug-in or experiment, which the typed parse knows: in the closed list too.
const BETWEEN_PARAMETERS: [&str; 21] = [
    "no comparison",
    "invalid regular expression",
    "so `expect_",
    "request has no `body` here",
    "`CONNECT` opens a tunnel",
    "`tls` does not fit",
    "`server_name` is the name in a certificate, and without `tls`",
    "`insecure` trusts every certificate",
    "a client certificate needs both",
    "leaves nothing to compare",
    "no planner may choose its",
    "need each other",
    // The bounds of a duration as text, which no pattern says.
    "is out of bounds; write one from",
    // Rules between the parts of a soak.
    "`soak` and `chaos_spec` exclude each other",
    "no fault of the pool can be drawn",
    "of the pool has too",
    "ends by itself, so it takes no `duration_seconds`",
    "does not take",
    "exactly one of `duration_seconds` and `events`",
    "`interval_seconds` is 0",
    "invalid `flake_budget_percent`",
];

fn is_between_parameters(diagnostic: &chaos_schema::Diagnostic) -> bool {
    diagnostic.code == Code::InvalidValue && BETWEEN_PARAMETERS.iter().any(|rule| diagnostic.to_string().contains(rule))
}

/// Whether nothing is wrong but what stands in the closed list.
fn is_listed(loaded: &Loaded) -> bool {
    loaded.diagnostics.iter().filter(|d| d.is_error()).all(|d| is_near_miss(d) || is_between_parameters(d))
}

/// Asks both about so many documents, and holds them to one verdict on each.
pub(crate) fn agree_on(count: usize, modules: &Path) {
    let (documents, covered) = documents(count);
    let verdicts = judge(modules, &documents);
    assert_eq!(verdicts.len(), count);
    let mut disagreements = Vec::new();
    for (index, (judged, accepted)) in std::iter::zip(&documents, &verdicts).enumerate() {
        let options = LoadOptions::of(hint(judged.kind));
        // Both entrances are the same code behind the reader, so one in two takes each.
        let loaded = match index / 4 % 2 {
            0 => check_value(&judged.document, "", &options),
            _ => load(&judged.document.to_string(), "", &options),
        };
        if loaded.document.is_some() != *accepted && !(*accepted && is_listed(&loaded)) {
            let told: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
            disagreements.push(format!("ajv {accepted}, {}: {}\n{}", judged.how, judged.document, told.join("\n")));
        }
        let mut typed = loaded.diagnostics.iter().filter(|d| d.code == Code::InvalidValue);
        let unlisted = typed.find(|d| !is_between_parameters(d)).map(ToString::to_string);
        assert_eq!(unlisted, None, "{}", judged.document);
    }
    let differing = disagreements.len();
    assert_eq!(differing, 0, "{}", disagreements.into_iter().take(5).collect::<Vec<_>>().join("\n\n"));
    let valid = verdicts.iter().filter(|accepted| **accepted).count();
    println!("{valid} of {count} are valid; {} keys and ways to spoil them", covered.len());
    assert!(valid * 10 >= count * 4 && valid * 10 <= count * 6, "{valid} of {count} are valid");
    for how in SPOILS {
        let ways = covered.keys().filter(|(_, name)| *name == how).count();
        assert!(ways > 10, "{how:?} was tried at {ways} keys only");
    }
}
