//! Documents made from a schema: valid ones, and each of its keys spoilt in every way.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// A small generator of numbers that never changes (splitmix64), so that the same seed gives the same documents.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % (n.max(1) as u64)).expect("below a usize")
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// The ways to spoil a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Spoil {
    Remove,
    Retype,
    PastBound,
    Misspell,
    Add,
}

pub(crate) const SPOILS: [Spoil; 5] = [Spoil::Remove, Spoil::Retype, Spoil::PastBound, Spoil::Misspell, Spoil::Add];

/// A place in a document and the schema that it was made from.
#[derive(Debug, Clone)]
pub(crate) struct Place<'s> {
    pub(crate) pointer: String,
    /// Names the place in the schema, whatever the document: `pause_process.pid`.
    pub(crate) label: String,
    schema: &'s Value,
}

pub(crate) struct Maker<'s> {
    root: &'s Value,
    samples: HashMap<String, Vec<&'static str>>,
    /// Whether an arm holds further nodes, by its address in the schema.
    nests: HashMap<*const Value, bool>,
}

/// Text for whatever pattern a plug-in has; each is used where its pattern matches.
const SAMPLES: [&str; 22] = [
    "a",
    "x y",
    "30s",
    "1m30s",
    "250ms",
    "http://127.0.0.1:8080/healthz",
    "https://[::1]/",
    "127.0.0.1:80",
    "[::1]:443",
    "localhost:8080",
    "example.org",
    "*.svc.cluster.local",
    "10.0.0.0/8",
    "::1",
    "200",
    "200-299",
    "404",
    "GET",
    "POST",
    "/healthz",
    "0",
    "2026-01-01",
];

/// Text that looks like what some pattern wants.
const NEAR_MISSES: [&str; 26] = [
    "",
    "\u{7f}no\n",
    "30s30",
    "30s\n",
    "0s",
    "30",
    "http:/x",
    "http://",
    "http://:80/",
    "http://h:99999/",
    "http://h:0/",
    "http://[zz]/",
    "http://a b/",
    "http://u:p@h/",
    "ftp://h/",
    ":1",
    "h:",
    "h:99999",
    "[::1",
    "[]:80",
    "10.0.0.0/33",
    "*.",
    "599-100",
    "200-",
    "99",
    "6000",
];

impl<'s> Maker<'s> {
    pub(crate) fn new(root: &'s Value) -> Self {
        Self { root, samples: HashMap::new(), nests: HashMap::new() }
    }

    /// A document, and its places.
    pub(crate) fn document(&mut self, dice: &mut Dice) -> (Value, Vec<Place<'s>>) {
        let mut places = Vec::new();
        let document = self.value(self.root, dice, 0, "", "", &mut places);
        (document, places)
    }

    fn resolve(&self, mut schema: &'s Value) -> &'s Value {
        loop {
            if let Some(own) = schema.get("else").filter(|_| schema["if"] == json!({"type": "null"})) {
                schema = own;
                continue;
            }
            let target = match (schema.get("$ref"), schema.get("allOf").and_then(Value::as_array)) {
                (Some(Value::String(target)), _) => target.as_str(),
                (_, Some(all)) if all.len() == 1 && all[0].get("$ref").is_some() => {
                    all[0]["$ref"].as_str().expect("a reference is text")
                }
                _ => return schema,
            };
            schema = self.root.pointer(&target[1..]).expect("a reference has a target");
        }
    }

    fn value(
        &mut self,
        schema: &'s Value,
        dice: &mut Dice,
        depth: usize,
        at: &str,
        label: &str,
        out: &mut Vec<Place<'s>>,
    ) -> Value {
        let schema = self.resolve(schema);
        out.push(Place { pointer: at.to_owned(), label: label.to_owned(), schema });
        let branches = schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array);
        if let Some(branches) = branches.filter(|branches| !branches.iter().all(|form| is_form_of(form, schema))) {
            // A placeholder's branch is tested elsewhere.
            let own: Vec<&Value> = branches.iter().filter(|b| !is_placeholder(b)).collect();
            let branch = *dice.pick(&own);
            return self.value(branch, dice, depth, at, label, out);
        }
        if let Some(arms) = arms(schema) {
            return self.node(schema, &arms, dice, depth, at, out);
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return dice.pick(values).clone();
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        let types = types(schema);
        let kind = if types.len() > 1 && !schema.get("pattern").is_some_and(accepts_samples) {
            types[0].as_str()
        } else {
            dice.pick(&types).as_str()
        };
        match kind {
            "object" => self.object(schema, dice, depth, at, label, out),
            "array" => self.array(schema, dice, depth, at, label, out),
            "integer" => json!(integer(schema, dice)),
            "number" => number(schema, dice),
            "boolean" => json!(dice.below(2) == 1),
            "string" => json!(self.text(schema, dice)),
            "null" => Value::Null,
            _ => dice.pick(&[json!(1), json!("any"), json!({"any": []}), Value::Null]).clone(),
        }
    }

    fn node(
        &mut self,
        schema: &Value,
        arms: &[&'s Value],
        dice: &mut Dice,
        depth: usize,
        at: &str,
        out: &mut Vec<Place<'s>>,
    ) -> Value {
        let lenient = schema.pointer("/properties/type/enum").is_none();
        if lenient && dice.below(4) == 0 {
            return json!({"type": "pod_healthy", "selector": {"app": "x"}});
        }
        // Deep down only arms that hold no further nodes.
        let mut nests = |arm: &'s Value| {
            *self.nests.entry(std::ptr::from_ref(arm)).or_insert_with(|| {
                let text = arm.to_string();
                ["probe", "check", "step", "entry", "trigger"]
                    .iter()
                    .any(|kind| text.contains(&format!("#/definitions/{kind}")))
            })
        };
        let flat: Vec<&'s Value> = arms.iter().copied().filter(|arm| depth < 3 || !nests(arm)).collect();
        let arm = *dice.pick(&flat);
        let test = &arm["if"]["properties"]["type"];
        let name = match test.get("enum").and_then(Value::as_array) {
            Some(names) => dice.pick(names).clone(),
            None => test["const"].clone(),
        };
        let label = name.as_str().expect("a type is text").to_owned();
        let mut value = self.object(&arm["then"], dice, depth, at, &label, out);
        value["type"] = name;
        value
    }

    fn object(
        &mut self,
        schema: &'s Value,
        dice: &mut Dice,
        depth: usize,
        at: &str,
        label: &str,
        out: &mut Vec<Place<'s>>,
    ) -> Value {
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        // Of the keys that exclude each other it has one; one is enough of those of which it needs any.
        let forms = schema.get("oneOf").or(schema.get("anyOf")).and_then(Value::as_array).into_iter().flatten();
        let forms: Vec<&str> = forms.filter_map(|form| form["required"][0].as_str()).collect();
        let chosen = if forms.is_empty() { None } else { Some(*dice.pick(&forms)) };
        let needs = |name: &str| schema["dependencies"][name][0].as_str();
        let mut map = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, inner) in properties.into_iter().flatten() {
            // `type` is put in by its node; of two names for one thing one is enough.
            let skipped = name == "type" && schema_is_arm(schema) || *inner == Value::Bool(false);
            let twin = match name.as_str() {
                "verify" => map.contains_key("verification"),
                "verification" => dice.below(3) > 0,
                _ => false,
            };
            let excluded = forms.contains(&name.as_str()) && chosen != Some(name)
                || needs(name).is_some_and(|other| !map.contains_key(other));
            let wanted = chosen == Some(name) || required.contains(&name.as_str()) || dice.below(3) > 0;
            if skipped || twin || excluded || !wanted {
                continue;
            }
            let value = self.value(inner, dice, depth + 1, &format!("{at}/{name}"), &format!("{label}.{name}"), out);
            map.insert(name.clone(), value);
        }
        if let Some(inner @ Value::Object(_)) = schema.get("additionalProperties") {
            let least =
                if map.is_empty() { schema.get("minProperties").and_then(Value::as_u64).unwrap_or(0) } else { 0 };
            for index in 0..usize::try_from(least).expect("small") + dice.below(3) {
                let name = format!("n{index}");
                let value = self.value(inner, dice, depth + 1, &format!("{at}/{name}"), &format!("{label}.*"), out);
                map.insert(name, value);
            }
        }
        forbid_duration(&mut map, self.root, out, at);
        Value::Object(map)
    }

    fn array(
        &mut self,
        schema: &'s Value,
        dice: &mut Dice,
        depth: usize,
        at: &str,
        label: &str,
        out: &mut Vec<Place<'s>>,
    ) -> Value {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        let count = usize::try_from(least).expect("small") + dice.below(3);
        let inner = schema.get("items").unwrap_or(&Value::Bool(true));
        let item = |i: usize| (format!("{at}/{i}"), format!("{label}[]"));
        (0..count)
            .map(|i| {
                let (at, label) = item(i);
                self.value(inner, dice, depth + 1, &at, &label, out)
            })
            .collect()
    }

    fn text(&mut self, schema: &Value, dice: &mut Dice) -> String {
        let own: Vec<&str> =
            schema.get("examples").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        if !own.is_empty() && dice.below(2) == 0 {
            return (*dice.pick(&own)).to_owned();
        }
        let fitting = self.samples.entry(schema.to_string()).or_insert_with(|| {
            let validator = jsonschema::draft7::new(schema).expect("a part of a schema compiles");
            SAMPLES.into_iter().filter(|text| validator.is_valid(&json!(text))).collect()
        });
        assert!(!fitting.is_empty() || !own.is_empty(), "no sample fits {schema}; give the schema `examples`");
        if fitting.is_empty() { (*dice.pick(&own)).to_owned() } else { (*dice.pick(fitting)).to_owned() }
    }
}

/// Whether it only names a key that is described beside it, as the forms of one mapping do.
fn is_form_of(form: &Value, schema: &Value) -> bool {
    form["required"][0].as_str().is_some_and(|key| schema["properties"].get(key).is_some())
}

fn schema_is_arm(schema: &Value) -> bool {
    schema.pointer("/properties/type/const").is_some() || schema.pointer("/properties/type/enum").is_some()
}

fn arms(schema: &Value) -> Option<Vec<&Value>> {
    let all = schema.get("allOf")?.as_array()?;
    let arms: Vec<&Value> = all.iter().filter(|rule| rule.pointer("/if/properties/type").is_some()).collect();
    (!arms.is_empty()).then_some(arms)
}

fn types(schema: &Value) -> Vec<String> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        // Text in place of entries is a case of its own.
        Some(Value::Array(many)) if schema.get("items").is_some() => many
            .iter()
            .filter_map(Value::as_str)
            .filter(|t| !matches!(*t, "string" | "null"))
            .map(str::to_owned)
            .collect(),
        Some(Value::Array(many)) => {
            many.iter().filter_map(Value::as_str).filter(|t| *t != "null").map(str::to_owned).collect()
        }
        _ if schema.get("properties").is_some() => vec!["object".into()],
        _ => vec!["any".into()],
    }
}

fn is_placeholder(schema: &Value) -> bool {
    schema.get("pattern").and_then(Value::as_str).is_some_and(|p| p.starts_with(r"^\{\{"))
}

/// Whether a pattern beside several types is one of the author's, and not the placeholder's alone.
fn accepts_samples(pattern: &Value) -> bool {
    pattern.as_str().is_some_and(|p| !p.starts_with(r"^\{\{"))
}

/// A task's entry may be a mapping: then `chaos_spec` itself is the entry, and its finite fault refuses the key.
fn forbid_duration(map: &mut Map<String, Value>, root: &Value, out: &mut Vec<Place<'_>>, at: &str) {
    let Some(action) = map.get("action").and_then(|action| action.get("type")) else { return };
    if map.contains_key("duration_seconds") && finite(root).contains(action) {
        map.remove("duration_seconds");
        out.retain(|place| place.pointer != format!("{at}/duration_seconds"));
    }
}

/// The faults beside which the schema forbids `duration_seconds`.
fn finite(root: &Value) -> Vec<Value> {
    let rules = root.pointer("/definitions/entry/allOf").or(root.get("allOf")).and_then(Value::as_array);
    let names =
        |rule: &Value| rule.pointer("/if/properties/action/properties/type/enum").and_then(Value::as_array).cloned();
    rules.into_iter().flatten().filter_map(names).flatten().collect()
}

fn integer(schema: &Value, dice: &mut Dice) -> i64 {
    let least = schema.get("minimum").and_then(Value::as_i64).unwrap_or(-1000);
    let most = schema.get("maximum").and_then(Value::as_i64).unwrap_or(1_000_000);
    let near = i64::try_from(dice.below(50)).expect("small");
    match dice.below(4) {
        0 => least,
        1 => most,
        _ => least.saturating_add(near).min(most),
    }
}

fn number(schema: &Value, dice: &mut Dice) -> Value {
    let bound = |key: &str| schema.get(key).cloned();
    // A share ends at 1, which what is tried elsewhere lies beyond.
    let small = schema.get("maximum").and_then(Value::as_f64).is_some_and(|most| most < 2.0);
    match dice.below(4) {
        0 => bound("minimum").unwrap_or(json!(0.5)),
        1 => bound("maximum").unwrap_or(json!(2.5)),
        2 => json!(if small { 1 } else { 2 }),
        _ => json!(if small { 0.25 } else { 1.25 }),
    }
}

/// Spoils a document at a place; `None` where that way does not apply there.
pub(crate) fn spoil(document: &Value, place: &Place<'_>, how: Spoil, dice: &mut Dice) -> Option<Value> {
    let mut document = document.clone();
    let (parent, key) = place.pointer.rsplit_once('/')?;
    match how {
        Spoil::Remove => {
            document.pointer_mut(parent)?.as_object_mut()?.remove(key)?;
        }
        Spoil::Misspell => {
            let map = document.pointer_mut(parent)?.as_object_mut()?;
            let value = map.remove(key)?;
            map.insert(misspelt(key, dice), value);
        }
        Spoil::Add => {
            document.pointer_mut(&place.pointer)?.as_object_mut()?.insert("zzz_unknown".into(), json!(1));
        }
        Spoil::Retype => {
            let old = document.pointer(&place.pointer)?.clone();
            let others = [
                Value::Null,
                json!(true),
                json!(7),
                json!(-3.5),
                json!(2.0),
                json!("text"),
                json!("12"),
                json!([]),
                json!({}),
                json!([old]),
                json!(1e300),
            ];
            *document.pointer_mut(&place.pointer)? = dice.pick(&others).clone();
        }
        Spoil::PastBound => *document.pointer_mut(&place.pointer)? = past_bound(place.schema, dice)?,
    }
    Some(document)
}

fn misspelt(key: &str, dice: &mut Dice) -> String {
    let at = dice.below(key.len());
    match dice.below(3) {
        0 => format!("{key}s"),
        1 => format!("{}{}", &key[..at], &key[at + 1..]),
        _ => format!("{}x{}", &key[..at], &key[at..]),
    }
}

fn past_bound(schema: &Value, dice: &mut Dice) -> Option<Value> {
    let whole = types(schema).iter().any(|t| t == "integer");
    let step = |key: &str, by: f64| {
        let bound = schema.get(key)?;
        match (whole, bound.as_i64()) {
            (true, Some(bound)) => Some(json!(bound + if by > 0.0 { 1 } else { -1 })),
            _ => Some(json!(bound.as_f64()? + by * bound.as_f64()?.abs().max(1.0) * 1e-6)),
        }
    };
    let mut out: Vec<Value> = [step("minimum", -1.0), step("maximum", 1.0)].into_iter().flatten().collect();
    if schema.get("minItems").and_then(Value::as_u64).is_some_and(|n| n > 0) {
        out.push(json!([]));
    }
    if schema.get("minLength").and_then(Value::as_u64).is_some_and(|n| n > 0) || schema.get("pattern").is_some() {
        out.extend(NEAR_MISSES.iter().map(|text| json!(text)));
    }
    if schema.get("enum").is_some() || schema.get("anyOf").is_some() {
        out.push(json!("neither"));
    }
    (!out.is_empty()).then(|| dice.pick(&out).clone())
}
