//! The client's own HTTP endpoints: what probes ask.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use super::history::History;
use super::members::Members;
use super::workload::{audit, known};
use crate::http::{Reply, serve_http};

/// Without an acknowledgement for this long, the cluster does not serve writes. A member that is silent costs the client half
/// a second, and a slow disk less.
const RECENT: Duration = Duration::from_secs(2);

/// How many writes must be acknowledged before the client counts as started.
const STARTED: usize = 5;

/// Answers `/started`, `/recent`, `/members` and `/audit`, for ever.
///
/// # Errors
/// When it can't accept connections.
pub async fn serve(listener: TcpListener, members: Members, history: Arc<Mutex<History>>) -> io::Result<()> {
    let answer = move |path: String, _| {
        let (members, history) = (members.clone(), Arc::clone(&history));
        async move { answer(&path, &members, &history).await }
    };
    serve_http(listener, answer).await
}

async fn answer(path: &str, members: &Members, history: &Mutex<History>) -> Reply {
    match path {
        "/started" => {
            let acknowledged = known(history).acknowledged_count();
            Reply::new(yes(acknowledged >= STARTED), json!({"acknowledged": acknowledged}))
        }
        "/recent" => {
            let silent = known(history).silent_for();
            Reply::new(yes(silent < RECENT), json!({"seconds_since_the_last_acknowledged_write": silent.as_secs_f64()}))
        }
        "/members" => Reply::new(200, known(history).progress().to_json()),
        "/audit" => match audit(members, history).await {
            Ok(audit) => Reply::new(200, audit.to_json()),
            Err(error) => Reply::new(503, json!({"error": error.to_string()})),
        },
        _ => Reply::new(404, json!({"error": "expected `/started`, `/recent`, `/members` or `/audit`"})),
    }
}

/// OK, or service unavailable.
fn yes(holds: bool) -> u16 {
    if holds { 200 } else { 503 }
}
