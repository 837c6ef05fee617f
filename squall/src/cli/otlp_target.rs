//! Where the traces of runs go: a receiver, or a file.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use chaos_evidence::{OtlpEndpoint, TracedRun, trace_line};

use super::console::complain;
use super::failure::Failure;
use super::output_file::{self, Readers};

/// Whether a place is a receiver's.
pub(crate) fn is_url(place: &str) -> bool {
    place.contains("://")
}

/// Where the traces of runs go.
#[derive(Debug)]
pub(crate) enum OtlpTarget {
    /// A receiver.
    Endpoint(OtlpEndpoint),
    /// A file; one line a run.
    File(PathBuf, Mutex<File>),
}

impl OtlpTarget {
    /// A URL is a receiver; anything else is a file, which is made at once.
    pub(crate) fn open(place: &str) -> Result<Self, Failure> {
        if is_url(place) {
            let endpoint = OtlpEndpoint::new(place).map_err(|error| Failure::Usage(error.to_string()))?;
            return Ok(Self::Endpoint(endpoint));
        }
        if place == "-" {
            return Err(Failure::Usage(
                "`--otlp` takes no standard output (`-`), where the report goes; name a file".to_owned(),
            ));
        }
        let path = PathBuf::from(place);
        let file = output_file::create(&path, Readers::of_its_text());
        let file = file.map_err(|source| Failure::File { path: path.clone(), doing: "written", source })?;
        Ok(Self::File(path, Mutex::new(file)))
    }

    /// Sends the trace of a run; what fails is told, and changes no verdict.
    pub(crate) async fn send(&self, trace: &TracedRun) {
        let failed = match self {
            Self::Endpoint(endpoint) => endpoint.send(trace).await.err().map(|error| error.to_string()),
            Self::File(path, file) => {
                let written = trace_line(trace)
                    .map_err(std::io::Error::from)
                    .and_then(|line| file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes()));
                written.err().map(|error| format!("`{}`: {error}", path.display()))
            }
        };
        if let Some(why) = failed {
            complain(&format!("the trace of run {} was not sent: {why}", trace.run_id));
        }
    }
}
