//! `generate_load` against a real nginx with TLS: whom it trusts, and as whom it comes.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

#[path = "../../load/tests/support/nginx.rs"]
mod nginx;

use std::collections::HashMap;

use chaos_core::{ChaosResult, Task, Verdict, parse};
use chaos_faults as _;
use chaos_runner::Runner;
use chaos_test::Bench;
use nginx::{Nginx, pem};
use serde_json::{Value, json};

fn run(bench: &Bench, url: &str, tls: &Value) -> ChaosResult {
    let target = json!({"service_url": url, "qps": 50, "duration": "200ms", "concurrency": 2, "tls": tls});
    let entry = json!({"trigger": {"type": "test_now"}, "action": {"type": "generate_load", "target": target}});
    let runner = Runner::builder().state_dir(bench.state()).workspace(bench.folder()).env(HashMap::new()).seed(1);
    let report = runner.build().unwrap().run(Task::of(parse(&entry).unwrap())).unwrap();
    report.entries.into_iter().next().unwrap()
}

fn codes(result: &ChaosResult) -> Value {
    assert_eq!((result.success, result.verdict), (true, Verdict::Unchecked), "{:?}", result.error);
    result.load.as_ref().unwrap()["RetCodes"].clone()
}

#[test]
fn a_server_is_reached_where_its_authority_is_trusted_or_checks_are_off() {
    let Some(nginx) = Nginx::start() else { return };
    let bench = Bench::new().unwrap();
    for tls in [json!({"ca_file": pem("ca.pem")}), json!({"insecure": true})] {
        assert_eq!(codes(&run(&bench, &nginx.open(), &tls)), json!({"200": 10}), "{tls}");
    }
    // A relative path counts from the workspace.
    std::fs::copy(pem("ca.pem"), bench.path("authority.pem")).unwrap();
    assert_eq!(codes(&run(&bench, &nginx.open(), &json!({"ca_file": "authority.pem"}))), json!({"200": 10}));
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
    assert_eq!(codes(&run(&bench, &nginx.mutual(), &own)), json!({"200": 10}));
    assert_eq!(codes(&run(&bench, &nginx.mutual(), &json!({"ca_file": pem("ca.pem")}))), json!({"400": 10}));
}
