//! The forms of all secrets, and where one of them stands in a text.

use std::collections::BTreeMap;

use super::forms::forms;
use super::masking::SecretMasking;
use crate::Secret;

/// What is looked for.
#[derive(Clone, Default)]
pub(super) struct Needles {
    /// By their first byte, and of each the longest first, so that a secret which contains another is masked whole.
    of: BTreeMap<u8, Vec<Needle>>,
}

#[derive(Clone, PartialEq)]
struct Needle {
    form: String,
    masking: SecretMasking,
}

/// Characters of a secret from which on what a cut has left of it is masked.
const SHORTEST_CUT: usize = 8;

/// Where a text was cut.
pub(super) struct Cut;

impl Cut {
    /// What stands where something was cut out.
    pub(super) const MARK: char = '…';

    /// The length of what closes a mark: `]` and the break of the line, or nothing.
    pub(super) fn after_mark(rest: &str) -> usize {
        let closed = rest.strip_prefix(']').unwrap_or(rest);
        rest.len() - closed.strip_prefix('\n').unwrap_or(closed).len()
    }

    /// Whether something was cut out here.
    fn is_at(rest: &str) -> bool {
        rest.trim_start_matches(['\n', '[']).starts_with(Self::MARK) || rest.starts_with("...")
    }
}

impl Needles {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.of.values().map(Vec::len).sum()
    }

    pub(super) fn add(&mut self, secret: &Secret) {
        let whole = SecretMasking::of(secret);
        for form in forms(secret.expose(), whole == SecretMasking::Everywhere) {
            let Some(first) = form.bytes().next() else { continue };
            // A line of a secret may be short where the secret is not; nothing is masked more widely than the secret.
            let own = SecretMasking::of_text(&form);
            let masking = if whole == SecretMasking::Everywhere { own } else { whole };
            self.of.entry(first).or_default().push(Needle { form, masking });
        }
        for needles in self.of.values_mut() {
            needles.sort_by(|one, other| other.form.len().cmp(&one.form.len()).then_with(|| one.form.cmp(&other.form)));
            needles.dedup();
        }
    }

    pub(super) fn is_known(&self, text: &str) -> bool {
        self.beginning_as(text).iter().any(|needle| needle.form == text)
    }

    /// The length of what begins here: a secret, or one that was cut off behind its first characters.
    pub(super) fn at(&self, rest: &str, before: Option<char>, cuts: bool) -> Option<usize> {
        let needles = self.beginning_as(rest);
        let whole = needles.iter().find(|needle| needle.stands_at(rest, before)).map(|needle| needle.form.len());
        whole.or_else(|| needles.iter().filter(|_| cuts).filter_map(|needle| needle.start_of_cut(rest)).max())
    }

    /// The length of what is left here of a secret whose start was cut off.
    pub(super) fn end_of_cut(&self, rest: &str) -> usize {
        let long = self.of.values().flatten().filter(|needle| needle.masking == SecretMasking::Everywhere);
        let ends = long.filter_map(|needle| {
            let starts = needle.form.char_indices().skip(1).map(|(at, _)| &needle.form[at..]);
            starts.take_while(|end| end.len() >= SHORTEST_CUT).find(|end| rest.starts_with(end)).map(str::len)
        });
        ends.max().unwrap_or(0)
    }

    fn beginning_as(&self, text: &str) -> &[Needle] {
        text.bytes().next().and_then(|first| self.of.get(&first)).map_or(&[], Vec::as_slice)
    }
}

impl Needle {
    fn stands_at(&self, rest: &str, before: Option<char>) -> bool {
        let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
        rest.starts_with(&self.form)
            && match self.masking {
                SecretMasking::Everywhere => true,
                SecretMasking::WholeWords => {
                    !before.is_some_and(part_of_word) && !rest[self.form.len()..].starts_with(part_of_word)
                }
                SecretMasking::Credentials => false,
            }
    }

    fn start_of_cut(&self, rest: &str) -> Option<usize> {
        if self.masking != SecretMasking::Everywhere {
            return None;
        }
        let same = rest.bytes().zip(self.form.bytes()).take_while(|(one, other)| one == other).count();
        // The text may have a mark there whose first byte the form has, too.
        let same = (0..=same).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
        // Others cut without a mark.
        let is_cut = Cut::is_at(&rest[same..]) || same == rest.len() && 2 * same >= self.form.len();
        (same >= SHORTEST_CUT && is_cut).then_some(same)
    }
}
