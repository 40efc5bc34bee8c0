//! A fingerprint of what the rules of a target mean, so that what was made under other rules is
//! known by it.

use clicks::Uuid8;
use sha2::{Digest, Sha256};

/// The id of a target's rules: a hash over their meaning.
///
/// **Frozen as version 1.** It stands beside what is stored: another spelling of the same meaning
/// would make everything that is stored look as if it were of other rules.
pub type RulesId = Uuid8;

/// Collects the meaning of rules: the order and the spelling of values that mean the same are left
/// out by whoever adds them.
#[derive(Clone, Debug, Default)]
pub struct Meaning {
    hash: Sha256,
    /// Whether anything was added.
    has_rules: bool,
}

impl Meaning {
    /// Adds a rule, by the name of its variable without the target's prefix, and its one value.
    pub fn add(&mut self, variable: &str, value: impl AsRef<[u8]>) {
        self.has_rules = true;
        for part in [variable.as_bytes(), value.as_ref()] {
            self.hash.update((part.len() as u64).to_le_bytes());
            self.hash.update(part);
        }
    }

    /// Adds a rule whose values have no order, and mean the same if they stand twice.
    pub fn add_set<V>(&mut self, variable: &str, values: impl IntoIterator<Item = V>)
    where
        V: AsRef<[u8]> + Ord,
    {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable();
        values.dedup();
        self.add(variable, (values.len() as u64).to_le_bytes());
        for value in values {
            self.add("", value);
        }
    }

    /// Returns the id of the rules; `None` if there are none.
    pub fn id(self) -> Option<RulesId> {
        let digest = self.hash.finalize().into();
        self.has_rules.then(|| RulesId::from_digest(&digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(add: impl Fn(&mut Meaning)) -> Option<RulesId> {
        let mut meaning = Meaning::default();
        add(&mut meaning);
        meaning.id()
    }

    #[test]
    fn rules_that_mean_the_same_have_one_id_and_others_have_another() {
        let set = |values: &[&str]| id(|it| it.add_set("TAGS", values.iter().copied()));
        assert_eq!(set(&["a", "b", "a"]), set(&["b", "a"]));
        let two = |one: &str, other: &str| {
            id(|it| {
                it.add("A", one);
                it.add("B", other);
            })
        };
        let ids = [
            id(|_| {}),
            set(&["a", "b"]),
            set(&["a"]),
            set(&["ab"]),
            set(&[]),
            id(|it| it.add("TAGS", "a")),
            id(|it| it.add_set("LINKS", ["a"])),
            two("x", "y"),
            two("xy", ""),
            two("y", "x"),
        ];
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    }

    #[test]
    fn the_id_never_changes() {
        let id = id(|it| it.add_set("COUNTRIES", ["DE", "AT"]));
        assert_eq!(
            id.unwrap().to_string(),
            "40abd67b-e754-881e-9fd7-22b506f75751"
        );
    }
}
