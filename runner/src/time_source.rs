//! Where a run's time comes from.

use std::fmt;
use std::sync::Arc;

use chaos_core::{Clock, RealClock};
use tokio::runtime::Runtime;

/// Makes the runtime of a run.
type MakeRuntime = Arc<dyn Fn() -> std::io::Result<Runtime> + Send + Sync>;
/// Makes the clock of a run, inside its runtime.
type MakeClock = Arc<dyn Fn() -> Arc<dyn Clock> + Send + Sync>;

/// Where a run's time comes from: its runtime and its clock, made on the engine's own thread.
#[derive(Clone)]
pub struct TimeSource {
    pub(crate) runtime: MakeRuntime,
    pub(crate) clock: MakeClock,
    /// Whether it is the machine's own time; a control socket makes no sense under any other.
    pub(crate) real: bool,
}

impl TimeSource {
    /// Time of a runtime and a clock of the caller's, as a test under virtual time makes them.
    pub fn new(
        runtime: impl Fn() -> std::io::Result<Runtime> + Send + Sync + 'static,
        clock: impl Fn() -> Arc<dyn Clock> + Send + Sync + 'static,
    ) -> Self {
        Self { runtime: Arc::new(runtime), clock: Arc::new(clock), real: false }
    }
}

impl Default for TimeSource {
    fn default() -> Self {
        // Two workers, so that a plug-in that blocks one cannot keep a stop condition from being asked.
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(2).thread_name("squall-engine").enable_all().build()
        };
        Self { real: true, ..Self::new(runtime, || Arc::new(RealClock::new())) }
    }
}

impl fmt::Debug for TimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TimeSource")
    }
}
