//! The tool loop that lets a model call typed tools inside limits.
