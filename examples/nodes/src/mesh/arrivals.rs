//! When what clients send arrives, by the clock of the member that it arrives at.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The most clients that are kept apart; what is beyond is forgotten.
const MOST: usize = 1_000;

/// The longest gaps of each client that are kept.
const GAPS: usize = 32;

/// What has arrived of each client.
#[derive(Debug, Default)]
pub(super) struct Arrivals(BTreeMap<String, Arrived>);

#[derive(Debug)]
struct Arrived {
    first: Instant,
    last: Instant,
    count: u64,
    bytes_after_first: u64,
    /// The longest first.
    gaps: Vec<Duration>,
}

impl Arrivals {
    /// Something of so many bytes arrives now.
    pub(super) fn note(&mut self, client: &str, bytes: usize, now: Instant) {
        let Some(arrived) = self.0.get_mut(client) else {
            if self.0.len() >= MOST {
                self.0.clear();
            }
            let arrived = Arrived { first: now, last: now, count: 1, bytes_after_first: 0, gaps: Vec::new() };
            self.0.insert(client.to_owned(), arrived);
            return;
        };
        let gap = now.saturating_duration_since(arrived.last);
        let at = arrived.gaps.partition_point(|longer| *longer >= gap);
        arrived.gaps.insert(at, gap);
        arrived.gaps.truncate(GAPS);
        arrived.last = now;
        arrived.count += 1;
        arrived.bytes_after_first = arrived.bytes_after_first.saturating_add(bytes as u64);
    }

    /// What has arrived of a client; null where nothing has.
    pub(super) fn of(&self, client: &str) -> Value {
        self.0.get(client).map_or(Value::Null, Arrived::to_json)
    }
}

impl Arrived {
    fn to_json(&self) -> Value {
        json!({
            "count": self.count,
            "bytes_after_first": self.bytes_after_first,
            "first_to_last_us": microseconds(self.last.saturating_duration_since(self.first)),
            "longest_gaps_us": self.gaps.iter().copied().map(microseconds).collect::<Vec<_>>(),
        })
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_gaps_are_counted_behind_the_first_one() {
        let (mut arrivals, began) = (Arrivals::default(), Instant::now());
        for (client, bytes, at) in [("a", 100, 0), ("a", 200, 5), ("b", 1, 6), ("a", 300, 25), ("a", 400, 27)] {
            arrivals.note(client, bytes, began + Duration::from_millis(at));
        }
        let expected = json!({
            "count": 4, "bytes_after_first": 900, "first_to_last_us": 27_000, "longest_gaps_us": [20_000, 5_000, 2_000],
        });
        assert_eq!(arrivals.of("a"), expected);
        let other = arrivals.of("b");
        assert_eq!((&other["count"], &other["longest_gaps_us"]), (&json!(1), &json!([])));
        assert_eq!(arrivals.of("c"), Value::Null);
    }

    #[test]
    fn neither_clients_nor_gaps_grow_without_bound() {
        let (mut arrivals, began) = (Arrivals::default(), Instant::now());
        for number in 0..2 * GAPS as u64 {
            arrivals.note("one", 1, began + Duration::from_millis(number * number));
        }
        let gaps = arrivals.of("one")["longest_gaps_us"].as_array().unwrap().clone();
        assert_eq!((gaps.len(), &gaps[0]), (GAPS, &json!((4 * GAPS as u64 - 3) * 1000)));
        for number in 0..=MOST {
            arrivals.note(&number.to_string(), 1, began);
        }
        assert!(arrivals.0.len() <= MOST, "{}", arrivals.0.len());
    }
}
