//! The engine under virtual and real time, with fake faults whose world is a file.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

mod active;
mod blocking;
mod control_socket;
mod figures;
mod hanging;
mod nodes;
mod plug_ins;
mod preflight;
mod recover;
mod release;
mod release_races;
mod reports;
mod run;
mod session;
mod sources;
