//! A finite fault, triggers and probes with a given behaviour.

use std::path::PathBuf;

use chaos_core::{
    Answer, Evidence, Fault, Fired, InjectContext, Injection, Observation, Outcome, Plan, PluginError, Probe,
    RunContext, Seconds, Sighting, Span, Trigger, Undo, register_fault, register_probe, register_trigger,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Runs for a time and ends by itself.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FakeFinite {
    /// For how long.
    pub seconds: Seconds,
    /// Whether it lands.
    pub lands: bool,
}

impl Fault for FakeFinite {
    const SPAN: Span = Span::Finite;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        Ok(Plan::new("run for a time").lasting(self.seconds.get()))
    }

    async fn inject(&self, cx: &InjectContext, _undo: &Undo) -> Result<Injection, PluginError> {
        if self.lands {
            cx.active(Evidence::new("first answer"));
        }
        tokio::select! {
            () = cx.released() => {}
            whole = cx.sleep(self.seconds.get()) => {
                if !whole {
                    return Err(PluginError::Cancelled);
                }
            }
        }
        Ok(Injection::Finished(if self.lands {
            Outcome::landed(Evidence::new("answers came")).with_output("done")
        } else {
            Outcome::missed("nothing answered", Evidence::new("0 answers"))
        }))
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        Sighting::unknown("its evidence is in its outcome")
    }
}

register_fault!(FakeFinite, "test_finite");

/// Fires at once.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FakeNow {}

impl Trigger for FakeNow {
    async fn wait(&self, _cx: &RunContext) -> Result<Fired, PluginError> {
        Ok(Fired("at once".into()))
    }
}

register_trigger!(FakeNow, "test_now");

/// Never fires, or only after a time.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FakeNever {
    /// Fires after this time all the same.
    #[serde(default)]
    pub after_seconds: Option<Seconds>,
}

impl Trigger for FakeNever {
    async fn wait(&self, cx: &RunContext) -> Result<Fired, PluginError> {
        match self.after_seconds {
            Some(after) if cx.sleep(after.get()).await => Ok(Fired("at last".into())),
            Some(_) => Err(PluginError::Cancelled),
            None => std::future::pending().await,
        }
    }
}

register_trigger!(FakeNever, "test_never");

/// Gives a fixed answer.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FakeAnswer {
    /// The answer: `true`, `false`, or absent for "unknown".
    #[serde(default)]
    pub answer: Option<bool>,
}

impl Probe for FakeAnswer {
    async fn observe(&self, _cx: &RunContext) -> Observation {
        let answer = self.answer.map_or(Answer::Unknown, |yes| if yes { Answer::Yes } else { Answer::No });
        Observation { answer, value: serde_json::Value::Null, detail: "as told".into() }
    }
}

register_probe!(FakeAnswer, "test_answer");

/// Says whether a file exists.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FakeFileExists {
    /// The file.
    pub path: PathBuf,
    /// Says no instead of yes.
    #[serde(default)]
    pub not: bool,
}

impl Probe for FakeFileExists {
    async fn observe(&self, _cx: &RunContext) -> Observation {
        let exists = self.path.exists();
        let answer = if exists == self.not { Answer::No } else { Answer::Yes };
        Observation { answer, value: exists.into(), detail: format!("exists: {exists}") }
    }
}

register_probe!(FakeFileExists, "test_file_exists");
