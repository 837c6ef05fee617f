//! Scalars in every spelling that some reader of YAML takes for something, and whole documents in every shape.

use std::collections::BTreeSet;

/// Numbers with a fraction, an exponent, or no end.
const FLOATS: &[&str] = &[
    "1.",
    ".5",
    "1.5",
    "1.50",
    "2.0",
    "1e3",
    "1E3",
    "1e+3",
    "1e-3",
    "1.e3",
    ".5e3",
    "1.5e+3",
    "1.5e",
    "1e",
    "e3",
    ".",
    ".e1",
    "1..2",
    "1.2.3",
    "0.1",
    "00.5",
    "1_0.5",
    "1.5_0",
    ".inf",
    ".Inf",
    ".INF",
    ".iNf",
    ".nan",
    ".NaN",
    ".NAN",
    ".Nan",
    "inf",
    "nan",
    "Infinity",
    "NaN",
    "1e400",
    "1e-400",
    "18446744073709551615",
    "18446744073709551616",
    "9007199254740993",
    "4194304",
    "4194305",
    "0.0",
    "",
];

/// Times, durations, shares and other numbers of people.
const TIMES: &[&str] = &[
    "12:30",
    "12:30:45",
    "1:2",
    "190:20:30",
    "190:20:30.15",
    "12:60",
    "2026-01-01",
    "2026-1-1",
    "2026-01-01T10:00:00Z",
    "2026-01-01 10:00:00",
    "2026-01-01t10:00:00+01:00",
    "30s",
    "1m30s",
    "250ms",
    "30S",
    "30 s",
    "1h",
    "1d",
    "0s",
    "P1D",
    "1/2",
    "50%",
    "1,000",
    "1 000",
    "1.000,5",
    "5 5",
    "$5",
];

/// Scalars with signs that mean something to YAML somewhere.
const SIGNS: &[&str] = &[
    "-",
    "?",
    ":",
    ",",
    "[",
    "]",
    "{",
    "}",
    "#",
    "&",
    "*",
    "!",
    "|",
    ">",
    "'",
    "\"",
    "%",
    "@",
    "`",
    "- a",
    "a:",
    ": a",
    "a : b",
    "a #b",
    "a#b",
    "#a",
    "&a b",
    "&a 5",
    "*a",
    "@x",
    "`x`",
    "%x",
    "a:b",
    "a,b",
    "[1]",
    "[]",
    "[a, b]",
    "{a: 1}",
    "'it''s'",
    "it's",
    "\"a\\nb\"",
    "\"\\x35\"",
    "\"\\q\"",
    "\"\\u00e9\"",
    "\"\\ud83d\\ude00\"",
    "'5' 5",
    "\"5\" x",
    "5 # c",
    "<<",
    "=",
    "é",
    "日本",
    "🙂",
    "٣",
    "\u{a0}5",
    "5\u{a0}",
    "5\t",
    "\"\t\"",
    "a\\b",
    "C:\\x",
    "~x",
    "~",
    "..",
    "...",
    "---",
    "--- 5",
    "-5-",
    "--5",
    "++5",
    "+-5",
    "x:y:z",
    "::1",
    "[::1]:80",
    "127.0.0.1:80",
    "http://h/#f",
    "a?b",
    "?a",
    "-a",
];

/// What stands behind a good task.
const BESIDE_A_TASK: &[&str] = &[
    "1: a\n0x1: b\n",
    "true: a\nTrue: b\n",
    "null: a\n~: b\n",
    "a: {b: {c: 1, c: 2}}\n",
    "? [a]\n: b\n",
    "? {a: 1}\n: b\n",
    "a: !foo {b: c}\n",
    "a: !!map [1]\n",
    "a: !!seq {b: 1}\n",
    "a: !!set {b}\n",
    "a: [1, 2\n",
    "a: {b: 1\n",
    "a: \"x\n",
    "a: 'x\n",
    "a: b: c\n",
    "a: - b\n",
    "a\n",
    "- a\n",
    "a:\n\tb: 1\n",
    "a:\tb\n",
    "a: b\t# c\n",
    "\ta: b\n",
    "a: {b, c}\n",
    "a: {b: , c: }\n",
    "a: [,]\n",
    "a: [b,,c]\n",
    "a: {? b : c}\n",
    "a: [b: c, d: e]\n",
    "a: |2\n   x\n",
    "a: |+\n  x\n\n",
    "a: >2-\n   x\n",
    "a: |x\n  y\n",
    "a: *b\n",
    "a: &b *c\n",
    "a: &b [*b]\n",
    "a: &b\n",
    "a: &b c\nd: *b\n",
    "a: 'b'c\n",
    "a: b #c\n",
    "a: #c\n",
    "a: @b\n",
    "a: `b\n",
    "a: %b\n",
    "a: \"\\/\"\n",
    "a: \"\\z\"\n",
    "a: \"b\n  c\"\n",
    "a: b\n  c\n",
    "a: b\nc\n",
    "a: b\n c: d\n",
    "  a: b\n",
    "<<: {a: 1}\n",
    "<<: 5\n",
    "<<: [{a: 1}, {b: 2}]\n",
    "\"<<\": 5\n",
    "...\n",
    "---\na: b\n",
    "...\n---\na: b\n",
    "%YAML 1.1\n",
    "a: [\n]\n",
    "a: [\nb\n]\n",
    "a: {\n}\n",
    "a: {\nb: c\n}\n",
    "a: [b]c\n",
    "a: \"b\": c\n",
    "\"a\nb\": c\n",
    "{a: b}: c\n",
    "[a]: b\n",
    "a: .inf\n",
    "a: [.nan]\n",
    "a: 1e999\n",
    "a:b\n",
    "a :b\n",
    "a : b\n",
    "a: \u{1}\n",
    "a: \"\\0\"\n",
    "a: \u{85}b\n",
    "a: \u{2028}b\n",
];

/// Scalars as they are written, none twice.
pub(crate) fn spellings() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in ["null", "true", "false", "yes", "no", "on", "off", "y", "n"] {
        all.extend((0..1_usize << word.len()).map(|capitals| cased(word, capitals)));
    }
    for sign in ["", "+", "-"] {
        for prefix in ["", "0", "00", "0b", "0B", "0o", "0O", "0x", "0X"] {
            for digits in ["0", "1", "7", "8", "12", "17", "101", "300", "1F", "ff", "1_0", "_1", "1_"] {
                all.push(format!("{sign}{prefix}{digits}"));
            }
        }
        for float in FLOATS {
            all.push(format!("{sign}{float}"));
        }
    }
    all.extend(TIMES.iter().chain(SIGNS).map(|&scalar| scalar.to_owned()));
    for plain in
        ["5", "0300", "true", "null", "~", "yes", "1.5", "0x1F", "", " ", "a", "a: b", "a #b", "[1]", "2026-01-01"]
    {
        all.push(format!("'{plain}'"));
        all.push(format!("\"{plain}\""));
    }
    for tag in [
        "!!str",
        "!!int",
        "!!bool",
        "!!null",
        "!foo",
        "!",
        "!!binary",
        "!!timestamp",
        "!<tag:yaml.org,2002:int>",
        "!e!x",
    ] {
        for value in ["5", "true", "null", "abc", "\"5\"", "0x1F", "\"\""] {
            all.push(format!("{tag} {value}"));
        }
    }
    let mut seen = BTreeSet::new();
    all.retain(|text| seen.insert(text.clone()));
    all
}

fn cased(word: &str, capitals: usize) -> String {
    let letter = |(at, c): (usize, char)| if capitals >> at & 1 == 1 { c.to_ascii_uppercase() } else { c };
    word.chars().enumerate().map(letter).collect()
}

/// The places of a scalar: an integer, a number, a boolean, a string, a key.
pub(crate) const PLACES: [&str; 5] = [
    "trigger: {type: immediate}\naction:\n  type: pause_process\n  pid: @\n",
    "trigger: {type: immediate}\naction: {type: pause_process, pid: 1}\nduration_seconds: @\n",
    "trigger: {type: immediate}\naction:\n  drifts: @\n  type: skew_clock\n  offset_ms: 1\n",
    "trigger: {type: immediate}\naction: {type: pause_process, pid: 1}\nname: @\nverify: x\n",
    "trigger: {type: immediate}\naction:\n  type: skew_clock\n  offset_ms: 1\n  labels:\n    @: x\n    other: y\n",
];

const ENTRY: &str = "{trigger: {type: immediate}, action: {type: pause_process, pid: 1}}";

/// Whole documents: bodies, each in every wrapping.
pub(crate) fn shapes() -> Vec<String> {
    let bodies = bodies();
    let mut all: Vec<String> = bodies.iter().flat_map(|body| wrapped(body)).collect();
    all.extend(alone());
    let mut seen = BTreeSet::new();
    all.retain(|text| seen.insert(text.clone()));
    all
}

fn wrapped(body: &str) -> [String; 7] {
    [
        body.to_owned(),
        format!("---\n{body}...\n"),
        body.replace('\n', "\r\n"),
        format!("\u{feff}{body}"),
        format!("# a comment\n\n{}", body.replace('\n', " # c\n")),
        format!("%YAML 1.2\n---\n{body}"),
        format!("{}   \n\n", body.trim_end()),
    ]
}

fn bodies() -> Vec<String> {
    let json = "{\"chaos_spec\": [{\"trigger\": {\"type\": \"immediate\"}, \"action\": {\"type\": \"pause_process\", \"pid\": 1}}]}\n";
    let mut all = vec![
        format!("chaos_spec: {ENTRY}\n"),
        format!("chaos_spec: [{ENTRY}, {ENTRY}]\n"),
        "chaos_spec:\n- trigger: {type: immediate}\n  action: {type: pause_process, pid: 1}\n".to_owned(),
        "chaos_spec:\n  - trigger:\n      type: immediate\n    action:\n      type: pause_process\n      pid: 1\n".to_owned(),
        "chaos_spec:\n  -\n    trigger: {type: immediate}\n    action: {type: pause_process, pid: 0}\n".to_owned(),
        json.to_owned(),
        json.replace(": ", ":").replace(", ", ","),
        json.replace("}]", "},]"),
        format!("chaos_spec: &e {ENTRY}\nextra: *e\n"),
        format!("base: &b {{type: pause_process, pid: 1}}\nchaos_spec: {{trigger: {{type: immediate}}, action: *b}}\n"),
        "base: &b {type: pause_process}\nchaos_spec:\n  trigger: {type: immediate}\n  action:\n    <<: *b\n    pid: 2\n".to_owned(),
        format!("chaos_spec: {ENTRY}\nname: a\nname: b\n"),
        format!("chaos_spec: {ENTRY}\nextra: {{1: a, 1: b}}\n"),
        format!("chaos_spec: {ENTRY}\n1: x\nseed: 1\nseed: 2\n"),
        format!("chaos_spec: {ENTRY}\nverification_spec:\nprobes: ~\nsteady_state: null\nname:\n"),
        "prompt: |\n  {{X}}\n   indented\n\n  more\ntask_id: 7\n".to_owned(),
        "chaos_spec: []\nprompt: >-\n  folded\n  text\n".to_owned(),
        "chaos_spec:\n".to_owned(),
        format!("? chaos_spec\n: {ENTRY}\n"),
        format!("\"chaos_spec\": {ENTRY}\n'name': 'x'\n"),
        format!("chaos_spec:   {ENTRY}\nname:  x  \n"),
        format!("chaos_spec: {ENTRY}\nextra: [a, [b, {{c: d}}]]\npolicy: {{max_qps: 5, allow_hosts: [127.0.0.1]}}\n"),
    ];
    all.push(
        "chaos_spec: {\n  trigger: {type: immediate},\n  action: {type: pause_process,\n    pid: 1}\n  }\n".to_owned(),
    );
    all.push(format!("chaos_spec: '[{}]'\n", json.trim_end().replace("{\"chaos_spec\": [", "").replace("]}", "")));
    all
}

/// Documents that no wrapping makes more telling.
fn alone() -> Vec<String> {
    let good = format!("chaos_spec: {ENTRY}\n");
    let with = |more: &str| format!("{good}{more}");
    let mut all: Vec<String> = BESIDE_A_TASK.iter().map(|more| with(more)).collect();
    all.extend(
        [
            "",
            "#\n",
            "---\n",
            "5\n",
            "a\n",
            "[]\n",
            "{}\n",
            "~\n",
            "- 1\n",
            "!!map {}\n",
            "&a {}\n",
            "{",
            "[",
            "\"",
            "'",
            "|\n",
        ]
        .map(str::to_owned),
    );
    all.push(good.replace("pid: 1", "pid: 1, pid: 2"));
    all.push(good.replace("{type: immediate}", "{\"type\":immediate}"));
    all.push(good.replace(": ", ":\n    "));
    all
}
