//! All sites of the program by name, gathered at link time.

use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock, PoisonError, Weak},
};

use crate::{
    Counts, Error, SiteInfo,
    arming::Arming,
    site::{Entry, Site},
    slot::Slot,
    sync::{Arc, AtomicU64, RwLock},
};

/// What the sites of one name share.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: &'static str,
    /// The name's place in the sorted list.
    pub(crate) id: u32,
    pub(crate) sites: Vec<&'static Site>,
    /// The process-wide arming.
    pub(crate) slot: Slot<Arming>,
    history: Mutex<History>,
}

/// The armings that a name has had.
#[derive(Debug, Default)]
struct History {
    live: Vec<Weak<Arming>>,
    /// Counts of the armings that are gone.
    past: Counts,
}

impl Named {
    /// Notes a new arming, so that its counts and its end can be asked for by name.
    pub(crate) fn note(&self, arming: &Arc<Arming>) {
        self.history().live.push(Arc::downgrade(arming));
    }

    /// Adds the last counts of an arming that is going away.
    pub(crate) fn fold(&self, counts: Counts) {
        let mut history = self.history();
        history.past.hits += counts.hits;
        history.past.fires += counts.fires;
        history.live.retain(|arming| arming.strong_count() > 0);
    }

    /// Returns the armings that still exist, in any scope.
    pub(crate) fn armings(&self) -> Vec<Arc<Arming>> {
        // The lock is let go before any of these can be the last reference, whose end takes the lock.
        self.history().live.iter().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        let armings = self.armings();
        let mut total = self.history().past;
        for arming in &armings {
            let counts = arming.counts();
            total.hits += counts.hits;
            total.fires += counts.fires;
        }
        total
    }

    fn history(&self) -> std::sync::MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the names, sorted; the first call gathers them.
pub(crate) fn all() -> &'static BTreeMap<&'static str, Named> {
    static NAMES: OnceLock<BTreeMap<&'static str, Named>> = OnceLock::new();
    let names = NAMES.get_or_init(gather);
    for named in names.values() {
        for site in &named.sites {
            site.belongs_to(named);
        }
    }
    names
}

fn gather() -> BTreeMap<&'static str, Named> {
    let mut sites: BTreeMap<&str, Vec<&'static Site>> = BTreeMap::new();
    for Entry(site) in inventory::iter::<Entry> {
        sites.entry(site.info().name).or_default().push(site);
    }
    let named = |(id, (name, mut sites)): (u32, (_, Vec<&'static Site>))| {
        sites.sort_by_key(|site| (site.info().file, site.info().line));
        let slot = Slot { stamp: AtomicU64::new(0), held: RwLock::new(None) };
        let history = Mutex::default();
        (name, Named { name, id, sites, slot, history })
    };
    (0..).zip(sites).map(named).collect()
}

/// Finds a name.
pub(crate) fn find(name: &str) -> Result<&'static Named, Error> {
    all().get(name).ok_or_else(|| Error::UnknownSite {
        name: name.to_owned(),
        hint: match nearest(name, all().keys().copied()) {
            Some(near) => format!("; did you mean `{near}`?"),
            None if all().is_empty() => "; this program has none linked in".to_owned(),
            None => "; `chaos_failpoints::sites()` lists them".to_owned(),
        },
    })
}

/// Returns the candidate that is likely meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        // Below 0.8 the two share little more than a letter or a dot.
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Returns every fail point that is linked into the program, by name, file and line.
///
/// Nothing has to have run: the linker gathers the list. (A crate that the program never names is not linked in, and
/// neither are its sites.)
pub fn sites() -> Vec<SiteInfo> {
    let sites = all().values().flat_map(|named| &named.sites);
    sites.map(|site| *site.info()).collect()
}

/// Returns the hits and fires of a site since the program started, over all scopes and armings.
///
/// Hits are counted only while the site is armed where they happen; an idle site counts nothing.
///
/// # Errors
/// No site of this name.
pub fn counts(site: &str) -> Result<Counts, Error> {
    Ok(find(site)?.counts())
}
