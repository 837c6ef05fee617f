//! The verbs of `squall links` that are about whole links.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::cli::console::{print, print_json};
use crate::cli::failure::Failure;
use crate::cli::format::DataFormat;

use super::api_calls::{Api, ApiFlags};
use super::shown::{self, ShownLink, read};

/// Lists all links.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) api: ApiFlags,
}

/// Shows one link with its toxics.
#[derive(Debug, clap::Args)]
pub(super) struct InspectArgs {
    /// Name of the link.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    pub(super) api: ApiFlags,
}

/// Makes a link.
#[derive(Debug, clap::Args)]
pub(super) struct CreateArgs {
    /// Name of the link.
    #[arg(value_name = "NAME")]
    name: String,
    /// Where clients connect, `HOST:PORT`; port 0 takes any that is free, and the real one is shown.
    #[arg(short, long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: String,
    /// Where the server is, `HOST:PORT`.
    #[arg(short, long, value_name = "ADDRESS")]
    upstream: String,
    /// What it forwards; toxiproxy's own server knows TCP only.
    #[arg(long, value_enum, default_value_t)]
    protocol: LinkProtocol,
    #[command(flatten)]
    pub(super) api: ApiFlags,
}

/// What a link forwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum LinkProtocol {
    /// Connections.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
    /// Requests of HTTP/1.1 and HTTP/2, whose answers rules can break.
    Http,
}

/// Disables a link that is enabled, which closes its connections, and enables one that is disabled.
#[derive(Debug, clap::Args)]
pub(super) struct ToggleArgs {
    /// Name of the link.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    pub(super) api: ApiFlags,
}

/// Removes a link and closes its connections.
#[derive(Debug, clap::Args)]
pub(super) struct DeleteArgs {
    /// Name of the link.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    pub(super) api: ApiFlags,
}

/// Enables all links and removes all toxics.
#[derive(Debug, clap::Args)]
pub(super) struct ResetArgs {
    #[command(flatten)]
    pub(super) api: ApiFlags,
}

pub(super) fn list(args: &ListArgs, host: Option<&str>) -> Result<u8, Failure> {
    let answer = Api::of(&args.api, host)?.get(&["proxies"])?;
    let links: BTreeMap<String, ShownLink> = read(&answer)?;
    let links: Vec<ShownLink> = links.into_values().collect();
    told(&args.api, &answer, || shown::links(&links))
}

pub(super) fn inspect(args: &InspectArgs, host: Option<&str>) -> Result<u8, Failure> {
    let answer = Api::of(&args.api, host)?.get(&["proxies", &args.name])?;
    let link: ShownLink = read(&answer)?;
    told(&args.api, &answer, || shown::link(&link))
}

pub(super) fn create(args: &CreateArgs, host: Option<&str>) -> Result<u8, Failure> {
    let mut body = json!({"name": args.name, "listen": args.listen, "upstream": args.upstream, "enabled": true});
    let protocol = match args.protocol {
        LinkProtocol::Tcp => None,
        LinkProtocol::Udp => Some("udp"),
        LinkProtocol::Http => Some("http"),
    };
    if let Some(protocol) = protocol {
        body["protocol"] = protocol.into();
    }
    let answer = Api::of(&args.api, host)?.post(&["proxies"], &body)?;
    let link: ShownLink = read(&answer)?;
    told(&args.api, &answer, || format!("created {}", shown::link(&link)))
}

pub(super) fn toggle(args: &ToggleArgs, host: Option<&str>) -> Result<u8, Failure> {
    let api = Api::of(&args.api, host)?;
    let path = ["proxies", &args.name];
    let link: ShownLink = read(&api.get(&path)?)?;
    let answer = api.post(&path, &json!({"enabled": !link.enabled}))?;
    let link: ShownLink = read(&answer)?;
    told(&args.api, &answer, || format!("link {} is now {}\n", link.name, link.state()))
}

pub(super) fn delete(args: &DeleteArgs, host: Option<&str>) -> Result<u8, Failure> {
    Api::of(&args.api, host)?.delete(&["proxies", &args.name])?;
    told(&args.api, &json!({"deleted": args.name}), || format!("deleted link {}\n", args.name))
}

pub(super) fn reset(args: &ResetArgs, host: Option<&str>) -> Result<u8, Failure> {
    Api::of(&args.api, host)?.post(&["reset"], &json!({}))?;
    told(&args.api, &json!({"reset": true}), || "all links are enabled, and all toxics removed\n".to_owned())
}

/// Prints what was asked for or done.
pub(super) fn told(flags: &ApiFlags, answer: &Value, text: impl FnOnce() -> String) -> Result<u8, Failure> {
    match flags.format {
        DataFormat::Json => print_json(answer)?,
        DataFormat::Text => print(&text())?,
    }
    Ok(0)
}
