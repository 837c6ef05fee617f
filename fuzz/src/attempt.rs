//! One input, with its panics and its processor time.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::target::FuzzTarget;

/// Processor time of one input.
const LONGEST: Duration = Duration::from_secs(1);

thread_local! {
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What became of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The parser took it.
    Accepted,
    /// The parser refused it.
    Refused,
    /// It broke something: what.
    Broke(String),
}

/// Keeps the messages of panics for [`attempt`], and off the terminal.
pub fn catch_panics() {
    std::panic::set_hook(Box::new(|panic| PANIC.with_borrow_mut(|kept| *kept = panic.to_string())));
}

/// Feeds an input to a parser.
pub fn attempt(target: &dyn FuzzTarget, input: &[u8]) -> Attempt {
    let before = processor_time();
    let fed = catch_unwind(AssertUnwindSafe(|| target.feed(input)));
    let took = processor_time().saturating_sub(before);
    match fed {
        Err(_) => Attempt::Broke(PANIC.with_borrow(Clone::clone)),
        Ok(Err(broken)) => Attempt::Broke(broken.to_string()),
        Ok(Ok(_)) if took > LONGEST => Attempt::Broke(format!("took {took:?} of processor time")),
        Ok(Ok(true)) => Attempt::Accepted,
        Ok(Ok(false)) => Attempt::Refused,
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
