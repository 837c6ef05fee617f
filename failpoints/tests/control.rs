//! The control server, spoken to as any HTTP client would.
