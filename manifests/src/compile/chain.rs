//! The steps of a strict `Serial`, one after the other.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::error::CompileError;
use crate::deadline::deadline;
use crate::workflow::{Template, WorkflowSpec};

/// Steps of one chain; a Workflow is one object of at most 1.5 MB.
const MAX_STEPS: usize = 10_000;

/// Templates in each other that are looked into.
const MAX_LEVELS: usize = 64;

/// One step of the chain.
pub(super) enum Step<'w> {
    /// A `Task` without branches of its own: its exit code decides.
    Task(&'w Template),
    /// What can't fail, or is the last step.
    Unjudged(&'w Template),
}

/// The steps of an entry, and what runs after them in any case.
pub(super) struct Chain<'w> {
    pub(super) entry: &'w Template,
    pub(super) steps: Vec<Step<'w>>,
    pub(super) finally: Vec<&'w Template>,
    all: HashMap<&'w str, &'w Template>,
    /// For how long each template may run, branches and children included.
    times: HashMap<&'w str, Option<Duration>>,
    looked_at: usize,
}

impl<'w> Chain<'w> {
    /// Takes an entry apart.
    pub(super) fn of(spec: &'w WorkflowSpec, finally: &[String]) -> Result<Self, CompileError> {
        let mut all = HashMap::new();
        for template in &spec.templates {
            own_time(template)?;
            if all.insert(template.name.as_str(), template).is_some() {
                return Err(CompileError::Duplicate(template.name.clone()));
            }
        }
        let entry = *all.get(spec.entry.as_str()).ok_or_else(|| CompileError::Unknown(spec.entry.clone()))?;
        if entry.template_type != "Serial" {
            return Err(CompileError::Entry(entry.name.clone(), entry.template_type.clone()));
        }
        let mut chain =
            Self { entry, steps: Vec::new(), finally: Vec::new(), all, times: HashMap::new(), looked_at: 0 };
        chain.times(spec)?;
        let children = entry.children.as_deref().unwrap_or_default();
        let last = children.iter().rev().take_while(|name| finally.contains(name)).count();
        let (steps, last) = children.split_at(children.len() - last);
        if let Some(name) = finally.iter().find(|name| !last.contains(name) || steps.contains(name)) {
            return Err(CompileError::Finally(name.clone()));
        }
        chain.finally = last.iter().map(|name| chain.named(name)).collect::<Result<_, _>>()?;
        chain.flatten(steps, 0)?;
        chain.check()?;
        Ok(chain)
    }

    fn named(&self, name: &str) -> Result<&'w Template, CompileError> {
        self.all.get(name).copied().ok_or_else(|| CompileError::Unknown(name.to_owned()))
    }

    /// For how long a template may run; `None` where nothing bounds it.
    pub(super) fn time(&self, template: &Template) -> Option<Duration> {
        self.times.get(template.name.as_str()).copied().flatten()
    }

    /// Adds children; those of a `Serial` among them in its place.
    fn flatten(&mut self, children: &'w [String], level: usize) -> Result<(), CompileError> {
        for name in children {
            let template = self.named(name)?;
            self.looked_at += 1;
            if self.looked_at > MAX_STEPS {
                return Err(CompileError::TooMany(MAX_STEPS));
            }
            match template.template_type.as_str() {
                "Serial" => {
                    if level >= MAX_LEVELS {
                        return Err(CompileError::Cycle(name.clone()));
                    }
                    let inner = template.children.as_deref().unwrap_or_default();
                    let together = self.sum(inner);
                    let own = own_time(template)?;
                    if own.is_some_and(|own| together.is_none_or(|together| together > own)) {
                        return Err(CompileError::Nested(name.clone()));
                    }
                    self.flatten(inner, level + 1)?;
                }
                "Task" if template.conditional_branches.as_ref().is_none_or(Vec::is_empty) => {
                    self.steps.push(Step::Task(template));
                }
                _ => self.steps.push(Step::Unjudged(template)),
            }
        }
        Ok(())
    }

    /// What Chaos Mesh can't branch on may stand at the end only.
    fn check(&self) -> Result<(), CompileError> {
        let Some((last, before)) = self.steps.split_last() else {
            return Err(CompileError::Empty(self.entry.name.clone()));
        };
        for step in before {
            match step {
                Step::Task(_) => {}
                Step::Unjudged(template) => match template.template_type.as_str() {
                    "Suspend" => {}
                    "Task" => return Err(CompileError::Branches(template.name.clone())),
                    kind => {
                        let (name, kind) = (template.name.clone(), kind.to_owned());
                        return Err(CompileError::NotJudged { name, kind });
                    }
                },
            }
        }
        let Step::Unjudged(last) = last else { return Ok(()) };
        let aborts = |template: &&&Template| template.abort_with_status_check == Some(true);
        match self.led_to_by(&[*last]).iter().find(aborts) {
            Some(template) if !self.finally.is_empty() => Err(CompileError::Aborts(template.name.clone())),
            _ => Ok(()),
        }
    }

    /// These templates and all that they lead to.
    pub(super) fn led_to_by(&self, roots: &[&'w Template]) -> Vec<&'w Template> {
        let mut known: HashSet<&str> = HashSet::new();
        let (mut next, mut all) = (roots.to_vec(), Vec::new());
        while let Some(template) = next.pop() {
            if known.insert(&template.name) {
                next.extend(names(template).filter_map(|name| self.all.get(name).copied()));
                all.push(template);
            }
        }
        all
    }

    /// The times of all templates, from those that lead to nothing upwards.
    fn times(&mut self, spec: &'w WorkflowSpec) -> Result<(), CompileError> {
        let mut open: HashSet<&str> = HashSet::new();
        for template in &spec.templates {
            // A stack of its own: a chain of templates can be as long as a text.
            let mut path = vec![(template, self.below(template)?)];
            open.insert(&template.name);
            while let Some((top, mut below)) = path.pop() {
                let Some(next) = below.pop().filter(|_| !self.times.contains_key(top.name.as_str())) else {
                    let time = self.known(top)?;
                    self.times.insert(&top.name, time);
                    open.remove(top.name.as_str());
                    continue;
                };
                path.push((top, below));
                if self.times.contains_key(next.name.as_str()) {
                    continue;
                }
                if !open.insert(&next.name) {
                    return Err(CompileError::Cycle(next.name.clone()));
                }
                path.push((next, self.below(next)?));
            }
        }
        Ok(())
    }

    fn below(&self, template: &'w Template) -> Result<Vec<&'w Template>, CompileError> {
        names(template).map(|name| self.named(name)).collect()
    }

    fn known(&self, template: &Template) -> Result<Option<Duration>, CompileError> {
        if let Some(own) = own_time(template)? {
            return Ok(Some(own));
        }
        let children = template.children.as_deref().unwrap_or_default();
        Ok(match template.template_type.as_str() {
            "Serial" => self.sum(children),
            "Parallel" => {
                let times: Option<Vec<_>> =
                    children.iter().map(|name| self.times.get(name.as_str()).copied()?).collect();
                times.map(|times| times.into_iter().max().unwrap_or_default())
            }
            _ => None,
        })
    }

    fn sum(&self, children: &[String]) -> Option<Duration> {
        let mut times = children.iter().map(|name| self.times.get(name.as_str()).copied().flatten());
        times.try_fold(Duration::ZERO, |sum, time| sum.checked_add(time?))
    }
}

fn names(template: &Template) -> impl Iterator<Item = &str> {
    let children = template.children.iter().flatten().map(String::as_str);
    children.chain(template.conditional_branches.iter().flatten().map(|branch| branch.target.as_str()))
}

/// The deadline of a template, where it has one that can be read.
fn own_time(template: &Template) -> Result<Option<Duration>, CompileError> {
    let Some(text) = template.deadline.as_deref() else { return Ok(None) };
    deadline(text).map(Some).map_err(|source| CompileError::Deadline { template: template.name.clone(), source })
}
