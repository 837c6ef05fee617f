//! What the model of Chaos Mesh's workflow controllers does, on a real API server. It is the model that is shown here, not Chaos Mesh.

#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

mod abort;
mod branch;
mod chaos;
mod deadline;
mod gate;
mod march_on;
mod restart;
mod schedule;
mod sweep;
mod world;
