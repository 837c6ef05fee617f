//! Programs with a defect, which a campaign must find.

use crate::flaw::FlawKind;

/// A program with a defect, and what is found of it.
#[derive(Debug, Clone, Copy)]
pub struct Control {
    /// A shell script that is run in place of the program.
    pub program: &'static str,
    /// What the campaign must find, each at least once.
    pub found: &'static [FlawKind],
}

/// Resumes its victims at its end, but keeps no journal and heeds no signal: only an end in between shows it.
pub(crate) const NO_JOURNAL: Control = Control {
    program: r#"#!/bin/sh
case "$1" in
inject) pids=${3#pid=} ;;
run) pids=$(sed -n 's/.* pid: \([0-9]*\).*/\1/p' task.yaml) ;;
*) exit 0 ;;
esac
kill -STOP $pids
for i in 1 2 3 4 5; do sleep 0.01; done
kill -CONT $pids
"#,
    found: &[FlawKind::SilentLoss],
};
