//! Requests and handshakes that rules have met.

use std::sync::Arc;

use chaos_core::HttpCertificate;
use hyper::Request;
use tokio::sync::watch;

use crate::draw::Draw;
use crate::http::rule::Rule;
use crate::settings::Settings;
use crate::toxic::Toxic;

/// What the draws of a rule are for.
const SHARE: u64 = 1;
const BODY: u64 = 2;

/// The rules of a link that act on a connection, in the order in which they were added.
fn acting(toxics: &[Arc<Toxic>], connection: Draw) -> impl Iterator<Item = (&Toxic, &Arc<Rule>)> {
    let rule = move |toxic: &Arc<Toxic>| toxic.rule.is_some() && toxic.acts_on(connection);
    toxics.iter().filter(move |toxic| rule(toxic)).filter_map(|toxic| Some((&**toxic, toxic.rule.as_ref()?)))
}

/// A request that a rule has met.
#[derive(Debug, Clone)]
pub(super) struct Met {
    pub(super) rule: Arc<Rule>,
    /// The draws for the bytes of its answer.
    pub(super) draw: Draw,
}

impl Met {
    /// The first rule that meets a request. Every rule counts every request that fits it, whichever acts.
    pub(super) fn of<B>(toxics: &[Arc<Toxic>], connection: Draw, link: Draw, request: &Request<B>) -> Option<Self> {
        let mut first = None;
        for (toxic, rule) in acting(toxics, connection) {
            let Some(n) = rule.number(request) else { continue };
            let draw = link.named(&toxic.spec.name);
            if first.is_none() && rule.meets(n, draw.of(SHARE)) {
                first = Some(Self { rule: rule.clone(), draw: draw.of(BODY).of(n) });
            }
        }
        first
    }

    /// Waits until the rule is gone or changed.
    pub(super) async fn gone(&self, mut changes: watch::Receiver<Settings>) {
        let is_ours = |toxic: &Arc<Toxic>| toxic.rule.as_ref().is_some_and(|rule| Arc::ptr_eq(rule, &self.rule));
        // An error says that the link itself is gone.
        let _ = changes.wait_for(|settings| !settings.toxics.iter().any(is_ours)).await;
    }
}

/// The certificate that a handshake for a name gets in place of the right one.
pub(super) fn certificate(toxics: &[Arc<Toxic>], connection: Draw, link: Draw, name: &str) -> Option<HttpCertificate> {
    let mut rules = acting(toxics, connection);
    rules.find_map(|(toxic, rule)| rule.certificate(name, link.named(&toxic.spec.name).of(SHARE)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::counters::Direction;
    use crate::http::toxic::HttpToxic;
    use crate::toxic::{ToxicKind, ToxicSpec};

    fn toxic(name: &str, rule: Value) -> Arc<Toxic> {
        let kind = ToxicKind::Http(HttpToxic(serde_json::from_value(rule).unwrap()));
        let spec = ToxicSpec { name: name.to_owned(), ..ToxicSpec::new(kind, Direction::Downstream) };
        Arc::new(Toxic::new(1, spec).unwrap())
    }

    fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<()> {
        let request = Request::builder().method(method).uri(uri);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).unwrap()
    }

    /// Which of so many requests are met.
    fn met(toxics: &[Arc<Toxic>], requests: u64) -> Vec<u64> {
        let draw = Draw::of_seed(7);
        (1..=requests).filter(|_| Met::of(toxics, draw, draw, &request("GET", "/", &[])).is_some()).collect()
    }

    #[test]
    fn a_request_fits_all_that_is_given() {
        let get = request("GET", "/v1/chat?x=1", &[("host", "API.example:80"), ("x-a", "one"), ("x-a", "two")]);
        let absolute = request("GET", "http://[::1]:80/v1/chat", &[]);
        let rows = [
            (json!({}), true, true),
            (json!({"method": "GET"}), true, true),
            (json!({"method": "POST"}), false, false),
            (json!({"host": "api.example"}), true, false),
            (json!({"host": "*.example"}), true, false),
            (json!({"host": "::1"}), false, true),
            (json!({"path": "/v1/*"}), true, true),
            (json!({"path": "/v1/chat?x=1"}), false, false),
            (json!({"path": "/v2/*"}), false, false),
            (json!({"headers": {"x-a": "two"}}), true, false),
            (json!({"headers": {"X-A": "t*"}}), true, false),
            (json!({"headers": {"x-a": "three"}}), false, false),
            (json!({"method": "GET", "host": "other", "path": "*"}), false, false),
        ];
        for (matching, fits, other) in rows {
            let toxic = toxic("r", json!({"match": matching, "effect": {"close": true}}));
            let rule = toxic.rule.as_ref().unwrap();
            assert_eq!((rule.fits(&get), rule.fits(&absolute)), (fits, other), "{matching}");
        }
    }

    #[test]
    fn requests_count_from_a_number_by_turns_and_so_many_times() {
        let rows = [
            (json!({}), vec![1, 2, 3, 4, 5, 6, 7, 8]),
            (json!({"from": 3, "times": 1}), vec![3]),
            (json!({"every": 3}), vec![1, 4, 7]),
            (json!({"from": 2, "every": 2, "times": 2}), vec![2, 4]),
            (json!({"share": 1, "from": 8}), vec![8]),
        ];
        for (matching, expected) in rows {
            let toxic = toxic("r", json!({"match": matching, "effect": {"close": true}}));
            assert_eq!(met(std::slice::from_ref(&toxic), 8), expected, "{matching}");
            assert_eq!(toxic.rule.as_ref().unwrap().met(), expected.len() as u64);
        }
    }

    #[test]
    fn a_share_is_drawn_by_the_seed() {
        let rule = json!({"match": {"share": 0.3}, "effect": {"close": true}});
        let drawn = met(&[toxic("r", rule.clone())], 1000);
        assert!((250..350).contains(&drawn.len()), "{}", drawn.len());
        assert_eq!(drawn, met(&[toxic("r", rule.clone())], 1000));
        assert_ne!(drawn, met(&[toxic("other", rule)], 1000));
    }

    #[test]
    fn the_first_rule_acts_and_the_others_count_all_the_same() {
        let first = toxic("a", json!({"match": {"from": 2, "times": 1}, "effect": {"close": true}}));
        let second = toxic("b", json!({"match": {"from": 2, "times": 2}, "effect": {"close": true}}));
        assert_eq!(met(&[first.clone(), second.clone()], 5), [2, 3, 4]);
        assert_eq!((first.rule.as_ref().unwrap().met(), second.rule.as_ref().unwrap().met()), (1, 2));
    }

    #[test]
    fn a_certificate_is_for_handshakes_and_meets_no_request() {
        let rule = json!({"match": {"host": "a", "times": 1}, "effect": {"certificate": "expired"}});
        let toxics = [toxic("r", rule)];
        let draw = Draw::of_seed(1);
        assert_eq!(met(&toxics, 3), Vec::<u64>::new());
        assert_eq!(certificate(&toxics, draw, draw, "b"), None);
        assert_eq!(certificate(&toxics, draw, draw, "a"), Some(HttpCertificate::Expired));
        assert_eq!(certificate(&toxics, draw, draw, "a"), None);
        assert_eq!(toxics[0].rule.as_ref().unwrap().met(), 1);
    }
}
