//! One problem of a document: what, where, and what would be right.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The document is refused.
    Error,
    /// The document is accepted, and somebody should look at it.
    Warning,
    /// The document is accepted; it is said so that nobody wonders.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal $severity:ident;)*) => {
        /// What kind of problem it is; stable, for programs and for searching.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code as it is printed.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whether it refuses the document.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    /// A fault `type` that is not registered.
    UnknownFault = "unknown-fault" Error;
    /// A trigger `type` that is not registered.
    UnknownTrigger = "unknown-trigger" Error;
    /// A `type` that no node kind has.
    UnknownNode = "unknown-node" Error;
    /// A `type` that no source of evidence has.
    UnknownSource = "unknown-source" Error;
    /// A `type` that no step of a workflow has.
    UnknownStep = "unknown-step" Error;
    /// A probe `type` that is not registered.
    UnknownProbe = "unknown-probe" Error;
    /// A `type` that an earlier version had.
    RemovedType = "removed-type" Error;
    /// A `type` that a later version removes.
    DeprecatedType = "deprecated-type" Warning;
    /// Keys of which a mapping has one only.
    ExclusiveKeys = "exclusive-keys" Error;
    /// An unknown key.
    UnknownKey = "unknown-key" Error;
    /// A key of an open mapping that one of ours was most likely meant by.
    MisspeltKey = "misspelt-key" Error;
    /// A required key is absent.
    MissingKey = "missing-key" Error;
    /// A value of the wrong type.
    WrongType = "wrong-type" Error;
    /// A number, text or list beyond its bounds.
    OutOfBounds = "out-of-bounds" Error;
    /// A value that is not one of the accepted ones.
    NotOneOf = "not-one-of" Error;
    /// Text that is not in the expected format.
    WrongFormat = "wrong-format" Error;
    /// A value that the plug-in's own parse refuses.
    InvalidValue = "invalid-value" Error;
    /// The same key twice in one mapping.
    DuplicateKey = "duplicate-key" Error;
    /// A key that is not text.
    KeyNotText = "key-not-text" Error;
    /// `.inf` or `.nan`, which no schema knows.
    NotFinite = "not-finite" Error;
    /// A `{{NAME}}` that no variable fills.
    LeftoverPlaceholder = "leftover-placeholder" Error;
    /// A `{{node.…}}`, `{{link.…}}` or `{{steps.…}}` that refers to nothing in the document.
    UndeclaredReference = "undeclared-reference" Error;
    /// A variable whose name is kept for what the document declares.
    ReservedName = "reserved-name" Error;
    /// A variable that nothing uses.
    UnusedVariable = "unused-variable" Warning;
    /// A `verify` that names no check of this document.
    UnknownVerify = "unknown-verify" Warning;
    /// A `control` whose leg asks nothing, beside nothing that could tell its time apart.
    ControlAsksNothing = "control-asks-nothing" Warning;
    /// A check whose `type` is not ours; only an embedder can evaluate it.
    OpaqueCheck = "opaque-check" Warning;
    /// Two checks of one name, or two bodies of one check.
    DuplicateCheck = "duplicate-check" Warning;
    /// A top-level key that looks like one of ours.
    TopLevelTypo = "top-level-typo" Warning;
    /// A list where one entry, trigger, action or probe is expected.
    ListNotAllowed = "list-not-allowed" Error;
    /// `verify` and its alias `verification` in one entry.
    BothVerifyAndVerification = "both-verify-and-verification" Error;
    /// `duration_seconds` beside a fault that runs to its own end.
    DurationOnFinite = "duration-on-finite" Error;
    /// A task without chaos: there is nothing to run.
    NoChaos = "no-chaos" Note;
    /// A key that is null, which counts as absent.
    EmptyKey = "empty-key" Note;
    /// The same in a policy, which then does not narrow what it could.
    EmptyPolicyKey = "empty-policy-key" Warning;
    /// A value that YAML 1.1, which other readers of the file may speak, reads otherwise.
    YamlDialect = "yaml-1-1" Warning;
    /// A key of a check that is neither ours nor near one of ours.
    UnknownCheckKey = "unknown-check-key" Warning;
    /// A check that stands in its item without `check`.
    BareCheck = "bare-check" Error;
    /// A comment of another language, or a quote, that is read as part of a key or a text.
    SwallowedComment = "swallowed-comment" Error;
    /// A tag that the core schema does not have, or that its value is not.
    UnknownTag = "unknown-tag" Error;
    /// `%YAML 1.1`.
    YamlVersion = "yaml-version" Error;
    /// A file of another tool.
    OtherTool = "other-tool" Error;
    /// A hold that is shorter than a probe's timeout, or than the window of `detect`.
    TimesDoNotFit = "times-do-not-fit" Warning;
    /// Two steps of one name.
    DuplicateStep = "duplicate-step" Error;
    /// A quorum that no run can reach, or that says nothing.
    QuorumOutOfReach = "quorum-out-of-reach" Error;
    /// Deadlines of steps that do not fit the one around them.
    DeadlinesDoNotFit = "deadlines-do-not-fit" Warning;
    /// A step before which the others need the whole deadline.
    UnreachableStep = "unreachable-step" Warning;
    /// A document that is neither a task nor an entry.
    UnknownKind = "unknown-kind" Error;
    /// A `chaos_spec` string that is not JSON.
    NotJson = "not-json" Error;
    /// Text of a manifest that is not a length of time as Go reads it, or one that ends at once.
    InvalidDeadline = "invalid-deadline" Error;
    /// Chaos or a schedule in a manifest that nothing ends.
    WithoutEnd = "without-end" Warning;
    /// A child, branch or entry of a Workflow that is not a template of it.
    UnknownTemplate = "unknown-template" Error;
    /// A `templateType` that Chaos Mesh does not have.
    UnknownTemplateType = "unknown-template-type" Error;
    /// Two templates of one name.
    DuplicateTemplate = "duplicate-template" Error;
    /// Templates of a Workflow that lead to themselves.
    CyclicTemplates = "cyclic-templates" Error;
    /// A template that nothing leads to.
    UnusedTemplate = "unused-template" Warning;
    /// A `Serial` or `Parallel` without children, which has finished at once.
    EmptyChildren = "empty-children" Warning;
    /// A selector of chaos that narrows nothing, and so selects every pod of its namespaces.
    EmptySelector = "empty-selector" Warning;
    /// A branch without expression, which is never evaluated.
    EmptyExpression = "empty-expression" Error;
    /// A name that is longer than Chaos Mesh can handle.
    NameTooLong = "name-too-long" Error;
    /// A name that Kubernetes does not accept.
    InvalidName = "invalid-name" Error;
    /// A `Task` without container.
    MissingContainer = "missing-container" Error;
    /// `duration` in the chaos of a template.
    DurationInTemplate = "duration-in-template" Error;
    /// A Workflow without any annotation, which can't be aborted by a status check.
    NoAnnotations = "no-annotations" Warning;
    /// A Workflow whose name is not the one that is derived for it.
    WorkflowName = "workflow-name" Error;
    /// A `configMapRef` to another `ConfigMap` than the one that is derived for the Workflow.
    ConfigMapName = "config-map-name" Error;
    /// Text that is neither YAML nor JSON.
    Syntax = "syntax" Error;
    /// Bytes that are not UTF-8.
    NotUtf8 = "not-utf8" Error;
    /// More than one document in one text.
    ManyDocuments = "many-documents" Error;
    /// Nesting past the bound.
    TooDeep = "too-deep" Error;
    /// A text, or what its aliases stand for, past the bound.
    TooLarge = "too-large" Error;
    /// A linked plug-in's own schema can't be used.
    BrokenSchema = "broken-schema" Error;
}

impl Code {
    /// Whether it is about a key, and stands there; every other one stands at the value.
    #[cfg(feature = "validate")]
    pub(crate) fn is_of_key(self) -> bool {
        matches!(
            self,
            Self::UnknownKey
                | Self::MissingKey
                | Self::TopLevelTypo
                | Self::BothVerifyAndVerification
                | Self::DurationOnFinite
                | Self::MisspeltKey
                | Self::UnknownCheckKey
                | Self::BareCheck
                | Self::EmptyKey
                | Self::EmptyPolicyKey
                | Self::NoChaos
        )
    }

    /// Whether it explains whatever else is wrong with its value.
    #[cfg(feature = "validate")]
    pub(crate) fn explains_its_value(self) -> bool {
        matches!(
            self,
            Self::LeftoverPlaceholder | Self::UndeclaredReference | Self::NotFinite | Self::NotJson | Self::KeyNotText
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Bytes of the text, from `start` up to and without `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextSpan {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// The author's line that a problem is on; a long line is cut to a window around the mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snippet {
    /// The line, or a window of it, without control characters.
    pub text: String,
    /// Characters of `text` before the mark.
    pub mark: usize,
    /// Characters under the mark, at least one.
    pub width: usize,
}

/// One problem of a document. Its message never holds a value of the document, since that could be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of problem it is.
    pub code: Code,
    /// What is wrong, in one clause.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// The name of the source.
    pub file: String,
    /// Line from 1; absent where there is no text, or no place in it.
    pub line: Option<usize>,
    /// Column from 1, in characters.
    pub column: Option<usize>,
    /// Bytes of the text.
    pub span: Option<TextSpan>,
    /// JSON pointer to what is wrong.
    pub pointer: String,
    /// The line of the text.
    pub snippet: Option<Snippet>,
}

impl Diagnostic {
    /// A problem of that code, without place; [`Positions::placed`](crate::Positions::placed) gives it one.
    pub fn new(code: Code, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: code.severity(),
            code,
            message: message.into(),
            help: None,
            file: String::new(),
            line: None,
            column: None,
            span: None,
            pointer: pointer.into(),
            snippet: None,
        }
    }

    /// The same, with what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[cfg(feature = "validate")]
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Whether it refuses the document.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_written_as_it_is_printed_and_read_again() {
        for code in Code::ALL {
            let json = serde_json::to_value(code).unwrap();
            assert_eq!(json, serde_json::json!(code.as_str()));
            assert_eq!(serde_json::from_value::<Code>(json).unwrap(), *code);
        }
    }

    #[test]
    fn a_diagnostic_serializes_for_ci() {
        let json = serde_json::to_value(Diagnostic::new(Code::UnknownVerify, "/verify", "x")).unwrap();
        assert_eq!((&json["severity"], &json["code"]), (&"warning".into(), &"unknown-verify".into()));
    }
}
