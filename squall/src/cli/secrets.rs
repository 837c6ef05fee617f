//! The mask over everything that leaves the command line.

use std::io::{self, Write};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use chaos_core::{Redactor, Secret, SecretMasking, is_api_key, visible_json};
use serde::Serialize;

/// The secrets of this process: one mask where output leaves, so that no way to it can forget it. Runs share it, and what
/// they learn is masked here too.
static MASK: LazyLock<Redactor> = LazyLock::new(Redactor::default);

/// Whether a document was filled with secrets.
static IN_DOCUMENT: AtomicBool = AtomicBool::new(false);

/// Masks a value of a document from here on, in every form in which output may hold it; `false` if it was masked before.
pub(crate) fn hide(secret: &Secret) -> bool {
    IN_DOCUMENT.store(true, Ordering::Relaxed);
    let is_new = !MASK.holds_secret(secret.expose());
    MASK.learn(secret);
    is_new
}

/// Whether a document was filled with secrets; what is written of it is for its owner alone.
pub(crate) fn in_document() -> bool {
    IN_DOCUMENT.load(Ordering::Relaxed)
}

/// Masks the API keys in this process's environment. A short one is a dummy, as local servers take.
pub(crate) fn hide_api_keys() {
    let keys = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_api_key));
    for key in keys.map(|(_, value)| Secret::new(value.to_string_lossy().trim())) {
        if SecretMasking::of(&key) == SecretMasking::Everywhere {
            MASK.learn(&key);
        }
    }
}

/// The mask for those that write files of their own.
pub(crate) fn redactor() -> Redactor {
    MASK.clone()
}

/// The text without secrets.
pub(crate) fn masked(text: &str) -> String {
    MASK.text(text)
}

/// JSON without secrets, as one line, and with what is hidden in its texts spelled out.
pub(crate) fn json_line(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(told(&serde_json::to_string(value)?) + "\n")
}

/// The same on several lines, each of which is written once it is whole: a report of thousands of entries need not be in
/// memory twice.
pub(crate) fn write_json(out: impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut lines = Lines { out, line: Vec::new() };
    serde_json::to_writer_pretty(&mut lines, value)?;
    writeln!(lines)
}

fn told(json: &str) -> String {
    visible_json(&MASK.json(json)).into_owned()
}

/// Takes JSON in pieces. No string is broken into lines, and a member stands on the line where its value begins.
struct Lines<W> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.out.write_all(told(&String::from_utf8_lossy(&self.line)).as_bytes())?;
                self.line.clear();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use serde::ser::SerializeMap;
    use serde_json::{Value, json};

    use super::*;

    /// Members that are not in the order of the alphabet.
    struct Report;

    impl Serialize for Report {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("verdict", "x-91827364\n\u{202e}")?;
            map.serialize_entry("entries", &json!([{"pin": 91_827_364}, {"Authorization": "q"}]))?;
            map.serialize_entry("at", &1.5)?;
            map.end()
        }
    }

    #[test]
    fn json_is_masked_and_keeps_its_order() {
        assert!(hide(&Secret::new("91827364")));
        assert!(!hide(&Secret::new("91827364")) && in_document());
        let mut long = Vec::new();
        write_json(&mut long, &Report).unwrap();
        let long = String::from_utf8(long).unwrap();
        for text in [&long, &json_line(&Report).unwrap()] {
            let places = ["verdict", "entries", "at\""].map(|name| text.find(name).unwrap());
            assert!(places.is_sorted() && !text.contains('\u{202e}'), "{text}");
            let want =
                json!({"verdict": "x-***\n\u{202e}", "entries": [{"pin": "***"}, {"Authorization": "***"}], "at": 1.5});
            assert_eq!(serde_json::from_str::<Value>(text).unwrap(), want);
        }
    }
}
