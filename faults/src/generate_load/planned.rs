//! The figures of the one spike that may be made, and the check of what a model asks for against them.

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use chaos_core::{DurationText, HeaderName, HeaderValue, HttpUrl, LoadDuration, LoadRequest, Policy, RunContext};
use chaos_load::{LoadError, LoadModel, LoadPlan, Rate, Stop};

use super::tls;

/// What the offline planner takes where the task says nothing.
const DEFAULT_DURATION: Duration = Duration::from_secs(30);
/// fortio's own default, for tasks that say nothing.
const DEFAULT_CONNECTIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);
/// The longest spike that a model can be left to choose, should the policy have no end.
const LONGEST: Duration = Duration::from_hours(24);

/// The spike that may be made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planned {
    request: LoadRequest,
    pub(super) connections: NonZeroU32,
    pub(super) length: Length,
}

/// How long the spike lasts.
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

/// What was asked for and is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowed {
    stop: Stop,
    timeout: Duration,
}

impl Length {
    /// The longest that it may be.
    pub(super) fn longest(self) -> Duration {
        match self {
            Self::Fixed(time) | Self::UpTo(time) => time,
        }
    }
}

impl Planned {
    pub(super) fn of(target: &LoadRequest, chooses: Chooses, policy: &Policy) -> Self {
        let ceiling = ceiling(policy);
        let length = match (target.duration, chooses) {
            (Some(given), _) => Length::Fixed(given.get()),
            (None, Chooses::Model) => Length::UpTo(ceiling),
            (None, Chooses::Nobody) => Length::Fixed(DEFAULT_DURATION.min(ceiling)),
        };
        let most = NonZeroU32::new(policy.max_concurrency).unwrap_or(NonZeroU32::MIN);
        Self {
            request: target.clone(),
            connections: target.concurrency.unwrap_or(DEFAULT_CONNECTIONS.min(most)),
            length,
        }
    }

    pub(super) fn url(&self) -> &HttpUrl {
        &self.request.service_url
    }

    /// Requests per second.
    pub(super) fn qps(&self) -> f64 {
        f64::from(self.request.qps.get())
    }

    /// The longest time for one request.
    pub(super) fn timeout(&self) -> Duration {
        self.request.timeout_seconds.get()
    }

    /// What was asked for in the end.
    pub(super) fn request(&self, allowed: Allowed) -> LoadRequest {
        let mut request = self.request.clone();
        request.concurrency = Some(self.connections);
        request.duration = self.takes(allowed).try_into().ok();
        request
    }

    /// Checks what was asked for. The text of a refusal is for the model: what is wrong, and what would be right.
    pub(super) fn check(&self, asked: &Asked) -> Result<Allowed, String> {
        if !self.is_target(&asked.url) {
            return Err(format!("the only target is `{}`; every other URL is refused", self.url()));
        }
        let qps = self.qps();
        if asked.qps.is_some_and(|given| given.total_cmp(&qps).is_ne()) {
            return Err(other("qps", asked.qps, &qps));
        }
        let connections = u64::from(self.connections.get());
        if asked.connections.is_some_and(|given| given != connections) {
            return Err(other("the number of connections", asked.connections, &connections));
        }
        let timeout = asked.timeout.unwrap_or(self.timeout());
        if timeout.is_zero() || timeout > self.timeout() {
            return Err(format!("the timeout must be above 0 and at most {}", DurationText::from(self.timeout())));
        }
        Ok(Allowed { stop: self.stop(asked.stop)?, timeout })
    }

    /// Whether a text names the planned URL, however it is spelt.
    fn is_target(&self, text: &str) -> bool {
        // What parsers may read differently is not even compared.
        let url = |text: &str| text.parse::<HttpUrl>().ok().and_then(|_| LoadPlan::to(text).ok()).map(|load| load.url);
        url(text).is_some_and(|asked| url(self.url().as_str()).is_some_and(|own| own == asked))
    }

    fn stop(&self, asked: Option<Stop>) -> Result<Stop, String> {
        match (asked, self.length) {
            (None, Length::Fixed(time)) => Ok(Stop::After(time)),
            (None, Length::UpTo(most)) => {
                Err(format!("the plan leaves the duration open; give one, at most {}", DurationText::from(most)))
            }
            (Some(Stop::After(time)), Length::Fixed(planned)) if time == planned => Ok(Stop::After(time)),
            (Some(Stop::After(time)), Length::UpTo(most)) if !time.is_zero() && time <= most => Ok(Stop::After(time)),
            (Some(Stop::Count(calls)), length) if self.fits(calls, length) => Ok(Stop::Count(calls)),
            (Some(_), Length::Fixed(time)) => {
                Err(format!("the spike lasts {}, neither more nor less", DurationText::from(time)))
            }
            (Some(_), Length::UpTo(most)) => {
                Err(format!("the spike must end after at most {}", DurationText::from(most)))
            }
        }
    }

    /// Whether so many calls take the planned time, give or take the last one.
    fn fits(&self, calls: u64, length: Length) -> bool {
        let Ok(calls) = u32::try_from(calls) else { return false };
        let (calls, due) = (f64::from(calls), self.qps() * length.longest().as_secs_f64());
        match length {
            Length::Fixed(_) => (calls - due).abs() <= 1.0,
            Length::UpTo(_) => calls > 0.0 && calls <= due,
        }
    }

    /// How long the allowed spike takes.
    pub(super) fn takes(&self, allowed: Allowed) -> Duration {
        match allowed.stop {
            Stop::After(time) => time,
            // Calls beyond a u32 were refused; at one a second or more, so many seconds fit any duration.
            Stop::Count(calls) => Duration::from_secs(calls) / self.request.qps.get(),
            Stop::Never => Duration::MAX,
        }
    }

    /// The load itself: the planned figures, the pinned addresses, open-loop, no redirects, no request before the run.
    pub(super) fn load(
        &self,
        allowed: Allowed,
        addresses: &[SocketAddr],
        cx: &RunContext,
    ) -> Result<LoadPlan, LoadError> {
        let mut load = LoadPlan::to(self.url().as_str())?;
        load.rate = Rate::Qps(self.qps());
        load.connections =
            usize::try_from(self.connections.get()).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN);
        load.stop = allowed.stop;
        load.timeout = allowed.timeout;
        load.model = LoadModel::Open;
        load.settle = self.request.warmup.map(LoadDuration::get).unwrap_or_default();
        load.method = self.request.method.as_ref().map(ToString::to_string);
        let header = |(name, value): (&HeaderName, &HeaderValue)| (name.as_str().to_owned(), value.expose().to_owned());
        load.headers = self.request.headers.iter().map(header).collect();
        load.body = self.request.body.clone().unwrap_or_default().into_bytes();
        load.resolve = one_family(addresses);
        load.seed = cx.seed();
        if let Some(tls) = &self.request.tls {
            tls::apply(tls, &mut load.transport, cx.workspace());
        }
        Ok(load)
    }
}

/// IPv4 addresses alone if there are any, as fortio has it: half of the calls would fail on hosts without IPv6.
fn one_family(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let four: Vec<_> = addresses.iter().copied().filter(SocketAddr::is_ipv4).collect();
    if four.is_empty() { addresses.to_vec() } else { four }
}

fn other(what: &str, asked: Option<impl fmt::Display>, planned: &impl fmt::Display) -> String {
    let asked = asked.map(|asked| asked.to_string()).unwrap_or_default();
    format!("{what} is {asked}; the plan's figure is {planned}, neither more nor less")
}

fn ceiling(policy: &Policy) -> Duration {
    let seconds = policy.max_duration_seconds;
    // Too large for a duration: no end. Negative or no number: nothing is allowed, as the engine will say.
    let none = if seconds > 0.0 { LONGEST } else { Duration::ZERO };
    Duration::try_from_secs_f64(seconds).unwrap_or(none).min(LONGEST)
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request: LoadRequest { service_url: url, qps, tls, .. }, connections, length } = self;
        let time = DurationText::from(length.longest());
        let time = match length {
            Length::Fixed(_) => format!("for {time}"),
            Length::UpTo(_) => format!("for at most {time}"),
        };
        write!(f, "send {qps} requests a second to `{url}` {time} over {connections} connections")?;
        if tls.as_ref().is_some_and(|tls| tls.insecure) {
            f.write_str(", without checking its certificate")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::super::test_context::{TestContext, target};
    use super::*;

    fn planned(duration: &str) -> Planned {
        Planned::of(&target("http://127.0.0.1:8080/", 300, duration, 4), Chooses::Model, &Policy::default())
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
            assert!(planned("2s").check(&asked(url)).is_ok(), "{url}");
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
            let refusal = planned("2s").check(&asked(url)).unwrap_err();
            assert_eq!(refusal, "the only target is `http://127.0.0.1:8080/`; every other URL is refused", "{url}");
        }
    }

    #[test]
    fn no_arithmetic_gets_past_the_figures() {
        let huge = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -300.0, -0.0, 0.0, 299.0, 301.0, 1e308, 300.000_001];
        for qps in huge {
            let refusal = planned("2s").check(&Asked { qps: Some(qps), ..plain() }).unwrap_err();
            assert_eq!(refusal, format!("qps is {qps}; the plan's figure is 300, neither more nor less"));
        }
        for connections in [0, 3, 5, u64::from(u32::MAX) + 5, u64::MAX] {
            let refusal = planned("2s").check(&Asked { connections: Some(connections), ..plain() }).unwrap_err();
            assert!(refusal.ends_with("the plan's figure is 4, neither more nor less"), "{refusal}");
        }
        for timeout in [Duration::ZERO, Duration::from_millis(3001), Duration::MAX] {
            let refusal = planned("2s").check(&Asked { timeout: Some(timeout), ..plain() }).unwrap_err();
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
            let refusal = planned("2s").check(&Asked { stop: Some(stop), ..plain() }).unwrap_err();
            assert_eq!(refusal, "the spike lasts 2s, neither more nor less", "{stop:?}");
        }
        for stop in [Stop::After(Duration::from_secs(2)), Stop::Count(600)] {
            assert_eq!(planned("2s").check(&Asked { stop: Some(stop), ..plain() }).unwrap().stop, stop);
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
            let refusal = planned("").check(&Asked { stop: Some(stop), ..plain() }).unwrap_err();
            assert_eq!(refusal, "the spike must end after at most 10m", "{stop:?}");
        }
        for stop in [Stop::After(Duration::from_mins(10)), Stop::Count(180_000), Stop::Count(1)] {
            assert_eq!(planned("").check(&Asked { stop: Some(stop), ..plain() }).unwrap().stop, stop);
        }
        assert!(planned("").check(&plain()).unwrap_err().contains("give one, at most 10m"));
    }

    #[test]
    fn defaults_stay_inside_the_policy() {
        let policy = Policy { max_duration_seconds: 7.0, max_concurrency: 2, ..Policy::default() };
        let planned = Planned::of(&target("http://h/", 1, "", 0), Chooses::Nobody, &policy);
        assert_eq!((planned.length, planned.connections.get()), (Length::Fixed(Duration::from_secs(7)), 2));
        for (seconds, most) in [(f64::INFINITY, LONGEST), (f64::NAN, Duration::ZERO), (-1.0, Duration::ZERO)] {
            let policy = Policy { max_duration_seconds: seconds, ..Policy::default() };
            let planned = Planned::of(&target("http://h/", 1, "", 0), Chooses::Model, &policy);
            assert_eq!(planned.length, Length::UpTo(most), "{seconds}");
        }
    }

    #[test]
    fn the_load_is_open_loop_pinned_and_without_redirects() {
        let planned = planned("2s");
        let four = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        let six = SocketAddr::from((Ipv6Addr::LOCALHOST, 8080));
        let place = TestContext::new(&[]);
        let load = planned.load(planned.check(&plain()).unwrap(), &[six, four], &place.cx()).unwrap();
        assert_eq!((load.model, load.rate, load.connections.get()), (LoadModel::Open, Rate::Qps(300.0), 4));
        assert_eq!(
            (load.resolve, load.stop, load.timeout),
            (vec![four], Stop::After(Duration::from_secs(2)), Duration::from_secs(3))
        );
        assert!(!load.transport.follow_redirects && load.headers.is_empty() && load.body.is_empty());
        assert_eq!(one_family(&[six]), [six]);
    }
}
