//! The members of one cluster, spoken to in etcd's JSON over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::http::{HttpError, Reply, post};

/// A member that has no leader parks a write until it has one. A client that waits longer than this measures its own
/// patience, not the cluster.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why a member's answer is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No answer, or none in time.
    #[error(transparent)]
    Unreachable(#[from] HttpError),
    /// A refusal.
    #[error("refused: {0}")]
    Refused(String),
    /// An answer without what was asked for.
    #[error("the answer has no `{0}`")]
    Incomplete(&'static str),
    /// A member that was not named as `NAME=URL`.
    #[error("invalid member `{0}`: expected `NAME=URL`")]
    Member(String),
    /// No such member.
    #[error("no member is called `{0}`")]
    Unknown(String),
}

/// The members by name, in the order in which they were given.
#[derive(Debug, Clone)]
pub struct Members {
    urls: Vec<(String, String)>,
}

/// What a member says of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    /// Its own id.
    pub(crate) id: String,
    /// The id of the leader; `None` while it knows none.
    pub(crate) leader: Option<String>,
    pub(crate) term: u64,
    /// The index of the newest entry of the log that it has applied.
    pub(crate) applied: u64,
}

impl Members {
    /// Reads `NAME=URL` for each member.
    ///
    /// # Errors
    /// A word without a `=`.
    pub fn parse(words: &[String]) -> Result<Self, ClientError> {
        let urls: Result<Vec<_>, _> = words
            .iter()
            .map(|word| match word.split_once('=') {
                Some((name, url)) => Ok((name.to_owned(), url.to_owned())),
                None => Err(ClientError::Member(word.clone())),
            })
            .collect();
        Ok(Self { urls: urls? })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.urls.len()
    }

    /// The name of the `at`-th, counted around.
    pub(crate) fn name(&self, at: usize) -> &str {
        &self.urls[at % self.urls.len()].0
    }

    /// The place of a name.
    pub(crate) fn place(&self, name: &str) -> Result<usize, ClientError> {
        let place = self.urls.iter().position(|(its, _)| its == name);
        place.ok_or_else(|| ClientError::Unknown(name.to_owned()))
    }

    async fn ask(&self, at: usize, path: &str, body: &Value) -> Result<Value, ClientError> {
        let url = format!("{}{path}", self.urls[at % self.urls.len()].1);
        let Reply { status, body } = post(&url, body, PATIENCE).await?;
        if status == 200 { Ok(body) } else { Err(ClientError::Refused(text(&body, "error"))) }
    }

    /// Stores a value; an `Ok` is etcd's acknowledgement.
    pub(crate) async fn put(&self, at: usize, key: &str, value: &str) -> Result<(), ClientError> {
        self.ask(at, "/v3/kv/put", &json!({"key": encoded(key), "value": encoded(value)})).await.map(drop)
    }

    /// Reads one key, through the leader as etcd does by default; `None` when it is not there.
    pub(crate) async fn get(&self, at: usize, key: &str) -> Result<Option<String>, ClientError> {
        let answer = self.ask(at, "/v3/kv/range", &json!({"key": encoded(key)})).await?;
        Ok(pairs(&answer).remove(key))
    }

    /// Reads all keys that begin with `prefix`.
    pub(crate) async fn all(&self, at: usize, prefix: &str) -> Result<BTreeMap<String, String>, ClientError> {
        // The end of a range is exclusive: the prefix with its last byte raised.
        let mut end = prefix.as_bytes().to_vec();
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        let body = json!({"key": encoded(prefix), "range_end": BASE64_STANDARD.encode(end)});
        Ok(pairs(&self.ask(at, "/v3/kv/range", &body).await?))
    }

    /// What one member knows of the leader.
    pub(crate) async fn view(&self, at: usize) -> Result<View, ClientError> {
        let answer = self.ask(at, "/v3/maintenance/status", &json!({})).await?;
        let id = text(&answer["header"], "member_id");
        if id.is_empty() {
            return Err(ClientError::Incomplete("member_id"));
        }
        // Numbers are text in this JSON, and a zero is left out.
        let leader = Some(text(&answer, "leader")).filter(|leader| !matches!(leader.as_str(), "" | "0"));
        let number = |key: &str| text(&answer, key).parse().unwrap_or_default();
        Ok(View { id, leader, term: number("raftTerm"), applied: number("raftAppliedIndex") })
    }

    /// Asks the leader to hand its office to another member.
    pub(crate) async fn hand_over(&self, leader: usize, to: &str) -> Result<(), ClientError> {
        self.ask(leader, "/v3/maintenance/transfer-leadership", &json!({"targetID": to})).await.map(drop)
    }
}

fn text(object: &Value, key: &str) -> String {
    object[key].as_str().unwrap_or_default().to_owned()
}

fn encoded(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

fn decoded(value: &Value) -> String {
    let bytes = BASE64_STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn pairs(answer: &Value) -> BTreeMap<String, String> {
    let found = answer["kvs"].as_array().map(Vec::as_slice).unwrap_or_default();
    found.iter().map(|pair| (decoded(&pair["key"]), decoded(&pair["value"]))).collect()
}
