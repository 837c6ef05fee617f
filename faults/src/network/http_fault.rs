//! The fault that breaks HTTP on links: single answers, connections inside them, certificates.

mod shown;

use std::borrow::Cow;
use std::time::Duration;

use chaos_core::schemars::{Schema, SchemaGenerator};
use chaos_core::{
    HttpEffect, HttpMatch, HttpPreset, HttpRule, LinkAct, LinkFacet, LinkProtocol, LinkReading, PluginError,
    RunContext, exactly_one_of, fnv1a, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::shown::{shown, wait};
use super::on_links::{self, Links, OnLinks};
use super::target::LinkTarget;
use crate::shows::Shows;

/// A rule on HTTP links.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "HttpFaultKeys", into = "HttpFaultKeys")]
pub struct HttpFault {
    /// Which links.
    pub target: LinkTarget,
    /// Which requests, and what becomes of them.
    pub rule: HttpRule,
}

/// Breaks HTTP on links: answers, streams, connections, certificates, and whole behaviours of models and tools.
///
/// # What it does
/// Each request that fits `match` gets the `effect`, or what the `preset` says; all others pass. It acts on requests that begin while it is
/// in force, on connections that were open before, too.
///
/// # What it surfaces
/// Retries without back-off or of what was done already, `Retry-After` that nobody reads, half an answer that counts as whole, streams
/// without a timeout, tool calls that are believed unread, certificates that nobody checks.
///
/// # How it is undone
/// The rule is taken off the links; a stall that goes on ends at once.
///
/// # Limits
/// Links with `protocol: http` only, HTTP/1.1 and HTTP/2; `certificate` needs `tls: {clients: true}` there, and stands alone. The check sends a
/// request of its own that fits `match` through a twin of the link, with a server of its own behind it, in HTTP/1.1; `from`, `every`, `times`
/// and `share` do not count there. It waits 7 s at most, and what a longer delay or stall comes to behind that is not seen.
///
/// # Example
/// ```yaml
/// type: http_fault
/// target: { link: to-api }
/// match: { path: /v1/*, times: 3 }
/// effect: { answer: { status: 429, retry_after: 2s } }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HttpFaultKeys {
    /// Which links.
    #[schemars(extend("x-author-only" = true))]
    target: LinkTarget,
    /// Which requests; default all.
    #[serde(default, rename = "match", skip_serializing_if = "HttpMatch::is_everything")]
    matching: HttpMatch,
    /// What becomes of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "HttpEffect")]
    effect: Option<HttpEffect>,
    /// In place of it, a behaviour of a model or a tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "HttpPreset")]
    preset: Option<HttpPreset>,
}

/// No effect, or two.
#[derive(Debug, thiserror::Error)]
#[error("expected exactly one of `effect`, `preset`")]
struct HttpFaultKeysError;

impl TryFrom<HttpFaultKeys> for HttpFault {
    type Error = HttpFaultKeysError;

    fn try_from(keys: HttpFaultKeys) -> Result<Self, HttpFaultKeysError> {
        let HttpFaultKeys { target, matching, effect, preset } = keys;
        if effect.is_some() == preset.is_some() {
            return Err(HttpFaultKeysError);
        }
        Ok(Self { target, rule: HttpRule { matching, effect, preset } })
    }
}

impl From<HttpFault> for HttpFaultKeys {
    fn from(HttpFault { target, rule }: HttpFault) -> Self {
        let HttpRule { matching, effect, preset } = rule;
        Self { target, matching, effect, preset }
    }
}

impl JsonSchema for HttpFault {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "HttpFault".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = HttpFaultKeys::json_schema(generator);
        exactly_one_of(&mut schema, &["effect", "preset"]);
        schema
    }
}

impl HttpFault {
    /// What tells its rule from others on a link.
    fn name(&self) -> Result<String, PluginError> {
        let text = serde_json::to_vec(&self.rule).map_err(|error| PluginError::failed(error.to_string()))?;
        Ok(format!("http-{:08x}", fnv1a(&text) & 0xffff_ffff))
    }

    /// Whether its keys fit together.
    fn check(&self) -> Result<(), PluginError> {
        self.rule.check().map_err(|error| PluginError::refused(error.to_string()))?;
        let Some(effect) = &self.rule.effect else { return Ok(()) };
        if effect.certificate.is_some()
            && *effect != (HttpEffect { certificate: effect.certificate, ..HttpEffect::default() })
        {
            let why = "a client that refuses the certificate sends no request; give `certificate` an entry of its own";
            return Err(PluginError::refused(why));
        }
        Ok(())
    }
}

impl OnLinks for HttpFault {
    fn links(&self, cx: &RunContext) -> Result<Links, PluginError> {
        self.target.resolve(cx)
    }

    fn words(&self) -> String {
        match self.rule.preset {
            Some(preset) => format!("bring `{}` about on", preset.name()),
            None => "break HTTP on".to_owned(),
        }
    }

    fn act(&self, protocol: LinkProtocol) -> Result<LinkAct, PluginError> {
        self.check()?;
        match protocol {
            LinkProtocol::Http => Ok(LinkAct::Http { name: self.name()?, rule: Box::new(self.rule.clone()) }),
            LinkProtocol::Tcp | LinkProtocol::Udp => {
                Err(PluginError::refused("a link reads HTTP only with `protocol: http`"))
            }
        }
    }

    async fn shows(&self, link: &dyn LinkFacet, reading: &LinkReading) -> Result<Shows, PluginError> {
        let (name, wait) = (self.name()?, wait(&self.rule));
        let wait_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        let trial = link.try_request(&name, wait_ms).await?;
        let met = reading.rules.get(&name).copied().unwrap_or_default();
        let counts = format!("it has met {met} requests of users, and {} have come in all", reading.requests);
        Ok(match shown(&self.rule, &trial, Duration::from_millis(wait_ms.into())) {
            Ok(text) => Shows::Yes(format!("a request of ours: {text} ({counts})")),
            Err(text) => Shows::Unknown(format!("it has the rule, and a request of ours: {text} ({counts})")),
        })
    }
}

on_links::in_force_on_links!(HttpFault);

register_fault!(HttpFault, "http_fault");

#[cfg(test)]
mod tests;
