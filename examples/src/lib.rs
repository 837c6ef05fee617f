//! Task files and small programs that show Squall at work.
//!
//! | Where | What |
//! |---|---|
//! | `tasks/` | task files; `tests/tasks.rs` validates and runs each |
//! | `examples/embed.rs` | a harness that embeds Squall, in about forty lines |
//! | `tests/guard.rs` | a test that holds a fault while it exercises the code under test |
//! | `around-a-command.sh` | a fault around a shell command; `plugin/tests/shell.rs` runs it |
//! | `etcd/` | a three-node etcd as nodes, faults on it, and a client that knows what it was promised |
//! | `mesh/` | a gossip mesh of our own under faults |
//! | `nodes/` | the programs that these examples start, and the tests that run them |
//! | `plugin/` | a plug-in crate outside the core, with a binary of its own |
