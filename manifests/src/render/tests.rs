use super::*;

const GOLDEN: &str = include_str!("golden/scenario.yaml");
const RENDERED: &str = include_str!("golden/rendered.yaml");

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn declared(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn with(text: &str, value: &str) -> Result<String, RenderErrorKind> {
    render(text, &variables(&[("A", value)]), &declared(&[])).map(|it| it.text).map_err(|error| error.kind)
}

fn value(text: &str) -> serde_json::Value {
    chaos_schema::read_value(text, "t.yaml").unwrap()
}

#[test]
fn only_listed_placeholders_change_byte_for_byte() {
    let rendered = render(GOLDEN, &variables(&[("A", "v1"), ("C", "x")]), &declared(&["A"])).unwrap();
    assert_eq!(rendered.text, RENDERED);
    assert_eq!(rendered.used, BTreeMap::from([("A".to_owned(), 11)]));
    assert_eq!(rendered.unused, ["C"]);
    assert_eq!(rendered.untouched, declared(&["B", "i"]));
    // What is not on the list is as it was, whatever it is called.
    assert_eq!(render(GOLDEN, &variables(&[]), &declared(&[])).unwrap().text, GOLDEN);
}

#[test]
fn a_declared_placeholder_without_value_is_an_error_at_its_place() {
    let error = render("a: 1\nb: x-${B}\n", &variables(&[("A", "1")]), &declared(&["A", "B"])).unwrap_err();
    assert_eq!((error.line, error.column, &error.kind), (Some(2), Some(6), &RenderErrorKind::Unset("B".into())));
    assert_eq!(error.to_string(), "the scenario can't be rendered at line 2, column 6");
    let error = render("a: 1\n", &variables(&[]), &declared(&["B"])).unwrap_err();
    assert_eq!((error.line, error.kind), (None, RenderErrorKind::Unset("B".into())));
}

#[test]
fn a_declared_placeholder_in_another_form_is_left_over() {
    for text in ["a: \"é ${A:-x}\"\n", "a: \"é ${ A }\"\n", "a: \"é ${#A}\"\n"] {
        let error = render(text, &variables(&[("A", "1")]), &declared(&["A"])).unwrap_err();
        assert_eq!((error.line, error.column), (Some(1), Some(7)), "{text}");
        assert_eq!(error.kind, RenderErrorKind::LeftOver("A".into()));
        assert_eq!(with(text, "1").as_deref(), Ok(text), "not declared, so the shell's");
    }
}

#[test]
fn a_value_is_never_expanded_again() {
    let text = "a: \"$A\"\nb: \"$B\"\n";
    let rendered = render(text, &variables(&[("A", "$B ${B}"), ("B", "$A")]), &declared(&["A", "B"])).unwrap();
    assert_eq!(rendered.text, "a: \"$B ${B}\"\nb: \"$A\"\n");
}

#[test]
fn what_looks_like_something_else_stays_text() {
    let values = [
        "yes",
        "no",
        "on",
        "true",
        "null",
        "~",
        "",
        "1e3",
        "17",
        "0x1f",
        "0o7",
        "017",
        ".inf",
        "2026-01-01",
        "12:30:45",
        "a: b",
        "a #b",
        "#b",
        "- a",
        "[a",
        "{a",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a",
        "|",
        ">",
        "'",
        "\"",
        "\\",
        "a\nb",
        "\t",
        " a ",
        "\u{0}",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "é",
        "---",
        "...",
        "? a",
        "<<",
        "a:",
        "\\n",
        "$B",
        "x\r\ny",
    ];
    for one in values {
        for text in
            ["k: $A\n", "k: ${A}\n", "k: [$A, ${A}]\n", "k: {a: $A}\n", "k: \"$A\"\n", "k:\n- $A\n", "k: $A # $B\n"]
        {
            let rendered = with(text, one).unwrap();
            let read = value(&rendered);
            let got = [&read["k"], &read["k"][0], &read["k"]["a"]].into_iter().find(|value| value.is_string());
            assert_eq!(got, Some(&one.into()), "{text:?} with {one:?}: {rendered:?}");
        }
    }
}

#[test]
fn a_value_that_would_change_the_document_is_refused() {
    let refused = Err(RenderErrorKind::DoesNotFit("A".to_owned()));
    let rows = [
        ("k: x-$A\n", "a: b"),
        ("k: x-$A\n", "a #b"),
        ("k: x-$A\n", "a\nj: 1"),
        ("k: 1$A\n", "2"),
        ("k: 0$A\n", "x1f"),
        ("k: '$A'\n", "a\nb"),
        ("k: |\n  $A\n", "a\nb"),
        ("k: |\n  $A\n", "a\n---\nb: c"),
        ("# $A\nk: 1\n", "a\nj: 2"),
        ("k: [x$A]\n", "a, b"),
        ("$A: 1\nb: 2\n", "b"),
        ("$A-$B: 1\n", "- x"),
        ("k: x$A\n", " "),
        ("k: 1\n---\nk: x-$A\n", "y\n---\nk: 3"),
        ("k: x-$A\n", "\u{0}"),
    ];
    for (text, value) in rows {
        assert_eq!(with(text, value), refused, "{text:?} with {value:?}");
    }
    // The one that does not fit is told, not the first.
    let text = "a: $A\nb: x-$A\nc: $B\nd: x-$B\n";
    let error = render(text, &variables(&[("A", "fine"), ("B", "x: y")]), &declared(&[])).unwrap_err();
    assert_eq!((error.line, error.column), (Some(4), Some(6)), "{error:?}");
    assert!(!format!("{error:?} {}", error.kind).contains("x: y"));
}

#[test]
fn a_value_in_a_block_of_a_script_is_put_in_as_it_is() {
    let text = "k: |\n  \"$A\" is $A\nj: >-\n  '$A'\n";
    assert_eq!(with(text, "a\"b'c: #d"), Ok(text.replace("$A", "a\"b'c: #d")));
}

#[test]
fn a_scenario_that_is_not_yaml_is_refused_where_it_is_wrong() {
    let error = render("a: ${LONG_NAME}\nb: [1, ${A}\n", &variables(&[("LONG_NAME", "1"), ("A", "2")]), &declared(&[]));
    let error = error.unwrap_err();
    assert!(matches!(&error.kind, RenderErrorKind::NotYaml { .. }), "{error:?}");
    let error = render("k: ${A}\nb: \"$A\" x: y\n", &variables(&[("A", "2")]), &declared(&[])).unwrap_err();
    assert_eq!(error.line, Some(2), "{error:?}");
    let text = error.kind.to_string();
    assert!(!text.contains("placeholderq"), "{text}");
}

#[test]
fn names_and_sizes_are_bounded() {
    let error = render("", &variables(&[("a-b", "1")]), &declared(&[])).unwrap_err();
    assert_eq!(error.kind, RenderErrorKind::InvalidName("a-b".into()));
    let large = "x".repeat(1 << 20);
    let error = render(&"# $A\n".repeat(20), &variables(&[("A", &large)]), &declared(&[])).unwrap_err();
    assert!(matches!(error.kind, RenderErrorKind::TooLarge(_)));
}

#[test]
fn a_scenario_declares_its_placeholders_before_it_is_readable() {
    assert_eq!(declared_placeholders(GOLDEN).unwrap(), declared(&["A"]));
    let flow = "metadata: {annotations: {squall.dev/placeholders: \"A, B ,\"}}\nk: [${C}]\n";
    assert_eq!(declared_placeholders(flow).unwrap(), declared(&["A", "B"]));
    assert_eq!(declared_placeholders("a: 1\n").unwrap(), declared(&[]));
    assert!(declared_placeholders("a: [\n").is_err());
}

#[test]
fn more_placeholders_than_letters_are_told_apart() {
    let names: Vec<String> = (0..700).map(|n| format!("N{n}")).collect();
    let text: String = names.iter().flat_map(|name| ["k", name, ": $", name, "\n"]).collect();
    let values: BTreeMap<_, _> = names.iter().map(|name| (name.clone(), format!("v{name}"))).collect();
    let rendered = render(&text, &values, &declared(&[])).unwrap();
    assert_eq!(value(&rendered.text)["kN699"], "vN699");
}
