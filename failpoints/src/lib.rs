//! In-process fail points that cost next to nothing when idle.
