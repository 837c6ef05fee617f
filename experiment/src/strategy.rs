//! The strategies: each a fixed procedure, deterministic for a seed and for what the target answers.

mod capacity;
mod compare;
mod context;
mod point;
mod points;
mod ramp;
mod repeat;
mod request;
mod rest;

use chaos_schema::StrategyName;

use self::context::StrategyContext;
use crate::finding::Finding;
use crate::step_runner::StepRunner;
use crate::stop::Stop;

pub(crate) use self::request::StrategyRequest;

/// Runs a strategy to its end and writes down what it found. A budget that is too small for the next step ends the
/// experiment; what was found by then is written down all the same.
pub(crate) async fn run(runner: &StepRunner, name: StrategyName, request: StrategyRequest) -> Result<Finding, Stop> {
    let context = StrategyContext::new(runner, request);
    let (finding, stop) = match name {
        StrategyName::Capacity => capacity::run(&context).await,
        StrategyName::Ramp => ramp::run(&context).await,
        StrategyName::Compare => compare::run(&context).await,
        StrategyName::Repeat => repeat::run(&context).await,
    };
    let stop = stop.map(|stop| match stop {
        // A strategy asks for what it needs, so a step that does not fit means that the budget is used up.
        Stop::Budget(_) => runner.stop(stop),
        other => other,
    });
    let found = finding.map(|finding| runner.found(finding)).transpose()?;
    match (stop, found) {
        (Some(stop), _) => Err(stop),
        (None, Some(found)) => Ok(found),
        (None, None) => Err(Stop::Refused("nothing was measured".to_owned())),
    }
}
