//! Whether a preloaded library can reach the clock of a program, by what its file says.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};

/// Of a program header table: more than any linker makes.
const MOST_SEGMENTS: usize = 256;
/// Notes are short; a longer segment is read as far as this.
const MOST_NOTE_BYTES: u64 = 64 * 1024;

const HEADER_BYTES: usize = 64;
const SEGMENT_BYTES: usize = 56;
const PT_INTERP: u32 = 3;
const PT_NOTE: u32 = 4;
/// The name of Go's note with its build id.
const GO_NOTE: &[u8] = b"Go\0\0";

/// What keeps a preloaded library from a program's clock; `None` when its file shows nothing of the kind. A file of
/// another format than ELF, such as a script, shows nothing.
pub(super) fn obstacle(file: &File) -> io::Result<Option<&'static str>> {
    if file.metadata()?.permissions().mode() & 0o6000 != 0 {
        return Ok(Some("is set-uid or set-gid, which ignores preloaded libraries"));
    }
    let mut header = [0; HEADER_BYTES];
    match file.read_exact_at(&mut header, 0) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    if header[..4] != *b"\x7fELF" {
        return Ok(None);
    }
    // The class says 64 bits.
    if header[4] != 2 {
        return Ok(Some("is a 32-bit program, which the 64-bit clock library does not fit"));
    }
    let (table, size, count) = (word(&header[32..40]), half(&header[54..56]), half(&header[56..58]));
    if usize::from(size) != SEGMENT_BYTES {
        return Ok(Some("has no program headers that can be read"));
    }
    let mut interpreter = None;
    for at in 0..usize::from(count).min(MOST_SEGMENTS) {
        let mut segment = [0; SEGMENT_BYTES];
        file.read_exact_at(&mut segment, table.saturating_add((at * SEGMENT_BYTES) as u64))?;
        let kind = u32::from_ne_bytes(std::array::from_fn(|byte| segment[byte]));
        let contents = || bytes(file, word(&segment[8..16]), word(&segment[32..40]));
        match kind {
            PT_INTERP => interpreter = Some(contents()?),
            PT_NOTE if contents()?.windows(GO_NOTE.len()).any(|name| name == GO_NOTE) => {
                return Ok(Some("is a Go program, which reads the clock without libc: a preload can't reach it"));
            }
            _ => {}
        }
    }
    Ok(match interpreter {
        None => Some("is statically linked (no PT_INTERP): a preload can't reach its clock"),
        Some(path) if String::from_utf8_lossy(&path).contains("musl") => {
            Some("uses musl, which the clock library, made for glibc, does not fit")
        }
        Some(_) => None,
    })
}

fn bytes(file: &File, at: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length.min(MOST_NOTE_BYTES)).unwrap_or_default()];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_ne_bytes(std::array::from_fn(|byte| bytes[byte]))
}

fn half(bytes: &[u8]) -> u16 {
    u16::from_ne_bytes([bytes[0], bytes[1]])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::program_file::file_of;

    fn of(path: &Path) -> Option<&'static str> {
        obstacle(&File::open(path).unwrap()).unwrap()
    }

    #[test]
    fn programs_of_glibc_and_scripts_are_reached() {
        let temp = tempfile::tempdir().unwrap();
        let script = temp.path().join("script");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        assert_eq!(of(&script), None);
        let us = std::env::current_exe().unwrap();
        assert_eq!(of(&us), None);
    }

    #[test]
    fn a_real_go_program_is_told_by_name() {
        let path = std::env::var("PATH").unwrap_or_default();
        let Some(fortio) = file_of("fortio", Path::new("/"), Some(&path)) else {
            eprintln!("skipped: needs fortio, a Go program");
            return;
        };
        assert!(of(&fortio).unwrap().contains("is a Go program"));
    }

    /// A minimal ELF file with one segment of each kind and content.
    fn elf(segments: &[(u32, &[u8])]) -> Vec<u8> {
        let mut file = vec![0; HEADER_BYTES + segments.len() * SEGMENT_BYTES];
        file[..5].copy_from_slice(b"\x7fELF\x02");
        file[32] = 64;
        file[54] = 56;
        file[56] = u8::try_from(segments.len()).unwrap();
        for (at, (kind, content)) in segments.iter().enumerate() {
            let start = HEADER_BYTES + at * SEGMENT_BYTES;
            let offset = file.len() as u64;
            file[start..start + 4].copy_from_slice(&kind.to_ne_bytes());
            file[start + 8..start + 16].copy_from_slice(&offset.to_ne_bytes());
            file[start + 32..start + 40].copy_from_slice(&(content.len() as u64).to_ne_bytes());
            file.extend_from_slice(content);
        }
        file
    }

    #[test]
    fn what_a_preload_does_not_reach_is_told_by_name() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("program");
        let interpreter: (u32, &[u8]) = (PT_INTERP, b"/lib64/ld-linux-x86-64.so.2\0");
        let go: (u32, &[u8]) = (PT_NOTE, b"\x04\0\0\0\x10\0\0\0\x04\0\0\0Go\0\0buildid");
        let mut short = elf(&[interpreter]);
        short[4] = 1;
        for (file, why) in [
            (elf(&[interpreter]), None),
            (elf(&[]), Some("no PT_INTERP")),
            (elf(&[go]), Some("a Go program")),
            // A Go program that calls C has an interpreter too.
            (elf(&[interpreter, go]), Some("a Go program")),
            (elf(&[(PT_INTERP, b"/lib/ld-musl-x86_64.so.1\0")]), Some("uses musl")),
            (short, Some("a 32-bit program")),
        ] {
            fs::write(&path, file).unwrap();
            let found = of(&path);
            assert_eq!(found.is_some(), why.is_some(), "{found:?} {why:?}");
            assert!(found.unwrap_or_default().contains(why.unwrap_or_default()), "{found:?} {why:?}");
        }
        fs::write(&path, elf(&[interpreter])).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).unwrap();
        assert!(of(&path).unwrap().contains("set-uid"));
    }
}
