//! What the command is told of the nodes: variables, and placeholders in its arguments.

use std::collections::BTreeMap;

use chaos_core::DeclaredNode;

/// What every variable of a node begins with.
const PREFIX: &str = "SQUALL_NODE_";
/// Placeholders that are filled; others are the command's own.
const PLACEHOLDER: &str = "{{node.";

/// Folders and ports of the nodes.
#[derive(Debug, Clone, Default)]
pub struct CommandPlaces {
    /// `n1.port.http`, as in a document behind `node.`
    values: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
}

/// A place that the nodes don't have, or two of one name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandPlaceError {
    /// No node has it.
    #[error("unknown placeholder `{placeholder}`{}", there_are(.known))]
    Unknown {
        /// As it is written.
        placeholder: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Two nodes or ports have names that differ only in letters that a variable can't have.
    #[error("two places of nodes would have the variable `{0}`; rename a node or a port")]
    SameVariable(String),
}

fn there_are(known: &[String]) -> String {
    if known.is_empty() {
        return ": the file declares no nodes".to_owned();
    }
    let known: Vec<String> = known.iter().map(|known| format!("`{PLACEHOLDER}{known}}}}}`")).collect();
    format!("; there are {}", known.join(", "))
}

impl CommandPlaces {
    /// The places of the nodes of a task that was loaded to be run.
    ///
    /// # Errors
    /// [`CommandPlaceError::SameVariable`].
    pub fn of(nodes: &BTreeMap<String, DeclaredNode>) -> Result<Self, CommandPlaceError> {
        let mut places = Self::default();
        for (name, node) in nodes {
            let keys = node.extra();
            if let Some(dir) = &keys.dir {
                places.add(&[name, "dir"], dir.display().to_string())?;
            }
            for (port, number) in &keys.ports.0 {
                if let Some(number) = number {
                    places.add(&[name, "port", port], number.to_string())?;
                }
            }
        }
        Ok(places)
    }

    fn add(&mut self, path: &[&str], value: String) -> Result<(), CommandPlaceError> {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let name = format!("{PREFIX}{}", path.join("_").chars().map(plain).collect::<String>());
        if self.env.contains_key(&name) {
            return Err(CommandPlaceError::SameVariable(name));
        }
        self.env.insert(name, value.clone());
        self.values.insert(path.join("."), value);
        Ok(())
    }

    /// A variable for each place: `SQUALL_NODE_N1_PORT_HTTP`, `SQUALL_NODE_N1_DIR`.
    pub fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// An argument with its placeholders `{{node.…}}` filled; others stay.
    ///
    /// # Errors
    /// [`CommandPlaceError::Unknown`].
    pub fn fill(&self, argument: &str) -> Result<String, CommandPlaceError> {
        let (mut filled, mut rest) = (String::new(), argument);
        while let Some(at) = rest.find(PLACEHOLDER) {
            let inside = &rest[at + PLACEHOLDER.len()..];
            let Some(end) = inside.find("}}") else { break };
            let name = inside[..end].trim();
            let value = self.values.get(name).ok_or_else(|| CommandPlaceError::Unknown {
                placeholder: format!("{PLACEHOLDER}{}}}}}", &inside[..end]),
                known: self.values.keys().cloned().collect(),
            })?;
            filled.push_str(&rest[..at]);
            filled.push_str(value);
            rest = &inside[end + 2..];
        }
        Ok(filled + rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(paths: &[&[&str]]) -> Result<CommandPlaces, CommandPlaceError> {
        let mut places = CommandPlaces::default();
        for (number, path) in paths.iter().enumerate() {
            places.add(path, number.to_string())?;
        }
        Ok(places)
    }

    #[test]
    fn places_are_variables_and_placeholders() {
        let places = places(&[&["n1", "port", "http"], &["n-2", "dir"]]).unwrap();
        let env: Vec<(&str, &str)> = places.env().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(env, [("SQUALL_NODE_N1_PORT_HTTP", "0"), ("SQUALL_NODE_N_2_DIR", "1")]);
        assert_eq!(places.fill("a{{node.n1.port.http}}b{{node.n-2.dir}}").unwrap(), "a0b1");
        for own in ["{{.Name}}", "{{ node }}", "{{node.n1", "plain", ""] {
            assert_eq!(places.fill(own).unwrap(), own);
        }
    }

    #[test]
    fn an_unknown_placeholder_names_what_there_is() {
        let error = places(&[&["n1", "port", "http"]]).unwrap().fill("{{node.n1.port.tcp}}").unwrap_err().to_string();
        assert_eq!(error, "unknown placeholder `{{node.n1.port.tcp}}`; there are `{{node.n1.port.http}}`");
        let error = CommandPlaces::default().fill("x{{node.a.dir}}").unwrap_err().to_string();
        assert_eq!(error, "unknown placeholder `{{node.a.dir}}`: the file declares no nodes");
    }

    #[test]
    fn two_places_of_one_variable_are_refused() {
        let error = places(&[&["a-b", "dir"], &["a_b", "dir"]]).unwrap_err();
        assert_eq!(error, CommandPlaceError::SameVariable("SQUALL_NODE_A_B_DIR".into()));
    }
}
