//! How a result is labelled, which changes no request.

/// How a result is labelled, and what its file only echoes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Reporting {
    /// Free text; by default the URL without its scheme, and the host's name.
    pub labels: Option<String>,
    /// A number that the result carries.
    pub run_id: i64,
    /// Percentiles of the histograms, each above 0 and below 100.
    pub percentiles: Vec<f64>,
    /// Failures are logged as they happen.
    pub log_errors: bool,
    /// Names are looked up once, which is so anyway; only echoed.
    pub no_reresolve: bool,
    /// Asks for a client certificate, in servers; only echoed.
    pub mtls: bool,
}

impl Default for Reporting {
    fn default() -> Self {
        Self {
            labels: None,
            run_id: 0,
            percentiles: vec![50.0, 75.0, 90.0, 99.0, 99.9],
            log_errors: true,
            no_reresolve: false,
            mtls: false,
        }
    }
}
