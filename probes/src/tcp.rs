//! The probe that opens a TCP connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use chaos_core::{Address, Clock, Observation, PluginError, Probe, Reach, RunContext, Seconds, register_probe};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use crate::asking::{Cut, ask, five_seconds, lacks_here, present};

/// How long one address is given before the next one is tried beside it (RFC 8305, section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Asks whether a TCP connection opens.
///
/// # Answers
/// Yes when one of the host's addresses accepts; they are tried in turn (`localhost` is `127.0.0.1` and `::1`), the next
/// one as soon as one fails or has not answered for 250 ms (RFC 8305). No when each refuses, resets, is unreachable, or none has answered in
/// time. Unknown when the policy does not allow the host, its name does not resolve, or this machine can't open a
/// socket. The connection is closed at once; nothing is sent.
///
/// # Example
/// ```yaml
/// type: tcp
/// address: 127.0.0.1:5432
/// timeout_seconds: 2
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tcp {
    /// Host and port.
    pub address: Address,
    /// Seconds after which the probe says no; default 5.
    #[serde(default = "five_seconds")]
    pub timeout_seconds: Seconds,
}

impl Probe for Tcp {
    async fn observe(&self, cx: &RunContext) -> Observation {
        let addresses = match cx.allowed_addresses(self.address.host()).await {
            Ok(addresses) => addresses,
            Err(refusal) => return Observation::unknown(refusal.to_string()),
        };
        match ask(cx, self.timeout_seconds, connect(&present(addresses), cx.clock())).await {
            Ok(Ok((at, _))) => Observation::yes(format!("{at} accepts connections")),
            Ok(Err(error)) if lacks_here(&error) => {
                Observation::unknown(format!("failed to ask {}: {error}", self.address))
            }
            Ok(Err(error)) => Observation::no(format!("{}: {error}", self.address)),
            Err(Cut::Late) => {
                let seconds = self.timeout_seconds.get().as_secs_f64();
                Observation::no(format!("{} did not accept within {seconds} s", self.address))
            }
            Err(Cut::Cancelled) => Observation::unknown("cancelled"),
        }
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        Ok(Reach::host(self.address.host().clone()))
    }

    fn at_most(&self) -> Option<std::time::Duration> {
        Some(self.timeout_seconds.get())
    }
}

register_probe!(Tcp, "tcp");

/// Tries the addresses in turn; the first that accepts, or an error, of the far side where there is one.
pub(crate) async fn connect(addresses: &[SocketAddr], clock: &dyn Clock) -> io::Result<(SocketAddr, TcpStream)> {
    let mut waiting = addresses.iter();
    let mut open = FuturesUnordered::new();
    let mut failed = Vec::new();
    loop {
        if let Some(address) = waiting.next() {
            open.push(async move { TcpStream::connect(address).await.map(|stream| (*address, stream)) });
        }
        let ended = match waiting.len() {
            0 => open.next().await,
            _ => match clock.timeout(ATTEMPT_DELAY, open.next()).await {
                Some(ended) => ended,
                None => continue,
            },
        };
        match ended {
            Some(Ok(connected)) => return Ok(connected),
            Some(Err(error)) => failed.push(error),
            None => break,
        }
    }
    let last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    Err(failed.into_iter().min_by_key(lacks_here).unwrap_or(last))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use chaos_core::{Answer, ProbeNode, parse};
    use serde_json::json;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::test_context::{context, plain};

    fn probe(address: &str) -> Tcp {
        Tcp { address: address.parse().unwrap(), timeout_seconds: five_seconds() }
    }

    #[tokio::test]
    async fn a_listener_is_yes_and_a_closed_port_is_no() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let seen = Probe::observe(&probe(&at), &plain()).await;
        assert_eq!((seen.answer, seen.detail), (Answer::Yes, format!("{at} accepts connections")));
        // The kernel gives no such port to anybody.
        let seen = Probe::observe(&probe("127.0.0.1:1"), &plain()).await;
        assert_eq!(seen.answer, Answer::No);
        assert!(seen.detail.contains("refused"), "{}", seen.detail);
    }

    #[tokio::test]
    async fn a_name_is_tried_at_every_address_it_has() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Probe::observe(&probe(&format!("localhost:{port}")), &plain()).await;
        assert_eq!(seen.answer, Answer::Yes, "{}", seen.detail);
    }

    #[tokio::test]
    async fn a_service_at_one_loopback_address_alone_is_found_by_name() {
        for ip in ["127.0.0.1", "::1"] {
            let Ok(listener) = TcpListener::bind((ip, 0)) else { continue };
            let at = listener.local_addr().unwrap();
            for name in ["localhost", "db.localhost"] {
                let seen = Probe::observe(&probe(&format!("{name}:{}", at.port())), &plain()).await;
                assert_eq!((seen.answer, seen.detail), (Answer::Yes, format!("{at} accepts connections")), "{name}");
            }
        }
    }

    #[tokio::test]
    async fn an_address_that_is_silent_does_not_keep_the_next_one_from_its_turn() {
        // A backlog that is full drops what comes after it.
        let silent = tokio::net::TcpSocket::new_v4().unwrap();
        silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let silent = silent.listen(1).unwrap();
        let full = silent.local_addr().unwrap();
        let connection = || std::net::TcpStream::connect_timeout(&full, Duration::from_secs(1));
        let _waiting: Vec<_> = std::iter::from_fn(|| connection().ok()).take(64).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let cx = plain();
        let _real = cx.clock().external();
        assert_eq!(connect(&[full, at], cx.clock()).await.unwrap().0, at);
    }

    #[tokio::test]
    async fn a_host_outside_the_policy_is_unknown_and_names_the_flag() {
        for host in ["192.0.2.1:80", "db.example:80"] {
            let seen = Probe::observe(&probe(host), &plain()).await;
            let name = host.trim_end_matches(":80");
            assert_eq!(seen.answer, Answer::Unknown);
            assert!(seen.detail.contains(&format!("--allow-host {name}")), "{}", seen.detail);
        }
    }

    #[tokio::test]
    async fn a_cancelled_run_is_unknown() {
        let cancel = CancellationToken::new();
        cancel.cancel();
        let cx = context(chaos_core::Policy::default(), &[], cancel);
        let seen = Probe::observe(&probe("127.0.0.1:9"), &cx).await;
        assert_eq!((seen.answer, seen.detail.as_str()), (Answer::Unknown, "cancelled"));
    }

    #[test]
    fn it_declares_its_host_and_checks_its_parameters() {
        let node: ProbeNode = parse(&json!({"type": "tcp", "address": "[::1]:80"})).unwrap();
        assert_eq!(node.reach().unwrap().hosts[0].to_string(), "[::1]:80");
        let rows = [
            (json!({"type": "tcp", "address": "localhost"}), "/address"),
            (json!({"type": "tcp", "address": "h:1", "timeout_seconds": 0}), "/timeout_seconds"),
            (json!({"type": "tcp"}), ""),
        ];
        for (value, pointer) in rows {
            assert_eq!(parse::<ProbeNode>(&value).unwrap_err().pointer, pointer, "{value}");
        }
    }
}
