//! A Workflow of Chaos Mesh as a workflow of our own engine, which starts nothing after a failure.

use std::collections::HashMap;
use std::time::Duration;

use chaos_core::{Late, ParallelSuccess, Seconds, StepBody, StepNode, WorkflowStep};
use chaos_kube::{ClusterAccess, PodShape, PodTask};
use chaos_manifests::{DeadlineError, Template, WORKFLOW_LABEL, WorkflowSpec, deadline};
use chaos_steps::WaitStep;
use serde_json::Value;

mod branches;
mod status_check;
#[cfg(test)]
mod tests;

/// The most steps of a workflow: templates that are used again and again could make any number of them.
const MOST_STEPS: usize = 20_000;
/// The one key of a `task` that Chaos Mesh does not have.
const SERVICE_ACCOUNT: &str = "serviceAccountName";

/// How a Workflow becomes one of ours.
#[derive(Debug, Clone, Default)]
pub struct StrictOptions {
    /// Where its pods run.
    pub namespace: String,
    /// The run that they belong to, a label's value.
    pub run_id: String,
    /// The name of the Workflow, which its pods carry as a label, as Chaos Mesh has it.
    pub workflow: String,
    /// The templates that run last, whatever happened: the last children of the entry, in their order.
    pub finally: Vec<String>,
    /// The cluster, by reference.
    pub access: ClusterAccess,
}

/// Why it can't.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StrictError {
    /// A name of a template that is not there.
    #[error("no template `{name}`, which {by} names")]
    NoTemplate {
        /// The name.
        name: String,
        /// What names it.
        by: String,
    },
    /// A template that holds itself.
    #[error("template `{0}` holds itself")]
    Cycle(String),
    /// Templates that become too many steps.
    #[error("more than {MOST_STEPS} steps")]
    TooMany,
    /// A template that our engine has nothing for.
    #[error("template `{template}` is of type `{kind}`, which needs Chaos Mesh; run it with `--mode compatible`")]
    Kind {
        /// The template.
        template: String,
        /// Its type.
        kind: String,
    },
    /// A part of a template that our engine can't do.
    #[error("template `{template}`: {what} can't be run in strict mode; {instead}")]
    Unsupported {
        /// The template.
        template: String,
        /// The part.
        what: String,
        /// What would be right.
        instead: &'static str,
    },
    /// A part that is missing, or not what it should be.
    #[error("template `{template}`: {why}")]
    Invalid {
        /// The template.
        template: String,
        /// What is wrong.
        why: String,
    },
    /// A deadline that can't be read.
    #[error("template `{template}`: invalid deadline `{text}`: {why}")]
    Deadline {
        /// The template.
        template: String,
        /// The deadline.
        text: String,
        /// What is wrong.
        #[source]
        why: DeadlineError,
    },
    /// What is to run last does not stand last.
    #[error("`{name}` can't run last: {why}")]
    Finally {
        /// The template.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
}

/// Translates a Workflow: `Serial`, `Parallel`, `Task`, `Suspend`, `StatusCheck`, and the branches of a `Task` that follow from
/// its exit code alone.
///
/// # Errors
/// See [`StrictError`]: what our engine can't do is refused, and never left out.
pub fn workflow(spec: &WorkflowSpec, options: &StrictOptions) -> Result<WorkflowStep, StrictError> {
    let mut translation = Translation { spec, options, names: HashMap::new(), open: Vec::new(), steps: 0 };
    translation.check_finally()?;
    let (index, entry) = translation.template(&spec.entry, || "`entry`".to_owned())?;
    let mut step = translation.step(index, entry)?;
    if !options.finally.is_empty() {
        let last = options.finally.len();
        step.body = match step.body {
            StepBody::Serial { mut steps, .. } => {
                let finally = steps.split_off(steps.len().saturating_sub(last));
                StepBody::Serial { steps, finally }
            }
            body => body,
        };
    }
    Ok(step)
}

/// A translation under way.
struct Translation<'a> {
    spec: &'a WorkflowSpec,
    options: &'a StrictOptions,
    /// How often a name was used: a template may stand in several places.
    names: HashMap<String, usize>,
    /// The templates around the one that is being translated.
    open: Vec<&'a str>,
    steps: usize,
}

impl<'a> Translation<'a> {
    fn template(&self, name: &str, by: impl FnOnce() -> String) -> Result<(usize, &'a Template), StrictError> {
        let found = self.spec.templates.iter().enumerate().find(|(_, template)| template.name == name);
        found.ok_or_else(|| StrictError::NoTemplate { name: name.to_owned(), by: by() })
    }

    /// What runs last must be the last children of a serial entry.
    fn check_finally(&self) -> Result<(), StrictError> {
        let Some(first) = self.options.finally.first() else { return Ok(()) };
        let (_, entry) = self.template(&self.spec.entry, || "`entry`".to_owned())?;
        let refused = |why| Err(StrictError::Finally { name: first.clone(), why });
        if entry.template_type != "Serial" {
            return refused("the entry is not a `Serial`");
        }
        let children = entry.children.as_deref().unwrap_or_default();
        if !children.ends_with(&self.options.finally) {
            return refused("expected the last children of the entry, in their order");
        }
        Ok(())
    }

    /// One more step of that name, with a name that no other one has.
    fn named(&mut self, name: &str) -> Result<String, StrictError> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(StrictError::TooMany);
        }
        let mut unique = name.to_owned();
        let mut times = self.names.get(name).copied().unwrap_or(1);
        // Another template may be called so, too.
        while self.names.contains_key(&unique) || (times > 1 && self.is_template(&unique)) {
            times += 1;
            unique = format!("{name}-{times}");
        }
        self.names.insert(name.to_owned(), times);
        self.names.entry(unique.clone()).or_insert(1);
        Ok(unique)
    }

    fn is_template(&self, name: &str) -> bool {
        self.spec.templates.iter().any(|template| template.name == name)
    }

    fn step(&mut self, index: usize, template: &'a Template) -> Result<WorkflowStep, StrictError> {
        if self.open.contains(&template.name.as_str()) {
            return Err(StrictError::Cycle(template.name.clone()));
        }
        self.open.push(&template.name);
        let step = self.translated(index, template);
        self.open.pop();
        step
    }

    fn translated(&mut self, index: usize, template: &'a Template) -> Result<WorkflowStep, StrictError> {
        let deadline = limit(template)?;
        let at = format!("/spec/templates/{index}");
        let kind = template.template_type.as_str();
        let has_branches = template.conditional_branches.as_ref().is_some_and(|branches| !branches.is_empty());
        if kind != "Task" && has_branches {
            return Err(invalid(template, "only a `Task` has `conditionalBranches`"));
        }
        let name = self.named(&template.name)?;
        let body = match kind {
            "Serial" => StepBody::Serial { steps: self.children(template)?, finally: Vec::new() },
            "Parallel" => StepBody::Parallel { steps: self.children(template)?, success: ParallelSuccess::All },
            "Task" if has_branches => return self.with_branches(template, name, at, deadline),
            "Task" => StepBody::Leaf(self.pod_task(template, &name, &at)?),
            "Suspend" => {
                let time = deadline.ok_or_else(|| invalid(template, "a `Suspend` needs a `deadline`"))?;
                let seconds =
                    Seconds::try_from(time.as_secs_f64()).map_err(|error| invalid(template, &error.to_string()))?;
                let body = StepBody::Leaf(late(StepNode::from(WaitStep { seconds }), &name, &at, template)?);
                // It ends at its deadline, and has passed then.
                return Ok(WorkflowStep { name, at, deadline: None, idempotent: false, body });
            }
            "StatusCheck" => self.status_check(template, &name, &at)?,
            kind => return Err(StrictError::Kind { template: template.name.clone(), kind: kind.to_owned() }),
        };
        Ok(WorkflowStep { name, at, deadline, idempotent: false, body })
    }

    fn children(&mut self, template: &'a Template) -> Result<Vec<WorkflowStep>, StrictError> {
        let by = || format!("template `{}`", template.name);
        let children = template.children.iter().flatten();
        children
            .map(|child| {
                let (index, child) = self.template(child, by)?;
                self.step(index, child)
            })
            .collect()
    }

    /// The pod of a `Task`.
    fn pod_task(&self, template: &Template, name: &str, at: &str) -> Result<Late<StepNode>, StrictError> {
        let task = template.task.as_ref().ok_or_else(|| invalid(template, "a `Task` needs a `task`"))?;
        let container = task.container.clone().ok_or_else(|| invalid(template, "a `Task` needs a `task.container`"))?;
        let mut rest = task.rest.clone();
        let account = match rest.remove(SERVICE_ACCOUNT) {
            None | Some(Value::Null) => None,
            Some(Value::String(account)) => Some(account),
            Some(_) => return Err(invalid(template, "`task.serviceAccountName` must be a text")),
        };
        if let Some(key) = rest.keys().next() {
            let what = format!("the key `{key}` of its `task`");
            return Err(unsupported(template, what, "expected `container`, `volumes`, `labels`, `serviceAccountName`"));
        }
        let mut labels = task.labels.clone().unwrap_or_default();
        labels.insert(WORKFLOW_LABEL.to_owned(), self.options.workflow.clone());
        let volumes = task.volumes.clone().unwrap_or_default();
        let pod = PodShape { container, volumes, labels, service_account_name: account };
        let pod_task = PodTask {
            namespace: self.options.namespace.clone(),
            pod,
            kubeconfig: self.options.access.kubeconfig.clone(),
            context: self.options.access.context.clone(),
            run: Some(self.options.run_id.clone()),
            waiting_seconds: None,
            grace_seconds: None,
        };
        late(StepNode::from(pod_task), name, at, template)
    }
}

/// A leaf as the engine reads it.
fn late(node: StepNode, name: &str, at: &str, template: &Template) -> Result<Late<StepNode>, StrictError> {
    let value = serde_json::to_value(node.named(name)).map_err(|error| invalid(template, &error.to_string()))?;
    plain(value, at, template)
}

/// The same of a value. What looks like an output of another step would not be what the Workflow says.
fn plain(value: Value, at: &str, template: &Template) -> Result<Late<StepNode>, StrictError> {
    let late = Late::new(value, at);
    match late.needs().first() {
        None => Ok(late),
        Some((step, key)) => {
            let what = format!("the text `{{{{steps.{step}.output.{key}}}}}`");
            Err(unsupported(template, what, "it would be read as an output of a step"))
        }
    }
}

fn limit(template: &Template) -> Result<Option<Duration>, StrictError> {
    let Some(text) = &template.deadline else { return Ok(None) };
    let read = deadline(text);
    read.map(Some).map_err(|why| StrictError::Deadline { template: template.name.clone(), text: text.clone(), why })
}

fn invalid(template: &Template, why: &str) -> StrictError {
    StrictError::Invalid { template: template.name.clone(), why: why.to_owned() }
}

fn unsupported(template: &Template, what: String, instead: &'static str) -> StrictError {
    StrictError::Unsupported { template: template.name.clone(), what, instead }
}
