//! Faults that make load: `load`, and `generate_load`, in which a model asks for it. Both share all files here.
//!
//! | Module | Holds |
//! |---|---|
//! | `planned` | a load with nothing left open |
//! | `engine`, `stop_fortio` | what makes it: the engine of this program, or a fortio and its undo step |
//! | `make`, `follow`, `figures` | a load from its start to its report, and what it shows meanwhile |
//! | `followed`, `seconds` | what was seen on the way |
//! | `report`, `phases`, `latency`, `outcome` | what it gave, and whether it landed |

mod engine;
mod figures;
mod follow;
mod followed;
#[cfg(feature = "generate-load")]
mod generate_load;
mod latency;
#[expect(clippy::module_inception, reason = "a fault's file is its `type`")]
mod load;
mod make;
mod outcome;
mod phases;
mod planned;
mod report;
mod seconds;
mod stop_fortio;
#[cfg(test)]
mod test_context;
mod tls;

pub use engine::LoadEngine;
#[cfg(feature = "generate-load")]
pub use generate_load::GenerateLoad;
#[cfg(feature = "fuzz")]
pub use generate_load::parsers;
pub use load::Load;
pub use stop_fortio::StopFortio;
