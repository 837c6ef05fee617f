//! The tools of one loop, checked once and found by name.

use crate::{
    error::AgentError,
    tool::{Tool, ToolSpec},
};

/// A checked set of tools.
pub(crate) struct ToolSet<'a> {
    tools: &'a [&'a dyn Tool],
    specs: Vec<ToolSpec>,
}

impl<'a> ToolSet<'a> {
    /// Checks names and parameter schemas.
    pub(crate) fn new(tools: &'a [&'a dyn Tool]) -> Result<Self, AgentError> {
        let specs: Vec<ToolSpec> = tools.iter().map(|tool| ToolSpec::of(*tool)).collect();
        for (index, spec) in specs.iter().enumerate() {
            let name = spec.name.clone();
            if !usable(&name) {
                return Err(AgentError::ToolName { name });
            }
            if specs[..index].iter().any(|other| other.name == name) {
                return Err(AgentError::DuplicateTool { name });
            }
            if spec.parameters.get("type").and_then(|t| t.as_str()) != Some("object") {
                return Err(AgentError::ToolParameters { name });
            }
        }
        Ok(Self { tools, specs })
    }

    /// The tools as the model sees them.
    pub(crate) fn specs(&self) -> &[ToolSpec] {
        &self.specs
    }

    /// Finds a tool and its description.
    pub(crate) fn get(&self, name: &str) -> Option<(&'a dyn Tool, &ToolSpec)> {
        let index = self.specs.iter().position(|spec| spec.name == name)?;
        Some((self.tools[index], &self.specs[index]))
    }

    /// The tool that a written name means: exactly, or without what some models and servers put around it, as in
    /// `functions.load`, `load:0` and `load<|channel|>commentary`.
    pub(crate) fn resolve(&self, written: &str) -> Option<&str> {
        let bare = written.split("<|").next().unwrap_or_default();
        let bare = bare.trim_matches(|c: char| c.is_whitespace() || "`'\"".contains(c));
        let unnumbered = bare.trim_end_matches(|c: char| c.is_ascii_digit()).strip_suffix(':').unwrap_or(bare);
        let last = unnumbered.rsplit(['.', '/', ':']).next().unwrap_or_default();
        let names = self.specs.iter().map(|spec| spec.name.as_str());
        [written, bare, unnumbered, last].into_iter().find_map(|meant| names.clone().find(|name| *name == meant))
    }

    /// The names, for an error that lists what would be right.
    pub(crate) fn names(&self) -> String {
        let quoted: Vec<String> = self.specs.iter().map(|spec| format!("`{}`", spec.name)).collect();
        quoted.join(", ")
    }
}

/// OpenAI's rule for function names; other servers accept no less.
fn usable(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use chaos_core::BoxFuture;
    use serde_json::{Value, json};

    use super::*;
    use crate::tool::ToolReply;

    struct Named(&'static str, Value);

    impl Tool for Named {
        fn name(&self) -> &str {
            self.0
        }
        fn description(&self) -> &'static str {
            "test"
        }
        fn parameters(&self) -> Value {
            self.1.clone()
        }
        fn call(&self, _args: Value) -> BoxFuture<'_, ToolReply> {
            Box::pin(async { ToolReply::done("") })
        }
    }

    fn object() -> Value {
        json!({"type": "object"})
    }

    #[test]
    fn unusable_names_are_refused() {
        let long = "x".repeat(65);
        let long: &'static str = Box::leak(long.into_boxed_str());
        for name in ["", "two words", "ünicode", "a/b", long] {
            let tool = Named(name, object());
            let error = ToolSet::new(&[&tool]).err().expect(name);
            assert!(matches!(error, AgentError::ToolName { .. }), "{error}");
        }
    }

    #[test]
    fn a_name_given_twice_is_refused() {
        let (a, b) = (Named("load", object()), Named("load", object()));
        let error = ToolSet::new(&[&a, &b]).err().expect("twice");
        assert_eq!(error.to_string(), "two tools are named `load`; give each its own name");
    }

    #[test]
    fn parameters_must_describe_an_object() {
        for schema in [json!({}), json!({"type": "array"}), json!(true)] {
            let tool = Named("load", schema);
            let error = ToolSet::new(&[&tool]).err().expect("schema");
            assert!(matches!(error, AgentError::ToolParameters { .. }), "{error}");
        }
    }

    #[test]
    fn what_is_put_around_a_name_is_taken_off() {
        let (a, b) = (Named("load", object()), Named("run_2", object()));
        let tools: [&dyn Tool; 2] = [&a, &b];
        let tool_set = ToolSet::new(&tools).expect("distinct");
        for written in [
            "load",
            "functions.load",
            "functions.load:0",
            "load:12",
            "load<|channel|>commentary",
            "functions.load<|constrain|>json",
            "default_api:load",
            "tools/load",
            " load\n",
            "`load`",
        ] {
            assert_eq!(tool_set.resolve(written), Some("load"), "{written}");
        }
        assert_eq!(tool_set.resolve("run_2"), Some("run_2"));
        for written in ["", "Load", "load2", "loadx", "<|channel|>load", "load rm", "functions."] {
            assert_eq!(tool_set.resolve(written), None, "{written}");
        }
    }

    #[test]
    fn tools_are_found_by_their_exact_name() {
        let (a, b) = (Named("load", object()), Named("run_command", object()));
        let tools: [&dyn Tool; 2] = [&a, &b];
        let tool_set = ToolSet::new(&tools).expect("distinct");
        assert_eq!(tool_set.get("run_command").map(|(tool, _)| tool.name()), Some("run_command"));
        assert!(tool_set.get("Load").is_none());
        assert_eq!(tool_set.names(), "`load`, `run_command`");
    }
}
