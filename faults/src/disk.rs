//! Faults on directories and their file systems, one file each.

pub mod disk_full;
mod node_files;
