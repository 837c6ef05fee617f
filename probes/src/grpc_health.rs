//! The probe that asks the health service of a gRPC server.

mod call;
mod call_error;
mod certificate_name;
mod status;
#[cfg(test)]
mod tests;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use chaos_core::{
    Address, HostPort, HttpUrl, LoadTls, Observation, PluginError, Probe, Reach, RunContext, Seconds, register_probe,
};
use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::asking::{Cut, ask, five_seconds, present};
use crate::tcp::connect;
use call::Call;
use call_error::CallError;
use status::Health;
use tls::Tls;

pub use certificate_name::{CertificateName, CertificateNameError};

/// Asks a gRPC server for the health of a service, by the standard `grpc.health.v1.Health/Check`.
///
/// # Answers
/// Yes when it is `SERVING`. No when it is anything else, when the server does not know the service (`NOT_FOUND`), answers with
/// another error, speaks no HTTP/2 or, where it should, no TLS, refuses the connection or breaks it off, or has not answered within
/// `timeout_seconds`: a service that is down is a no.
/// Unknown when the server has no health service (`UNIMPLEMENTED`) or asks who we are (`UNAUTHENTICATED`, `PERMISSION_DENIED`, or for a
/// client certificate that it then does not accept), when its certificate is not trusted, has expired or is for another name, so that
/// it may not be the server that is meant, and when the policy does not allow the host, its name does not resolve, a file of `tls`
/// can't be used, or this machine can't connect at all. The observation's value is the word for the health.
///
/// # TLS
/// With `tls` the connection speaks TLS, and with `tls: {}` the server needs a certificate of a CA that the system trusts, for the host of
/// `address` or, where it is given, for `server_name`. The request then names `server_name` as its host too, as a gateway needs it.
///
/// # Limits
/// HTTP/2 only. Each question is a connection of its own, so it finds a server that accepts no new ones. A certificate that is not
/// trusted is a no for the probe `http`, which asks whether clients are served.
///
/// # Example
/// ```yaml
/// type: grpc_health
/// address: 127.0.0.1:50051
/// service: shop.Orders
/// tls: {ca_file: certs/ca.pem}
/// server_name: shop.internal
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schemars(rename = "GrpcHealth")]
pub struct GrpcHealth {
    /// Host and port.
    pub address: Address,
    /// The service's full name; default the empty one, which stands for the whole server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// Seconds after which the probe says no; default 5.
    #[serde(default = "five_seconds")]
    pub timeout_seconds: Seconds,
    /// Speaks TLS, with these trusted CAs and this client certificate; `{}` stands for the system's CAs and no certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-author-only" = true))]
    pub tls: Option<LoadTls>,
    /// The name or IP address in the server's certificate; default the host of `address`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-author-only" = true))]
    pub server_name: Option<CertificateName>,
}

/// Parameters that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum GrpcHealthError {
    #[error(
        "`server_name` is the name in a certificate, and without `tls` there is none; add `tls: {{}}`, or remove it"
    )]
    NameWithoutTls,
    #[error("invalid address: {0}")]
    Address(#[from] chaos_core::HttpUrlError),
    #[error(transparent)]
    Tls(#[from] chaos_core::LoadTlsError),
}

impl<'de> Deserialize<'de> for GrpcHealth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let probe = Self::deserialize(deserializer)?;
        probe.check().map_err(D::Error::custom)?;
        Ok(probe)
    }
}

impl Serialize for GrpcHealth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl Probe for GrpcHealth {
    async fn observe(&self, cx: &RunContext) -> Observation {
        let addresses = match cx.allowed_addresses(self.address.host()).await {
            Ok(addresses) => present(addresses),
            Err(refusal) => return Observation::unknown(refusal.to_string()),
        };
        let host = &self.address.host().host;
        let tls = self.tls.as_ref().map(|tls| Tls::of(tls, self.server_name.as_ref(), host, cx));
        let tls = match tls.transpose() {
            Ok(tls) => tls,
            Err(error) => return Observation::unknown(format!("failed to ask {}: no TLS: {error}", self.address)),
        };
        // On the heap: HTTP/2 over TLS is some 20 KiB of state.
        match ask(cx, self.timeout_seconds, Box::pin(self.call(&addresses, tls, cx))).await {
            Ok(answer) => self.judge(answer),
            Err(Cut::Late) => {
                let seconds = self.timeout_seconds.get().as_secs_f64();
                Observation::no(format!("{} did not answer within {seconds} s", self.address))
            }
            Err(Cut::Cancelled) => Observation::unknown("cancelled"),
        }
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        self.check().map_err(|error| PluginError::refused(error.to_string()))?;
        if let Some(name) = &self.server_name {
            name.wanted().map_err(|error| PluginError::refused(error.to_string()))?;
        }
        Ok(Reach::host(self.address.host().clone()))
    }

    fn at_most(&self) -> Option<Duration> {
        Some(self.timeout_seconds.get())
    }
}

register_probe!(GrpcHealth, "grpc_health");

impl GrpcHealth {
    fn check(&self) -> Result<(), GrpcHealthError> {
        let Some(tls) = &self.tls else {
            return self.server_name.as_ref().map_or(Ok(()), |_| Err(GrpcHealthError::NameWithoutTls));
        };
        let url: HttpUrl = format!("https://{}", self.address).parse()?;
        Ok(tls.check(&url)?)
    }

    async fn call(&self, addresses: &[SocketAddr], tls: Option<Tls>, cx: &RunContext) -> Result<Health, CallError> {
        let (_, stream) = connect(addresses, cx.clock()).await.map_err(CallError::Connect)?;
        let host = self.address.host();
        let authority = match &self.server_name {
            Some(name) => HostPort::new(&name.to_string(), host.port).to_string(),
            None => host.to_string(),
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let call = Call { scheme, authority, service: &self.service, limit: self.timeout_seconds.get() };
        match tls {
            Some(tls) => tls.check(stream, &call).await,
            None => call.check(stream).await,
        }
    }

    fn judge(&self, answer: Result<Health, CallError>) -> Observation {
        let who = match self.service.as_str() {
            "" => self.address.to_string(),
            service => format!("`{service}` at {}", self.address),
        };
        match answer {
            Ok(health) if health.is_serving() => Observation::yes(format!("{who} is SERVING")).with_value("SERVING"),
            Ok(health) => Observation::no(format!("{who} is {health}")).with_value(health.to_string()),
            Err(error) if error.is_no_answer() => Observation::unknown(format!("{who}: {error}")),
            Err(error) => Observation::no(format!("{who}: {error}")),
        }
    }
}
