//! Wrappers that run another fault's `inject` to its end and panic then.

use chaos_core::{
    Fault, FaultNode, InjectContext, Injection, Plan, PluginError, RunContext, Sighting, Span, Undo, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! panics_after {
    ($type:ident, $name:literal, $span:expr, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $type {
            /// The fault that is injected first.
            pub fault: FaultNode,
        }

        impl Fault for $type {
            const SPAN: Span = $span;

            async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
                self.fault.plan(cx).await
            }

            async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
                let _injected = self.fault.inject(cx, undo).await?;
                std::panic::panic_any("a panic after the effect")
            }

            async fn witness(&self, cx: &RunContext) -> Sighting {
                self.fault.witness(cx).await
            }
        }

        register_fault!($type, $name);
    };
}

panics_after!(PanicsAfterSustained, "test_panics_after_sustained", Span::Sustained, "Panics in a sustained fault.");
panics_after!(PanicsAfterFinite, "test_panics_after_finite", Span::Finite, "Panics in a finite fault.");
