//! Deadlines of templates that do not fit the one around them.

use std::time::Duration;

use chaos_schema::Code;

use super::found::{Found, is_open};
use super::graph::{Edge, Graph};
use crate::deadline::{deadline, deadline_text};

/// Templates without deadline above each other that are looked into: no stack overflows, and circles end.
const MAX_LEVELS: usize = 64;

/// Looks at every template that has a deadline and others below it.
pub(super) fn lint(graph: &Graph<'_>, found: &mut Found<'_>) {
    let mut times = Times { graph, known: vec![None; graph.templates().len()] };
    for (of, template) in graph.templates().iter().enumerate() {
        let Some(own) = own(graph, of) else { continue };
        let shown = deadline_text(own);
        let name = &template.name;
        let (message, help) = match template.template_type.as_str() {
            "Serial" => {
                let together = times.sum(graph.children(of), 0);
                if together <= own {
                    continue;
                }
                let needed = deadline_text(together);
                let late = times.first_beyond(graph.children(of), own);
                let late = late.map(|late| format!("; `{late}` may not get its time")).unwrap_or_default();
                let message = format!(
                    "the children of `{name}` may take {needed} one after the other, and its deadline is {shown}{late}"
                );
                (message, format!("make it at least {needed}, or the deadlines of the children shorter"))
            }
            "Parallel" => {
                let longest = times.longest(graph.children(of), 0);
                if longest <= own {
                    continue;
                }
                let needed = deadline_text(longest);
                let message = format!("a child of `{name}` may take {needed}, and its deadline is {shown}");
                (message, format!("make it at least {needed}, or the deadline of the child shorter"))
            }
            "Task" => {
                let longest = times.longest(graph.branches(of), 0);
                if longest < own {
                    continue;
                }
                let needed = deadline_text(longest);
                let message = format!(
                    "a branch of `{name}` may take {needed}, and the deadline of the `Task`, which covers its branches, is {shown}"
                );
                (message, format!("make it {needed} and the time that the `Task` itself needs"))
            }
            _ => continue,
        };
        found.add(Code::DeadlinesDoNotFit, &format!("/spec/templates/{of}/deadline"), message, help);
    }
}

fn own(graph: &Graph<'_>, of: usize) -> Option<Duration> {
    let text = graph.templates().get(of)?.deadline.as_deref()?;
    (!is_open(text)).then(|| deadline(text).ok()).flatten()
}

/// For how long templates may run, as far as deadlines say so.
struct Times<'g, 'w> {
    graph: &'g Graph<'w>,
    known: Vec<Option<Duration>>,
}

impl Times<'_, '_> {
    fn time(&mut self, of: usize, level: usize) -> Duration {
        if let Some(known) = self.known.get(of).copied().flatten() {
            return known;
        }
        let graph = self.graph;
        let kind = graph.templates().get(of).map(|template| template.template_type.as_str());
        let time = match (own(graph, of), kind) {
            (Some(own), _) => own,
            // Circles are told by themselves.
            _ if level >= MAX_LEVELS => Duration::ZERO,
            (None, Some("Serial")) => self.sum(graph.children(of), level + 1),
            (None, Some("Parallel")) => self.longest(graph.children(of), level + 1),
            (None, _) => self.longest(graph.branches(of), level + 1),
        };
        if let Some(known) = self.known.get_mut(of) {
            *known = Some(time);
        }
        time
    }

    fn sum(&mut self, edges: &[Edge], level: usize) -> Duration {
        let templates = edges.iter().filter_map(|edge| edge.to);
        templates.fold(Duration::ZERO, |sum, to| sum.saturating_add(self.time(to, level)))
    }

    fn longest(&mut self, edges: &[Edge], level: usize) -> Duration {
        edges.iter().filter_map(|edge| edge.to).map(|to| self.time(to, level)).max().unwrap_or_default()
    }

    /// The first child whose time may reach beyond a deadline.
    fn first_beyond(&mut self, children: &[Edge], own: Duration) -> Option<String> {
        let mut ends = Duration::ZERO;
        for to in children.iter().filter_map(|edge| edge.to) {
            ends = ends.saturating_add(self.time(to, 0));
            if ends > own {
                return self.graph.templates().get(to).map(|template| template.name.clone());
            }
        }
        None
    }
}
