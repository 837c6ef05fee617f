//! Calls of a control API from a command: where it is, and what its failures are to whoever typed the command.

use std::env;

use chaos_links::{LinksClient, LinksClientError};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::cli::failure::Failure;
use crate::cli::format::DataFormat;

/// Where a control API is looked for that nobody names.
const DEFAULT_URL: &str = "http://localhost:8474";

/// What every verb takes.
#[derive(Debug, clap::Args)]
pub(super) struct ApiFlags {
    /// URL of the control API; default: `TOXIPROXY_URL`, else `http://localhost:8474`.
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: DataFormat,
}

/// A control API, and the runtime on which it is called. Signals end the command as they end any other: a call leaves
/// nothing to undo.
pub(super) struct Api {
    client: LinksClient,
    runtime: Runtime,
}

impl Api {
    /// The API that the flags name; `before` is what stands before the verb.
    pub(super) fn of(flags: &ApiFlags, before: Option<&str>) -> Result<Self, Failure> {
        let set = env::var("TOXIPROXY_URL").ok().filter(|url| !url.is_empty());
        let url = flags.host.as_deref().or(before).or(set.as_deref()).unwrap_or(DEFAULT_URL);
        let client = LinksClient::new(url).map_err(|error| failed(&error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::Internal(format!("no runtime for calls: {error}")))?;
        Ok(Self { client, runtime })
    }

    pub(super) fn get(&self, path: &[&str]) -> Result<Value, Failure> {
        self.runtime.block_on(self.client.get(path)).map_err(|error| failed(&error))
    }

    pub(super) fn post(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.runtime.block_on(self.client.post(path, body)).map_err(|error| failed(&error))
    }

    pub(super) fn delete(&self, path: &[&str]) -> Result<(), Failure> {
        self.runtime.block_on(self.client.delete(path)).map_err(|error| failed(&error))
    }
}

/// A server that is not there or that refuses is wrong usage, as a run that is not live is.
fn failed(error: &LinksClientError) -> Failure {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    if matches!(error, LinksClientError::Unreachable { .. }) {
        text += "; `squall links serve` starts one, `--host URL` names another";
    }
    Failure::Usage(text)
}
