//! What a request's body asks for.
//!
//! It is read as the API has always been: the first JSON value counts, names of fields are read in any case, `null` is as
//! good as nothing, and unknown fields are passed over.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::counters::Direction;
use crate::error::LinkError;
use crate::link::{LinkChange, LinkSpec};
use crate::link_tls::LinkTls;
use crate::protocol::Protocol;
use crate::toxic::{ToxicKind, ToxicSpec};

fn value(body: &[u8]) -> Result<Value, LinkError> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(LinkError::BadBody(error.to_string())),
        None => Err(LinkError::BadBody("EOF".to_owned())),
    }
}

fn object(value: Value) -> Result<Map<String, Value>, LinkError> {
    match value {
        Value::Object(fields) => Ok(fields),
        Value::Null => Ok(Map::new()),
        other => Err(LinkError::BadBody(format!("expected an object, found {}", kind(&other)))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let any_case = || fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    fields.get(name).or_else(any_case).filter(|value| !value.is_null())
}

fn wrong(name: &str, expected: &str, found: &Value) -> LinkError {
    LinkError::BadBody(format!("`{name}` is {}, expected {expected}", kind(found)))
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, LinkError> {
    match field(fields, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(wrong(name, "a text", other)),
    }
}

fn flag(fields: &Map<String, Value>, name: &str) -> Result<Option<bool>, LinkError> {
    match field(fields, name) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(wrong(name, "a boolean", other)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "toxicity has the precision that the API shows")]
fn share(fields: &Map<String, Value>, name: &str) -> Result<Option<f32>, LinkError> {
    match field(fields, name) {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(number.as_f64().map(|number| number as f32)),
        Some(other) => Err(wrong(name, "a number", other)),
    }
}

fn attributes(fields: &Map<String, Value>) -> Result<Map<String, Value>, LinkError> {
    match field(fields, "attributes") {
        None => Ok(Map::new()),
        Some(Value::Object(attributes)) => Ok(attributes.clone()),
        Some(other) => Err(wrong("attributes", "an object", other)),
    }
}

fn protocol(fields: &Map<String, Value>) -> Result<Protocol, LinkError> {
    match text(fields, "protocol")?.as_deref() {
        None | Some("tcp") => Ok(Protocol::Tcp),
        Some("udp") => Ok(Protocol::Udp),
        Some("http") => Ok(Protocol::Http),
        Some(other) => Err(LinkError::BadBody(format!("unknown protocol `{other}`: expected `tcp`, `udp` or `http`"))),
    }
}

/// Who asks for a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Whoever reaches the API, who should not get files read and written.
    Request,
    /// A file of the operator.
    File,
}

fn tls(fields: &Map<String, Value>, origin: Origin) -> Result<LinkTls, LinkError> {
    let Some(tls) = field(fields, "tls") else { return Ok(LinkTls::default()) };
    let Value::Object(tls) = tls else { return Err(wrong("tls", "an object", tls)) };
    let path = |name: &str| match text(tls, name)? {
        Some(_) if origin == Origin::Request => {
            let why = format!("`tls.{name}` names a file, which only a configuration file may");
            Err(LinkError::BadBody(why))
        }
        path => Ok(path.map(PathBuf::from)),
    };
    Ok(LinkTls {
        clients: flag(tls, "clients")?.unwrap_or(false),
        server: flag(tls, "server")?.unwrap_or(false),
        ca_file: path("ca_file")?,
        ca_out: path("ca_out")?,
    })
}

/// Reads a link without asking whether all that it needs is there.
fn unchecked(fields: &Map<String, Value>, origin: Origin) -> Result<LinkSpec, LinkError> {
    let toxics = match field(fields, "toxics") {
        Some(Value::Array(toxics)) => {
            toxics.iter().map(|toxic| toxic_of(&object(toxic.clone())?)).collect::<Result<_, _>>()?
        }
        _ => Vec::new(),
    };
    Ok(LinkSpec {
        name: text(fields, "name")?.unwrap_or_default(),
        listen: text(fields, "listen")?.unwrap_or_default(),
        upstream: text(fields, "upstream")?.unwrap_or_default(),
        protocol: protocol(fields)?,
        enabled: flag(fields, "enabled")?.unwrap_or(true),
        toxics,
        tls: tls(fields, origin)?,
    })
}

fn checked(spec: LinkSpec, which: &str) -> Result<LinkSpec, LinkError> {
    for (name, value) in [("name", &spec.name), ("upstream", &spec.upstream)] {
        if value.is_empty() {
            return Err(LinkError::MissingField(format!("{name}{which}")));
        }
    }
    Ok(spec)
}

/// A link that is to be made. `toxics` is an extension: they are there before the first connection is.
pub(super) fn link(body: &[u8]) -> Result<LinkSpec, LinkError> {
    checked(unchecked(&object(value(body)?)?, Origin::Request)?, "")
}

/// Reads a configuration file: the JSON list of links that toxiproxy's server takes, which is also what is posted to
/// `/populate`.
///
/// # Errors
///
/// [`LinkError::BadBody`] where it is not such a list, [`LinkError::MissingField`], [`LinkError::UnknownToxic`] and
/// [`LinkError::UnknownStream`] for what it says.
pub fn links_of_config(text: &[u8]) -> Result<Vec<LinkSpec>, LinkError> {
    list(text, Origin::File)
}

/// Links that are to be made together.
pub(super) fn links(body: &[u8]) -> Result<Vec<LinkSpec>, LinkError> {
    list(body, Origin::Request)
}

fn list(body: &[u8], origin: Origin) -> Result<Vec<LinkSpec>, LinkError> {
    let all = match value(body)? {
        Value::Array(all) => all,
        Value::Null => Vec::new(),
        other => return Err(LinkError::BadBody(format!("expected an array, found {}", kind(&other)))),
    };
    let specs: Vec<LinkSpec> =
        all.into_iter().map(|link| unchecked(&object(link)?, origin)).collect::<Result<_, _>>()?;
    let number = |(index, spec)| checked(spec, &format!(" at proxy {}", index + 1));
    specs.into_iter().enumerate().map(number).collect()
}

/// What is to change of a link.
pub(super) fn change(body: &[u8]) -> Result<LinkChange, LinkError> {
    let fields = object(value(body)?)?;
    let (listen, upstream) = (text(&fields, "listen")?, text(&fields, "upstream")?);
    Ok(LinkChange { listen, upstream, enabled: flag(&fields, "enabled")? })
}

/// A toxic that is to be added.
pub(super) fn toxic(body: &[u8]) -> Result<ToxicSpec, LinkError> {
    toxic_of(&object(value(body)?)?)
}

fn toxic_of(fields: &Map<String, Value>) -> Result<ToxicSpec, LinkError> {
    let attributes = attributes(fields)?;
    let type_name = text(fields, "type")?.unwrap_or_default();
    let name = text(fields, "name")?.filter(|name| !name.is_empty());
    let toxicity = share(fields, "toxicity")?.unwrap_or(1.0);
    let stream = text(fields, "stream")?.unwrap_or_else(|| Direction::Downstream.name().to_owned());
    let named = |direction: &Direction| direction.name().eq_ignore_ascii_case(&stream);
    let stream = Direction::BOTH.into_iter().find(named).ok_or(LinkError::UnknownStream)?;
    let kind = ToxicKind::of_type(&type_name).ok_or(LinkError::UnknownToxic)?;
    let spec = ToxicSpec::new(kind.overlaid(&attributes)?, stream);
    Ok(ToxicSpec { name: name.unwrap_or(spec.name), toxicity, ..spec })
}

/// What is to change of a toxic: attributes and toxicity, nothing else can.
pub(super) fn toxic_change(body: &[u8]) -> Result<(Map<String, Value>, Option<f32>), LinkError> {
    let fields = object(value(body)?)?;
    Ok((attributes(&fields)?, share(&fields, "toxicity")?))
}
