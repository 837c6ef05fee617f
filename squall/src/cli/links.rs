//! `squall links`: a proxy with toxics and toxiproxy's control API, and the verbs of toxiproxy's command line for a server
//! that runs.

mod api_calls;
mod proxies;
mod serve;
mod shown;
mod toxics;

use clap::Subcommand;

use super::failure::Failure;
use super::format::DataFormat;

/// Serves TCP and UDP links with toxics (latency, bandwidth, loss, resets, …) and toxiproxy's control API, or speaks to a server
/// that does: ours, or toxiproxy's own.
///
/// The verbs and flags are those of `toxiproxy-cli`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// URL of the control API that the verbs speak to, as `toxiproxy-cli` has it before its verbs.
    #[arg(id = "url", long = "host", value_name = "URL")]
    host: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(serve::Args),
    #[command(aliases = ["l", "li", "ls"])]
    List(proxies::ListArgs),
    #[command(aliases = ["i", "ins"])]
    Inspect(proxies::InspectArgs),
    #[command(aliases = ["c", "new"])]
    Create(proxies::CreateArgs),
    #[command(aliases = ["tog"])]
    Toggle(proxies::ToggleArgs),
    #[command(aliases = ["d"])]
    Delete(proxies::DeleteArgs),
    #[command(aliases = ["t"])]
    Toxic(toxics::Args),
    Reset(proxies::ResetArgs),
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let host = args.host.as_deref();
    match &args.verb {
        Verb::Serve(_) if host.is_some() => {
            Err(Failure::Usage("`--host` of `serve` stands behind it: `squall links serve --host ADDRESS`".to_owned()))
        }
        Verb::Serve(args) => serve::run(args),
        Verb::List(args) => proxies::list(args, host),
        Verb::Inspect(args) => proxies::inspect(args, host),
        Verb::Create(args) => proxies::create(args, host),
        Verb::Toggle(args) => proxies::toggle(args, host),
        Verb::Delete(args) => proxies::delete(args, host),
        Verb::Toxic(args) => toxics::run(args, host),
        Verb::Reset(args) => proxies::reset(args, host),
    }
}

impl Args {
    /// The form in which standard output is read.
    pub(super) fn format(&self) -> DataFormat {
        match &self.verb {
            Verb::Serve(args) => args.format,
            Verb::List(args) => args.api.format,
            Verb::Inspect(args) => args.api.format,
            Verb::Create(args) => args.api.format,
            Verb::Toggle(args) => args.api.format,
            Verb::Delete(args) => args.api.format,
            Verb::Toxic(args) => args.format(),
            Verb::Reset(args) => args.api.format,
        }
    }
}
