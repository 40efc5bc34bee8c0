//! The evidence about the rules of a target, shared by all lanes that have the same rules.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::rule_evidence::{Broken, RuleEvidence, RuleMoment, RuleRuling};
use crate::outcome::Failure;
use crate::transform::{Rule, Transform};

/// How many rules there are that can fail.
const RULES: usize = Rule::Placeholder as usize + 1;

/// The rules that a target has now, with the evidence about them.
#[derive(Debug, Default)]
pub(super) struct CurrentRules(Mutex<Option<JudgedRules>>);

#[derive(Debug)]
struct JudgedRules {
    transform: Arc<Transform>,
    /// The revision of the target, whose settings may have placeholders.
    revision: u64,
    witnesses: Arc<RuleWitnesses>,
}

impl CurrentRules {
    /// The evidence about the rules in `transform` and in the target of this revision. That about
    /// others counts no more.
    pub(super) fn of(&self, transform: &Arc<Transform>, revision: u64) -> Arc<RuleWitnesses> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |judged: &&JudgedRules| {
            Arc::ptr_eq(&judged.transform, transform) && judged.revision == revision
        };
        if let Some(judged) = current.as_ref().filter(is_same) {
            return judged.witnesses.clone();
        }
        let witnesses = Arc::<RuleWitnesses>::default();
        *current = Some(JudgedRules {
            transform: transform.clone(),
            revision,
            witnesses: witnesses.clone(),
        });
        witnesses
    }
}

/// The evidence about the rules of one target of this process.
#[derive(Debug)]
pub(super) struct RuleWitnesses {
    /// The rules of which it matters that they let another click through, a bit each: hardly a
    /// click has to lock anything.
    unsettled: AtomicU8,
    rules: Mutex<[RuleEvidence; RULES]>,
}

impl Default for RuleWitnesses {
    fn default() -> RuleWitnesses {
        RuleWitnesses {
            unsettled: AtomicU8::new(u8::MAX),
            rules: Mutex::default(),
        }
    }
}

impl RuleWitnesses {
    fn rules(&self) -> MutexGuard<'_, [RuleEvidence; RULES]> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a click came through the rules up to `last`.
    pub(super) fn pass(&self, last: Rule) {
        let passed = (1 << (last as u8 + 1)) - 1;
        if self.unsettled.load(Ordering::Relaxed) & passed != 0 {
            self.note(last as usize + 1, None);
        }
    }

    /// Notes that `rule` failed on a click, which came through those before it.
    pub(super) fn fail(&self, rule: Rule) -> RuleRuling {
        let ruling = self.note(rule as usize, Some(rule));
        ruling.unwrap_or(RuleRuling::Held(RuleMoment::default()))
    }

    /// Notes that a click came through the first `passed` rules, and that `failed` failed on it.
    fn note(&self, passed: usize, failed: Option<Rule>) -> Option<RuleRuling> {
        let mut rules = self.rules();
        rules.iter_mut().take(passed).for_each(RuleEvidence::pass);
        let failed = failed.and_then(|rule| rules.get_mut(rule as usize));
        let ruling = failed.map(RuleEvidence::fail);
        let bits = rules.iter().enumerate();
        let unsettled = bits.fold(0, |bits, (rule, evidence)| {
            bits | u8::from(!evidence.is_settled()) << rule
        });
        self.unsettled.store(unsettled, Ordering::Relaxed);
        ruling
    }

    /// The moment of what `rule` said last.
    pub(super) fn last(&self, rule: Rule) -> RuleMoment {
        self.of(rule, RuleEvidence::last)
    }

    /// Whether the click that `rule` failed on at `moment` is wrong, and not the rule.
    pub(super) fn confirms(&self, rule: Rule, moment: RuleMoment) -> bool {
        self.of(rule, |evidence| evidence.confirms(moment))
    }

    /// Whether the clicks that `rule` failed on are wrong, where no others are waited for.
    pub(super) fn confirms_rest(&self, rule: Rule) -> bool {
        self.of(rule, RuleEvidence::confirms_rest)
    }

    fn of<T: Default>(&self, rule: Rule, ask: impl FnOnce(&RuleEvidence) -> T) -> T {
        self.rules().get(rule as usize).map(ask).unwrap_or_default()
    }
}

impl Broken {
    /// The failure of a target whose rule is wrong; `cause` is why it fails on the last click.
    pub(super) fn failure(self, cause: &str) -> Failure {
        let found = match self {
            Broken::InARow(clicks) => format!("it failed on {clicks} clicks in a row"),
            Broken::InTrial(clicks) => format!("it failed on {clicks} of the first clicks"),
            Broken::Unproved(1) => "it failed on a click, and let none through that others \
                 would be judged by"
                .to_owned(),
            Broken::Unproved(clicks) => format!(
                "it failed on {clicks} clicks, and let none through that they would be judged by"
            ),
        };
        Failure::Misconfigured(format!(
            "{cause}; {found}; so not the clicks are assumed to be wrong, but the rule, and those \
             that are not decided come back"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_drops_every_click_proves_nothing_of_the_map_behind_it() {
        let witnesses = RuleWitnesses::default();
        (0..100).for_each(|_| witnesses.pass(Rule::Filter));
        let RuleRuling::Held(moment) = witnesses.fail(Rule::Map) else {
            panic!("one alone")
        };
        (0..100).for_each(|_| witnesses.pass(Rule::Filter));
        assert!(!witnesses.confirms(Rule::Map, moment) && !witnesses.confirms_rest(Rule::Map));
        assert!(witnesses.confirms_rest(Rule::Filter));
        (0..100).for_each(|_| witnesses.pass(Rule::Placeholder));
        assert!(witnesses.confirms(Rule::Map, moment) && witnesses.confirms_rest(Rule::Map));
        assert_eq!(witnesses.unsettled.load(Ordering::Relaxed), 0);
        witnesses.fail(Rule::Placeholder);
        assert_eq!(witnesses.unsettled.load(Ordering::Relaxed), 0b100);
    }
}
