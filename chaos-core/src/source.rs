//! Sources of evidence: what the system under test says of itself, taken in beside a run.
//!
//! Contract only: what a source takes in goes to a store, a run service of the crate that offers it, and probes read it there.

mod declared;
mod kind;
mod need;
mod sources;

pub use declared::DeclaredSource;
pub use kind::{DynSource, ErasedSource, RunningSource, Source, SourceContext, SourceEnd};
pub use need::{EvidenceKind, EvidenceNeed};
pub use sources::Sources;
