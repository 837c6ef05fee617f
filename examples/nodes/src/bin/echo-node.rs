//! `echo-node`: a server that sends back what it gets as a node of a run, and streams of messages through such servers.

use std::io::{Write, stderr};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use chaos_example_nodes::echo::{EchoError, StreamPlan, echo, received, streams};

const USAGE: &str = "usage: echo-node run ADDRESS --dir DIR
       echo-node streams COUNT SECONDS ADDRESS=DIR…

run      sends back each message of 1024 bytes, after it has written its first 16 bytes down in DIR
streams  sends messages over COUNT streams for so many seconds, spread over the servers at these addresses; exit code 0 when
         all that came back was written down, and, without faults (SQUALL_TORTURE_ATTEMPT is 0), no message failed";

/// Why the program ends.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Echo(#[from] EchoError),
    #[error("{USAGE}")]
    Usage,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ended = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["run", address, "--dir", dir] => serve(address, dir).await,
        ["streams", count, seconds, servers @ ..] => stream(count, seconds, servers).await,
        _ => Err(Ended::Usage),
    };
    ended.unwrap_or_else(|why| {
        eprintln!("{why}");
        ExitCode::from(2)
    })
}

async fn serve(address: &str, dir: &str) -> Result<ExitCode, Ended> {
    echo(address.parse().map_err(|_| Ended::Usage)?, Path::new(dir)).await?;
    Ok(ExitCode::SUCCESS)
}

async fn stream(count: &str, seconds: &str, servers: &[&str]) -> Result<ExitCode, Ended> {
    let server = |text: &&str| {
        let (address, dir) = text.split_once('=')?;
        Some((address.parse::<SocketAddr>().ok()?, PathBuf::from(dir)))
    };
    let servers: Vec<(SocketAddr, PathBuf)> =
        servers.iter().map(server).collect::<Option<_>>().filter(|all: &Vec<_>| !all.is_empty()).ok_or(Ended::Usage)?;
    let plan = StreamPlan {
        servers: servers.iter().map(|(address, _)| *address).collect(),
        streams: count.parse().map_err(|_| Ended::Usage)?,
        lasting: Duration::from_secs(seconds.parse().map_err(|_| Ended::Usage)?),
    };
    let streamed = streams(&plan).await;
    // What was written down and did not come back is not lost: nobody was told that it arrived.
    let kept = servers.iter().filter_map(|(_, dir)| received(dir).ok()).flatten().collect();
    let lost: Vec<_> = streamed.acknowledged.difference(&kept).collect();
    let (came_back, failed) = (streamed.acknowledged.len(), streamed.failed);
    let _ = writeln!(stderr(), "{came_back} round trips, {failed} failed, {} lost", lost.len());
    let may_fail = std::env::var("SQUALL_TORTURE_ATTEMPT").is_ok_and(|attempt| attempt != "0");
    Ok(if lost.is_empty() && (failed == 0 || may_fail) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
