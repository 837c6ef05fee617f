//! Numbers in JSON, which has none for what is not finite: these are texts there.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

/// Writes a number, or the name of one that JSON can't write: `"NaN"`, `"inf"` or `"-inf"`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
pub(crate) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.is_finite() { serializer.serialize_f64(*number) } else { serializer.collect_str(number) }
}

/// Reads it again.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    deserializer.deserialize_any(Number)
}

struct Number;

impl Visitor<'_> for Number {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, \"NaN\", \"inf\" or \"-inf\"")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }

    #[expect(clippy::cast_precision_loss, reason = "samples are floating point everywhere else, too")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<f64, E> {
        Ok(number as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "samples are floating point everywhere else, too")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<f64, E> {
        match name {
            "NaN" => Ok(f64::NAN),
            "inf" => Ok(f64::INFINITY),
            "-inf" => Ok(f64::NEG_INFINITY),
            other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Row(#[serde(with = "super")] f64);

    #[test]
    fn every_number_is_the_same_after_a_recording() {
        let rows = [0.0, -0.0, 0.1 + 0.2, f64::MIN_POSITIVE, 5e-324, f64::MAX, -1.5, f64::INFINITY, f64::NEG_INFINITY];
        for number in rows {
            let text = serde_json::to_string(&Row(number)).unwrap();
            assert_eq!(serde_json::from_str::<Row>(&text).unwrap().0.to_bits(), number.to_bits(), "{text}");
        }
        assert!(serde_json::from_str::<Row>("\"NaN\"").unwrap().0.is_nan());
        assert_eq!(serde_json::to_string(&Row(f64::NAN)).unwrap(), "\"NaN\"");
        assert_eq!(serde_json::from_str::<Row>("7").unwrap().0.to_bits(), 7.0_f64.to_bits());
        for bad in ["\"infinite\"", "null", "\"7\"", "true"] {
            let Err(error) = serde_json::from_str::<Row>(bad) else { panic!("{bad}") };
            assert!(error.to_string().contains("\"-inf\""), "{error}");
        }
    }
}
