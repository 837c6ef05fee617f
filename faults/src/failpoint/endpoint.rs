//! From the place that a document names to the control endpoints there, as far as the policy allows them.

use std::path::Path;
use std::sync::Arc;

use chaos_core::{OpenDirError, PluginError, Reach, RunContext};

use super::bounds::VariableName;
use super::control::{Control, Token, Way};
use super::place::{ControlPlace, split};

/// What asking there would use, for the policy.
pub(super) fn reach(url: &ControlPlace) -> Result<Reach, PluginError> {
    match url {
        ControlPlace::Http(url) if url.is_tls() => {
            Err(PluginError::refused(format!("`{}`: control endpoints are plain http", url.as_str())))
        }
        ControlPlace::Http(url) => Ok(Reach::host(url.host().clone())),
        ControlPlace::Unix(path) => Ok(Reach::path(folder_of(path)?.0)),
    }
}

/// Refuses a unix socket in an experiment, which keeps to its target.
pub(super) fn check_confinement(url: &ControlPlace, cx: &RunContext) -> Result<(), PluginError> {
    if matches!(url, ControlPlace::Unix(_)) && cx.policy().only_hosts.is_some() {
        let what = "an experiment reaches its target alone: fail points over TCP, not over a unix socket";
        return Err(PluginError::refused(what));
    }
    Ok(())
}

/// The endpoints, at the addresses or in the folder that the policy allows, with the token that they may ask for.
pub(super) async fn open(
    url: &ControlPlace,
    token_env: Option<&VariableName>,
    cx: &RunContext,
) -> Result<Control, PluginError> {
    let way = match url {
        ControlPlace::Http(url) => Way::Tcp(cx.allowed_addresses(url.host()).await?),
        ControlPlace::Unix(path) => {
            let (folder, name) = folder_of(path)?;
            let folder = cx.open_dir(folder).map_err(|error| match error {
                OpenDirError::Refused(refusal) => refusal.into(),
                error => PluginError::failed(error.to_string()),
            })?;
            Way::Unix(Arc::new(folder), name.to_owned())
        }
    };
    let named = token_env.map(VariableName::as_str);
    let token = Token::find(named, |name| cx.secret(name), &way)?;
    Ok(Control::new(url, way, token))
}

pub(super) fn folder_of(socket: &Path) -> Result<(&Path, &str), PluginError> {
    let why = || PluginError::refused(format!("`{}` is not the path of a socket", socket.display()));
    split(socket).ok_or_else(why)
}
