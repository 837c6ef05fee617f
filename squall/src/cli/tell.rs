//! `squall tell`: tells an event to a run that another process of this user has under way.

use chaos_runner::{ControlRequest, control};

use super::failure::Failure;
use super::settings;

/// Tells a live run that something happened, such as that the agent under test acted; a trigger `event` may wait for it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Id of the run, as it says at its start.
    #[arg(value_name = "RUN")]
    run: String,
    /// Name of the event, as `told` of the trigger has it.
    #[arg(value_name = "EVENT")]
    event: String,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let request = ControlRequest::Tell { event: args.event.clone() };
    control(&settings::located_state_dir()?, &args.run, &request).map_err(Failure::control)?;
    Ok(0)
}
