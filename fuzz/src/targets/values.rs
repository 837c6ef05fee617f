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
        let number = |dice: &mut Dice| {
            let whole = dice.below(500);
            if dice.below(3) == 0 { format!("{whole}.{}", dice.below(100)) } else { whole.to_string() }
        };
        let time = |dice: &mut Dice| format!("{}{}", 1 + dice.below(500), dice.pick(&["ms", "s", "m", "h"]));
        let address = |dice: &mut Dice| format!("{}.{}.0.{}", dice.below(256), dice.below(256), dice.below(256));
        match dice.below(8) {
            0 => time(dice),
            1 => format!("p{}<{}", [50, 90, 99][dice.below(3)], time(dice)),
            2 => format!("errors<{}%", number(dice)),
            3 => format!("{}/{}", address(dice), 24 + dice.below(9)),
            4 => format!("{}:{}", address(dice), 1 + dice.below(65_535)),
            5 => format!(
                "http://{}:{}/{}",
                address(dice),
                1 + dice.below(65_535),
                dice.pick(&["", "a%20b", "?q=%7e", "x/../y"])
            ),
            6 => format!("{}-{}", 100 + dice.below(200), 300 + dice.below(299)),
            _ => (*dice.pick(&SAMPLES)).to_owned(),
        }
        .into_bytes()
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "s",
            "ms",
            "h",
            "<",
            "%",
            "p",
            ":",
            "/",
            "[",
            "]",
            "@",
            "*.",
            "..",
            "99999999999999999999",
            "e308",
            "%00",
            "xn--",
            "::",
        ]
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
