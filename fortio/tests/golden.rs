//! Files that a real fortio 1.75.2 wrote are read and written again, byte for byte.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::fs;
use std::path::Path;

use chaos_fortio::{FortioDocument, HistogramData, Part};

const FILES: [&str; 11] = [
    "behind",
    "calls20",
    "calls20-quiet",
    "errors",
    "interrupted",
    "interrupted-in-warmup",
    "max-n",
    "normal",
    "refused",
    "stdclient-h2",
    "tcp",
];

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.json"));
    fs::read_to_string(path).unwrap()
}

#[test]
fn every_golden_file_is_written_again_byte_for_byte() {
    for name in FILES {
        let text = read(name);
        let document = FortioDocument::read(&text).unwrap();
        assert_eq!(document.to_text().unwrap(), text, "{name}");
    }
}

#[test]
fn all_percentiles_follow_bit_for_bit_from_the_buckets() {
    let mut seen = 0;
    for name in FILES {
        let document = FortioDocument::read(&read(name)).unwrap();
        let mut histograms: Vec<HistogramData> =
            vec![document.common.duration_histogram, document.common.errors_duration_histogram];
        if let Part::Http(http) = document.part {
            histograms.push(http.connection_stats);
        }
        for histogram in histograms {
            for row in histogram.percentiles.iter().flatten() {
                seen += 1;
                assert_eq!(
                    histogram.percentile(row.percentile).to_bits(),
                    row.value.to_bits(),
                    "{name} p{}",
                    row.percentile
                );
            }
        }
    }
    assert_eq!(seen, 110);
}

#[test]
fn what_other_producers_write_otherwise_is_read() {
    let text = read("normal");
    let null = text.replace("\"Payload\": \"\"", "\"Payload\": null");
    assert_eq!(
        FortioDocument::read(&null).unwrap().to_text().unwrap(),
        null,
        "an older fortio writes no payload as null"
    );
    let nighthawk = text
        .replace("\"RequestedQPS\": \"100\"", "\"RequestedQPS\": 100")
        .replace("\"ActualDuration\": 5031019101", "\"ActualDuration\": 5031019101.0")
        .replace("\"Count\": 500", "\"Count\": \"500\"");
    assert_ne!(nighthawk, text);
    assert_eq!(FortioDocument::read(&nighthawk).unwrap().to_text().unwrap(), text);
}

#[test]
fn a_file_of_another_kind_of_run_is_refused_by_name() {
    let text = read("tcp").replace("\"TCP\"", "\"GRPC Ping\"");
    let error = FortioDocument::read(&text).unwrap_err();
    assert!(error.to_string().contains("`GRPC Ping` is not one of HTTP, TCP"), "{error}");
}

#[test]
fn a_document_of_an_older_fortio_has_no_unknown_and_no_missing_field() {
    let text = read("fortio-1.57.3");
    // Reading needs every field, and writing gives no other: equal values mean that none is unknown or missing.
    let document = FortioDocument::read(&text).unwrap();
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(&document.to_text().unwrap()), value(&text));
    assert_eq!(value(&text).as_object().unwrap().len(), 53);
    let calls = document.common.duration_histogram;
    let want = [
        (50.0, 0.014_571_428_571_428_572),
        (75.0, 0.020_454_545_454_545_454),
        (90.0, 0.028_125),
        (95.0, 0.032),
        (99.0, 0.04),
        (99.9, 0.040_441_037_8),
    ];
    for (percentile, value) in want {
        assert_eq!(calls.percentile(percentile).to_bits(), f64::to_bits(value), "p{percentile}");
    }
    let Part::Http(http) = document.part else { panic!("it is of an HTTP run") };
    for row in http.connection_stats.percentiles.iter().flatten() {
        assert_eq!(http.connection_stats.percentile(row.percentile).to_bits(), row.value.to_bits());
    }
    // An absent payload reads as the null that stands for none.
    for field in value(&text).as_object().unwrap().keys().filter(|key| *key != "Payload") {
        let mut cut = value(&text);
        cut.as_object_mut().unwrap().remove(field);
        assert!(FortioDocument::read(&cut.to_string()).is_err(), "`{field}` is missing, and nobody noticed");
    }
}
