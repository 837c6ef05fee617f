//! In-process fail points that cost next to nothing when idle.
//!
//! A *site* is a place in the code where a failure can be injected; it is declared where it is used:
//!
//! ```
//! use chaos_failpoints::{Scope, fail_error};
//!
//! fn fetch() -> std::io::Result<u32> {
//!     fail_error!(
//!         /// The registry does not answer.
//!         "worker.bundle_download",
//!         std::io::Error::other
//!     );
//!     Ok(200)
//! }
//!
//! let scope = Scope::new("this test");
//! let guard = scope.arm("worker.bundle_download", "1*return(timed out)")?;
//! assert_eq!(scope.run(fetch).map_err(|error| error.to_string()), Err("timed out".to_owned()));
//! assert_eq!(scope.run(fetch).ok(), Some(200), "the rule is spent");
//! assert_eq!(fetch().ok(), Some(200), "outside the scope nothing is armed");
//! assert_eq!((guard.hits(), guard.fires()), (2, 1));
//! # Ok::<(), chaos_failpoints::Error>(())
//! ```
//!
//! While nothing is armed a site costs one relaxed atomic load and a branch that is never taken, so it can stay in production builds; with
//! the feature `sites` off it is gone from the machine code. All sites of a program are known at link time
//! ([`sites`]), so a mistyped name is an error with a suggestion.
//!
//! # Map
//!
//! | Module | Holds |
//! |---|---|
//! | `macros`, `expansion` | the five macros and what they call |
//! | `site`, `site_info`, `registry` | the static behind a site; its description; all sites by name |
//! | `rule`, `grammar`, `fields` | what a site does and when: in Rust, as fail-rs's action string, as named fields |
//! | `seed`, `process_seed` | seeded, repeatable decisions |
//! | `gate`, `tally`, `slot`, `cache` | the concurrent core: who fires, counted exactly (checked by a model checker) |
//! | `arming`, `guard`, `scope` | a rule in force: for the process or in a scope; what ends it |
//! | `here`, `enter` | the scopes that a thread is in; entering one on a thread, for a task or in what they start |
//! | `evaluate`, `evaluate_async` | the effects, blocking and awaited |
//! | `barrier` | blocking and releasing callers |
//! | `environment`, `buggify` | arming from `FAILPOINTS`, and at random from a seed |
//! | `control` | gofail's HTTP endpoints, behind the feature `http` |

mod arming;
mod barrier;
mod buggify;
mod cache;
#[cfg(feature = "http")]
mod control;
mod enter;
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
mod site_info;
mod slot;
mod sync;
mod tally;

pub use arming::HitCounts;
pub use barrier::Barrier;
pub use buggify::Buggify;
#[cfg(feature = "http")]
pub use control::ControlServer;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub use control::parsers;
pub use enter::{Entered, Scoped, inherit, inherit_call};
pub use environment::{arm_from_environment, arm_list};
pub use error::{ActionProblem, Error};
pub use fields::RuleFields;
pub use fired::FiredSite;
pub use guard::{Guard, arm, reset};
pub use here::arm_thread;
pub use process_seed::process_seed;
pub use registry::{counts, sites};
pub use rule::Rule;
pub use scope::Scope;
pub use site_info::{Form, SiteInfo};

/// What the macros need to reach from other crates.
#[doc(hidden)]
pub mod __private {
    #[cfg(feature = "tokio")]
    pub use crate::evaluate_async::evaluate_async;
    pub use crate::{
        evaluate::evaluate,
        expansion::{convert, early, error, typed, unlikely, value_form},
        site::{Entry, Site},
        site_info::SiteInfo,
    };
    pub use inventory;
}
