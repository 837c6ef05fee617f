//! Which template leads to which.

use std::collections::HashMap;

use chaos_core::suggestion;
use chaos_schema::Code;

use super::found::{Found, is_open};
use crate::workflow::{Template, WorkflowSpec};

/// Templates that an unknown name is compared with.
const COMPARED: usize = 200;

/// A template that another one names.
pub(super) struct Edge {
    /// Where the name stands.
    pub(super) at: String,
    /// The template; `None` where there is none of that name.
    pub(super) to: Option<usize>,
}

/// The templates of a Workflow and what they name.
pub(super) struct Graph<'w> {
    spec: &'w WorkflowSpec,
    entry: Option<usize>,
    children: Vec<Vec<Edge>>,
    branches: Vec<Vec<Edge>>,
}

impl<'w> Graph<'w> {
    /// The graph, with the index of the first template of each name.
    pub(super) fn of(spec: &'w WorkflowSpec, index: &HashMap<&str, usize>) -> Self {
        let to = |name: &str| index.get(name).copied();
        let children = |(of, template): (usize, &Template)| {
            let children = template.children.iter().flatten().enumerate();
            let at = |n| format!("/spec/templates/{of}/children/{n}");
            children.map(|(n, name)| Edge { at: at(n), to: to(name) }).collect()
        };
        let branches = |(of, template): (usize, &Template)| {
            let branches = template.conditional_branches.iter().flatten().enumerate();
            let at = |n| format!("/spec/templates/{of}/conditionalBranches/{n}/target");
            branches.map(|(n, branch)| Edge { at: at(n), to: to(&branch.target) }).collect()
        };
        let all = || spec.templates.iter().enumerate();
        Self {
            spec,
            entry: to(&spec.entry),
            children: all().map(children).collect(),
            branches: all().map(branches).collect(),
        }
    }

    pub(super) fn templates(&self) -> &'w [Template] {
        &self.spec.templates
    }

    pub(super) fn children(&self, of: usize) -> &[Edge] {
        self.children.get(of).map_or(&[], Vec::as_slice)
    }

    pub(super) fn branches(&self, of: usize) -> &[Edge] {
        self.branches.get(of).map_or(&[], Vec::as_slice)
    }

    fn edges(&self, of: usize) -> impl Iterator<Item = &Edge> {
        self.children(of).iter().chain(self.branches(of))
    }

    fn edge(&self, of: usize, n: usize) -> Option<&Edge> {
        let children = self.children(of);
        children.get(n).or_else(|| self.branches(of).get(n.checked_sub(children.len())?))
    }

    /// Names that no template has.
    pub(super) fn references(&self, found: &mut Found<'_>) {
        let mut unknown = |name: &str, at: &str| {
            if is_open(name) {
                return;
            }
            // Each is compared with all: a text of people has few.
            let known = self.templates().iter().take(COMPARED).map(|template| template.name.as_str());
            let help = match suggestion(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a template of this Workflow".to_owned(),
            };
            found.add(Code::UnknownTemplate, at, format!("unknown template `{name}`"), help);
        };
        if self.entry.is_none() {
            unknown(&self.spec.entry, "/spec/entry");
        }
        for (of, template) in self.templates().iter().enumerate() {
            let names = template.children.iter().flatten().map(String::as_str);
            let targets = template.conditional_branches.iter().flatten().map(|branch| branch.target.as_str());
            for (edge, name) in self.edges(of).zip(names.chain(targets)) {
                if edge.to.is_none() {
                    unknown(name, &edge.at);
                }
            }
        }
    }

    /// Templates that lead to themselves: each is told where the circle closes.
    pub(super) fn cycles(&self, found: &mut Found<'_>) {
        let mut state = vec![State::New; self.templates().len()];
        for start in 0..state.len() {
            if state[start] != State::New {
                continue;
            }
            // A stack of its own: a chain of templates can be as long as a text.
            let mut path = vec![(start, 0)];
            state[start] = State::Open;
            while let Some((of, n)) = path.pop() {
                let Some(edge) = self.edge(of, n) else {
                    state[of] = State::Done;
                    continue;
                };
                path.push((of, n + 1));
                match edge.to.map(|to| (to, state[to])) {
                    Some((to, State::New)) => {
                        state[to] = State::Open;
                        path.push((to, 0));
                    }
                    Some((to, State::Open)) => self.cycle(&path, to, edge, found),
                    Some((_, State::Done)) | None => {}
                }
            }
        }
    }

    fn cycle(&self, path: &[(usize, usize)], to: usize, edge: &Edge, found: &mut Found<'_>) {
        const SHOWN: usize = 8;
        let name = |of: usize| self.templates()[of].name.as_str();
        let mut names: Vec<&str> = path.iter().map(|(of, _)| *of).skip_while(|of| *of != to).map(name).collect();
        if names.len() > SHOWN {
            names.truncate(SHOWN);
            names.push("…");
        }
        names.push(name(to));
        let message = format!("template `{}` leads to itself: {}", name(to), names.join(" → "));
        found.add(Code::CyclicTemplates, &edge.at, message, "a Workflow has no loops: nothing would end this one");
    }

    /// Templates that the entry does not lead to.
    pub(super) fn unused(&self, found: &mut Found<'_>) {
        let Some(entry) = self.entry else { return };
        let mut used = vec![false; self.templates().len()];
        let mut next = vec![entry];
        used[entry] = true;
        while let Some(of) = next.pop() {
            for edge in self.edges(of) {
                // An unknown name is told already, and what a placeholder stands for is not known yet.
                let Some(to) = edge.to else { return };
                if !std::mem::replace(&mut used[to], true) {
                    next.push(to);
                }
            }
        }
        for (at, template) in self.templates().iter().enumerate().filter(|(at, _)| !used[*at]) {
            let message = format!("nothing leads to template `{}`", template.name);
            let help = "name it as a child or as the target of a branch, or remove it";
            found.add(Code::UnusedTemplate, &format!("/spec/templates/{at}/name"), message, help);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}
