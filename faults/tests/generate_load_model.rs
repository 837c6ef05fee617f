//! The model of `generate_load` behind an OpenAI-compatible server that somebody else wrote.
