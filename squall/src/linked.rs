//! Names each plug-in crate, so that the linker keeps what it registers. Written by `cargo xtask gen`.

use chaos_faults as _;
use chaos_nodes as _;
use chaos_probes as _;
use chaos_soak as _;
use chaos_steps as _;
use chaos_triggers as _;
