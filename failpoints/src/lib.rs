//! In-process fail points that cost next to nothing when idle.
//!
//! A *site* is a place in the code where something can be made to go wrong; it is declared where it is used:
//!
//! ```
//! use chaos_failpoints::{Scope, fail_error};
//!
//! fn fetch() -> Result<u32, String> {
//!     fail_error!(
//!         /// The registry does not answer.
//!         "worker.bundle_download",
//!         |fired| fired.message()
//!     );
//!     Ok(200)
//! }
//!
//! let scope = Scope::new("this test");
//! let guard = scope.arm("worker.bundle_download", "1*return(timed out)")?;
//! assert_eq!(scope.run(fetch), Err("timed out".to_owned()));
//! assert_eq!(scope.run(fetch), Ok(200), "the rule is spent");
//! assert_eq!(fetch(), Ok(200), "outside the scope nothing is armed");
//! assert_eq!((guard.hits(), guard.fires()), (2, 1));
//! # Ok::<(), chaos_failpoints::Error>(())
//! ```
//!
//! While nothing is armed a site costs one relaxed atomic load and a branch that is never taken, so it can ship; with
//! the feature `sites` off it is gone from the machine code. All sites of a program are known at link time
//! ([`sites`]), so a mistyped name is an error with a suggestion.
//!
//! # Map
//!
//! | Module | Holds |
//! |---|---|
//! | `macros`, `expansion` | the five macros and what they call |
//! | `site`, `registry` | the static behind a site; all sites by name |
//! | `rule`, `grammar`, `fields` | what a site does and when: in Rust, as fail-rs's action string, as named fields |
//! | `seed`, `process_seed` | decisions that a number repeats |
//! | `gate`, `tally`, `slot`, `cache` | the concurrent core: who fires, counted exactly (checked by a model checker) |
//! | `arming`, `guard`, `scope`, `here` | a rule in force: for the process, a thread, a task or a handle; what ends it |
//! | `evaluate`, `evaluate_async` | the effects, blocking and awaited |
//! | `barrier` | holding callers and letting them go |
//! | `environment`, `buggify` | arming from `FAILPOINTS`, and at random from a seed |
//! | `control` | gofail's HTTP endpoints, behind the feature `http` |

mod arming;
mod barrier;
mod buggify;
mod cache;
#[cfg(feature = "http")]
mod control;
mod environment;
mod error;
mod evaluate;
#[cfg(feature = "tokio")]
mod evaluate_async;
mod expansion;
mod fields;
mod fired;
mod gate;
mod grammar;
mod guard;
mod here;
mod macros;
mod process_seed;
mod registry;
mod rule;
mod scope;
mod seed;
mod site;
mod slot;
mod sync;
mod tally;

pub use arming::Counts;
pub use barrier::Barrier;
pub use buggify::Buggify;
#[cfg(feature = "http")]
pub use control::ControlServer;
pub use environment::{arm_from_environment, arm_list};
pub use error::Error;
pub use fields::RuleFields;
pub use fired::Fired;
pub use guard::{Guard, arm, reset};
pub use here::{Entered, Scoped, arm_thread, inherit, inherit_call};
pub use process_seed::process_seed;
pub use registry::{counts, sites};
pub use rule::Rule;
pub use scope::Scope;
pub use site::{Form, SiteInfo};

/// What the macros need to reach from other crates.
#[doc(hidden)]
pub mod __private {
    #[cfg(feature = "tokio")]
    pub use crate::evaluate_async::evaluate_async;
    pub use crate::{
        evaluate::evaluate,
        expansion::{convert, early, error, typed, unlikely, value_form},
        site::{Entry, Site, SiteInfo},
    };
    pub use inventory;
}
