//! Names each plug-in crate, so that the linker keeps what it registers. Written by `cargo xtask gen`.
