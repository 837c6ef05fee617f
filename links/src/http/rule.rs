//! A rule on a link: which requests it meets, and how many there were.

use std::sync::atomic::{AtomicU64, Ordering};

use chaos_core::{HttpCertificate, HttpEffect, HttpMatch, HttpPreset, HttpRule, HttpRuleError};
use hyper::header::HOST;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Request, Uri};

use crate::draw::Draw;
use crate::http::presets::{self, Preset};

/// A rule on a link, with its counts over all connections.
#[derive(Debug)]
pub(crate) struct Rule {
    matching: HttpMatch,
    /// Whose effect hangs on the request; none shows a certificate.
    preset: Option<HttpPreset>,
    effect: HttpEffect,
    requests: Counter,
    handshakes: Counter,
}

#[derive(Debug, Default)]
struct Counter {
    seen: AtomicU64,
    met: AtomicU64,
}

impl Rule {
    /// A rule that has met nothing yet.
    ///
    /// # Errors
    /// [`HttpRuleError`] when its keys do not fit together.
    pub(crate) fn new(rule: &HttpRule) -> Result<Self, HttpRuleError> {
        rule.check()?;
        let effect = rule.effect.clone().unwrap_or_default();
        let matching = rule.matching.clone();
        Ok(Self { matching, preset: rule.preset, effect, requests: Counter::default(), handshakes: Counter::default() })
    }

    /// What it does to a request with this head.
    pub(super) fn acts(&self, head: &Parts) -> Preset {
        let of_effect = || Preset { effect: self.effect.clone(), is_about: None, rewrite: None };
        self.preset.map_or_else(of_effect, |preset| presets::of(preset, head))
    }

    /// How many requests it has met, or handshakes.
    pub(crate) fn met(&self) -> u64 {
        self.requests.met.load(Ordering::Relaxed) + self.handshakes.met.load(Ordering::Relaxed)
    }

    /// Takes back that it has met a request, which passes unharmed.
    pub(super) fn unmeet(&self) {
        self.requests.met.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether it does anything once a connection is there.
    fn is_about_requests(&self) -> bool {
        self.preset.is_some()
            || self.effect != HttpEffect { certificate: self.effect.certificate, ..HttpEffect::default() }
    }

    pub(super) fn fits<B>(&self, request: &Request<B>) -> bool {
        let HttpMatch { method, host, path, headers, .. } = &self.matching;
        method.as_ref().is_none_or(|method| method.as_str() == request.method().as_str())
            && host.as_ref().is_none_or(|pattern| pattern.fits(&host_of(request.uri(), request.headers())))
            && path.as_ref().is_none_or(|pattern| pattern.fits(request.uri().path()))
            && headers.iter().all(|(name, pattern)| {
                let mut values = request.headers().get_all(name.as_str()).iter();
                values.any(|value| std::str::from_utf8(value.as_bytes()).is_ok_and(|value| pattern.fits(value)))
            })
    }

    /// Counts a request that fits, from 1; `None` for the others.
    pub(super) fn number<B>(&self, request: &Request<B>) -> Option<u64> {
        let is_counted = self.is_about_requests() && self.fits(request);
        is_counted.then(|| self.requests.seen.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Whether it meets the request of a number.
    pub(super) fn meets(&self, n: u64, share: Draw) -> bool {
        self.counts(n, share) && self.take(&self.requests)
    }

    /// Whether the n-th (from 1) that fits is one of those that count.
    fn counts(&self, n: u64, share: Draw) -> bool {
        let HttpMatch { from, every, share: portion, .. } = &self.matching;
        let from = from.map_or(1, |from| u64::from(from.get()));
        let every = every.map_or(1, |every| u64::from(every.get()));
        n >= from && (n - from).is_multiple_of(every) && portion.is_none_or(|portion| share.unit(n) < portion.get())
    }

    /// Takes one of the times that are left.
    fn take(&self, counter: &Counter) -> bool {
        let most = self.matching.times.map_or(u64::MAX, |times| u64::from(times.get()));
        let more = |met: u64| (met < most).then(|| met.saturating_add(1));
        counter.met.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// The certificate that a handshake for a name gets.
    pub(super) fn certificate(&self, name: &str, draw: Draw) -> Option<HttpCertificate> {
        let certificate = self.effect.certificate?;
        if !self.matching.host.as_ref().is_none_or(|pattern| pattern.fits(name)) {
            return None;
        }
        let n = self.handshakes.seen.fetch_add(1, Ordering::Relaxed) + 1;
        (self.counts(n, draw) && self.take(&self.handshakes)).then_some(certificate)
    }
}

/// The host that a request names, in lower case, without its port and the brackets of IPv6.
fn host_of(uri: &Uri, headers: &HeaderMap) -> String {
    let header = || headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let authority = uri.authority().map_or_else(header, |authority| authority.as_str());
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let bare = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, _)) => inside,
        None => host.split(':').next().unwrap_or_default(),
    };
    bare.to_ascii_lowercase()
}
