//! For whom a schema is, and what it holds beside the shapes.

/// Whom a schema is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Editors: with snippets, Markdown and messages, which strict validators refuse as unknown keywords.
    Editor,
    /// Every validator: keywords of the standard only.
    Plain,
}

/// What a schema holds beside the shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Flavour {
    /// As published in a profile: a placeholder may stand for a scalar.
    Published(Profile),
    /// For the check, which has filled the placeholders.
    Filled,
}
