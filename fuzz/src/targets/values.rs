//! Durations, addresses, URLs, host patterns, permissions, statuses and objectives: short texts with a grammar.

use std::fmt::Debug;

use chaos_core::{Address, DurationText, HostPattern, HttpUrl, Permission};
use chaos_probes::StatusRange;
use chaos_schema::Slo;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

const SAMPLES: [&str; 28] = [
    "30s",
    "1m30s",
    "250ms",
    "1.5h",
    "http://127.0.0.1:8080/healthz",
    "https://[::1]/",
    "127.0.0.1:80",
    "[::1]:443",
    "localhost:8080",
    "example.org",
    "*.svc.cluster.local",
    "10.0.0.0/8",
    "::1",
    "fe80::1%eth0",
    "200",
    "200-299",
    "404",
    "other_user",
    "irreversible",
    "net_admin",
    "p99<200ms",
    "p50<1s",
    "errors<1%",
    "errors<0.5%",
    "http://user@host/",
    "http://h/%7e?a=b#c",
    "xn--bcher-kva.example",
    "host:*",
];

pub(super) struct Values;

impl FuzzTarget for Values {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        dice.pick(&SAMPLES).as_bytes().to_vec()
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let text = String::from_utf8_lossy(input);
        let accepted = [
            kept::<DurationText>(&text)?,
            kept::<Address>(&text)?,
            kept::<HttpUrl>(&text)?,
            kept::<HostPattern>(&text)?,
            kept::<Permission>(&text)?,
            kept::<StatusRange>(&text)?,
            kept::<Slo>(&text)?,
        ];
        Ok(accepted.contains(&true))
    }
}

/// A value that is written and read again is the same.
fn kept<T: DeserializeOwned + Serialize + Debug>(text: &str) -> Result<bool, Breach> {
    let Ok(value) = serde_json::from_value::<T>(text.into()) else { return Ok(false) };
    let written =
        serde_json::to_value(&value).map_err(|error| Breach(format!("{value:?} can't be written: {error}")))?;
    let again = serde_json::from_value::<T>(written.clone());
    let again =
        again.map_err(|error| Breach(format!("`{text}` is written as {written}, which is refused: {error}")))?;
    if format!("{again:?}") != format!("{value:?}") {
        return Err(Breach(format!("`{text}` changes when it is written as {written}: {value:?}, {again:?}")));
    }
    Ok(true)
}
