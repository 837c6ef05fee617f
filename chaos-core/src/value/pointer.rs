//! Segments of JSON pointers.

use std::borrow::Cow;

/// A key as a segment of a JSON pointer, see RFC 6901.
pub fn pointer_segment(key: &str) -> Cow<'_, str> {
    if key.contains(['~', '/']) { Cow::Owned(key.replace('~', "~0").replace('/', "~1")) } else { Cow::Borrowed(key) }
}
