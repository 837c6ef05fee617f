//! Compiles a strict `Serial` into nested `conditionalBranches`, so that an unmodified Chaos Mesh stops at the first failure.
//!
//! A `Serial` of Chaos Mesh never asks how its children ended. A `Task`'s branches do, so each step becomes the branch
//! `exitCode == 0` of the step before it, and what is to run in any case its branch `exitCode != 0`, too:
//!
//! ```text
//! main: Serial [a, b, c, report]         main: Serial [a]
//!                                        a: Task ─ exitCode == 0 → b ─ exitCode == 0 → c ─┬ exitCode == 0 → report
//!                                                └ exitCode != 0 → report  └ != 0 → report └ exitCode != 0 → report
//! ```
//!
//! What this costs: the deadline of a `Task` covers its branches, so it becomes the sum of what follows; and a step that is
//! ended by its deadline selects no branch, so nothing follows it, what is to run in any case neither.

mod chain;
mod error;
mod names;

use std::collections::HashSet;
use std::time::Duration;

use chain::{Chain, Step};
pub use error::CompileError;
use names::Names;

use crate::deadline::deadline_text;
use crate::workflow::{ConditionalBranch, Template, WorkflowSpec};

/// What a step's branch asks when the step has passed.
const PASSED: &str = "exitCode == 0";

/// What it asks when it has failed.
const FAILED: &str = "exitCode != 0";

/// Compiles the entry of a Workflow, a `Serial`. The last of its children may be named by `finally`: they run once, at the
/// end or after the first failure. The entry keeps its name and its deadline.
///
/// # Errors
/// [`CompileError`] names the template that can't be compiled, and why.
pub fn compile(spec: &WorkflowSpec, finally: &[String]) -> Result<WorkflowSpec, CompileError> {
    let chain = Chain::of(spec, finally)?;
    let unjudged = chain.steps.iter().filter_map(|step| match step {
        Step::Unjudged(template) => Some(*template),
        Step::Task(_) => None,
    });
    let roots: Vec<&Template> = chain.finally.iter().copied().chain(unjudged).collect();
    let kept = chain.led_to_by(&roots);
    let mut compiler = Compiler { chain: &chain, names: Names::of(spec, &kept), made: Vec::new() };
    let last = compiler.finally()?;
    let first = compiler.steps(last.as_ref())?;
    let entry = Template {
        name: chain.entry.name.clone(),
        template_type: "Serial".to_owned(),
        deadline: chain.entry.deadline.clone(),
        children: Some(first.into_iter().map(|first| first.name).collect()),
        ..Template::default()
    };
    let mut templates = vec![entry];
    templates.extend(compiler.made.into_iter().rev());
    let kept: HashSet<&str> = kept.iter().map(|one| one.name.as_str()).collect();
    templates.extend(spec.templates.iter().filter(|one| kept.contains(one.name.as_str())).cloned());
    Ok(WorkflowSpec { entry: spec.entry.clone(), templates, rest: spec.rest.clone() })
}

/// What the compiled part leads to, and for how long that may take; `None` where nothing bounds it.
#[derive(Clone)]
struct Target {
    name: String,
    time: Option<Duration>,
}

struct Compiler<'c> {
    chain: &'c Chain<'c>,
    names: Names,
    made: Vec<Template>,
}

impl Compiler<'_> {
    /// What runs in any case, as one template.
    fn finally(&mut self) -> Result<Option<Target>, CompileError> {
        match &self.chain.finally[..] {
            [] => Ok(None),
            [one] => Ok(Some(Target { name: one.name.clone(), time: self.chain.time(one) })),
            several => {
                let name = self.names.fresh(&format!("{}-finally", self.chain.entry.name))?;
                let times: Option<Vec<_>> = several.iter().map(|one| self.chain.time(one)).collect();
                let children = several.iter().map(|one| one.name.clone()).collect();
                self.made.push(serial(name.clone(), children));
                Ok(Some(Target { name, time: times.map(|times| times.into_iter().sum()) }))
            }
        }
    }

    /// The steps from the last one to the first, each with what follows it.
    fn steps(&mut self, finally: Option<&Target>) -> Result<Option<Target>, CompileError> {
        let mut next = finally.cloned();
        for step in self.chain.steps.iter().rev() {
            next = Some(match step {
                Step::Task(template) => self.task(template, next.as_ref(), finally)?,
                Step::Unjudged(template) => self.unjudged(template, next)?,
            });
        }
        Ok(next)
    }

    fn task(
        &mut self,
        template: &Template,
        next: Option<&Target>,
        finally: Option<&Target>,
    ) -> Result<Target, CompileError> {
        let branch = |expression: &str, target: &Target| ConditionalBranch {
            target: target.name.clone(),
            expression: expression.to_owned(),
            ..ConditionalBranch::default()
        };
        let mut branches: Vec<ConditionalBranch> = next.map(|next| branch(PASSED, next)).into_iter().collect();
        branches.extend(finally.map(|finally| branch(FAILED, finally)));
        let own = self.chain.time(template);
        let mut after = [next, finally].into_iter().flatten().map(|target| target.time);
        // What follows is as long as the longest of it; without bound, so is the step.
        let time = after.try_fold(Duration::ZERO, |longest, time| Some(longest.max(time?)));
        let time = match (own, time) {
            (Some(own), Some(time)) => Some(together(template, own, time)?),
            (Some(_), None) => return Err(CompileError::Unbounded(template.name.clone())),
            (None, _) => None,
        };
        let name = self.names.again(&template.name)?;
        self.made.push(Template {
            name: name.clone(),
            deadline: time.map(deadline_text),
            conditional_branches: (!branches.is_empty()).then_some(branches),
            ..template.clone()
        });
        Ok(Target { name, time })
    }

    /// A step that can't fail, or whose failure ends nothing: what follows it follows in a `Serial`.
    fn unjudged(&mut self, template: &Template, next: Option<Target>) -> Result<Target, CompileError> {
        let own = self.chain.time(template);
        let Some(next) = next else { return Ok(Target { name: template.name.clone(), time: own }) };
        let name = self.names.fresh(&format!("{}-then", template.name))?;
        self.made.push(serial(name.clone(), vec![template.name.clone(), next.name]));
        let time = own.zip(next.time).map(|(own, after)| together(template, own, after));
        Ok(Target { name, time: time.transpose()? })
    }
}

/// One time after the other, as long as Go can write it.
fn together(template: &Template, own: Duration, after: Duration) -> Result<Duration, CompileError> {
    let sum = own.checked_add(after).filter(|sum| i64::try_from(sum.as_nanos()).is_ok());
    sum.ok_or_else(|| CompileError::TooLong(template.name.clone()))
}

fn serial(name: String, children: Vec<String>) -> Template {
    Template { name, template_type: "Serial".to_owned(), children: Some(children), ..Template::default() }
}

#[cfg(test)]
mod tests;
