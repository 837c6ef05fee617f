//! A context on real time for the tests of this crate.

use std::collections::HashMap;
use std::sync::Arc;

use chaos_core::{Clock, ContextParts, Events, Hosts, Policy, RealClock, RunContext, RunScope, SystemResolver};
use tokio_util::sync::CancellationToken;

/// A context under `policy`, with this environment and this brake.
pub(crate) fn context(policy: Policy, env: &[(&str, &str)], cancel: CancellationToken) -> RunContext {
    scope(policy, env, cancel).cx().clone()
}

/// The engine's side of the same.
pub(crate) fn scope(policy: Policy, env: &[(&str, &str)], cancel: CancellationToken) -> RunScope {
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let env: HashMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let parts = ContextParts {
        run_id: "test".into(),
        seed: 1,
        events: Events::new(Arc::clone(&clock)),
        clock,
        policy: Arc::new(policy),
        hosts: Hosts::new(Arc::new(SystemResolver)),
        env: Arc::new(env),
        workspace: std::env::temp_dir(),
    };
    RunScope::new(parts, cancel)
}

/// The default policy, an empty environment, and nobody who cancels.
pub(crate) fn plain() -> RunContext {
    context(Policy::default(), &[], CancellationToken::new())
}
