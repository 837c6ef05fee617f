//! Why a Workflow can't be compiled.

use crate::deadline::DeadlineError;

/// Why a Workflow can't be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// A name that no template has.
    #[error("unknown template `{0}`: name a template of the Workflow")]
    Unknown(String),
    /// Two templates of one name.
    #[error("duplicate template `{0}`: rename one of the two")]
    Duplicate(String),
    /// An entry of another type than `Serial`.
    #[error("the entry `{0}` is of type `{1}`: expected a `Serial`")]
    Entry(String, String),
    /// Templates that lead to themselves.
    #[error("template `{0}` leads to itself: a Workflow has no loops")]
    Cycle(String),
    /// A `Serial` without a step before what is to run in any case.
    #[error("`{0}` has no steps: expected at least one before what `--finally` names")]
    Empty(String),
    /// A name for the end that is not among the last children.
    #[error("`{0}` is not one of the last children of the entry: what is to run in any case stands at its end")]
    Finally(String),
    /// A step in the middle whose outcome Chaos Mesh can't branch on.
    #[error(
        "`{name}` is of type `{kind}`, and Chaos Mesh can't branch on how it ended: only the last step may be one, others are `Task` or `Suspend`; or use the mode `strict`"
    )]
    NotJudged {
        /// The template.
        name: String,
        /// Its type.
        kind: String,
    },
    /// A step in the middle that has branches of its own.
    #[error("`{0}` has `conditionalBranches` of its own: only the last step may have some; or use the mode `strict`")]
    Branches(String),
    /// A status check that aborts the Workflow, and with it what is to run in any case.
    #[error(
        "`{0}` aborts the Workflow, so that what `--finally` names would not run: remove `abortWithStatusCheck`, or use the mode `strict`"
    )]
    Aborts(String),
    /// A `Serial` in the `Serial` whose deadline could end it between its steps.
    #[error(
        "the deadline of `{0}` is shorter than those of its steps together, which can't be kept: make it at least as long"
    )]
    Nested(String),
    /// A step with a deadline before one without.
    #[error(
        "`{0}` has a deadline, and something after it has none: the deadline covers what follows, so give everything after it one"
    )]
    Unbounded(String),
    /// A deadline that can't be read.
    #[error("invalid deadline of `{template}`")]
    Deadline {
        /// The template.
        template: String,
        /// Why.
        #[source]
        source: DeadlineError,
    },
    /// Deadlines that add up to more than can be written.
    #[error("the deadlines after `{0}` are too long together: expected at most 2540400h")]
    TooLong(String),
    /// A name that would have to be made and is too long.
    #[error("the name `{0}`, which would have to be made, is too long: use shorter names of templates")]
    Name(String),
    /// More steps than a Workflow may have.
    #[error("more than {0} steps: expected at most that many")]
    TooMany(usize),
}
