//! W3C trace context: the ids of one request, and the header that carries them.

use std::fmt;

use crate::random::Random;

/// Name of the header (Trace Context, section 3.2.1).
pub(crate) const HEADER: &str = "traceparent";

/// Its value before the ids are written: version 00, trace id, parent id, flags "sampled".
pub(crate) const BLANK: &str = "00-00000000000000000000000000000000-0000000000000000-01";

/// Where the trace id stands in the value.
const TRACE: std::ops::Range<usize> = 3..35;

/// Where the id of the parent span stands.
const SPAN: std::ops::Range<usize> = 36..52;

/// The ids under which one request stands in the traces of the system that it went to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceIds {
    trace: u128,
    span: u64,
}

impl TraceIds {
    /// Draws ids; neither is all zero, which would make the header invalid.
    pub(crate) fn draw(random: &mut Random) -> Self {
        let trace = u128::from(random.next()) << 64 | u128::from(random.next());
        Self { trace: trace.max(1), span: random.next().max(1) }
    }

    /// The id of the trace: 32 digits of lower-case hex.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }

    /// The id of the span that the request stands for: 16 digits of lower-case hex.
    pub fn span_id(self) -> String {
        format!("{:016x}", self.span)
    }

    /// Writes the ids into a value that has the form of [`BLANK`]; a shorter place is left alone.
    pub(crate) fn write(self, value: &mut [u8]) {
        if let Some(place) = value.get_mut(TRACE) {
            hex(&self.trace.to_be_bytes(), place);
        }
        if let Some(place) = value.get_mut(SPAN) {
            hex(&self.span.to_be_bytes(), place);
        }
    }

    /// The value of the header.
    #[cfg(feature = "std-client")]
    pub(crate) fn value(self) -> [u8; BLANK.len()] {
        let mut value = [0; BLANK.len()];
        value.copy_from_slice(BLANK.as_bytes());
        self.write(&mut value);
        value
    }
}

impl fmt::Debug for TraceIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}-{:016x}", self.trace, self.span)
    }
}

/// Writes two digits for each byte: a table look-up, since this runs for every request.
fn hex(bytes: &[u8], place: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(place.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xf)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_holds_the_ids_in_their_places() {
        let ids = TraceIds { trace: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, span: 0xb7ad_6b71_6920_3331 };
        let mut value = BLANK.as_bytes().to_vec();
        ids.write(&mut value);
        // The example of the recommendation, section 3.2.4.
        assert_eq!(String::from_utf8_lossy(&value), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(
            (ids.trace_id(), ids.span_id().as_str()),
            ("0af7651916cd43dd8448eb211c80319c".to_owned(), "b7ad6b7169203331")
        );
        ids.write(&mut value[..20]);
    }

    #[test]
    fn small_ids_keep_their_leading_zeros() {
        let ids = TraceIds { trace: 1, span: 1 };
        let mut value = BLANK.as_bytes().to_vec();
        ids.write(&mut value);
        assert_eq!(String::from_utf8_lossy(&value), format!("00-{}1-{}1-01", "0".repeat(31), "0".repeat(15)));
    }
}
