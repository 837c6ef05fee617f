//! One load, from its start to its report.

use std::net::SocketAddr;

use chaos_core::{InjectContext, LoadReport};

use super::engine::{LoadStarter, StartError};
use super::follow::follow;
use super::planned::PlannedLoad;
use super::report::report;

/// A load that was made.
#[derive(Debug)]
pub(super) struct MadeLoad {
    pub(super) report: LoadReport,
    /// The same in a few lines, for people and models.
    pub(super) text: String,
}

/// Makes a load on addresses that the policy has allowed.
pub(super) async fn make(
    planned: &PlannedLoad,
    addresses: &[SocketAddr],
    starter: &LoadStarter<'_>,
    cx: &InjectContext,
) -> Result<MadeLoad, StartError> {
    let _real = cx.clock().external();
    let running = starter.start(planned.to_engine(addresses, cx)?, cx).await?;
    let followed = follow(running, cx).await;
    let report = report(&planned.request(), starter.engine.generator(), &followed);
    Ok(MadeLoad { report, text: followed.result.to_string() })
}
