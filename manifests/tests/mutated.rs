//! Spoilt manifests are taken or refused, and nothing panics.

use std::collections::{BTreeMap, BTreeSet};

use chaos_manifests::{Contract, compile, declared_placeholders, lint, read_manifests, render, survey};

const SCENARIO: &str = "\
apiVersion: chaos-mesh.org/v1alpha1
kind: Workflow
metadata: {name: s-$A, annotations: {squall.dev/placeholders: \"A\"}}
spec:
  entry: main
  templates:
    - {name: main, templateType: Serial, deadline: 1h, children: [a, é, b]}
    - name: a
      templateType: Task
      deadline: 1m30s
      task: {container: {name: &x a, image: $A, args: ['$A', \"\\\"${A}\\\"\", $(A)]}}
      conditionalBranches: [{target: b, expression: exitCode == 0}]
    - {name: b, templateType: PodChaos, podChaos: {action: pod-kill, duration: 3m}}
    - {name: é, templateType: Suspend, deadline: 1s}
";

/// How many of these were read as manifests.
fn fed(text: &str) -> usize {
    let declared = declared_placeholders(text).unwrap_or_default();
    for value in ["v", "yes\n- \"$A"] {
        let variables = BTreeMap::from([("A".to_owned(), value.to_owned())]);
        if let Ok(rendered) = render(text, &variables, &declared) {
            assert!(chaos_schema::read_documents(&rendered.text, "t.yaml").is_ok(), "{text:?}");
        }
    }
    if let Ok(same) = render(text, &BTreeMap::new(), &BTreeSet::new()) {
        assert_eq!(same.text, text);
    }
    let _ = survey(&[("s".to_owned(), text.to_owned()), ("t".to_owned(), SCENARIO.to_owned())]);
    let Ok(all) = read_manifests(text, "t.yaml") else { return 0 };
    let found = [lint(&all), Contract::of("s", "1").check(&all)].concat();
    let lines = text.split('\n').count();
    assert!(found.iter().all(|one| one.line.is_none_or(|line| (1..=lines).contains(&line))), "{found:?}");
    for spec in all.iter().filter_map(|one| one.workflow()) {
        let _ = compile(spec, &[]);
        let _ = compile(spec, &["b".to_owned()]);
    }
    1
}

#[test]
fn spoilt_manifests_are_taken_or_refused() {
    let mut read = fed(SCENARIO);
    let boundaries: Vec<usize> = SCENARIO.char_indices().map(|(at, _)| at).collect();
    // Each third place, with each word in turn.
    for (n, at) in boundaries.iter().step_by(3).enumerate() {
        read += fed(&SCENARIO[..*at]);
        let words = [
            "\"", "'", "[", "{", "- ", ": ", "\n", "$A", "${A", "*x ", "\0", "\u{feff}", "---\n", "<<: ", "!!int ", "a",
        ];
        let word = words[n % words.len()];
        read += fed(&[&SCENARIO[..*at], word, &SCENARIO[*at..]].concat());
    }
    let lines: Vec<&str> = SCENARIO.lines().collect();
    for gone in 0..lines.len() {
        for again in 0..lines.len() {
            let kept = lines.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, line)| *line);
            let text: Vec<&str> = kept.chain([lines[again]]).collect();
            read += fed(&text.join("\n"));
        }
    }
    assert!(read > 100, "{read}: much of this must get past the reader");
}
