//! Folders and ports of nodes: chosen before a document is filled, so that they are values like any other.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fill::{Filled, fill};
use crate::check::Report;
use crate::diagnostic::{Code, Diagnostic};
use crate::options::NodePool;
use crate::pointer;

/// The first port of a document that is only checked; any number does.
const PRETENDED: u16 = 20_000;

/// Gives every node its folder, and every named port a number; what `{{node.NAME.dir}}` and `{{node.NAME.port.PORT}}` are.
pub(crate) fn place(
    document: &mut Value,
    vars: &BTreeMap<String, String>,
    pool: Option<&NodePool>,
    report: &mut Report,
) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let Some(Value::Object(nodes)) = document.get_mut("nodes") else { return values };
    let mut numbers = 0..;
    let mut next = || {
        let number: u16 = numbers.next()?;
        match pool {
            Some(pool) => pool.ports.get(usize::from(number)).map(|port| port.get()),
            None => PRETENDED.checked_add(number),
        }
    };
    for (name, node) in nodes {
        // What is not a mapping is told by the schema.
        let Value::Object(node) = node else { continue };
        let dir = own_folder(node, vars).unwrap_or_else(|| {
            let folder = pool.map_or_else(|| "nodes".into(), |pool| pool.folder.clone());
            let dir = folder.join(name).display().to_string();
            node.insert("dir".to_owned(), json!(dir));
            dir
        });
        values.insert(format!("node.{name}.dir"), dir);
        let Some(numbered) = ports(node.get("ports"), &mut next) else {
            if node.contains_key("ports") && pool.is_some() && is_names(node.get("ports")) {
                let at = format!("{}/ports", pointer::join("/nodes", name));
                let message = "there are not enough free ports for the nodes of this document";
                report
                    .add(Diagnostic::new(Code::OutOfBounds, at, message).help("give ports numbers: `{client: 8080}`"));
            }
            continue;
        };
        for (port, number) in &numbered {
            values.insert(format!("node.{name}.port.{port}"), number.to_string());
        }
        node.insert("ports".to_owned(), json!(numbered));
    }
    values
}

/// The folder that the author gave it, filled.
fn own_folder(node: &Map<String, Value>, vars: &BTreeMap<String, String>) -> Option<String> {
    let mut own = node.get("dir").filter(|dir| dir.is_string())?.clone();
    fill(&mut own, "", vars, &mut Filled::default());
    own.as_str().map(str::to_owned)
}

fn is_names(ports: Option<&Value>) -> bool {
    ports.and_then(Value::as_array).is_some_and(|names| names.iter().all(Value::is_string))
}

/// The ports with their numbers; `None` where there are none, or none that can be numbered.
fn ports(ports: Option<&Value>, mut next: impl FnMut() -> Option<u16>) -> Option<BTreeMap<String, u64>> {
    match ports? {
        Value::Array(names) => names.iter().map(|name| Some((name.as_str()?.to_owned(), u64::from(next()?)))).collect(),
        Value::Object(numbers) => numbers.iter().map(|(name, port)| Some((name.clone(), port.as_u64()?))).collect(),
        _ => None,
    }
}
