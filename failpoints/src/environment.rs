//! The variable `FAILPOINTS`, in fail-rs's form: `name=actions;name=actions`.

use crate::{Error, Guard, Rule, arm};

/// The variable that fail-rs reads.
const VARIABLE: &str = "FAILPOINTS";

/// Arms what the variable `FAILPOINTS` asks for; nothing when it is not set.
///
/// The sites stay armed while the guards are kept. Unlike fail-rs, a name that no site has is an error.
///
/// # Errors
/// The first entry that is wrong; then nothing is armed.
pub fn arm_from_environment() -> Result<Vec<Guard>, Error> {
    // Text that is not Unicode cannot name a site; its entry is refused with the name as far as it is readable.
    let text = std::env::var_os(VARIABLE).unwrap_or_default();
    arm_list(&text.to_string_lossy())
}

/// Arms a list in the form of the variable.
///
/// # Errors
/// The first entry that is wrong; then nothing is armed.
pub fn arm_list(text: &str) -> Result<Vec<Guard>, Error> {
    let entries = entries(text)?;
    entries.into_iter().map(|(site, rule)| arm(site, rule)).collect()
}

/// Reads a list in the form of the variable, checking all of it before anything is armed.
pub(crate) fn entries(text: &str) -> Result<Vec<(&str, Rule)>, Error> {
    let entries = text.split(';').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let (site, actions) = entry.split_once('=').ok_or_else(|| Error::Entry { entry: entry.to_owned() })?;
            crate::registry::find(site)?;
            Ok((site, actions.parse()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touched() -> Option<crate::FiredSite> {
        crate::fail_check!("environment.first").or(crate::fail_check!("environment.second"))
    }

    #[test]
    fn a_list_arms_each_site_until_its_guards_go() {
        let guards = arm_list(" environment.first=off; environment.second=return(x=y);; ").unwrap();
        assert_eq!(touched().and_then(|fired| fired.argument().map(str::to_owned)).as_deref(), Some("x=y"));
        assert_eq!(guards.iter().map(Guard::fires).collect::<Vec<_>>(), [1, 1]);
        drop(guards);
        assert!(touched().is_none());
    }

    #[test]
    fn one_wrong_entry_arms_nothing() {
        for (text, part) in [
            ("environment.third=off;environment.third", "entry `environment.third` is not `name=actions`"),
            ("environment.third=return;environment.thrid=off", "did you mean `environment.third`?"),
            ("environment.third=return;environment.third=of", "did you mean `off`?"),
        ] {
            let error = arm_list(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(crate::fail_check!("environment.third").is_none(), "{text}");
        }
    }
}
