//! What was asked of the API server, from its own log.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// The users of the rig's own parts, and the API server where it asks itself on behalf of somebody.
const OWN: &[&str] = &["rig:", "system:apiserver"];

/// A request that the API server was asked, as its audit log tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditedRequest {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// The plural of its kind, with the subresource: `pods`, `pods/log`; empty for paths such as `/version`.
    pub resource: String,
    /// The object; empty for lists, and for creations under a generated name.
    pub name: String,
    /// The namespace; empty for what has none.
    pub namespace: String,
    /// Who asked, as the API server knew them: `admin`, `system:serviceaccount:…`.
    pub user: String,
    /// The user agent.
    pub agent: String,
    /// The status of the answer; 0 while there is none, and for ever if the API server was killed before it.
    pub code: u16,
    /// When it was received.
    pub at: Timestamp,
    /// The path and the query.
    pub uri: String,
    /// What was sent, for workflows, pods and `ConfigMaps`; else null.
    pub body: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "auditID")]
    id: String,
    verb: String,
    #[serde(rename = "requestURI")]
    uri: String,
    #[serde(default)]
    user: User,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: Option<Object>,
    #[serde(default)]
    response_status: Option<Answer>,
    request_received_timestamp: Timestamp,
    #[serde(default)]
    request_object: Value,
}

#[derive(Deserialize, Default)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Deserialize, Default)]
struct Object {
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    code: u16,
}

/// The requests of a log in the order in which they were received, without those of the rig's own parts.
///
/// A request has up to three lines, one for each of its stages; a line that is cut off, because the API server was killed, is left out.
pub(crate) fn requests(log: &str) -> Vec<AuditedRequest> {
    let mut found: BTreeMap<String, AuditedRequest> = BTreeMap::new();
    let mut order = Vec::new();
    for event in log.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok()) {
        let id = event.id.clone();
        if OWN.iter().any(|own| event.user.username.starts_with(own)) {
            continue;
        }
        let request = found.entry(id.clone()).or_insert_with(|| {
            order.push(id);
            request(&event)
        });
        if let Some(answer) = event.response_status {
            request.code = answer.code;
        }
        if let Some(object) = event.object_ref.filter(|object| request.name.is_empty() && !object.name.is_empty()) {
            request.name = object.name;
        }
        if request.body.is_null() {
            request.body = event.request_object;
        }
    }
    let mut requests: Vec<_> = order.iter().filter_map(|id| found.remove(id)).collect();
    requests.sort_by_key(|request| request.at);
    requests
}

fn request(event: &Event) -> AuditedRequest {
    let none = Object::default();
    let object = event.object_ref.as_ref().unwrap_or(&none);
    let sub = if object.subresource.is_empty() { String::new() } else { format!("/{}", object.subresource) };
    AuditedRequest {
        verb: event.verb.clone(),
        resource: format!("{}{sub}", object.resource),
        name: object.name.clone(),
        namespace: object.namespace.clone(),
        user: event.user.username.clone(),
        agent: event.user_agent.clone(),
        code: 0,
        at: event.request_received_timestamp,
        uri: event.uri.clone(),
        body: Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, stage: &str, user: &str, at: &str, more: &str) -> String {
        format!(
            r#"{{"auditID":"{id}","stage":"{stage}","verb":"create","requestURI":"/x","user":{{"username":"{user}"}},"requestReceivedTimestamp":"2026-01-01T00:00:0{at}.000000Z"{more}}}"#
        )
    }

    #[test]
    fn the_stages_of_a_request_are_one_request_in_the_order_of_arrival() {
        let pod = r#","objectRef":{"resource":"pods","subresource":"log","namespace":"n","name":"p"}"#;
        let log = [
            line("b", "ResponseComplete", "admin", "2", r#","responseStatus":{"code":403}"#),
            line("a", "RequestReceived", "admin", "1", pod),
            line("c", "RequestReceived", "rig:kwok", "0", ""),
            line(
                "a",
                "ResponseComplete",
                "admin",
                "1",
                r#","responseStatus":{"code":201},"requestObject":{"kind":"Pod"}"#,
            ),
            line("d", "RequestReceived", "admin", "3", ""),
            r#"{"auditID":"e","stage":"Requ"#.to_owned(),
        ];
        let found = requests(&log.join("\n"));
        let codes: Vec<_> = found.iter().map(|request| request.code).collect();
        assert_eq!(codes, [201, 403, 0], "no answer to the last one, none of the rig's own, none that is cut off");
        assert_eq!(
            (found[0].resource.as_str(), found[0].namespace.as_str(), found[0].name.as_str()),
            ("pods/log", "n", "p")
        );
        assert_eq!(found[0].body["kind"], "Pod");
    }
}
