//! Checksums of a journal, written from its documentation and not with the program's own code.

use std::fmt::Write as _;

/// Gives each line below the count the checksum that its content and the line before it ask for, so that only what it
/// says is wrong with it.
pub(crate) fn sealed(lines: &[String]) -> Option<String> {
    let (count, rest) = lines.split_first()?;
    let mut text = count.clone();
    let mut before = 0_u64;
    for line in rest {
        let content = line.split_once("\"line\":")?.1.trim_end().strip_suffix('}')?;
        let sum = fnv1a(&[&before.to_le_bytes(), content.as_bytes()].concat());
        writeln!(text, "{{\"before\":\"{before:016x}\",\"sum\":\"{sum:016x}\",\"line\":{content}}}").ok()?;
        before = sum;
    }
    Some(text)
}

/// FNV-1a of 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
