//! A context on real time for the tests of this crate.

use chaos_core::{Policy, RunContext, RunScope};
use chaos_test::run_context;
use tokio_util::sync::CancellationToken;

/// A context under `policy`, with this environment and this token to cancel it.
pub(crate) fn context(policy: Policy, env: &[(&str, &str)], cancel: CancellationToken) -> RunContext {
    scope(policy, env, cancel).cx().clone()
}

/// The engine's side of the same.
pub(crate) fn scope(policy: Policy, env: &[(&str, &str)], cancel: CancellationToken) -> RunScope {
    run_context().policy(policy).env(env.iter().copied()).cancel(cancel).scope()
}

/// The default policy, an empty environment, and nobody who cancels.
pub(crate) fn plain() -> RunContext {
    run_context().build()
}
