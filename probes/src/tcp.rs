//! The probe that opens a TCP connection.

use std::io;
use std::net::SocketAddr;

use chaos_core::{Address, Observation, PluginError, Probe, Reach, RunContext, Seconds, register_probe};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use crate::asking::{Cut, ask, five_seconds, lacks_here};

/// Asks whether a TCP connection opens.
///
/// # Answers
/// Yes when one of the host's addresses accepts. No when each refuses, resets, is unreachable, or none has answered in
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
        match ask(cx, self.timeout_seconds, connect(&addresses)).await {
            Ok(Ok(at)) => Observation::yes(format!("{at} accepts connections")),
            Ok(Err(error)) if lacks_here(&error) => {
                Observation::unknown(format!("can't ask {}: {error}", self.address))
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

/// Tries the addresses in order; the first that accepts, or the last error that says something of the far side.
async fn connect(addresses: &[SocketAddr]) -> io::Result<SocketAddr> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(_) => return Ok(*address),
            // A machine without IPv6 has no `::1`; that says less than a refusal at the other address.
            Err(error) if lacks_here(&error) && last.raw_os_error().is_some() => {}
            Err(error) => last = error,
        }
    }
    Err(last)
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
        drop(listener);
        let seen = Probe::observe(&probe(&at), &plain()).await;
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
    async fn a_server_on_the_other_loopback_address_is_localhost_too() {
        let listener = TcpListener::bind("[::1]:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Probe::observe(&probe(&format!("localhost:{port}")), &plain()).await;
        assert_eq!(seen.answer, Answer::Yes, "{}", seen.detail);
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
