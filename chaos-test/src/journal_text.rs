//! Journals that a test forges: with right checksums, or the forgery would show.

/// FNV-1a with 64 bits, written a second time so that the journal's own is checked against something.
fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

/// A line of a journal with a content of the test's choice, such as `{"undone":{"seq":0}}`; its checksums are still wrong.
pub fn unsealed_line(content: &str) -> String {
    let nothing = "0".repeat(16);
    format!("{{\"before\":\"{nothing}\",\"sum\":\"{nothing}\",\"line\":{content}}}\n")
}

/// The text of a journal with right checksums in all lines that have some; the count of armed steps stays as it is.
pub fn sealed(journal: &str) -> String {
    let mut before = 0_u64;
    let lines = journal.split_inclusive('\n').map(|line| {
        let content = line.split_once(",\"line\":").and_then(|(_, rest)| rest.strip_suffix("}\n"));
        let Some(content) = content else { return line.to_owned() };
        let sum = fnv1a(&[&before.to_le_bytes(), content.as_bytes()].concat());
        let sealed = format!("{{\"before\":\"{before:016x}\",\"sum\":\"{sum:016x}\",\"line\":{content}}}\n");
        before = sum;
        sealed
    });
    lines.collect()
}
