//! What makes a load: the engine in this program, or a real fortio where it is wanted, installed and allowed.

use std::path::PathBuf;

use chaos_core::{LoadGenerator, LoadRequest, PluginError, Reach, RunContext, Undo};
use chaos_fortio::{Fortio, find};
use chaos_load::{LoadError, LoadPlan, Running, start};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::JoinError;

use super::stop_fortio::StopFortio;

/// The program, as the policy names it.
const PROGRAM: &str = "fortio";

/// What makes the load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum LoadEngine {
    /// A real fortio where one is on `PATH` and the policy allows its command, else the embedded one.
    #[default]
    Auto,
    /// The one in this program.
    Embedded,
    /// A real fortio; refused where none is on `PATH` or the policy does not allow its command.
    Fortio,
}

/// What makes the load, now that the run's environment and policy were asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Engine {
    Embedded,
    Fortio(PathBuf),
}

impl LoadEngine {
    /// Looks at `PATH`, the policy, and what a real fortio can't send.
    pub(super) fn chosen(self, request: &LoadRequest, cx: &RunContext) -> Result<Engine, PluginError> {
        let found = || cx.env("PATH").and_then(|places| find(places.as_ref()));
        match self {
            Self::Embedded => Ok(Engine::Embedded),
            Self::Auto if request.trace_context => Ok(Engine::Embedded),
            Self::Fortio if request.trace_context => Err(PluginError::refused(
                "the engine `fortio` sends no `trace_context`; use the engine `embedded`, or leave it out",
            )),
            Self::Fortio => found().map(Engine::Fortio).ok_or_else(|| {
                PluginError::refused("no `fortio` is in a folder of `PATH`; install one, or use the engine `embedded`")
            }),
            Self::Auto => {
                let allowed = cx.policy().check_command(PROGRAM).is_ok();
                Ok(found().filter(|_| allowed).map_or(Engine::Embedded, Engine::Fortio))
            }
        }
    }
}

impl Engine {
    /// Its name in reports.
    pub(super) fn generator(&self) -> LoadGenerator {
        match self {
            Self::Embedded => LoadGenerator::Embedded,
            Self::Fortio(_) => LoadGenerator::Fortio,
        }
    }

    /// What it starts, for the policy.
    pub(super) fn reach(&self) -> Reach {
        match self {
            Self::Embedded => Reach::default(),
            Self::Fortio(_) => Reach::command(PROGRAM),
        }
    }
}

/// Why a load was not started.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    /// The load engine refused the plan, or the system refused the engine.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its undo step could not be made or written.
    #[error(transparent)]
    Undo(#[from] PluginError),
    /// The thread that starts it is gone.
    #[error("the load engine did not start")]
    Lost(#[from] JoinError),
}

/// An engine, with the log in which its process is journalled.
pub(super) struct LoadStarter<'a> {
    pub(super) engine: Engine,
    pub(super) undo: &'a Undo,
}

impl LoadStarter<'_> {
    /// Starts a load, off the async threads: the start waits until the load's own threads are up.
    pub(super) async fn start(&self, load: LoadPlan, cx: &RunContext) -> Result<Running, StartError> {
        let started = match &self.engine {
            Engine::Embedded => tokio::task::spawn_blocking(move || start(load)).await,
            Engine::Fortio(binary) => {
                let fortio = Fortio::new(binary, load)?.with_environment(cx.environment());
                let step = StopFortio::of(&fortio.mark())?;
                let effect = self.undo.arm(step).await.map_err(PluginError::from)?;
                let start = move || {
                    // The permit goes with the effect, wherever the run goes meanwhile.
                    let _effect = effect;
                    fortio.start()
                };
                tokio::task::spawn_blocking(start).await
            }
        };
        Ok(started??)
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::Policy;

    use super::super::test_context::{TestContext, target};
    use super::*;

    #[test]
    fn a_fortio_is_taken_where_it_is_wanted_there_and_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("fortio");
        std::fs::write(&binary, "").unwrap();
        let path = folder.path().display().to_string();
        let allowed = Policy { allow_commands: vec!["fortio".into()], ..Policy::default() };
        let (there, absent) = ([("PATH", path.as_str())], [("PATH", "/nonexistent:relative")]);
        let real = Ok(Engine::Fortio(binary));
        let none = "no `fortio` is in a folder of `PATH`; install one, or use the engine `embedded`";
        let rows = [
            (LoadEngine::Auto, &there, allowed.clone(), real.clone()),
            (LoadEngine::Auto, &there, Policy::default(), Ok(Engine::Embedded)),
            (LoadEngine::Auto, &absent, allowed.clone(), Ok(Engine::Embedded)),
            (LoadEngine::Embedded, &there, allowed.clone(), Ok(Engine::Embedded)),
            // The engine refuses its plan, since that names the command.
            (LoadEngine::Fortio, &there, Policy::default(), real.clone()),
            (LoadEngine::Fortio, &there, allowed.clone(), real),
            (LoadEngine::Fortio, &absent, allowed.clone(), Err(none.to_owned())),
        ];
        for (engine, env, policy, want) in rows {
            let place = TestContext::new(env);
            let chosen = engine
                .chosen(&target("http://h/", 1, "", 0), &place.cx_under(policy))
                .map_err(|error| error.to_string());
            assert_eq!(chosen, want, "{engine:?}");
        }
        let traced = LoadRequest { trace_context: true, ..target("http://h/", 1, "", 0) };
        let place = TestContext::new(&there);
        assert_eq!(LoadEngine::Auto.chosen(&traced, &place.cx_under(allowed.clone())).ok(), Some(Engine::Embedded));
        let refused = LoadEngine::Fortio.chosen(&traced, &place.cx_under(allowed)).unwrap_err().to_string();
        assert!(refused.contains("sends no `trace_context`"), "{refused}");
        assert_eq!(Engine::Fortio(PathBuf::new()).reach().commands, ["fortio"]);
    }
}
