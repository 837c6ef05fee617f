//! From an author's text to a checked task, and from the registry to a JSON Schema.
