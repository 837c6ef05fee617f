//! The errors of arming a site.

use thiserror::Error;

/// A refusal to arm; nothing has been armed when one is returned.
#[non_exhaustive]
#[derive(Debug, Error, PartialEq)]
pub enum Error {
    /// No site of this name is linked into the program.
    #[error("unknown fail point `{name}`{hint}")]
    UnknownSite {
        /// The name as it was given.
        name: String,
        /// The nearest known name, or how to see them all.
        hint: String,
    },
    /// The site cannot do what the rule asks of it.
    #[error("fail point `{site}` ({place}) cannot take `{action}`: {instead}")]
    Unsupported {
        /// The site's name.
        site: &'static str,
        /// File and line of the site.
        place: String,
        /// The action that was asked for.
        action: String,
        /// What the site takes.
        instead: String,
    },
    /// An action string does not parse.
    #[error("action `{action}`: {problem}")]
    Grammar {
        /// The one action of the sequence that is wrong.
        action: String,
        /// What is wrong with it.
        problem: ActionProblem,
    },
    /// A field of a rule is out of bounds.
    #[error("invalid `{field}` {value}: {bound}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// The value as it was given.
        value: String,
        /// What would be right.
        bound: &'static str,
    },
    /// An entry of `FAILPOINTS`, or of a request to `/failpoints`, is not `name=actions`.
    #[error("entry `{entry}` is not `name=actions`; entries are separated by `;`")]
    Entry {
        /// The entry as it was given.
        entry: String,
    },
    /// The control server cannot listen where it was told to.
    #[error("cannot listen on `{address}`: {problem}")]
    Listen {
        /// Where.
        address: String,
        /// Why not.
        problem: String,
    },
    /// Another owner's arming from outside is in force.
    #[error("fail point `{site}` is armed by {owner}; disarm it there, or wait for its lease to expire")]
    Owned {
        /// The site's name.
        site: &'static str,
        /// Who armed it, as a phrase.
        owner: String,
    },
    /// Nothing is armed where something was to be changed.
    #[error("fail point `{site}` is not armed{whose}")]
    NotArmed {
        /// The site's name.
        site: &'static str,
        /// Whose arming was meant, or empty.
        whose: String,
    },
}

/// What is wrong with one action of a rule's text.
#[non_exhaustive]
#[derive(Debug, Error, PartialEq)]
pub enum ActionProblem {
    /// An opening parenthesis has no counterpart at the end.
    #[error("the parenthesis is not closed at the end of the action")]
    Parenthesis,
    /// The number before `*` is not one.
    #[error("invalid count `{0}` before `*`; write `3*return`")]
    Count(String),
    /// The number before `%` is not one.
    #[error("invalid percentage `{0}` before `%`; write `25%return`")]
    Percentage(String),
    /// The percentage is out of bounds.
    #[error("{0} % is outside 0 to 100")]
    PercentageRange(String),
    /// No task has this name.
    #[error("unknown task `{task}`{hint}")]
    Task {
        /// The name as it was given.
        task: String,
        /// The nearest task, or all of them.
        hint: String,
    },
    /// The task needs an argument.
    #[error("`{0}` needs its milliseconds: `{0}(100)`")]
    NoTime(String),
    /// The argument is not a time.
    #[error("invalid milliseconds `{text}`: expected a whole number, as in `{task}(100)`")]
    Time {
        /// The task.
        task: String,
        /// Its argument as it was given.
        text: String,
    },
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
