//! Log records of OTLP as lines.

use std::sync::Arc;

use opentelemetry_proto::tonic::logs::v1::LogRecord;

use super::convert::{self, Arrival};
use crate::log_store::LogLine;

/// A record as a line; one without a time of its own has that of its arrival.
pub(super) fn line(record: &LogRecord, source: &Arc<str>, origin: &Arc<str>, arrival: Arrival) -> LogLine {
    let own = [record.time_unix_nano, record.observed_time_unix_nano].into_iter().find(|nanos| *nanos > 0);
    let at = own.map_or(arrival.at, |nanos| arrival.moment(nanos).min(arrival.at));
    let attributes = convert::attributes(&record.attributes).into_iter();
    LogLine {
        source: Arc::clone(source),
        origin: Arc::clone(origin),
        earliest: at,
        at,
        text: convert::value(record.body.as_ref()).into_text().into(),
        is_cut: false,
        severity: u8::try_from(record.severity_number).ok().filter(|severity| (1..=24).contains(severity)),
        attributes: attributes.map(|(key, value)| (key.into(), value.into_text().into())).collect(),
    }
}
