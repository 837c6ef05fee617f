//! Randomised runs after `FoundationDB`'s buggify: a seed picks which sites fire, and when.

use std::time::Duration;

use crate::{
    Error, Form, Guard, Rule, Scope, arm, registry,
    seed::{hash_name, mix},
    site::{Named, Site},
};

/// Random faults for a whole program, repeatable by the seed.
///
/// Each site is enabled once for the run with one probability, and an enabled one then fires with another: this
/// finds more than firing everywhere at a low rate, since rare combinations become common in *some* run.
/// An enabled site returns its error where it has one, and delays its caller by a millisecond where it has none.
/// Sites that return a typed value are left alone: no value can be made up for them.
#[derive(Clone, Copy, Debug)]
pub struct Buggify {
    seed: u64,
    enabled: f64,
    fires: f64,
}

/// `FoundationDB`'s defaults.
const QUARTER: f64 = 0.25;
/// Long enough for another thread to overtake, short enough not to trip a timeout of a second.
const SHORT_DELAY: Duration = Duration::from_millis(1);

impl Buggify {
    /// Plans with `FoundationDB`'s defaults: 25 % of the sites, each firing on 25 % of its hits.
    pub fn new(seed: u64) -> Self {
        Self { seed, enabled: QUARTER, fires: QUARTER }
    }

    /// Enables this share of the sites and lets them fire on this share of their hits, each from 0 to 1.
    #[must_use]
    pub fn with_rates(mut self, enabled: f64, fires: f64) -> Self {
        self.enabled = enabled;
        self.fires = fires;
        self
    }

    /// Returns the names that this seed enables.
    pub fn enabled(&self) -> Vec<&'static str> {
        let chosen = registry::all().values().filter(|named| self.chooses(named));
        chosen.map(|named| named.name).collect()
    }

    /// Arms the enabled sites for the whole process.
    ///
    /// # Errors
    /// A rate outside 0 to 1.
    pub fn arm(&self) -> Result<Vec<Guard>, Error> {
        self.arm_by(arm)
    }

    /// Arms the enabled sites in a scope.
    ///
    /// # Errors
    /// A rate outside 0 to 1.
    pub fn arm_in(&self, scope: &Scope) -> Result<Vec<Guard>, Error> {
        self.arm_by(|site, rule| scope.arm(site, rule))
    }

    fn arm_by(&self, arm: impl Fn(&str, Rule) -> Result<Guard, Error>) -> Result<Vec<Guard>, Error> {
        let chosen = registry::all().values().filter(|named| self.chooses(named));
        chosen.map(|named| arm(named.name, self.rule(named)?)).collect()
    }

    fn chooses(&self, named: &Named) -> bool {
        let typed = |site: &Site| matches!(site.info().form, Form::Value { .. });
        if named.sites.iter().copied().any(typed) {
            return false;
        }
        let bits = mix(self.seed ^ hash_name(named.name)) >> 11;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
        let drawn = bits as f64 / (1_u64 << 53) as f64;
        drawn < self.enabled
    }

    fn rule(&self, named: &Named) -> Result<Rule, Error> {
        let returns = named.sites.iter().all(|site| !matches!(site.info().form, Form::Effect));
        let rule = if returns { Rule::fail() } else { Rule::sleep(SHORT_DELAY) };
        let seed = mix(self.seed).wrapping_add(hash_name(named.name));
        Ok(rule.rate(self.fires)?.seed(seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fail_check;

    #[test]
    fn a_seed_enables_about_a_quarter_and_always_the_same() {
        let name = "buggify.only";
        let _ = fail_check!("buggify.only");
        let enabled = |seed| Buggify::new(seed).enabled().contains(&name);
        let count = (0..4000).filter(|&seed| enabled(seed)).count();
        assert!((900..1100).contains(&count), "{count} of 4000");
        assert!((0..100).all(|seed| enabled(seed) == enabled(seed)));
    }

    #[test]
    fn an_enabled_site_fires_about_a_quarter_of_the_time() {
        let scope = Scope::new("buggify");
        let seed = (0..1000).find(|&seed| Buggify::new(seed).enabled().contains(&"buggify.hit")).unwrap();
        let guards = Buggify::new(seed).arm_in(&scope).unwrap();
        let fired = scope.run(|| (0..4000).filter(|_| fail_check!("buggify.hit").is_some()).count());
        assert!((900..1100).contains(&fired), "{fired} of 4000");
        let guard = guards.iter().find(|guard| guard.site() == "buggify.hit").unwrap();
        assert_eq!(guard.fires(), fired as u64);
    }

    #[test]
    fn rates_out_of_bounds_are_refused() {
        let _ = fail_check!("buggify.only_too");
        let error = Buggify::new(1).with_rates(1.0, 2.0).arm_in(&Scope::new("x")).unwrap_err();
        assert!(error.to_string().contains("from 0 to 1"), "{error}");
    }
}
