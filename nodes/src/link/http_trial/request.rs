//! A request that fits a rule.

use std::collections::BTreeMap;

use chaos_core::{HttpPreset, HttpRule};
use serde_json::json;

use super::no_trial::NoTrial;

/// A request of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrialRequest {
    pub(super) method: String,
    path: String,
    /// By names in lower case.
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl TrialRequest {
    /// The request: what a pattern leaves open is empty, and what no key says is usual.
    ///
    /// # Errors
    /// The key that no request fits.
    pub(super) fn fitting(rule: &HttpRule) -> Result<Self, NoTrial> {
        let matching = &rule.matching;
        let is_model = rule.preset.is_some_and(|preset| preset.name().starts_with("llm_"));
        let path = match &matching.path {
            None if is_model => "/v1/chat/completions".to_owned(),
            None => "/".to_owned(),
            Some(pattern) => {
                let least = least(&pattern.0);
                let path = if least.starts_with('/') { least } else { format!("/{least}") };
                let is_path = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?' && byte != b'#');
                if !pattern.fits(&path) || !is_path {
                    return Err(NoTrial(format!("no request of ours fits the path `{}`", pattern.0)));
                }
                path
            }
        };
        let host = match &matching.host {
            Some(pattern) if !pattern.fits("localhost") => least(&pattern.0),
            _ => "localhost".to_owned(),
        };
        let mut headers = BTreeMap::from([("host".to_owned(), host), ("connection".to_owned(), "close".to_owned())]);
        let body = rule.preset.map_or_else(Vec::new, body_for);
        let method = matching.method.as_ref().map_or(if body.is_empty() { "GET" } else { "POST" }, |one| one.as_str());
        if method == "CONNECT" {
            return Err(NoTrial("a request of `CONNECT` has no answer that could be checked".to_owned()));
        }
        if !body.is_empty() || ["PATCH", "POST", "PUT"].contains(&method) {
            headers.insert("content-type".to_owned(), "application/json".to_owned());
            headers.insert("content-length".to_owned(), body.len().to_string());
        }
        for (name, pattern) in &matching.headers {
            headers.insert(name.as_str().to_ascii_lowercase(), least(&pattern.0));
        }
        if let Some((name, _)) = headers.iter().find(|(_, value)| value.chars().any(char::is_control)) {
            return Err(NoTrial(format!("no request of ours fits what the header `{name}` should be")));
        }
        Ok(Self { method: method.to_owned(), path, headers, body })
    }

    /// Its bytes in HTTP/1.1.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        [text.as_bytes(), &self.body].concat()
    }
}

/// The shortest text that fits a pattern.
fn least(pattern: &str) -> String {
    pattern.replace('*', "")
}

/// Whether the answer of that preset is a stream of events.
pub(super) fn is_streamed(preset: HttpPreset) -> bool {
    matches!(preset, HttpPreset::LlmCutStream | HttpPreset::LlmSlowFirstToken)
}

fn body_for(preset: HttpPreset) -> Vec<u8> {
    let body = if preset.name().starts_with("llm_") {
        let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
        json!({
            "model": "trial", "stream": is_streamed(preset),
            "messages": [{ "role": "user", "content": "What is the weather in Bonn?" }],
            "tools": [{ "type": "function", "function": { "name": "weather", "parameters": schema } }],
        })
    } else {
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "weather", "arguments": {} } })
    };
    body.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn fitting(matching: &Value) -> Result<TrialRequest, String> {
        let rule = json!({ "match": matching, "effect": { "close": true } });
        TrialRequest::fitting(&serde_json::from_value(rule).unwrap()).map_err(|why| why.to_string())
    }

    #[test]
    fn what_a_pattern_leaves_open_is_empty() {
        let plain = fitting(&json!({})).unwrap().bytes();
        assert_eq!(plain, b"GET / HTTP/1.1\r\nconnection: close\r\nhost: localhost\r\n\r\n");
        let all = json!({
            "method": "PUT", "host": "api.*", "path": "*/v1/*/x", "headers": {"X-Team": "a*", "Content-Type": "text/*"},
        });
        let all = String::from_utf8(fitting(&all).unwrap().bytes()).unwrap();
        for part in [
            "PUT /v1//x HTTP/1.1\r\n",
            "host: api.\r\n",
            "x-team: a\r\n",
            "content-type: text/\r\n",
            "content-length: 0\r\n",
        ] {
            assert!(all.contains(part), "{part}: {all}");
        }
        assert!(fitting(&json!({"path": "*", "host": "*host"})).unwrap().bytes().ends_with(b"host: localhost\r\n\r\n"));
    }

    #[test]
    fn what_nothing_fits_is_said() {
        for (matching, why) in [
            (json!({"path": "v1"}), "the path `v1`"),
            (json!({"path": "/a b"}), "the path `/a b`"),
            (json!({"path": "/a?b"}), "the path `/a?b`"),
            (json!({"host": "a\r\nb"}), "the header `host`"),
            (json!({"method": "CONNECT"}), "`CONNECT`"),
        ] {
            let told = fitting(&matching).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
    }

    #[test]
    fn each_preset_gets_the_request_that_it_answers() {
        for preset in HttpPreset::ALL {
            let rule = HttpRule { preset: Some(preset), ..HttpRule::default() };
            let text = String::from_utf8(TrialRequest::fitting(&rule).unwrap().bytes()).unwrap();
            let (_, body) = text.split_once("\r\n\r\n").unwrap();
            let body: Value = serde_json::from_str(body).unwrap();
            assert!(
                text.starts_with("POST ") && (body["messages"].is_array() || body["method"] == "tools/call"),
                "{text}"
            );
        }
    }
}
