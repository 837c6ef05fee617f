//! `generate_load` against a real nginx with TLS: whom it trusts, and as whom it comes.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

#[path = "../../load/tests/support/nginx.rs"]
mod nginx;
#[path = "../../fortio/tests/support/real_fortio.rs"]
mod real_fortio;

use std::collections::HashMap;

use chaos_core::{ChaosResult, LoadGenerator, Policy, Task, Verdict, parse};
use chaos_faults as _;
use chaos_runner::Runner;
use chaos_test::Bench;
use nginx::{Nginx, pem};
use real_fortio::fortio;
use serde_json::{Value, json};

fn run(bench: &Bench, url: &str, tls: &Value) -> ChaosResult {
    run_in(bench, url, tls, "embedded", HashMap::new())
}

fn run_in(bench: &Bench, url: &str, tls: &Value, engine: &str, env: HashMap<String, String>) -> ChaosResult {
    let target = json!({"service_url": url, "qps": 50, "duration": "200ms", "concurrency": 2, "tls": tls});
    let action = json!({"type": "generate_load", "engine": engine, "target": target});
    let entry = json!({"trigger": {"type": "test_now"}, "action": action});
    let policy = Policy { allow_commands: vec!["fortio".into()], ..Policy::default() };
    let runner = Runner::builder().state_dir(bench.state()).workspace(bench.folder()).env(env).seed(1).policy(policy);
    let report = runner.build().unwrap().run(Task::of(parse(&entry).unwrap())).unwrap();
    report.entries.into_iter().next().unwrap()
}

fn codes(result: &ChaosResult) -> Vec<(u16, u64)> {
    assert_eq!((result.success, result.verdict), (true, Verdict::Unchecked), "{:?}", result.error);
    result.load.as_ref().unwrap().statuses.iter().map(|row| (row.status, row.count)).collect()
}

#[test]
fn a_server_is_reached_where_its_authority_is_trusted_or_checks_are_off() {
    let Some(nginx) = Nginx::start() else { return };
    let bench = Bench::new().unwrap();
    for tls in [json!({"ca_file": pem("ca.pem")}), json!({"insecure": true})] {
        assert_eq!(codes(&run(&bench, &nginx.open(), &tls)), [(200, 10)], "{tls}");
    }
    // A relative path counts from the workspace.
    std::fs::copy(pem("ca.pem"), bench.path("authority.pem")).unwrap();
    assert_eq!(codes(&run(&bench, &nginx.open(), &json!({"ca_file": "authority.pem"}))), [(200, 10)]);
}

#[test]
fn a_server_of_an_unknown_authority_was_not_reached() {
    let Some(nginx) = Nginx::start() else { return };
    let bench = Bench::new().unwrap();
    let result = run(&bench, &nginx.open(), &json!({}));
    assert_eq!((result.success, result.verdict), (false, Verdict::Inconclusive));
    assert_eq!(result.error.as_deref(), Some("load did not reach the workload: TLS handshake failed"));
    let result = run(&bench, &nginx.open(), &json!({"ca_file": "absent.pem"}));
    let error = result.error.unwrap();
    assert!(error.contains("absent.pem") && error.contains("No such file"), "{error}");
}

#[test]
fn a_server_that_demands_a_certificate_lets_in_who_has_one() {
    let Some(nginx) = Nginx::start() else { return };
    let bench = Bench::new().unwrap();
    let own = json!({"ca_file": pem("ca.pem"), "cert_file": pem("client.pem"), "key_file": pem("client.key")});
    assert_eq!(codes(&run(&bench, &nginx.mutual(), &own)), [(200, 10)]);
    assert_eq!(codes(&run(&bench, &nginx.mutual(), &json!({"ca_file": pem("ca.pem")}))), [(400, 10)]);
}

#[test]
fn a_real_fortio_is_told_the_same() {
    let (Some(nginx), Some(fortio)) = (Nginx::start(), fortio()) else { return };
    let bench = Bench::new().unwrap();
    let folder = fortio.parent().unwrap().display().to_string();
    let run =
        |tls| run_in(&bench, &nginx.mutual(), &tls, "fortio", HashMap::from([("PATH".to_owned(), folder.clone())]));
    let (ca, cert, key) = (pem("ca.pem"), pem("client.pem"), pem("client.key"));
    let own = run(json!({"ca_file": ca, "cert_file": cert, "key_file": key}));
    assert_eq!(own.load.as_ref().unwrap().generator, LoadGenerator::Fortio);
    assert_eq!(codes(&own), [(200, 10)]);
    assert_eq!(codes(&run(json!({"ca_file": ca}))), [(400, 10)]);
    let blind = run(json!({"cert_file": cert, "key_file": key}));
    assert_eq!((blind.success, blind.verdict), (false, Verdict::Inconclusive), "{:?}", blind.error);
}
