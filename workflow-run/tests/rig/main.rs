//! Runs of scenarios against a real API server and the model of Chaos Mesh's workflow controllers. What such a test shows of Chaos Mesh's
//! own logic, it shows of the model, and says so in its name.

#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

mod chaos;
mod ends;
mod modes;
mod refusals;
mod stage;
mod stops;
mod throttle;
mod throttled;
