//! The own file systems of nodes: one fill on every member of a target.

use chaos_core::{Evidence, FaultTarget, FilesSpace, Fill, Plan, PluginError, RunContext, Sighting, Undo};
use serde_json::{Value, json};

/// The share of a file system by which free space may move away from `leave_bytes`, as a divisor: the node may delete what
/// it wrote, and full is still full.
const SLACK_SHARE: u64 = 64;

/// What filling them would touch, of all members together.
pub(super) async fn plan(target: &FaultTarget, fill: Fill, cx: &RunContext) -> Result<Plan, PluginError> {
    let (mut all, mut labels) = (Plan::default(), Vec::new());
    for member in target.resolve(cx)? {
        let plan = member.files_facet()?.plan(fill).await?;
        labels.push(plan.summary);
        all.touches.extend(plan.touches);
        all.permissions.extend(plan.permissions);
        for ceiling in plan.ceilings {
            let before = all.ceiling(ceiling.kind).unwrap_or_default();
            all = all.at_most(ceiling.kind, before + ceiling.value);
        }
    }
    all.summary = format!("fill {}", labels.join("; "));
    Ok(all)
}

/// Fills all of them at the same time.
pub(super) async fn perform(target: &FaultTarget, fill: Fill, undo: &Undo, cx: &RunContext) -> Result<(), PluginError> {
    let mut effects = Vec::new();
    for member in target.resolve(cx)? {
        effects.push(member.files_facet()?.effect(fill).await?);
    }
    undo.perform_all(effects).await.map(drop)
}

/// What the file systems say: present where each is filled, absent where none holds a file of ours.
pub(super) async fn seen(target: &FaultTarget, fill: Fill, cx: &RunContext) -> Result<Sighting, PluginError> {
    let mut spaces = Vec::new();
    for member in target.resolve(cx)? {
        spaces.push(member.files_facet()?.space().await?);
    }
    let texts: Vec<String> = spaces.iter().map(words).collect();
    let data = spaces.iter().map(|space| json!({ "free_bytes": space.free_bytes, "total_bytes": space.total_bytes }));
    let evidence = Evidence::new(texts.join("; ")).with_data(Value::Array(data.collect()));
    Ok(if spaces.iter().all(|space| is_filled(space, fill)) {
        Sighting::present(evidence)
    } else if spaces.iter().any(|space| space.filled_bytes > 0) && spaces.len() > 1 {
        Sighting::unknown(evidence.summary)
    } else {
        Sighting::absent(evidence)
    })
}

fn words(space: &FilesSpace) -> String {
    let FilesSpace { label, path, total_bytes, free_bytes, filled_bytes } = space;
    let path = path.display();
    format!(
        "{free_bytes} of {total_bytes} bytes are free on `{path}` of {label}, {filled_bytes} hold nothing but a fault"
    )
}

fn is_filled(space: &FilesSpace, fill: Fill) -> bool {
    let enough = match fill {
        Fill::Bytes(bytes) => space.filled_bytes >= bytes,
        Fill::LeaveBytes(leave) => space.free_bytes <= leave.saturating_add(space.total_bytes / SLACK_SHARE),
    };
    enough && space.filled_bytes > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_is_a_file_of_ours_and_no_space() {
        let space = |free_bytes, filled_bytes| FilesSpace {
            label: "node `n1`".into(),
            path: "/n1".into(),
            total_bytes: 6400,
            free_bytes,
            filled_bytes,
        };
        for (free, filled, fill, full) in [
            (0, 6000, Fill::LeaveBytes(0), true),
            (100, 6000, Fill::LeaveBytes(0), true),
            (101, 6000, Fill::LeaveBytes(0), false),
            // The node has filled it itself.
            (0, 0, Fill::LeaveBytes(0), false),
            (4400, 2000, Fill::Bytes(2000), true),
            (4400, 1999, Fill::Bytes(2000), false),
        ] {
            assert_eq!(is_filled(&space(free, filled), fill), full, "{free} {filled} {fill:?}");
        }
    }
}
