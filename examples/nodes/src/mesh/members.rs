//! Who a member has heard, and when it stopped hearing them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::packet::{Packet, Rumour};

/// Between two heartbeats.
pub(super) const BEAT: Duration = Duration::from_millis(200);

/// Without a heartbeat for this long, a peer is stale.
const STALE: Duration = Duration::from_secs(1);

/// The same for members of whom others tell: news of them takes a heartbeat for each step.
const STALE_BY_HEARSAY: Duration = Duration::from_secs(2);

/// Whether somebody is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hearing {
    /// Never heard so far.
    Unheard,
    Live,
    Stale,
}

/// What has changed for one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Connected {
        name: String,
        incarnation: u64,
    },
    Disconnected {
        name: String,
        silent_for: Duration,
    },
    /// It is heard, and does not hear this member any more.
    OneWay {
        name: String,
    },
    /// Its heartbeats come from another address.
    Moved {
        name: String,
        from: SocketAddr,
        to: SocketAddr,
    },
}

#[derive(Debug)]
struct Known {
    newest: Option<Rumour>,
    /// When this member's own clock last heard of a newer heartbeat: of the peer itself, or of others.
    heard: Option<Instant>,
    /// What the peer's clock said in its last heartbeat.
    wall_ms: u64,
    hearing: Hearing,
    /// The start of it that was last told to be connected.
    told: Option<u64>,
    times_stale: u64,
    direct: bool,
    /// Where its last heartbeat came from.
    address: Option<SocketAddr>,
    /// Whether it says that it hears this member.
    hears_us: bool,
    /// What is to be told with the next judgement.
    untold: Vec<Change>,
}

/// What a member does wrong, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mistakes {
    /// It judges others by the time that *they* say it is.
    pub trusts_sender_clock: bool,
    /// Once it has missed others so many times, it takes nobody back.
    pub forgets_after: Option<u64>,
}

/// All members that one knows of.
#[derive(Debug)]
pub(super) struct MemberTable {
    mistakes: Mistakes,
    /// How many times it has missed somebody.
    missed: u64,
    known: BTreeMap<String, Known>,
}

impl MemberTable {
    pub(super) fn new<'a>(peers: impl Iterator<Item = &'a str>, mistakes: Mistakes) -> Self {
        let known = peers.map(|name| (name.to_owned(), Known::new(true))).collect();
        Self { mistakes, missed: 0, known }
    }

    /// Takes in a heartbeat that was received `now` from that address; `own` is who receives it.
    pub(super) fn hear(&mut self, packet: Packet, from: SocketAddr, own: &str, now: Instant) {
        let Packet { sender, wall_ms, heard } = packet;
        // Somebody with our name is nobody's peer.
        if sender.name != own {
            let known = self.known.entry(sender.name.clone()).or_insert_with(|| Known::new(true));
            if known.is_news(&sender) {
                known.meet(&sender, from, heard.iter().any(|rumour| rumour.name == own));
                (known.newest, known.heard, known.wall_ms) = (Some(sender), Some(now), wall_ms);
            }
        }
        for rumour in heard.into_iter().filter(|rumour| rumour.name != own) {
            let known = self.known.entry(rumour.name.clone()).or_insert_with(|| Known::new(false));
            // A peer is judged by what it says itself.
            if !known.direct && known.is_news(&rumour) {
                (known.newest, known.heard) = (Some(rumour), Some(now));
            }
        }
    }

    /// Who is heard now, and who is not any more. `wall_ms` is what the clock on the wall says.
    pub(super) fn judge(&mut self, now: Instant, wall_ms: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        for (name, known) in &mut self.known {
            changes.append(&mut known.untold);
            let (Some(heard), Some(newest)) = (known.heard, &known.newest) else { continue };
            let silent_for = if self.mistakes.trusts_sender_clock && known.direct {
                Duration::from_millis(wall_ms.abs_diff(known.wall_ms))
            } else {
                now.saturating_duration_since(heard)
            };
            let limit = if known.direct { STALE } else { STALE_BY_HEARSAY };
            let hearing = if silent_for > limit { Hearing::Stale } else { Hearing::Live };
            let forgotten =
                known.hearing == Hearing::Stale && self.mistakes.forgets_after.is_some_and(|n| self.missed >= n);
            // One that starts anew before it is missed is another connection all the same.
            let is_new = hearing == Hearing::Live && known.told != Some(newest.incarnation);
            if (hearing == known.hearing && !is_new) || forgotten {
                continue;
            }
            known.hearing = hearing;
            changes.push(if hearing == Hearing::Live {
                known.told = Some(newest.incarnation);
                Change::Connected { name: name.clone(), incarnation: newest.incarnation }
            } else {
                known.times_stale += 1;
                self.missed += 1;
                Change::Disconnected { name: name.clone(), silent_for }
            });
        }
        changes
    }

    /// What is passed on: only of those who are heard, or a dead member would live on in what others tell.
    pub(super) fn rumours(&self) -> Vec<Rumour> {
        let live = self.known.values().filter(|known| known.hearing == Hearing::Live);
        live.filter_map(|known| known.newest.clone()).collect()
    }

    pub(super) fn to_json(&self, now: Instant) -> Value {
        let members = self.known.iter().map(|(name, known)| {
            let newest = known.newest.as_ref();
            let told = json!({
                "state": known.hearing.word(),
                "mesh": newest.map(|newest| &newest.mesh),
                "id": newest.map(|newest| &newest.id),
                "incarnation": newest.map(|newest| newest.incarnation),
                "beat": newest.map(|newest| newest.beat),
                "direct": known.direct,
                "times_stale": known.times_stale,
                "address": known.address,
                "hears_us": known.hears_us,
                "silent_seconds": known.heard.map(|heard| now.saturating_duration_since(heard).as_secs_f64()),
            });
            (name.clone(), told)
        });
        members.collect::<serde_json::Map<_, _>>().into()
    }
}

impl Known {
    fn new(direct: bool) -> Self {
        let hearing = Hearing::Unheard;
        let (newest, heard, told, address) = (None, None, None, None);
        let (hears_us, untold) = (false, Vec::new());
        Self { newest, heard, wall_ms: 0, hearing, told, times_stale: 0, direct, address, hears_us, untold }
    }

    /// Notes where a heartbeat of it came from, and whether it hears this member: news, unless it has started anew.
    fn meet(&mut self, sender: &Rumour, from: SocketAddr, hears_us: bool) {
        let goes_on = self.newest.as_ref().is_some_and(|newest| newest.incarnation == sender.incarnation);
        let name = &sender.name;
        if let Some(old) = self.address.filter(|old| goes_on && *old != from) {
            self.untold.push(Change::Moved { name: name.clone(), from: old, to: from });
        }
        if goes_on && self.hears_us && !hears_us {
            self.untold.push(Change::OneWay { name: name.clone() });
        }
        (self.address, self.hears_us) = (Some(from), hears_us);
    }

    /// A later start counts more than any heartbeat of an earlier one.
    fn is_news(&self, rumour: &Rumour) -> bool {
        let age = |rumour: &Rumour| (rumour.incarnation, rumour.beat);
        self.newest.as_ref().is_none_or(|newest| age(rumour) > age(newest))
    }
}

impl Hearing {
    fn word(self) -> &'static str {
        match self {
            Self::Unheard => "unheard",
            Self::Live => "live",
            Self::Stale => "stale",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn rumour(name: &str, incarnation: u64, beat: u64) -> Rumour {
        let (name, mesh, id) = (name.to_owned(), "a".to_owned(), "0f".to_owned());
        Rumour { name, mesh, id, incarnation, beat }
    }

    fn packet(beat: u64, wall_ms: u64) -> Packet {
        Packet { sender: rumour("n2", 1, beat), wall_ms, heard: vec![rumour("far", 1, beat), rumour("n1", 1, beat)] }
    }

    /// Where heartbeats come from.
    fn from(port: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, port).into()
    }

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn a_silent_peer_is_stale_after_a_second_and_a_member_by_hearsay_after_two() {
        let (mut table, start) = (MemberTable::new(["n2"].into_iter(), Mistakes::default()), Instant::now());
        assert!(table.judge(start, 0).is_empty());
        table.hear(packet(1, 0), from(2), "n1", start);
        let connected = |name: &str| Change::Connected { name: name.to_owned(), incarnation: 1 };
        assert_eq!(table.judge(start, 0), [connected("far"), connected("n2")]);
        assert!(table.judge(after(start, 1000), 0).is_empty());
        let silent =
            |name: &str, ms| Change::Disconnected { name: name.to_owned(), silent_for: Duration::from_millis(ms) };
        assert_eq!(table.judge(after(start, 1001), 0), [silent("n2", 1001)]);
        assert_eq!(table.judge(after(start, 2001), 0), [silent("far", 2001)]);
        // The same heartbeat again says nothing new.
        table.hear(packet(1, 0), from(2), "n1", after(start, 2500));
        assert!(table.judge(after(start, 2500), 0).is_empty());
        table.hear(packet(2, 0), from(2), "n1", after(start, 2600));
        assert_eq!(table.judge(after(start, 2600), 0), [connected("far"), connected("n2")]);
    }

    #[test]
    fn an_earlier_start_never_counts_and_a_later_one_does_whatever_its_heartbeats() {
        let (mut table, start) = (MemberTable::new(["n2"].into_iter(), Mistakes::default()), Instant::now());
        for (incarnation, beat, newest) in [(1, 50, 1), (2, 1, 2), (1, 51, 2)] {
            table.hear(
                Packet { sender: rumour("n2", incarnation, beat), wall_ms: 0, heard: Vec::new() },
                from(2),
                "n1",
                start,
            );
            assert_eq!(table.to_json(start)["n2"]["incarnation"], newest);
            // A new start is told, though nobody was missed.
            let told = if (incarnation, beat) == (1, 51) { vec![] } else { vec![newest] };
            let connected = |incarnation| Change::Connected { name: "n2".to_owned(), incarnation };
            assert_eq!(table.judge(start, 0), told.into_iter().map(connected).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_clock_that_is_wrong_matters_to_the_broken_member_alone() {
        for (broken, sent_at, changes) in [(false, 30_000, 0), (true, 30_000, 1), (true, 0, 0), (false, 0, 0)] {
            let mistakes = Mistakes { trusts_sender_clock: broken, ..Mistakes::default() };
            let (mut table, start) = (MemberTable::new(["n2"].into_iter(), mistakes), Instant::now());
            table.hear(packet(1, 0), from(2), "n1", start);
            table.judge(start, 0);
            table.hear(packet(2, sent_at), from(2), "n1", after(start, 200));
            assert_eq!(table.judge(after(start, 200), 200).len(), changes, "broken: {broken}, sent at {sent_at}");
        }
    }

    #[test]
    fn one_that_forgets_takes_nobody_back_after_the_second_time() {
        let mistakes = Mistakes { forgets_after: Some(2), ..Mistakes::default() };
        let (mut table, start) = (MemberTable::new(["n2"].into_iter(), mistakes), Instant::now());
        let mut states = Vec::new();
        for beat in 1..=4 {
            let at = after(start, 10_000 * beat);
            table.hear(Packet { sender: rumour("n2", 1, beat), wall_ms: 0, heard: Vec::new() }, from(2), "n1", at);
            table.judge(at, 0);
            states.push(table.to_json(at)["n2"]["state"].clone());
            table.judge(after(at, 5_000), 0);
        }
        assert_eq!(states, ["live", "live", "stale", "stale"]);
    }

    #[test]
    fn a_peer_that_moves_or_hears_nothing_any_more_is_told_once_and_a_new_start_of_it_is_not() {
        let (mut table, start) = (MemberTable::new(["n2"].into_iter(), Mistakes::default()), Instant::now());
        let mut told = |incarnation, beat, port, hears: bool| {
            let heard = if hears { vec![rumour("n1", 1, 1)] } else { Vec::new() };
            table.hear(Packet { sender: rumour("n2", incarnation, beat), wall_ms: 0, heard }, from(port), "n1", start);
            let changes = table.judge(start, 0);
            changes.into_iter().filter(|change| !matches!(change, Change::Connected { .. })).collect::<Vec<_>>()
        };
        assert_eq!((told(1, 1, 2, false), told(1, 2, 2, true)), (vec![], vec![]));
        assert_eq!(told(1, 3, 3, true), [Change::Moved { name: "n2".to_owned(), from: from(2), to: from(3) }]);
        assert_eq!(told(1, 4, 3, false), [Change::OneWay { name: "n2".to_owned() }]);
        assert_eq!((told(1, 5, 3, false), told(1, 6, 3, true), told(2, 1, 4, false)), (vec![], vec![], vec![]));
    }
}
