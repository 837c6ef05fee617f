//! `kv-client`: the workload as a node of a run, and the question about it as a command probe.

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaos_example_nodes::kv::{ClientError, History, Members, lead, serve, watch, write};
use chaos_example_nodes::{HttpError, get};
use tokio::net::TcpListener;

const USAGE: &str = "usage: kv-client run ADDRESS LEADER NAME=URL…
       kv-client audit URL [SECONDS]

run    has the member LEADER lead, then writes to the members and reads back, for ever; answers on ADDRESS
audit  asks such a client what became of its writes: exit code 0 when every acknowledged write is there and every member
       has applied what the others have, 1 when a write is lost, a member is behind, or no write was acknowledged for
       more than SECONDS, 2 when that can't be told";

/// The audit asks each member in turn; this is longer than that.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the program ends.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("can't serve: {0}")]
    Serve(#[from] std::io::Error),
    #[error(transparent)]
    Answer(#[from] HttpError),
    #[error("{0}")]
    Unknown(String),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match words.as_slice() {
        ["run", address, leader, _, ..] => run(address, leader, &arguments[3..]).await.map(|()| ExitCode::SUCCESS),
        ["audit", url] => audit(url, f64::INFINITY).await,
        ["audit", url, seconds] if seconds.parse::<f64>().is_ok() => {
            audit(url, seconds.parse().unwrap_or(f64::INFINITY)).await
        }
        _ => Err(Ended::Unknown(USAGE.to_owned())),
    };
    ended.unwrap_or_else(|why| {
        eprintln!("{why}");
        ExitCode::from(2)
    })
}

async fn run(address: &str, leader: &str, members: &[String]) -> Result<(), Ended> {
    let members = Members::parse(members)?;
    let listener = TcpListener::bind(address).await?;
    lead(&members, leader).await?;
    let history = Arc::new(Mutex::new(History::default()));
    watch(&members, &history);
    tokio::spawn(write(members.clone(), Arc::clone(&history)));
    Ok(serve(listener, members, history).await?)
}

async fn audit(url: &str, longest: f64) -> Result<ExitCode, Ended> {
    let answer = get(&format!("{url}/audit"), PATIENCE).await?.body;
    if let Some(error) = answer["error"].as_str() {
        return Err(Ended::Unknown(error.to_owned()));
    }
    // A closed pipe is ignored.
    let _ = writeln!(stdout(), "{}", answer["text"].as_str().unwrap_or_default());
    let gap = answer["longest_gap_seconds"].as_f64().unwrap_or(f64::INFINITY);
    let holds = answer["holds"] == true && answer["level"] == true && gap <= longest;
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
