//! All sites of the program by name, gathered at link time.

use std::{collections::BTreeMap, sync::OnceLock};

use crate::{
    Error, HitCounts, SiteInfo,
    site::{Entry, Named, Site},
};

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
        (name, Named::new(name, id, sites))
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
pub fn counts(site: &str) -> Result<HitCounts, Error> {
    Ok(find(site)?.counts())
}
