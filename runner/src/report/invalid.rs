//! A run that could not begin.

/// A run that could not begin: its document is invalid, or something that it needs is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRun {
    /// What it is called: the file, or the command.
    pub name: String,
    /// What is wrong, in one line.
    pub error: String,
    /// Every problem, one an item.
    pub problems: Vec<String>,
    /// The process exit code that says it.
    pub exit_code: u8,
}
