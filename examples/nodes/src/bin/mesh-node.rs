//! `mesh-node`: a member of a gossip mesh as a node of a run, and questions about a mesh as command probes.

use std::io::{Write, stdout};
use std::process::ExitCode;

use chaos_example_nodes::mesh::{
    Agreement, ConfigError, MeshConfig, MeshError, ask, bridged, halved, mesh, run, soaked,
};

const USAGE: &str =
    "usage: mesh-node run NAME --http ADDRESS --gossip ADDRESS --dir DIR [--mesh NAME] [--peer NAME=ADDRESS]…
                     [--trust-sender-clock] [--forget-after COUNT]
       mesh-node just COUNT URL…
       mesh-node kept COUNT URL…
       mesh-node task COUNT [--bridged | --halved | --soaked SECONDS]

run    is a member; answers `GET /status` and `/converged` on its HTTP address, and sends spans to where
       OTEL_EXPORTER_OTLP_ENDPOINT says; its fail point `mesh.tick` is armed where FAILPOINTS_LISTEN says; with --trust-sender-clock or --forget-after it makes a mistake on
       purpose
just   exit code 0 when exactly COUNT of the members at these URLs answer, and each hears all of them and nobody else
kept   exit code 0 when COUNT or more answer, and have never lost each other since they were started
task   prints the nodes and the steady state of a task file for COUNT members, or for two bridged meshes of COUNT;
       with --halved a whole one, in which half of the members are killed; with --soaked one for `squall soak`, in which a
       member is paused, killed or restarted every ten seconds, for so many seconds";

/// Why the program ends.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Mesh(#[from] MeshError),
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
        ["task", count] => task(count, mesh),
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

fn task(count: &str, of: impl Fn(usize) -> serde_json::Value) -> Result<ExitCode, Ended> {
    let count = count.parse().map_err(|_| Ended::Usage)?;
    let _ = writeln!(stdout(), "{:#}", of(count));
    Ok(ExitCode::SUCCESS)
}
