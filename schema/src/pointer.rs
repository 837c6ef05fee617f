//! JSON pointers as plain text.

use chaos_core::pointer_segment;

/// `base` and one more segment.
pub(crate) fn join(base: &str, segment: &str) -> String {
    format!("{base}/{}", pointer_segment(segment))
}

#[cfg(feature = "validate")]
/// The pointer to what holds this one; `None` for the document itself.
pub(crate) fn parent(pointer: &str) -> Option<&str> {
    pointer.rfind('/').map(|at| &pointer[..at])
}

#[cfg(feature = "validate")]
/// The last segment, unescaped.
pub(crate) fn last(pointer: &str) -> Option<String> {
    pointer.rfind('/').map(|at| pointer[at + 1..].replace("~1", "/").replace("~0", "~"))
}

#[cfg(feature = "validate")]
/// Whether `pointer` is `base` or lies inside it.
pub(crate) fn is_within(pointer: &str, base: &str) -> bool {
    pointer.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(feature = "validate")]
/// The thing at a pointer, as a message names it.
pub(crate) fn subject(pointer: &str) -> String {
    let Some(name) = last(pointer) else { return "the document".into() };
    match (name.parse::<usize>(), parent(pointer).and_then(last)) {
        (Ok(index), Some(list)) => format!("item {} of `{list}`", index + 1),
        _ => format!("`{name}`"),
    }
}

#[cfg(all(test, feature = "validate"))]
mod tests {
    use super::*;

    #[test]
    fn segments_are_escaped_and_read_again() {
        let pointer = join("/probes", "a/b~c");
        assert_eq!(pointer, "/probes/a~1b~0c");
        assert_eq!(last(&pointer).as_deref(), Some("a/b~c"));
        assert_eq!(parent(&pointer), Some("/probes"));
        assert_eq!((parent("/a"), parent("")), (Some(""), None));
    }

    #[test]
    fn subjects_read_like_a_sentence() {
        let rows = [("", "the document"), ("/a/qps", "`qps`"), ("/during/1", "item 2 of `during`"), ("/1", "`1`")];
        for (pointer, want) in rows {
            assert_eq!(subject(pointer), want);
        }
    }

    #[test]
    fn a_longer_name_is_not_inside_a_shorter_one() {
        assert!(is_within("/a/b", "/a") && is_within("/a", "/a") && is_within("/a", ""));
        assert!(!is_within("/ab", "/a"));
    }
}
