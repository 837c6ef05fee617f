//! The body of a request: read and unpacked within a bound.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::refusal::Refusal;

/// How many bytes a request may take, packed or not. An SDK's batch of 512 spans takes some hundred kilobytes.
pub(super) const MOST_BYTES: usize = 16 << 20;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
}

impl Packing {
    /// The packing of that name in `content-encoding` and `grpc-encoding`.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        match name.trim() {
            "" | "identity" => Some(Self::Plain),
            "gzip" => Some(Self::Gzip),
            _ => None,
        }
    }

    /// Unpacks a body; what would grow beyond the bound is not unpacked any further.
    pub(super) fn open(self, body: Bytes) -> Result<Bytes, Refusal> {
        if self == Self::Plain {
            return Ok(body);
        }
        let mut plain = Vec::new();
        let mut bounded = MultiGzDecoder::new(body.as_ref()).take(MOST_BYTES as u64 + 1);
        let read = bounded.read_to_end(&mut plain);
        if plain.len() > MOST_BYTES {
            return Err(Refusal::too_large(MOST_BYTES));
        }
        match read {
            Ok(_) => Ok(plain.into()),
            Err(error) => Err(Refusal::unreadable(format_args!("invalid gzip: {error}"))),
        }
    }
}
