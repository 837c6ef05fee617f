//! Probes: read-only questions about the system under test.
