//! `mesh-node`: a member of a gossip mesh as a node of a run, and questions about a mesh as command probes.

use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use chaos_example_nodes::mesh::{
    Agreement, ConfigError, MeshConfig, MeshError, Pinger, Teller, ask, bridged, halved, linked, mesh, relayed, run,
    soaked,
};

const USAGE: &str =
    "usage: mesh-node run NAME --http ADDRESS --gossip ADDRESS --dir DIR [--mesh NAME] [--peer NAME=ADDRESS]…
                     [--trust-sender-clock] [--forget-after COUNT]
       mesh-node just COUNT URL…
       mesh-node kept COUNT URL…
       mesh-node slow ADDRESS COUNT MS [VIA…]
       mesh-node lossy ADDRESS COUNT LEAST MOST [VIA…]
       mesh-node narrow ADDRESS COUNT MS [VIA…]
       mesh-node carried ADDRESS COUNT VIA…
       mesh-node stalled ADDRESS COUNT MS LEAST
       mesh-node task COUNT [--bridged | --halved | --linked | --relayed | --soaked SECONDS]

run    is a member; answers `GET /status` and `/converged` on its HTTP address, and sends spans to where
       OTEL_EXPORTER_OTLP_ENDPOINT says; its fail point `mesh.tick` is armed where FAILPOINTS_LISTEN says; with --trust-sender-clock or --forget-after it makes a mistake on
       purpose
just   exit code 0 when exactly COUNT of the members at these URLs answer, and each hears all of them and nobody else
kept   exit code 0 when COUNT or more answer, and have never lost each other since they were started
slow   exit code 0 when each of COUNT pings to the member behind ADDRESS is answered, and none within MS milliseconds; with VIA the
       ping goes on to that peer of it, and so on
lossy  exit code 0 when of COUNT such pings at least LEAST and at most MOST are not answered
narrow exit code 0 when COUNT pings of a kilobyte that are sent at once are all answered, and the last one not within MS milliseconds
carried
       exit code 0 when COUNT pings that the member behind ADDRESS sends on, again and again, are all answered
stalled
       exit code 0 when the member that answers HTTP behind ADDRESS has all of COUNT messages of one connection, each sent when the one
       before it was answered, and by its own clock at least LEAST of them came MS milliseconds or more after the one before
task   prints the nodes and the steady state of a task file for COUNT members, or for two bridged meshes of COUNT;
       with --linked each hears each other one through a link of its own, and with --relayed so do two meshes of COUNT and a
       relay between them; with --halved a whole one, in which half of the members are killed; with --soaked one for
       `squall soak`, in which a member is paused, killed or restarted every ten seconds, for so many seconds";

/// How long an answer to a ping may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the answer to one of many may take after the one before it.
const LOST: Duration = Duration::from_millis(500);

/// Why the program ends.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Mesh(#[from] MeshError),
    #[error("can't ping: {0}")]
    Ping(#[from] std::io::Error),
    #[error("{USAGE}")]
    Usage,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ended = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["run", ..] => member(&arguments[1..]).await,
        ["just", count, _, ..] => asked(count, &arguments[2..], Agreement::just).await,
        ["kept", count, _, ..] => {
            asked(count, &arguments[2..], |all, count| all.answering() >= count && all.kept()).await
        }
        ["slow", address, count, least, via @ ..] => slow(address, count, least, via),
        ["lossy", address, count, least, most, via @ ..] => lossy(address, [count, least, most], via),
        ["narrow", address, count, least, via @ ..] => narrow(address, count, least, via),
        ["carried", address, count, via @ ..] if !via.is_empty() => carried(address, count, via),
        ["stalled", address, count, gap, least] => stalled(address, [count, gap, least]),
        ["task", count] => task(count, mesh),
        ["task", count, "--linked"] => task(count, |count| linked(mesh(count))),
        ["task", count, "--relayed"] => task(count, |count| linked(relayed(count))),
        ["task", count, "--bridged"] => task(count, bridged),
        ["task", count, "--halved"] => task(count, halved),
        ["task", count, "--soaked", seconds] => match seconds.parse() {
            Ok(seconds) => task(count, |count| soaked(count, seconds)),
            Err(_) => Err(Ended::Usage),
        },
        _ => Err(Ended::Usage),
    };
    ended.unwrap_or_else(|why| {
        eprintln!("{why}");
        ExitCode::from(2)
    })
}

async fn member(words: &[String]) -> Result<ExitCode, Ended> {
    run(MeshConfig::parse(words)?).await?;
    Ok(ExitCode::SUCCESS)
}

async fn asked(count: &str, urls: &[String], holds: fn(&Agreement, usize) -> bool) -> Result<ExitCode, Ended> {
    let count = count.parse().map_err(|_| Ended::Usage)?;
    let agreement = ask(urls).await;
    // A closed pipe is ignored.
    let _ = writeln!(stdout(), "{agreement}");
    Ok(if holds(&agreement, count) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn pinger(address: &str, via: &[&str]) -> Result<Pinger, Ended> {
    let address: SocketAddr = address.parse().map_err(|_| Ended::Usage)?;
    let via: Vec<String> = via.iter().map(|&name| name.to_owned()).collect();
    Ok(Pinger::new(address, &via)?)
}

fn number(text: &str) -> Result<usize, Ended> {
    text.parse().map_err(|_| Ended::Usage)
}

fn said(holds: bool, what: &str) -> ExitCode {
    // A closed pipe is ignored.
    let _ = writeln!(stdout(), "{what}");
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn slow(address: &str, count: &str, least: &str, via: &[&str]) -> Result<ExitCode, Ended> {
    let (mut pinger, count) = (pinger(address, via)?, number(count)?);
    let least = Duration::from_millis(number(least)? as u64);
    let mut times = Vec::new();
    for _ in 0..count {
        times.extend(pinger.round_trip(PATIENCE)?);
    }
    let holds = times.len() == count && times.iter().all(|time| *time >= least);
    let (fastest, slowest) = (times.iter().min().copied(), times.iter().max().copied());
    let what = format!("{} of {count} answered, within {fastest:?} to {slowest:?}", times.len());
    Ok(said(holds, &what))
}

fn lossy(address: &str, [count, least, most]: [&str; 3], via: &[&str]) -> Result<ExitCode, Ended> {
    let (mut pinger, count) = (pinger(address, via)?, number(count)?);
    let lost = count - pinger.many(count, LOST)?;
    Ok(said((number(least)?..=number(most)?).contains(&lost), &format!("{lost} of {count} lost")))
}

fn narrow(address: &str, count: &str, least: &str, via: &[&str]) -> Result<ExitCode, Ended> {
    let (pinger, count) = (pinger(address, via)?, number(count)?);
    let least = Duration::from_millis(number(least)? as u64);
    let (answered, time) = pinger.padded(1000).burst(count, PATIENCE)?;
    Ok(said(
        answered == count && time >= least,
        &format!("{answered} of {count} answered, the last one after {time:?}"),
    ))
}

fn carried(address: &str, count: &str, via: &[&str]) -> Result<ExitCode, Ended> {
    let (pinger, count) = (pinger(address, via)?, number(count)?);
    let answered = pinger.carried().many(count, PATIENCE)?;
    Ok(said(answered == count, &format!("{answered} of {count} answered")))
}

fn stalled(address: &str, [count, gap, least]: [&str; 3]) -> Result<ExitCode, Ended> {
    let address: SocketAddr = address.parse().map_err(|_| Ended::Usage)?;
    let (count, gap, least) = (number(count)?, Duration::from_millis(number(gap)? as u64), number(least)?);
    let (arrived, gaps) = Teller::new(address, PATIENCE)?.gaps(count)?;
    let long = gaps.iter().filter(|time| **time >= gap).count();
    let what = format!("{arrived} of {count} arrived, {long} of them {gap:?} or more after the one before");
    Ok(said(arrived == count as u64 && long >= least, &what))
}

fn task(count: &str, of: impl Fn(usize) -> serde_json::Value) -> Result<ExitCode, Ended> {
    let count = count.parse().map_err(|_| Ended::Usage)?;
    let _ = writeln!(stdout(), "{:#}", of(count));
    Ok(ExitCode::SUCCESS)
}
