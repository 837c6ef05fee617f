//! The nodes whose word does not count while a fault acts on them: that a fault was noticed must come from others.

use chaos_core::RunContext;
use chaos_evidence::Since;

/// Those nodes, for a probe of this entry that asks for what came since its fault came into force; none for any other, or where
/// the author wants to hear them.
pub(crate) fn left_out(since: Option<Since>, from_injected: bool, cx: &RunContext) -> Vec<String> {
    let since_fault = match since {
        Some(Since::Fault) => true,
        None => Since::moment(Some(Since::Fault), cx).is_ok(),
        Some(Since::Run | Since::Undo) => false,
    };
    if since_fault && !from_injected { cx.injected_nodes() } else { Vec::new() }
}
