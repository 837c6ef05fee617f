//! The system's seconds, as real time or as a fraction of it.

use std::time::Duration;

use tokio::time::Instant;

/// How long a second of the system lasts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    scale: f64,
}

impl Pace {
    /// A second is a second: for the paused clock, which does not wait.
    pub const FULL: Self = Self { scale: 1.0 };
    /// A second is a twentieth: the battery's real-time form.
    pub const TWENTIETH: Self = Self { scale: 1.0 / 20.0 };

    /// Returns how long so many of the system's seconds last.
    pub fn seconds(self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds * self.scale)
    }

    /// Waits for so many of the system's seconds.
    pub async fn sleep(self, seconds: f64) {
        tokio::time::sleep(self.seconds(seconds)).await;
    }

    /// Returns the system's seconds since an instant.
    pub fn since(self, start: Instant) -> f64 {
        start.elapsed().as_secs_f64() / self.scale
    }

    /// Says whether the clock is real: then what waits also computes, and upper bounds need room.
    pub fn is_real(self) -> bool {
        self != Self::FULL
    }
}
