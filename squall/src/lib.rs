//! Squall: typed, proven, undone chaos for one machine.
