//! The branches of a `Task` that follow from its exit code alone.

use std::time::Duration;

use chaos_core::{ParallelSuccess, StepBody, WorkflowStep};
use chaos_manifests::{ConditionalBranch, Template};

use super::{StrictError, Translation, unsupported};

/// What the exit code must be for a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Zero,
    NotZero,
}

/// Reads an expression; `None` for what is not about the exit code alone.
fn when(expression: &str) -> Option<When> {
    let bare: String = expression.chars().filter(|c| !c.is_whitespace()).collect();
    match bare.trim_start_matches('(').trim_end_matches(')') {
        "exitCode==0" | "0==exitCode" => Some(When::Zero),
        "exitCode!=0" | "0!=exitCode" => Some(When::NotZero),
        _ => None,
    }
}

impl<'a> Translation<'a> {
    /// A `Task` and what follows it on success, as a serial step: the deadline of the `Task` covers all of it, as in Chaos Mesh.
    /// What follows a failure must be what runs last anyway.
    pub(super) fn with_branches(
        &mut self,
        template: &'a Template,
        name: String,
        at: String,
        deadline: Option<Duration>,
    ) -> Result<WorkflowStep, StrictError> {
        let leaf = self.pod_task(template, &name, &at)?;
        let (around, task_at) = (self.named(&format!("{name}-and-then"))?, at.clone());
        let task = WorkflowStep { name, at: task_at, deadline: None, idempotent: false, body: StepBody::Leaf(leaf) };
        let mut next = Vec::new();
        for branch in template.conditional_branches.iter().flatten() {
            if self.runs_next(template, branch)? {
                let by = || format!("a branch of template `{}`", template.name);
                let (index, target) = self.template(&branch.target, by)?;
                next.push(self.step(index, target)?);
            }
        }
        let mut steps = vec![task];
        if next.len() > 1 {
            let name = self.named(&format!("{}-branches", template.name))?;
            let body = StepBody::Parallel { steps: next, success: ParallelSuccess::All };
            steps.push(WorkflowStep { name, at: at.clone(), deadline: None, idempotent: false, body });
        } else {
            steps.extend(next);
        }
        let body = StepBody::Serial { steps, finally: Vec::new() };
        Ok(WorkflowStep { name: around, at, deadline, idempotent: false, body })
    }

    /// Whether a branch is a step that follows a success; one that does not run here runs last.
    fn runs_next(&self, template: &Template, branch: &ConditionalBranch) -> Result<bool, StrictError> {
        let target = &branch.target;
        let is_last = self.options.finally.contains(target);
        let refused = |instead| {
            let what = format!("the branch to `{target}` on `{}`", branch.expression);
            Err(unsupported(template, what, instead))
        };
        match when(&branch.expression) {
            // It runs all the same.
            Some(_) if is_last => Ok(false),
            Some(When::Zero) => Ok(true),
            Some(When::NotZero) => refused("what follows a failure must run last: name it with `--finally`"),
            None => refused("expected `exitCode == 0` or `exitCode != 0`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exit_code_alone_is_understood() {
        let rows = [
            ("exitCode == 0", Some(When::Zero)),
            ("exitCode==0", Some(When::Zero)),
            ("(0 == exitCode)", Some(When::Zero)),
            ("exitCode != 0", Some(When::NotZero)),
            ("exitCode > 0", None),
            ("exitCode == 1", None),
            ("exitCode == 0 && stdout == 'x'", None),
            ("stdout == 'exitCode==0'", None),
            ("", None),
        ];
        for (expression, expected) in rows {
            assert_eq!(when(expression), expected, "{expression}");
        }
    }
}
