//! What a link is refused for before anything is started.
#![cfg(feature = "links")]
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::collections::BTreeMap;

use chaos_core::{DeclaredNode, NodeContext, NodePlace, PluginError, parse};
use chaos_nodes as _;
use chaos_test::run_context;
use serde_json::{Value, json};

/// Why a link with these keys is none.
fn refused(mut keys: Value) -> String {
    keys["type"] = "link".into();
    keys["upstream"] = "127.0.0.1:9".into();
    let node: DeclaredNode = parse(&keys).unwrap();
    let place = NodePlace { dir: "n1".into(), logs: "logs".into(), ports: BTreeMap::new() };
    match node.member(NodeContext::new("n1", run_context().build(), place)).unwrap_err() {
        PluginError::Refused(why) => why,
        other => panic!("{other}"),
    }
}

#[test]
fn tls_is_for_links_of_http() {
    for protocol in ["tcp", "udp"] {
        let why = refused(json!({"protocol": protocol, "tls": {"clients": true}}));
        assert_eq!(why, "link `n1`: `tls` needs `protocol: http`; others are forwarded as they come");
    }
}

#[test]
#[cfg(feature = "http-links")]
fn a_ca_of_the_server_needs_tls_with_the_server() {
    let why = refused(json!({"protocol": "http", "tls": {"ca_file": "ca.pem"}}));
    assert!(why.contains("give `server: true`, too"), "{why}");
}

#[test]
#[cfg(not(feature = "http-links"))]
fn a_build_without_http_links_names_the_feature() {
    let why = refused(json!({"protocol": "http"}));
    assert_eq!(why, "link `n1`: `protocol: http` needs a build with the feature `http-links`");
}
