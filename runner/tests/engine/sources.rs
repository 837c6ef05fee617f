//! The life of sources of evidence in a run: up before the nodes, ended after them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use chaos_core::{
    BoxFuture, EvidenceKind, EvidenceNeed, Observation, Plan, PluginError, Probe, Reach, RunContext, RunningSource,
    Source, SourceContext, SourceEnd, Sources, Task, Verdict, parse, register_probe, register_source,
};
use chaos_test::Bench;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A source that writes into a file what becomes of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FakeSource {
    file: PathBuf,
    #[serde(default)]
    stays_down: bool,
    #[serde(default)]
    real: bool,
}

impl Source for FakeSource {
    const GIVES: &'static [EvidenceKind] = &[EvidenceKind::Logs];

    async fn plan(&self, _: &SourceContext) -> Result<Plan, PluginError> {
        Ok(Plan::new("listen"))
    }

    async fn start(&self, _: &SourceContext) -> Result<Arc<dyn RunningSource>, PluginError> {
        if self.stays_down {
            return Err(PluginError::failed("the address is in use"));
        }
        fs::write(&self.file, "up").unwrap();
        Ok(Arc::new(Up(self.file.clone())))
    }

    fn needs_real_time(&self) -> bool {
        self.real
    }
}

register_source!(FakeSource, "test_source");

#[derive(Debug)]
struct Up(PathBuf);

impl RunningSource for Up {
    fn describe(&self) -> String {
        "a file".to_owned()
    }

    fn node_environment(&self, node: &str) -> BTreeMap<String, String> {
        [("OF".to_owned(), node.to_owned())].into()
    }

    fn stop(&self) -> BoxFuture<'_, SourceEnd> {
        Box::pin(async {
            fs::write(&self.0, "over").unwrap();
            SourceEnd { taken: 3, dropped: 1, detail: "one was too long".to_owned() }
        })
    }
}

/// Says yes while the source is up, and knows what a node would get of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SourceIsUp {
    file: PathBuf,
    #[serde(default)]
    source: Option<String>,
}

impl Probe for SourceIsUp {
    async fn observe(&self, cx: &RunContext) -> Observation {
        let env = cx.services().get::<Sources>().node_environment("n1");
        let up = fs::read_to_string(&self.file).is_ok_and(|text| text == "up") && env["OF"] == "n1";
        if up { Observation::yes("up") } else { Observation::no("not up") }
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        Ok(Reach::evidence(EvidenceNeed { kind: EvidenceKind::Logs, source: self.source.clone() }))
    }
}

register_probe!(SourceIsUp, "test_source_is_up");

fn task(bench: &Bench, source: Option<&Value>, asks: &Value) -> Task {
    let touch = json!({"type": "test_touch_file", "path": bench.path("touched")});
    let mut during = json!({"type": "test_source_is_up", "file": bench.path("source"), "interval_seconds": 0.01});
    during.as_object_mut().unwrap().extend(asks.as_object().unwrap().clone());
    let entry = json!({"trigger": {"type": "test_now"}, "action": touch, "duration_seconds": 0.05, "during": [during]});
    let mut task = Task::of(parse(&entry).unwrap());
    if let Some(keys) = source {
        let mut source = json!({"type": "test_source", "file": bench.path("source")});
        source.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        task.evidence.insert("app".to_owned(), parse(&source).unwrap());
    }
    task
}

fn error(bench: &Bench, task: Task) -> String {
    let report = bench.runner().build().unwrap().run(task).unwrap();
    assert_eq!(report.verdict, Verdict::Inconclusive, "{report:?}");
    assert!(!bench.path("touched").exists());
    report.entries[0].error.clone().unwrap()
}

#[test]
fn a_source_takes_in_while_the_run_lasts_and_the_report_says_what() {
    let bench = Bench::new().unwrap();
    let task = task(&bench, Some(&json!({})), &json!({"source": "app"}));
    let report = bench.runner().build().unwrap().run(task).unwrap();
    assert_eq!(report.verdict, Verdict::Held, "{report:?}");
    assert_eq!(fs::read_to_string(bench.path("source")).unwrap(), "over");
    let [source] = report.sources.as_slice() else { panic!("{:?}", report.sources) };
    let figures = (source.name.as_str(), source.kind.as_str(), source.taken, source.dropped);
    assert_eq!(figures, ("app", "test_source", 3, 1));
    let text = chaos_runner::text_brief(&report);
    assert!(text.contains("evidence `app` (a file): 3 taken, 1 dropped: one was too long"), "{text}");
}

#[test]
fn with_a_source_that_does_not_come_up_nothing_is_injected() {
    let bench = Bench::new().unwrap();
    let why = error(&bench, task(&bench, Some(&json!({"stays_down": true})), &json!({})));
    assert_eq!(why, "skipped: the source `app` is not up: the address is in use");
}

#[test]
fn what_no_source_gives_and_what_needs_real_time_is_refused_before_anything_starts() {
    let rows = [
        (None, json!({}), "no source takes in logs: declare one under `evidence`"),
        (Some(json!({})), json!({"source": "ap"}), "no source is called `ap` under `evidence`; did you mean `app`?"),
        (Some(json!({"real": true})), json!({}), "the source `app` can't take in under virtual time"),
    ];
    for (source, asks, want) in rows {
        let bench = Bench::new().unwrap();
        let why = error(&bench, task(&bench, source.as_ref(), &asks));
        assert!(why.contains(want), "{why}");
        assert!(!bench.path("source").exists());
    }
}
