//! A plug-in crate that lives outside the core.
