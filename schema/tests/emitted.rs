//! The emitted schemas: valid, without our own keywords where others read them, and what a model's tools look like.

#[path = "support/plugins.rs"]
mod plugins;

use chaos_core::{FAULTS, HostPattern};
use chaos_schema::{DocumentKind, FromValue, FunctionTool, Profile, author_only, schema, strip_nulls, tools};
use serde_json::{Value, json};

const KINDS: [DocumentKind; 3] = [DocumentKind::Task, DocumentKind::Entry, DocumentKind::Experiment];

fn compiled(kind: DocumentKind, profile: Profile) -> jsonschema::Validator {
    jsonschema::draft7::new(&schema(kind, profile)).expect("an emitted schema compiles")
}

#[test]
fn every_schema_is_valid_draft_07_with_an_id_and_a_version() {
    assert_eq!(FAULTS.names(), plugins::FAULT_NAMES);
    for kind in KINDS {
        for profile in [Profile::Editor, Profile::Plain] {
            let schema = schema(kind, profile);
            assert!(jsonschema::draft7::meta::is_valid(&schema), "{kind:?} {profile:?}");
            let id = format!("urn:squall:{}:{}", kind.word(), env!("CARGO_PKG_VERSION"));
            assert_eq!(schema["$id"], id.as_str());
            assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        }
    }
}

#[test]
fn the_plain_profile_has_no_keyword_that_a_strict_validator_refuses() {
    for kind in KINDS {
        let text = schema(kind, Profile::Plain).to_string();
        for keyword in [
            "x-squall",
            "x-author-only",
            "defaultSnippets",
            "doNotSuggest",
            "markdown",
            "enumDescriptions",
            "ErrorMessage",
        ] {
            assert!(!text.contains(keyword), "{keyword} in {kind:?}");
        }
        let editor = schema(kind, Profile::Editor).to_string();
        assert!(!editor.contains("x-squall") && editor.contains("defaultSnippets"), "{kind:?}");
    }
}

#[test]
fn every_reference_has_its_definition_and_every_definition_is_used() {
    for kind in KINDS {
        let schema = schema(kind, Profile::Plain);
        let text = schema.to_string();
        for name in schema["definitions"].as_object().unwrap().keys() {
            assert!(text.contains(&format!("\"#/definitions/{name}\"")), "{name} is used by nothing in {kind:?}");
        }
        for part in text.split("\"#/definitions/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(schema["definitions"].get(name).is_some(), "{name} in {kind:?}");
        }
    }
}

#[test]
fn a_placeholder_may_stand_for_a_scalar_in_the_published_schema() {
    let entry = |action: Value| json!({"trigger": {"type": "immediate"}, "action": action});
    let validator = compiled(DocumentKind::Entry, Profile::Plain);
    let good = [
        json!({"type": "pause_process", "pid": "{{PID}}"}),
        json!({"type": "generate_load", "target": {"service_url": "{{U}}/x", "duration": "{{D}}"}, "engine": "{{E}}"}),
        json!({"type": "skew_clock", "offset_ms": 1, "drifts": "{{ B }}"}),
    ];
    for action in good {
        assert!(validator.is_valid(&entry(action.clone())), "{action}");
    }
    let bad = [
        json!({"type": "pause_process", "pid": "1{{PID}}"}),
        json!({"type": "{{FAULT}}"}),
        json!({"type": "generate_load", "target": "{{T}}"}),
        json!({"type": "generate_load", "target": {"service_url": "http://x"}, "engine": "{E}"}),
    ];
    for action in bad {
        assert!(!validator.is_valid(&entry(action.clone())), "{action}");
    }
}

#[test]
fn a_host_pattern_of_the_schema_is_one_of_the_parse() {
    let task = |host: &str| {
        json!({
            "chaos_spec": {"trigger": {"type": "immediate"}, "action": {"type": "pause_process", "pid": 1}},
            "policy": {"allow_hosts": [host]}
        })
    };
    let validator = compiled(DocumentKind::Task, Profile::Plain);
    let good = [
        "a",
        "a.b-c_d.",
        "*.svc.local",
        "10.0.0.1",
        "10.0.0.0/8",
        "0.0.0.0/0",
        "255.255.255.255/32",
        "::",
        "::1",
        "1::",
        "fe80::1/64",
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "1:2::7:8/128",
    ];
    for host in good {
        assert!(host.parse::<HostPattern>().is_ok() && validator.is_valid(&task(host)), "{host}");
    }
    let bad = [
        "",
        "*",
        "*.",
        ".a",
        "a b",
        "10.0.0.0/33",
        "10.0.0/8",
        "::1/129",
        "1:2:3",
        ":::",
        "1::2::3",
        "a/8",
        "1:2:3:4:5:6:7:8::",
    ];
    for host in bad {
        assert!(host.parse::<HostPattern>().is_err() && !validator.is_valid(&task(host)), "{host}");
    }
}

/// The rules of strict tools: every object closed, every property required, no keyword from outside the subset.
fn lint_strict(schema: &Value, at: &str) {
    const ALLOWED: [&str; 16] = [
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "enum",
        "const",
        "anyOf",
        "$ref",
        "$defs",
        "description",
        "pattern",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
    ];
    let map = schema.as_object().expect("a schema is a mapping");
    for (keyword, inner) in map {
        assert!(ALLOWED.contains(&keyword.as_str()), "{at}: {keyword}");
        match keyword.as_str() {
            "properties" | "$defs" => {
                for (name, inner) in inner.as_object().into_iter().flatten() {
                    lint_strict(inner, &format!("{at}/{name}"));
                }
            }
            "items" => lint_strict(inner, &format!("{at}/items")),
            "anyOf" => inner.as_array().into_iter().flatten().for_each(|s| lint_strict(s, at)),
            _ => {}
        }
    }
    if let Some(properties) = map.get("properties").and_then(Value::as_object) {
        let mut required: Vec<&str> =
            map["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        required.sort_unstable();
        let mut names: Vec<&str> = properties.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!((required, &map["additionalProperties"]), (names, &json!(false)), "{at}");
    }
}

fn offered() -> Value {
    serde_json::to_value(tools(FAULTS.all().iter().copied())).expect("tools are JSON")
}

#[test]
fn there_is_one_tool_a_fault_and_it_is_strict_where_it_can_be() {
    let tools = offered();
    let list = tools.as_array().unwrap();
    let names: Vec<&str> = list.iter().map(|tool| tool["function"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, plugins::FAULT_NAMES);
    let strict: Vec<bool> = list.iter().map(|tool| tool["function"]["strict"].as_bool().unwrap()).collect();
    // The labels of `skew_clock` are an open mapping, but no model may set them.
    assert_eq!(strict, [true, true, true]);
    for tool in list {
        let function = &tool["function"];
        assert_eq!((&tool["type"], &function["parameters"]["type"]), (&json!("function"), &json!("object")));
        assert!(function["parameters"]["properties"].get("type").is_none(), "the tool's name is the type");
        if function["strict"] == true {
            lint_strict(&function["parameters"], "");
        }
    }
    assert_eq!(list[0]["function"]["description"], "Sends one load spike at a service.");
}

#[test]
fn a_reply_that_is_full_of_nulls_loads() {
    let tools = offered();
    let parameters = &tools[0]["function"]["parameters"];
    let mut reply = json!({
        "engine": null,
        "target": {"service_url": "http://127.0.0.1/", "qps": null, "duration": null, "concurrency": 3}
    });
    let validator = jsonschema::draft202012::new(parameters).unwrap();
    assert!(validator.is_valid(&reply), "{parameters:#}");
    strip_nulls(&mut reply);
    assert_eq!(reply, json!({"target": {"service_url": "http://127.0.0.1/", "concurrency": 3}}));
    reply["type"] = json!("generate_load");
    chaos_core::ChaosSpec::from_value(&json!({"trigger": {"type": "immediate"}, "action": reply})).unwrap();
}

#[test]
fn a_default_and_the_meaning_of_values_are_told_in_the_description() {
    let tools = offered();
    let properties = &tools[0]["function"]["parameters"]["properties"];
    let engine = properties["engine"]["description"].as_str().unwrap();
    assert!(engine.contains("(null = \"auto\")"), "{properties:#}");
}

#[test]
fn what_only_an_author_may_set_is_for_editors_and_not_for_models() {
    let fault = FAULTS.get("skew_clock").unwrap();
    let editor = schema(DocumentKind::Entry, Profile::Editor).to_string();
    assert_eq!(editor.matches("\"x-author-only\":true").count(), 1);
    let tool = FunctionTool::of_fault(fault);
    assert_eq!(tool.parameters["properties"].get("labels"), None);
    assert_eq!(author_only(fault, &json!({"offset_ms": 1, "labels": {"a": "b"}})).as_deref(), Some("/labels"));
    assert_eq!(author_only(fault, &json!({"offset_ms": 1, "labels": null})), None);
}

#[test]
fn a_held_fault_takes_the_duration_of_its_entry_and_a_finite_one_does_not() {
    let has = |name: &str| {
        let tool = FunctionTool::of_fault(FAULTS.get(name).unwrap());
        tool.parameters["properties"].get("duration_seconds").cloned()
    };
    let seconds = has("pause_process").unwrap();
    assert_eq!((&seconds["type"], &seconds["minimum"]), (&json!(["number", "null"]), &json!(0.001)));
    assert_eq!(has("generate_load"), None);
}

#[test]
fn any_type_makes_a_tool_and_an_open_mapping_makes_it_loose() {
    #[derive(schemars::JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Open {
        labels: std::collections::BTreeMap<String, String>,
    }
    let tool = FunctionTool::of::<Open>("label", "Labels it.");
    assert_eq!((tool.name.as_str(), tool.strict, &tool.parameters["type"]), ("label", false, &json!("object")));
    let written = serde_json::to_value(&tool).unwrap();
    assert_eq!((&written["function"]["name"], &written["type"]), (&json!("label"), &json!("function")));
}
