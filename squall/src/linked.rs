//! Names each plug-in crate, so that the linker keeps what it registers. Written by `cargo xtask gen`.

use chaos_evidence as _;
use chaos_faults as _;
#[cfg(feature = "kube")]
use chaos_kube as _;
use chaos_nodes as _;
use chaos_probes as _;
use chaos_soak as _;
use chaos_steps as _;
use chaos_triggers as _;
