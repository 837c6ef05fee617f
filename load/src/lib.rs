//! Load engine with fortio's command line and result format.
