//! The local time zone's distance from Greenwich.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds east of Greenwich at a moment: by the variable `TZ` or the system's
/// zone file; 0 where neither can be read.
pub(crate) fn offset(at: SystemTime) -> i64 {
    let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0));
    let path = match std::env::var("TZ") {
        Ok(zone) if zone.is_empty() || zone == "UTC" => return 0,
        Ok(zone) => {
            let name = zone.trim_start_matches(':');
            if name.contains("..") {
                return 0;
            }
            if name.starts_with('/') { name.to_owned() } else { format!("/usr/share/zoneinfo/{name}") }
        }
        Err(_) => "/etc/localtime".to_owned(),
    };
    std::fs::read(path).ok().and_then(|bytes| lookup(&bytes, seconds)).unwrap_or(0)
}

/// Finds the offset in a zone file (RFC 8536), whose second part has 64-bit times.
fn lookup(bytes: &[u8], at: i64) -> Option<i64> {
    let first = Header::read(bytes)?;
    if first.version < b'2' {
        return first.offset(bytes.get(44..)?, at, 4);
    }
    let rest = bytes.get(44 + first.size(4)..)?;
    Header::read(rest)?.offset(rest.get(44..)?, at, 8)
}

/// The counts at the head of a part.
struct Header {
    version: u8,
    utc: usize,
    standard: usize,
    leaps: usize,
    times: usize,
    types: usize,
    letters: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.get(..4)? != b"TZif" {
            return None;
        }
        let count = |place: usize| {
            let at = 20 + place * 4;
            let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
            usize::try_from(u32::from_be_bytes(bytes)).ok().filter(|count| *count < 1 << 20)
        };
        Some(Self {
            version: *bytes.get(4)?,
            utc: count(0)?,
            standard: count(1)?,
            leaps: count(2)?,
            times: count(3)?,
            types: count(4)?,
            letters: count(5)?,
        })
    }

    fn size(&self, width: usize) -> usize {
        self.times * (width + 1) + self.types * 6 + self.letters + self.leaps * (width + 4) + self.standard + self.utc
    }

    fn offset(&self, body: &[u8], at: i64, width: usize) -> Option<i64> {
        let time = |index: usize| {
            let bytes = body.get(index * width..(index + 1) * width)?;
            let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
            Some(bytes.iter().fold(sign, |value: i64, byte| value << 8 | i64::from(*byte)))
        };
        let past = (0..self.times).take_while(|index| time(*index).is_some_and(|time| time <= at)).count();
        let kind = match past.checked_sub(1) {
            Some(last) => usize::from(*body.get(self.times * width + last)?),
            None => 0,
        };
        let start = self.times * (width + 1) + kind * 6;
        let bytes: [u8; 4] = body.get(start..start + 4)?.try_into().ok()?;
        Some(i64::from(i32::from_be_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zone file of version 2 with one change, from +1 h to +2 h at second 1000.
    fn zone() -> Vec<u8> {
        let header = |times: u32, types: u32| {
            let mut bytes = b"TZif2".to_vec();
            bytes.extend([0; 15]);
            for count in [0, 0, 0, times, types, 4] {
                bytes.extend(u32::to_be_bytes(count));
            }
            bytes
        };
        let mut bytes = header(0, 1);
        bytes.extend([0, 0, 0, 0, 0, 0]);
        bytes.extend(b"UTC\0");
        bytes.extend(header(1, 2));
        bytes.extend(1000_i64.to_be_bytes());
        bytes.push(1);
        bytes.extend(3600_i32.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(7200_i32.to_be_bytes());
        bytes.extend([1, 0]);
        bytes.extend(b"ABC\0");
        bytes
    }

    #[test]
    fn the_offset_changes_at_its_moment() {
        assert_eq!((lookup(&zone(), 999), lookup(&zone(), 1000)), (Some(3600), Some(7200)));
    }

    #[test]
    fn a_cut_or_strange_file_gives_no_offset() {
        let bytes = zone();
        for cut in 0..bytes.len() - 4 {
            assert!(lookup(&bytes[..cut], 2000).is_none_or(|offset| offset == 7200), "cut at {cut}");
        }
        assert_eq!(lookup(b"no zone", 0), None);
    }
}
