//! The tool `load`: the planned spike as typed arguments.

use std::num::NonZeroU32;

use chaos_agent::{BoxFuture, Tool, ToolReply, parse_arguments};
use chaos_core::{DurationText, LoadDuration};
use chaos_load::Stop;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::planned::{Asked, Length, Planned};
use super::spike::Spike;

/// The tool's name; the offline planner calls it too.
pub(super) const NAME: &str = "load";

/// Makes the spike from typed arguments.
pub(super) struct LoadTool<'a>(pub(super) &'a Spike<'a>);

/// The same names as in the task's `target`; what is left out takes the plan's figure.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    service_url: String,
    qps: Option<NonZeroU32>,
    duration: Option<LoadDuration>,
    concurrency: Option<NonZeroU32>,
}

/// The arguments that ask for exactly what is planned.
pub(super) fn planned_arguments(planned: &Planned) -> Value {
    json!({
        "service_url": planned.url().as_str(),
        "qps": whole(planned.qps()),
        "duration": DurationText::from(planned.length.longest()).to_string(),
        "concurrency": planned.connections.get(),
    })
}

/// A rate comes from a whole number, and models read `300` better than `300.0`.
#[expect(clippy::cast_possible_truncation, reason = "made from a u32")]
fn whole(qps: f64) -> i64 {
    qps as i64
}

/// The arguments as a schema in which each figure of the plan is the only choice.
fn parameters(planned: &Planned) -> Value {
    let mut properties: Map<String, Value> = planned_arguments(planned)
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let kind = if value.is_string() { "string" } else { "integer" };
            (name.clone(), json!({"type": kind, "enum": [value]}))
        })
        .collect();
    let mut required = vec!["service_url"];
    if let Length::UpTo(most) = planned.length {
        let most = DurationText::from(most);
        let text = format!("How long, such as `30s` or `1m30s`; at most {most}.");
        properties.insert("duration".into(), json!({"type": "string", "description": text}));
        required.push("duration");
    }
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

impl Tool for LoadTool<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "Sends the one planned spike of load and answers with its figures when it is over. It can be called once."
    }

    fn parameters(&self) -> Value {
        parameters(self.0.planned())
    }

    fn call(&self, args: Value) -> BoxFuture<'_, ToolReply> {
        Box::pin(async move {
            match parse_arguments::<Arguments>(&args) {
                Ok(args) => self.0.make(&args.into()).await,
                Err(refusal) => refusal,
            }
        })
    }
}

impl From<Arguments> for Asked {
    fn from(args: Arguments) -> Self {
        Self {
            url: args.service_url,
            qps: args.qps.map(|qps| f64::from(qps.get())),
            connections: args.concurrency.map(|connections| u64::from(connections.get())),
            stop: args.duration.map(|time| Stop::After(time.get())),
            timeout: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::Policy;

    use super::super::planned::Chooses;
    use super::super::test_context::target;
    use super::*;

    fn planned(duration: &str) -> Planned {
        Planned::of(&target("http://127.0.0.1:8080/", 300, duration, 4), Chooses::Model, &Policy::default())
    }

    fn check(planned: &Planned, args: &Value) -> Result<(), String> {
        match parse_arguments::<Arguments>(args) {
            Ok(args) => planned.check(&args.into()).map(drop),
            Err(ToolReply::Failed(why) | ToolReply::Done(why)) => Err(why),
        }
    }

    #[test]
    fn the_planned_arguments_are_allowed_and_are_the_schemas_only_choice() {
        let planned = planned("2s");
        let args = planned_arguments(&planned);
        assert_eq!(
            args,
            json!({"service_url": "http://127.0.0.1:8080/", "qps": 300, "duration": "2s", "concurrency": 4})
        );
        assert_eq!(check(&planned, &args), Ok(()));
        assert_eq!(check(&planned, &json!({"service_url": "http://127.0.0.1:8080"})), Ok(()));
        let schema = parameters(&planned);
        assert_eq!(schema["properties"]["qps"], json!({"type": "integer", "enum": [300]}));
        assert_eq!(schema["required"], json!(["service_url"]));
    }

    #[test]
    fn an_open_duration_must_be_given() {
        let planned = planned("");
        let schema = parameters(&planned);
        assert_eq!(schema["required"], json!(["service_url", "duration"]));
        let args = |duration: &str| json!({"service_url": "http://127.0.0.1:8080/", "duration": duration});
        assert_eq!(check(&planned, &args("10m")), Ok(()));
        assert_eq!(check(&planned, &args("601s")).unwrap_err(), "the spike must end after at most 10m");
    }

    #[test]
    fn hostile_arguments_are_refused_with_their_reason() {
        let url = "http://127.0.0.1:8080/";
        let rows = [
            (json!({"service_url": "http://evil.example/"}), "the only target is"),
            (json!({"service_url": "http://127.0.0.1:8080@evil.example/"}), "the only target is"),
            (json!({"service_url": ["http://127.0.0.1:8080/"]}), "invalid arguments: /service_url"),
            (json!({"service_url": url, "qps": 5000}), "qps is 5000; the plan's figure is 300"),
            (json!({"service_url": url, "qps": 1}), "qps is 1; the plan's figure is 300"),
            (json!({"service_url": url, "qps": 0}), "invalid arguments: /qps"),
            (json!({"service_url": url, "qps": -300}), "invalid arguments: /qps"),
            (json!({"service_url": url, "qps": 4_294_967_596_u64}), "invalid arguments: /qps"),
            (json!({"service_url": url, "qps": 1e300}), "invalid arguments: /qps"),
            (json!({"service_url": url, "qps": "NaN"}), "invalid arguments: /qps"),
            (json!({"service_url": url, "qps": "300; id"}), "invalid arguments: /qps"),
            (json!({"service_url": url, "concurrency": 5000}), "the number of connections is 5000"),
            (json!({"service_url": url, "duration": "1h"}), "the spike lasts 2s"),
            (json!({"service_url": url, "duration": "0s"}), "invalid arguments: /duration"),
            (json!({"service_url": url, "duration": "-2s"}), "invalid arguments: /duration"),
            (json!({"service_url": url, "duration": "99999999999s"}), "invalid arguments: /duration"),
            (json!({"service_url": url, "duration": 2}), "invalid arguments: /duration"),
            (json!({"service_url": url, "headers": ["Host: evil"]}), "invalid arguments: "),
            (json!({"service_url": url, "resolve": "192.0.2.1"}), "invalid arguments: "),
        ];
        for (args, why) in rows {
            let refusal = check(&planned("2s"), &args).unwrap_err();
            assert!(refusal.starts_with(why), "{args}: {refusal}");
        }
    }
}
