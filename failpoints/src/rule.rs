//! What a site does once it is armed: a sequence of steps, each with its conditions.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use crate::{Barrier, Error, FiredSite, gate::Gate};

/// The function of a `callback` step.
pub(crate) type Callback = Arc<dyn Fn(&FiredSite) + Send + Sync>;

/// A step's effect.
#[derive(Clone)]
pub(crate) enum Action {
    Off,
    Return(Option<Arc<str>>),
    Sleep(Duration),
    Spin(Duration),
    Panic(Option<Arc<str>>),
    Print(Option<Arc<str>>),
    /// Waits until the arming ends.
    Pause,
    Yield,
    Wait(Barrier),
    Call(Callback),
    /// The same once armed: the arming owns the callback.
    CallWhileArmed(Weak<dyn Fn(&FiredSite) + Send + Sync>),
}

impl Action {
    /// The name that fail-rs's grammar has for it, or ours.
    pub(crate) fn keyword(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Return(_) => "return",
            Self::Sleep(_) => "sleep",
            Self::Spin(_) => "delay",
            Self::Panic(_) => "panic",
            Self::Print(_) => "print",
            Self::Pause => "pause",
            Self::Yield => "yield",
            Self::Wait(_) => "barrier",
            Self::Call(_) | Self::CallWhileArmed(_) => "callback",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())?;
        match self {
            Self::Return(Some(text)) | Self::Panic(Some(text)) | Self::Print(Some(text)) => {
                write!(f, "({text})")
            }
            Self::Sleep(time) | Self::Spin(time) => write!(f, "({})", time.as_millis()),
            _ => Ok(()),
        }
    }
}

/// One step: its conditions, a delay before its effect, and the effect.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) gate: Gate,
    pub(crate) delay: Duration,
    pub(crate) action: Action,
}

/// What an armed site does, and when.
///
/// A rule is a sequence of steps. On each hit the steps are asked in order, and the first whose conditions agree
/// fires; the conditions set by the builder belong to the last step that was added.
///
/// ```
/// use chaos_failpoints::Rule;
/// use std::time::Duration;
///
/// let rule = Rule::error("disk full").skip(2).at_most(3).then(Rule::sleep(Duration::from_millis(5)).rate(0.5)?);
/// assert_eq!(rule.to_string(), "skip 2 3*return(disk full)->50%sleep(5)");
/// # Ok::<(), chaos_failpoints::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a rule does nothing until a site is armed with it"]
pub struct Rule {
    pub(crate) steps: Vec<Step>,
    pub(crate) seed: Option<u64>,
}

impl Rule {
    pub(crate) fn of(action: Action) -> Self {
        Self { steps: vec![Step { gate: Gate::OPEN, delay: Duration::ZERO, action }], seed: None }
    }

    /// Does nothing but count hits.
    pub fn off() -> Self {
        Self::of(Action::Off)
    }

    /// Makes the site return early, without a message.
    pub fn fail() -> Self {
        Self::of(Action::Return(None))
    }

    /// Makes the site return its error, with this message.
    pub fn error(message: impl Into<String>) -> Self {
        Self::of(Action::Return(Some(message.into().into())))
    }

    /// Makes a `fail_return!` site return this value.
    ///
    /// The value travels as its text, which the site's type must parse back; arming refuses one that it does not.
    pub fn value(value: impl fmt::Display) -> Self {
        Self::of(Action::Return(Some(value.to_string().into())))
    }

    /// Delays the caller: the thread in the blocking forms, only the task in the `async` ones.
    pub fn sleep(time: Duration) -> Self {
        Self::of(Action::Sleep(time))
    }

    /// Keeps the processor busy for this long, as code that computes would.
    pub fn spin(time: Duration) -> Self {
        Self::of(Action::Spin(time))
    }

    /// Panics, with the site's name as the message.
    pub fn panic() -> Self {
        Self::of(Action::Panic(None))
    }

    /// Panics with this message.
    pub fn panic_with(message: impl Into<String>) -> Self {
        Self::of(Action::Panic(Some(message.into().into())))
    }

    /// Prints this line on standard error.
    pub fn print(line: impl Into<String>) -> Self {
        Self::of(Action::Print(Some(line.into().into())))
    }

    /// Blocks each caller until the arming ends or its barrier releases it (see [`crate::Guard::barrier`]).
    pub fn pause() -> Self {
        Self::of(Action::Pause)
    }

    /// Gives up the rest of the time slice, or lets other tasks run.
    pub fn yield_now() -> Self {
        Self::of(Action::Yield)
    }

    /// Blocks each caller at a barrier, which may be shared by several sites.
    pub fn barrier(barrier: &Barrier) -> Self {
        Self::of(Action::Wait(barrier.clone()))
    }

    /// Runs a callback in the caller's place; it must not block when the site is an `async` one.
    pub fn callback(run: impl Fn(&FiredSite) + Send + Sync + 'static) -> Self {
        Self::of(Action::Call(Arc::new(run)))
    }

    /// Fires on this share of the hits, drawn from the rule's seed.
    ///
    /// # Errors
    /// A rate outside 0 to 1, or not a number.
    pub fn rate(mut self, share: f64) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&share) {
            return Err(Error::Field { field: "rate", value: share.to_string(), bound: "a share is from 0 to 1" });
        }
        self.last().gate.rate = share;
        Ok(self)
    }

    /// Lets the first hits pass.
    pub fn skip(mut self, hits: u64) -> Self {
        self.last().gate.skip = hits;
        self
    }

    /// Fires on every n-th hit only, beginning with the first that is not skipped; 0 counts as 1.
    pub fn every(mut self, nth: u64) -> Self {
        self.last().gate.every = nth.max(1);
        self
    }

    /// Fires no more than this many times.
    pub fn at_most(mut self, fires: u64) -> Self {
        self.last().gate.most = fires;
        self
    }

    /// Delays the caller before the effect itself.
    pub fn after(mut self, delay: Duration) -> Self {
        self.last().delay = delay;
        self
    }

    /// Appends the steps of another rule, asked when none of these fires.
    pub fn then(mut self, next: Self) -> Self {
        self.steps.extend(next.steps);
        self
    }

    /// Fixes the seed of the rates.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    fn last(&mut self) -> &mut Step {
        self.steps.last_mut().expect("every constructor makes one step, and none is ever removed")
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            if at > 0 {
                f.write_str("->")?;
            }
            let Gate { skip, every, rate, most } = step.gate;
            if skip > 0 {
                write!(f, "skip {skip} ")?;
            }
            if every > 1 {
                write!(f, "every {every} ")?;
            }
            if !step.delay.is_zero() {
                write!(f, "after {}ms ", step.delay.as_millis())?;
            }
            if rate < 1.0 {
                write!(f, "{}%", rate * 100.0)?;
            }
            if most != u64::MAX {
                write!(f, "{most}*")?;
            }
            write!(f, "{}", step.action)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_out_of_bounds_is_refused() {
        for share in [-0.1, 1.01, f64::NAN, f64::INFINITY] {
            let error = Rule::fail().rate(share).unwrap_err();
            assert!(error.to_string().contains("a share is from 0 to 1"), "{error}");
        }
    }

    #[test]
    fn conditions_belong_to_the_last_step() {
        let rule = Rule::fail().at_most(1).then(Rule::panic().skip(4)).every(2);
        assert_eq!(rule.to_string(), "1*return->skip 4 every 2 panic");
    }
}
