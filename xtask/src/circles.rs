//! Files of a crate that import each other, directly or in a circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::rust::{Kind, Source, Token};

/// A path as it stands in a source, split at its `::`.
type Path = Vec<String>;

/// The files of each circle, in order.
pub(crate) fn find(sources: &[Source]) -> Vec<Vec<String>> {
    let modules: BTreeMap<&[String], &Source> =
        sources.iter().map(|source| (source.module.as_slice(), source)).collect();
    let exports: BTreeMap<&[String], Exports> =
        sources.iter().map(|source| (source.module.as_slice(), exports(source))).collect();
    let edges: Vec<BTreeSet<usize>> = sources
        .iter()
        .enumerate()
        .map(|(at, source)| {
            let targets = paths(source).into_iter().filter_map(|path| target(&path, &modules, &exports, 0));
            let index = |module: &[String]| sources.iter().position(|source| source.module == module);
            targets.filter_map(|module| index(&module)).filter(|target| *target != at).collect()
        })
        .collect();
    circles(&edges).into_iter().map(|circle| names(sources, &circle)).collect()
}

fn names(sources: &[Source], circle: &[usize]) -> Vec<String> {
    circle.iter().map(|at| sources[*at].path.display().to_string()).collect()
}

/// What a module gives on under its own path: a name, and the path that it stands for.
type Exports = BTreeMap<String, Path>;

fn exports(source: &Source) -> Exports {
    let named = uses(source).into_iter().filter(|one| one.public);
    named.filter_map(|one| Some((one.name.clone()?, one.path))).collect()
}

/// The absolute paths (from the crate's root) that a file uses, except those that it only gives on.
fn paths(source: &Source) -> Vec<Path> {
    let mut found: Vec<Path> = uses(source).into_iter().filter(|one| !one.public).map(|one| one.path).collect();
    let children = children(source);
    let tokens = &source.tokens;
    let mut in_use = false;
    for (at, token) in tokens.iter().enumerate() {
        in_use = if token.is("use") { true } else { in_use && !token.is(";") };
        let inside =
            matches!(&tokens[..at], [.., one, two] if one.is(":") && two.is(":")) || at > 0 && tokens[at - 1].is(".");
        if in_use || inside || token.kind != Kind::Word {
            continue;
        }
        let path = path_at(&tokens[at..]);
        if path.len() > 1 {
            found.extend(absolute(&path, &source.module, &children));
        }
    }
    found
}

/// One name that a `use` brings in.
struct Use {
    public: bool,
    /// The name in this module; `None` for a glob.
    name: Option<String>,
    path: Path,
}

fn uses(source: &Source) -> Vec<Use> {
    let children = children(source);
    let tokens = &source.tokens;
    let mut found = Vec::new();
    for (at, _) in tokens.iter().enumerate().filter(|(_, token)| token.is("use")) {
        let public = at > 0 && (tokens[at - 1].is("pub") || is_restricted(&tokens[..at]));
        let end = tokens[at..].iter().position(|token| token.is(";")).map_or(tokens.len(), |length| at + length);
        let mut leaves = Vec::new();
        tree(&tokens[at + 1..end], &[], &mut leaves);
        for (path, name) in leaves {
            let Some(path) = absolute(&path, &source.module, &children) else { continue };
            found.push(Use { public, name, path });
        }
    }
    found
}

/// `pub(crate)` and its like stand before.
fn is_restricted(before: &[Token]) -> bool {
    let open = before.iter().rposition(|token| token.is("("));
    before.last().is_some_and(|token| token.is(")")) && open.is_some_and(|at| at > 0 && before[at - 1].is("pub"))
}

/// Takes a `use` apart into its leaves: the path, and the name that it gets.
fn tree(tokens: &[Token], above: &[String], leaves: &mut Vec<(Path, Option<String>)>) {
    let mut path = above.to_vec();
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        if token.is("{") {
            let end = crate::rust::closing(tokens, at);
            for branch in branches(&tokens[at + 1..end]) {
                tree(branch, &path, leaves);
            }
            return;
        }
        if token.is("*") {
            leaves.push((path, None));
            return;
        }
        if token.is("as") {
            leaves.push((path, tokens.get(at + 1).map(|token| token.text.clone())));
            return;
        }
        if token.kind == Kind::Word {
            path.push(token.text.clone());
        }
        at += 1;
    }
    if path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = path.last().cloned();
    if path.len() > above.len() || tokens.iter().any(|token| token.is("self")) {
        leaves.push((path, name));
    }
}

/// The parts of a list that commas separate at its top.
fn branches(tokens: &[Token]) -> Vec<&[Token]> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, token) in tokens.iter().enumerate() {
        if token.is("{") {
            depth += 1;
        } else if token.is("}") {
            depth -= 1;
        } else if token.is(",") && depth == 0 {
            found.push(&tokens[start..at]);
            start = at + 1;
        }
    }
    found.push(&tokens[start..]);
    found.retain(|branch| !branch.is_empty());
    found
}

/// The modules that a file declares.
fn children(source: &Source) -> BTreeSet<&str> {
    let declared = source.tokens.windows(3).filter(|three| three[0].is("mod") && three[2].is(";"));
    declared.map(|three| three[1].text.as_str()).collect()
}

/// The path that begins here: words with `::` between them.
fn path_at(tokens: &[Token]) -> Path {
    let mut path = Vec::new();
    let mut at = 0;
    while tokens.get(at).is_some_and(|token| token.kind == Kind::Word) {
        path.push(tokens[at].text.clone());
        if !(tokens.get(at + 1).is_some_and(|t| t.is(":")) && tokens.get(at + 2).is_some_and(|t| t.is(":"))) {
            break;
        }
        at += 3;
    }
    path
}

/// The path from the crate's root; `None` for one that leads out of the crate.
fn absolute(path: &[String], module: &[String], children: &BTreeSet<&str>) -> Option<Path> {
    let (first, rest) = path.split_first()?;
    let mut base: Path = match first.as_str() {
        "crate" => Vec::new(),
        "self" => module.to_vec(),
        "super" => module.split_last()?.1.to_vec(),
        child if children.contains(child) => [module, &[child.to_owned()]].concat(),
        _ => return None,
    };
    for segment in rest {
        if segment == "super" {
            base.pop()?;
        } else {
            base.push(segment.clone());
        }
    }
    Some(base)
}

/// The module in whose file the thing stands that a path names; what a module only gives on is followed.
fn target(
    path: &[String],
    modules: &BTreeMap<&[String], &Source>,
    exports: &BTreeMap<&[String], Exports>,
    depth: usize,
) -> Option<Path> {
    let length = (0..=path.len()).rev().find(|length| modules.contains_key(&path[..*length]))?;
    let (module, rest) = path.split_at(length);
    let onward = rest.first().and_then(|name| exports[module].get(name)).filter(|_| depth < 8);
    match onward {
        Some(onward) => target(&[onward.as_slice(), &rest[1..]].concat(), modules, exports, depth + 1),
        None => Some(module.to_vec()),
    }
}

/// The sets of nodes that reach each other, those of one node left out.
fn circles(edges: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let reached: Vec<BTreeSet<usize>> = (0..edges.len()).map(|from| reach(edges, from)).collect();
    let mut found: BTreeSet<Vec<usize>> = BTreeSet::new();
    for from in 0..edges.len() {
        let circle: Vec<usize> =
            (0..edges.len()).filter(|to| reached[from].contains(to) && reached[*to].contains(&from)).collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

fn reach(edges: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let (mut found, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(at) = next.pop() {
        next.extend(edges[at].iter().copied().filter(|to| found.insert(*to)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::source;

    #[test]
    fn two_files_that_import_each_other_are_a_circle() {
        let files = [
            source("lib.rs", &[], "mod a; mod b; mod c; pub use a::A;"),
            source("a.rs", &["a"], "use crate::b::{B, other::C}; pub struct A;"),
            source("b.rs", &["b"], "use super::a; pub struct B(a::A);"),
            source("c.rs", &["c"], "use crate::b::B; use std::fmt;"),
        ];
        assert_eq!(find(&files), [["a.rs", "b.rs"]]);
    }

    #[test]
    fn a_path_without_a_use_counts_and_so_does_one_through_what_is_given_on() {
        let files = [
            source("lib.rs", &[], "mod a; mod b; pub use a::A as Renamed;"),
            source("a.rs", &["a"], "fn f() { crate::b::g() }"),
            source("b.rs", &["b"], "fn g(_: crate::Renamed) {}"),
        ];
        assert_eq!(find(&files), [["a.rs", "b.rs"]]);
    }

    #[test]
    fn a_parent_and_its_child_are_a_circle_when_each_needs_the_other() {
        let parent = |code| source("a.rs", &["a"], code);
        let child = source("a/b.rs", &["a", "b"], "use super::A; pub(super) fn f(_: A) {}");
        let circle = [parent("mod b; pub struct A; fn g() { b::f(A) }"), child.clone()];
        assert_eq!(find(&circle), [["a.rs", "a/b.rs"]]);
        assert!(find(&[parent("mod b; pub use b::f; pub struct A;"), child]).is_empty(), "it only gives it on");
    }

    #[test]
    fn what_points_one_way_is_none() {
        let files = [
            source("lib.rs", &[], "mod a; mod b; pub use a::A; pub use b::B;"),
            source("a.rs", &["a"], "use crate::B; pub struct A(B);"),
            source("b.rs", &["b"], "pub struct B; fn f(x: &B) { x.a.b() }"),
        ];
        assert!(find(&files).is_empty());
    }
}
