//! The one load that a model may ask for, and the check of what it asks for.

use std::fmt;
use std::time::Duration;

use chaos_core::{DurationText, HttpUrl, LoadRequest, PluginError, Policy};
use chaos_load::{LoadPlan, Stop};

use super::super::planned::{PlannedLoad, Requests, longest};

/// The load that may be made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Offer {
    load: PlannedLoad,
    pub(super) length: Length,
}

/// How long the load lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// Exactly so long.
    Fixed(Duration),
    /// As the model chooses, up to here.
    UpTo(Duration),
}

/// Who chooses the length where the task leaves it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chooses {
    /// A model, within the policy.
    #[cfg_attr(not(any(test, feature = "openai")), expect(dead_code, reason = "only a build with a client has models"))]
    Model,
    /// Nobody: the default holds.
    Nobody,
}

/// What a model asked for, however it wrote it. `None` takes the plan's figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) url: String,
    pub(super) qps: Option<f64>,
    pub(super) connections: Option<u64>,
    pub(super) stop: Option<Stop>,
    pub(super) timeout: Option<Duration>,
}

/// Why what a model asked for is not made. The text is for the model: what is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum OfferError {
    /// Another target.
    #[error("the only target is `{0}`; every other URL is refused")]
    Target(HttpUrl),
    /// Another figure.
    #[error("{what} is {asked}; the plan's figure is {planned}, neither more nor less")]
    Figure { what: &'static str, asked: f64, planned: f64 },
    /// A timeout that is not shorter.
    #[error("the timeout must be above 0 and at most {0}")]
    Timeout(DurationText),
    /// No duration where the plan has none.
    #[error("the plan leaves the duration open; give one, at most {0}")]
    NoDuration(DurationText),
    /// Another length.
    #[error("the load lasts {0}, neither more nor less")]
    OtherLength(DurationText),
    /// Too long.
    #[error("the load must end after at most {0}")]
    TooLong(DurationText),
}

impl Length {
    /// The longest that it may be.
    fn longest(self) -> Duration {
        match self {
            Self::Fixed(time) | Self::UpTo(time) => time,
        }
    }
}

impl Offer {
    pub(super) fn of(request: &LoadRequest, chooses: Chooses, policy: &Policy) -> Result<Self, PluginError> {
        let load = PlannedLoad::of(request, policy)?;
        let length = match (request.duration, chooses) {
            (None, Chooses::Model) => Length::UpTo(longest(policy)),
            _ => Length::Fixed(load.duration()),
        };
        Ok(Self { load, length })
    }

    /// The load at its longest.
    pub(super) fn longest(&self) -> PlannedLoad {
        self.load.until(Stop::After(self.length.longest()))
    }

    /// Checks what was asked for.
    pub(super) fn check(&self, asked: &Asked) -> Result<PlannedLoad, OfferError> {
        if !self.is_target(&asked.url) {
            return Err(OfferError::Target(self.load.url().clone()));
        }
        let figure = |what, asked: Option<f64>, planned: u32| match asked {
            Some(asked) if asked.total_cmp(&f64::from(planned)).is_ne() => {
                Err(OfferError::Figure { what, asked, planned: f64::from(planned) })
            }
            _ => Ok(()),
        };
        figure("qps", asked.qps, self.load.qps().get())?;
        #[expect(clippy::cast_precision_loss, reason = "no figure so large is a planned one")]
        let connections = asked.connections.map(|given| given as f64);
        figure("the number of connections", connections, self.load.connections().get())?;
        let most = self.load.timeout();
        let timeout = asked.timeout.unwrap_or(most);
        if timeout.is_zero() || timeout > most {
            return Err(OfferError::Timeout(most.into()));
        }
        Ok(self.load.until(self.stop(asked.stop)?).with_timeout(timeout))
    }

    /// Whether a text names the planned URL, however it is spelt.
    fn is_target(&self, text: &str) -> bool {
        // What parsers may read differently is not even compared.
        let url = |text: &str| {
            text.parse::<HttpUrl>().ok().and_then(|_| LoadPlan::to(text).ok()).map(|load| load.typed_url())
        };
        url(text).is_some_and(|asked| url(self.load.url().as_str()).is_some_and(|own| own == asked))
    }

    fn stop(&self, asked: Option<Stop>) -> Result<Stop, OfferError> {
        match (asked, self.length) {
            (None, Length::Fixed(time)) => Ok(Stop::After(time)),
            (None, Length::UpTo(most)) => Err(OfferError::NoDuration(most.into())),
            (Some(Stop::After(time)), Length::Fixed(planned)) if time == planned => Ok(Stop::After(time)),
            (Some(Stop::After(time)), Length::UpTo(most)) if !time.is_zero() && time <= most => Ok(Stop::After(time)),
            (Some(Stop::Count(calls)), length) if self.fits(calls, length) => Ok(Stop::Count(calls)),
            (Some(_), Length::Fixed(time)) => Err(OfferError::OtherLength(time.into())),
            (Some(_), Length::UpTo(most)) => Err(OfferError::TooLong(most.into())),
        }
    }

    /// Whether so many requests take the planned time, give or take the last one.
    fn fits(&self, calls: u64, length: Length) -> bool {
        let Ok(calls) = u32::try_from(calls) else { return false };
        let (calls, due) = (f64::from(calls), f64::from(self.load.qps().get()) * length.longest().as_secs_f64());
        match length {
            Length::Fixed(_) => (calls - due).abs() <= 1.0,
            Length::UpTo(_) => calls > 0.0 && calls <= due,
        }
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length {
            Length::Fixed(_) => write!(f, "{}", self.longest()),
            Length::UpTo(most) => {
                let request = self.load.request();
                let (most, connections) = (DurationText::from(most), self.load.connections());
                write!(f, "{} for at most {most} over {connections} connections", Requests(&request))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::test_context::target;
    use super::*;

    fn offer(duration: &str) -> Offer {
        let target = target("http://127.0.0.1:8080/", 300, duration, 4);
        Offer::of(&target, Chooses::Model, &Policy::default()).unwrap()
    }

    fn refusal(duration: &str, asked: &Asked) -> String {
        offer(duration).check(asked).unwrap_err().to_string()
    }

    fn asked(url: &str) -> Asked {
        Asked { url: url.to_owned(), qps: None, connections: None, stop: None, timeout: None }
    }

    fn plain() -> Asked {
        asked("http://127.0.0.1:8080/")
    }

    #[test]
    fn the_target_is_known_in_every_harmless_spelling() {
        for url in ["http://127.0.0.1:8080/", "http://127.0.0.1:8080"] {
            assert!(offer("2s").check(&asked(url)).is_ok(), "{url}");
        }
    }

    #[test]
    fn every_other_target_is_refused() {
        let rows = [
            "http://127.0.0.2:8080/",
            "http://127.0.0.1:8081/",
            "http://127.0.0.1/",
            "http://localhost:8080/",
            "http://[::1]:8080/",
            "http://[::ffff:127.0.0.1]:8080/",
            "http://2130706433:8080/",
            "http://0x7f000001:8080/",
            "http://127.1:8080/",
            "http://127.0.0.1:8080@evil.example/",
            "http://evil.example@127.0.0.1:8080/",
            "http://user:pw@127.0.0.1:8080/",
            "http://127.0.0.1:8080/admin",
            "http://127.0.0.1:8080/?x",
            "http://127.0.0.1:8080/#@evil",
            "http://127.0.0.1:8080\\@evil/",
            "http://127.0.0.1:8080/../..//x",
            "https://127.0.0.1:8080/",
            "tcp://127.0.0.1:8080",
            "127.0.0.1:8080",
            "file:///etc/passwd",
            "http://127.0.0.1:8080/ http://evil/",
            "http://127.0.0.1:8080/\n",
            "",
        ];
        for url in rows {
            let refusal = refusal("2s", &asked(url));
            assert_eq!(refusal, "the only target is `http://127.0.0.1:8080/`; every other URL is refused", "{url}");
        }
    }

    #[test]
    fn no_arithmetic_gets_past_the_figures() {
        let huge = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -300.0, -0.0, 0.0, 299.0, 301.0, 1e308, 300.000_001];
        for qps in huge {
            let refusal = refusal("2s", &Asked { qps: Some(qps), ..plain() });
            assert_eq!(refusal, format!("qps is {qps}; the plan's figure is 300, neither more nor less"));
        }
        for connections in [0, 3, 5, u64::from(u32::MAX) + 5, u64::MAX] {
            let refusal = refusal("2s", &Asked { connections: Some(connections), ..plain() });
            assert!(refusal.ends_with("the plan's figure is 4, neither more nor less"), "{refusal}");
        }
        for timeout in [Duration::ZERO, Duration::from_millis(3001), Duration::MAX] {
            let refusal = refusal("2s", &Asked { timeout: Some(timeout), ..plain() });
            assert_eq!(refusal, "the timeout must be above 0 and at most 3s");
        }
    }

    #[test]
    fn a_fixed_length_is_neither_stretched_nor_cut() {
        let stops = [
            Stop::Never,
            Stop::After(Duration::ZERO),
            Stop::After(Duration::from_millis(1999)),
            Stop::After(Duration::MAX),
            Stop::Count(0),
            Stop::Count(1),
            Stop::Count(602),
            Stop::Count(u64::MAX),
            Stop::Count(u64::from(u32::MAX) + 601),
        ];
        for stop in stops {
            let refusal = refusal("2s", &Asked { stop: Some(stop), ..plain() });
            assert_eq!(refusal, "the load lasts 2s, neither more nor less", "{stop:?}");
        }
        for stop in [Stop::After(Duration::from_secs(2)), Stop::Count(600)] {
            assert_eq!(
                offer("2s").check(&Asked { stop: Some(stop), ..plain() }).unwrap(),
                offer("2s").load.until(stop)
            );
        }
    }

    #[test]
    fn an_open_length_is_the_models_choice_up_to_the_policy() {
        let stops = [
            Stop::Never,
            Stop::After(Duration::from_secs(601)),
            Stop::Count(180_001),
            Stop::Count(0),
            Stop::Count(u64::MAX),
        ];
        for stop in stops {
            let refusal = refusal("", &Asked { stop: Some(stop), ..plain() });
            assert_eq!(refusal, "the load must end after at most 10m", "{stop:?}");
        }
        for stop in [Stop::After(Duration::from_mins(10)), Stop::Count(180_000), Stop::Count(1)] {
            assert_eq!(offer("").check(&Asked { stop: Some(stop), ..plain() }).unwrap(), offer("").load.until(stop));
        }
        assert!(refusal("", &plain()).contains("give one, at most 10m"));
    }
}
