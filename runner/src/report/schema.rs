//! The published schemas of the report and of the event lines.

use chaos_core::{Event, REPORT_FORMAT};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::run_report::Report;

/// The JSON Schema (draft-07) of the report that `run` writes as JSON.
pub fn report_schema() -> Value {
    schema_of::<Report>("Squall report")
}

/// The JSON Schema (draft-07) of one line of the events that `run` writes.
pub fn event_schema() -> Value {
    schema_of::<Event>("Squall event")
}

/// What is written always is required; keys may be added within a format, so unknown ones are allowed.
fn schema_of<T: JsonSchema>(title: &str) -> Value {
    let generator = SchemaSettings::draft07().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    schema["title"] = json!(title);
    schema["$id"] = json!(format!("urn:squall:{}:{REPORT_FORMAT}", title.trim_start_matches("Squall ")));
    schema
}
