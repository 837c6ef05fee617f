//! Arming for the whole process, and the guards that end an arming.

use std::time::Duration;

use crate::{
    Barrier, Error, HitCounts, Rule,
    arming::{Arming, Place},
    registry,
    sync::Arc,
};

/// Keeps a site armed; dropping it disarms.
#[derive(Debug)]
#[must_use = "the site is disarmed as soon as this is dropped"]
pub struct Guard {
    arming: Arc<Arming>,
    /// Says that the arming is to stay when the guard goes.
    detached: bool,
}

impl Guard {
    pub(crate) fn new(arming: Arc<Arming>) -> Self {
        Self { arming, detached: false }
    }

    /// Returns the site's name.
    pub fn site(&self) -> &'static str {
        self.arming.site()
    }

    /// Returns the hits and fires of this arming so far.
    pub fn counts(&self) -> HitCounts {
        self.arming.counts()
    }

    /// Returns how often the site was reached under this arming.
    pub fn hits(&self) -> u64 {
        self.counts().hits
    }

    /// Returns how often it fired.
    pub fn fires(&self) -> u64 {
        self.counts().fires
    }

    /// Returns the barrier at which the rule's `pause` steps block their callers.
    pub fn barrier(&self) -> &Barrier {
        &self.arming.hold
    }

    /// Returns the rule, as text.
    pub fn rule(&self) -> &str {
        self.arming.text()
    }

    /// Makes the arming expire this long from now, unless this is called again before.
    pub fn lease(&self, time: Duration) {
        self.arming.lease(time);
    }

    /// Says whether the arming is still in force: not replaced, reset or expired.
    pub fn is_in_force(&self) -> bool {
        !self.arming.is_over()
    }

    /// Disarms and returns the counts.
    pub fn disarm(self) -> HitCounts {
        self.arming.retire();
        self.counts()
    }

    /// Leaves the site armed until a `reset` or the end of the process.
    pub fn detach(mut self) {
        self.detached = true;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.detached {
            self.arming.retire();
        }
    }
}

/// Arms a site for the whole process; a process-wide rule that it has is replaced.
///
/// The rule is a [`Rule`] or an action string of fail-rs's grammar.
///
/// # Errors
/// An unknown site, a rule that does not parse, or an action that the site cannot take.
pub fn arm<R>(site: &str, rule: R) -> Result<Guard, Error>
where
    R: TryInto<Rule>,
    Error: From<R::Error>,
{
    let named = registry::find(site)?;
    let arming = named.arming(rule.try_into()?, Place::Process, None)?;
    Ok(Guard::new(named.put(arming)))
}

/// Ends every arming in every scope, for harnesses that reset between tests.
///
/// Guards that are still held become harmless.
pub fn reset() {
    for named in registry::all().values() {
        named.armings().iter().for_each(Arming::retire);
    }
}
