//! Rules and HTTP links over the control API.

use std::sync::Arc;

use chaos_links::{ApiServer, Links, links_of_config};
use hyper::{Request, Version};
use serde_json::{Value, json};

use super::{Client, run};
use crate::server::Server;

struct Api(ApiServer, Arc<Links>);

impl Api {
    fn start() -> Self {
        let links = Arc::new(Links::start(1).unwrap());
        Self(ApiServer::start(links.clone(), "127.0.0.1:0".parse().unwrap()).unwrap(), links)
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let mut client = Client::connect(self.0.address(), Version::HTTP_11).await;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(path).header("host", "a");
        let got = client.ask(request.body(body.into()).unwrap()).await.unwrap();
        (got.status, serde_json::from_slice(&got.body).unwrap_or_else(|_| got.text().into()))
    }
}

#[test]
fn an_http_link_is_made_shown_and_broken_by_rules() {
    run(async {
        let (api, server) = (Api::start(), Server::start());
        let rule =
            json!({"match": {"path": "/hello", "from": 2}, "effect": {"answer": {"status": 429, "retry_after": "2s"}}});
        let toxic = json!({"name": "storm", "type": "http", "attributes": rule});
        let link = json!({"name": "l", "listen": "127.0.0.1:0", "upstream": server.address.to_string(), "protocol": "http", "toxics": [toxic]});
        let (status, made) = api.call("POST", "/proxies", link).await;
        assert_eq!((status, &made["protocol"], &made["toxics"][0]["attributes"]), (201, &json!("http"), &rule));
        let mut client = Client::connect(made["listen"].as_str().unwrap().parse().unwrap(), Version::HTTP_11).await;
        let statuses = [client.get("/hello").await.unwrap().status, client.get("/hello").await.unwrap().status];
        assert_eq!(statuses, [200, 429]);
        let (_, metrics) = api.call("GET", "/metrics", Value::Null).await;
        let metrics = metrics.as_str().unwrap();
        assert!(
            metrics.contains("squall_links_requests_total{") && metrics.contains("rule=\"storm\"} 1\n"),
            "{metrics}"
        );
        // An effect makes room for a preset, and the other way round.
        let (status, changed) =
            api.call("POST", "/proxies/l/toxics/storm", json!({"attributes": {"preset": "llm_overloaded"}})).await;
        assert_eq!(
            (status, &changed["attributes"]),
            (200, &json!({"match": rule["match"], "preset": "llm_overloaded"}))
        );
        assert_eq!(client.get("/hello").await.unwrap().status, 200, "a rule that has changed counts anew");
        assert_eq!(client.get("/hello").await.unwrap().status, 503);
        assert_eq!(api.call("DELETE", "/proxies/l/toxics/storm", Value::Null).await.0, 204);
        assert_eq!(client.get("/hello").await.unwrap().status, 200);
    });
}

#[test]
fn what_is_wrong_with_a_rule_is_told() {
    run(async {
        let api = Api::start();
        for (name, protocol) in [("web", "http"), ("raw", "tcp")] {
            let link = json!({"name": name, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "protocol": protocol});
            assert_eq!(api.call("POST", "/proxies", link).await.0, 201);
        }
        let rows = [
            ("web", json!({}), "exactly one of `effect` and `preset`"),
            ("web", json!({"effect": {}}), "does nothing"),
            ("web", json!({"effect": {"dealy": "1s"}}), "unknown field `dealy`"),
            ("web", json!({"effect": {"delay": "soon"}}), "soon"),
            ("web", json!({"effect": {"answer": {"status": 99}}}), "invalid status 99"),
            ("web", json!({"effect": {"answer": {"headers": {"content-length": "1"}}}}), "`content-length`"),
            ("web", json!({"effect": {"close": true, "cut": {"after_bytes": 1}}}), "exclude each other"),
            ("web", json!({"match": {"share": 2}, "effect": {"close": true}}), "invalid share `2`"),
            ("web", json!({"match": {"from": 0}, "effect": {"close": true}}), "nonzero"),
            ("web", json!({"preset": "llm_nonsense"}), "unknown variant `llm_nonsense`"),
            ("raw", json!({"effect": {"close": true}}), "does not act on tcp links"),
        ];
        for (link, rule, why) in rows {
            let path = format!("/proxies/{link}/toxics");
            let (status, told) = api.call("POST", &path, json!({"type": "http", "attributes": rule})).await;
            assert!(status == 400 && told.to_string().contains(why), "{rule}: {status} {told}");
        }
        assert!(api.1.toxics("web").unwrap().is_empty());
    });
}

#[test]
fn tls_is_asked_for_by_requests_and_files_only_by_the_operator() {
    run(async {
        let api = Api::start();
        let link = |tls: Value| json!({"name": "l", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "protocol": "http", "tls": tls});
        for key in ["ca_file", "ca_out"] {
            let (status, told) = api.call("POST", "/proxies", link(json!({"clients": true, key: "/tmp/x"}))).await;
            assert!(status == 400 && told.to_string().contains(key), "{status} {told}");
        }
        let (status, made) = api.call("POST", "/proxies", link(json!({"clients": true}))).await;
        assert_eq!((status, &made["tls"]["clients"], &made["tls"]["server"]), (201, &json!(true), &json!(false)));
        assert!(made["tls"]["ca"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        let (status, told) = api
            .call(
                "POST",
                "/proxies",
                json!({"name": "t", "listen": "127.0.0.1:0", "upstream": "a:1", "tls": {"server": true}}),
            )
            .await;
        assert!(status == 400 && told.to_string().contains("needs an HTTP link"), "{status} {told}");
        let config =
            json!([link(json!({"clients": true, "server": true, "ca_file": "/etc/a.pem", "ca_out": "b.pem"}))])
                .to_string();
        let tls = links_of_config(config.as_bytes()).unwrap().remove(0).tls;
        assert_eq!((tls.ca_file, tls.ca_out), (Some("/etc/a.pem".into()), Some("b.pem".into())));
    });
}
