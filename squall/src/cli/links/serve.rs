//! `squall links serve`: a tool in the operator's own hand, as toxiproxy's server is; no policy applies to it.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use chaos_links::{ApiServer, COMPATIBLE_WITH, LinkError, LinkSpec, LinkView, Links, links_of_config};
use chaos_runner::seed_at;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::cli::console::print;
use crate::cli::document;
use crate::cli::execute::on_runtime;
use crate::cli::failure::Failure;
use crate::cli::format::DataFormat;
use crate::cli::signals::{Request, Signals, suspend};

/// Serves links and toxiproxy's control API until SIGINT or SIGTERM, and then closes all of them.
///
/// It says where it listens once it does, and once the links of the configuration are there; with `--format json` in one line.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address or name on which the control API listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: String,
    /// Port of the control API; 0 takes any that is free, and the real one is told.
    #[arg(long, value_name = "PORT", default_value_t = 8474)]
    port: u16,
    /// Seed of the draws of toxicity, jitter and loss; default: one from the time, which is told.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Links that are there from the start: toxiproxy's configuration, a JSON list of proxies, which may have `toxics`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: DataFormat,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let specs = args.config.as_deref().map(configured).transpose()?.unwrap_or_default();
    let listen = args.listen()?;
    let seed = args.seed.unwrap_or_else(|| seed_at(SystemTime::now()));
    raise_descriptors();
    on_runtime(async |signals| {
        let links = Arc::new(Links::start(seed).map_err(|error| failed(&error))?);
        for spec in &specs {
            links.create_or_replace(spec).map_err(|error| of_link(spec, &error))?;
        }
        let api = ApiServer::start(links.clone(), listen).map_err(|error| failed(&error))?;
        print(&args.told(api.address(), seed, &links))?;
        until_ended(signals).await;
        Ok(0)
    })
}

/// The links of a configuration.
fn configured(path: &Path) -> Result<Vec<LinkSpec>, Failure> {
    let text = document::bytes(path)?;
    links_of_config(&text).map_err(|error| {
        let why = match error {
            LinkError::BadBody(why) => why,
            other => other.to_string(),
        };
        Failure::LinksConfig { path: path.to_owned(), why }
    })
}

fn failed(error: &LinkError) -> Failure {
    match error {
        LinkError::Start(_) => Failure::Internal(error.to_string()),
        _ => Failure::Usage(error.to_string()),
    }
}

/// A link of the configuration that can't be made.
fn of_link(spec: &LinkSpec, error: &LinkError) -> Failure {
    match failed(error) {
        Failure::Usage(text) => Failure::Usage(format!("link `{}`: {text}", spec.name)),
        other => other,
    }
}

impl Args {
    fn listen(&self) -> Result<SocketAddr, Failure> {
        let wrong = |why: String| Failure::Usage(format!("invalid address `{}` for the control API: {why}", self.host));
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let found: Vec<SocketAddr> =
            (host, self.port).to_socket_addrs().map_err(|error| wrong(error.to_string()))?.collect();
        let first = found.iter().find(|address| address.is_ipv4()).or_else(|| found.first());
        first.copied().ok_or_else(|| wrong("it has no address".to_owned()))
    }

    /// What is printed when it listens.
    fn told(&self, api: SocketAddr, seed: u64, links: &Links) -> String {
        let links = links.list();
        if self.format == DataFormat::Json {
            let shown: Vec<Value> = links
                .iter()
                .map(|link| json!({"name": link.name, "listen": link.listen, "upstream": link.upstream, "enabled": link.enabled}))
                .collect();
            return format!("{}\n", json!({"url": format!("http://{api}"), "seed": seed, "links": shown}));
        }
        let mut text =
            format!("control API (as of toxiproxy {COMPATIBLE_WITH}) listens on http://{api}, seed {seed}\n");
        for link in links {
            let state = if link.enabled { "" } else { " (disabled)" };
            let LinkView { name, listen, upstream, .. } = link;
            text = format!("{text}link {name}: {listen} -> {upstream}{state}\n");
        }
        text
    }
}

/// Waits for a signal that ends it.
async fn until_ended(signals: &mut Signals) {
    loop {
        match signals.next().await {
            Request::Cancel(_) => return,
            Request::Suspend(_) => suspend(),
            Request::Release => {}
        }
    }
}

/// Every connection takes two descriptors, and the limit that a shell gives is often 1,024.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // Where the system refuses, connections beyond the limit wait until others are closed.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
