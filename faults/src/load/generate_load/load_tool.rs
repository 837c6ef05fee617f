//! The tool `load`: the planned load as typed arguments.

use std::num::NonZeroU32;

use chaos_agent::{BoxFuture, Tool, ToolReply, parse_arguments};
use chaos_core::{DurationText, LoadDuration};
use chaos_load::Stop;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::offer::{Asked, Length, Offer};
use super::one_load::OneLoad;

/// The tool's name; the offline planner calls it too.
pub(super) const NAME: &str = "load";

/// Makes the load from typed arguments.
pub(super) struct LoadTool<'a>(pub(super) &'a OneLoad<'a>);

/// The same names as in the task's `target`; what is left out takes the plan's figure.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoadArguments {
    service_url: String,
    qps: Option<NonZeroU32>,
    duration: Option<LoadDuration>,
    concurrency: Option<NonZeroU32>,
}

impl LoadArguments {
    /// Those that ask for exactly what is offered.
    pub(super) fn of(offer: &Offer) -> Self {
        let longest = offer.longest();
        Self {
            service_url: longest.url().to_string(),
            qps: Some(longest.qps()),
            duration: longest.duration().try_into().ok(),
            concurrency: Some(longest.connections()),
        }
    }
}

/// The arguments as a schema in which each figure of the plan is the only choice.
fn parameters(offer: &Offer) -> Value {
    let generator = SchemaSettings::draft07().with(|settings| settings.meta_schema = None).into_generator();
    let mut schema = generator.into_root_schema_for::<LoadArguments>().to_value();
    let planned = json!(LoadArguments::of(offer));
    for (name, value) in planned.as_object().into_iter().flatten() {
        let kind = if value.is_string() { "string" } else { "integer" };
        schema["properties"][name] = json!({"type": kind, "enum": [value]});
    }
    if let Length::UpTo(most) = offer.length {
        let text = format!("How long, such as `30s` or `1m30s`; at most {}.", DurationText::from(most));
        schema["properties"]["duration"] = json!({"type": "string", "description": text});
        schema["required"] = json!(["service_url", "duration"]);
    }
    schema
}

impl Tool for LoadTool<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "Sends the one planned load and answers with its figures when it is over. It can be called once."
    }

    fn parameters(&self) -> Value {
        parameters(self.0.offer)
    }

    fn call(&self, args: Value) -> BoxFuture<'_, ToolReply> {
        Box::pin(async move {
            match parse_arguments::<LoadArguments>(&args) {
                Ok(args) => self.0.make(&args.into()).await,
                Err(refusal) => refusal,
            }
        })
    }
}

impl From<LoadArguments> for Asked {
    fn from(args: LoadArguments) -> Self {
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

    use super::super::super::test_context::target;
    use super::super::offer::Chooses;
    use super::*;

    fn offer(duration: &str) -> Offer {
        let target = target("http://127.0.0.1:8080/", 300, duration, 4);
        Offer::of(&target, Chooses::Model, &Policy::default()).unwrap()
    }

    fn check(offer: &Offer, args: &Value) -> Result<(), String> {
        match parse_arguments::<LoadArguments>(args) {
            Ok(args) => offer.check(&args.into()).map(drop).map_err(|refusal| refusal.to_string()),
            Err(ToolReply::Failed(why) | ToolReply::Done(why)) => Err(why),
        }
    }

    #[test]
    fn the_planned_arguments_are_allowed_and_are_the_schemas_only_choice() {
        let offer = offer("2s");
        let args = json!(LoadArguments::of(&offer));
        assert_eq!(
            args,
            json!({"service_url": "http://127.0.0.1:8080/", "qps": 300, "duration": "2s", "concurrency": 4})
        );
        assert_eq!(check(&offer, &args), Ok(()));
        assert_eq!(check(&offer, &json!({"service_url": "http://127.0.0.1:8080"})), Ok(()));
        let schema = parameters(&offer);
        assert_eq!(schema["properties"]["qps"], json!({"type": "integer", "enum": [300]}));
        assert_eq!(schema["required"], json!(["service_url"]));
    }

    #[test]
    fn an_open_duration_must_be_given() {
        let offer = offer("");
        let schema = parameters(&offer);
        assert_eq!(schema["required"], json!(["service_url", "duration"]));
        let args = |duration: &str| json!({"service_url": "http://127.0.0.1:8080/", "duration": duration});
        assert_eq!(check(&offer, &args("10m")), Ok(()));
        assert_eq!(check(&offer, &args("601s")).unwrap_err(), "the load must end after at most 10m");
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
            (json!({"service_url": url, "duration": "1h"}), "the load lasts 2s"),
            (json!({"service_url": url, "duration": "0s"}), "invalid arguments: /duration"),
            (json!({"service_url": url, "duration": "-2s"}), "invalid arguments: /duration"),
            (json!({"service_url": url, "duration": "99999999999s"}), "invalid arguments: /duration"),
            (json!({"service_url": url, "duration": 2}), "invalid arguments: /duration"),
            (json!({"service_url": url, "headers": ["Host: evil"]}), "invalid arguments: "),
            (json!({"service_url": url, "resolve": "192.0.2.1"}), "invalid arguments: "),
        ];
        for (args, why) in rows {
            let refusal = check(&offer("2s"), &args).unwrap_err();
            assert!(refusal.starts_with(why), "{args}: {refusal}");
        }
    }
}
