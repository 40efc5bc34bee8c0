//! The clicks of a lane on which a rule fails, until it is known whether they are wrong, or the
//! rule.

use std::sync::Arc;

use super::batches::UnfitRow;
use super::encoder::Failed;
use crate::deliver::ledger::Spot;
use crate::deliver::memory::MemoryPermit;
use crate::deliver::refusal::{log_rule_failure, logged};
use crate::deliver::rule_evidence::{Broken, RuleMoment, RuleRuling};
use crate::deliver::state::LaneState;
use crate::quarantine::Row;
use crate::targets::Entry;
use crate::transform::{Rule, RuleFailure};

/// Collects what the rules say of the clicks of one lane, in the order of the object.
pub(super) struct RuleDoubts {
    state: Arc<LaneState>,
    held: Vec<HeldClick>,
    /// Clicks before this offset have given their evidence: they are taken again where the lane was
    /// left behind.
    judged: u64,
}

/// A click on which a rule fails.
struct HeldClick {
    spot: Spot,
    entry: Entry,
    failure: RuleFailure,
    /// When the rule failed.
    moment: RuleMoment,
    /// Held until it is decided.
    _memory: MemoryPermit,
}

impl RuleDoubts {
    pub(super) fn new(state: Arc<LaneState>) -> RuleDoubts {
        RuleDoubts {
            state,
            held: Vec::new(),
            judged: 0,
        }
    }

    /// Notes that the click at `at` came through the rules up to `last`. Returns those of which it
    /// is known by now that they are wrong.
    pub(super) fn pass(&mut self, last: Rule, at: u64) -> Vec<UnfitRow> {
        if at >= self.judged {
            self.judged = at + 1;
            self.state.rules.pass(last);
        }
        if self.held.is_empty() {
            return Vec::new();
        }
        let rules = self.state.rules.clone();
        self.take(|click| rules.confirms(click.failure.rule, click.moment))
    }

    /// Holds the click at `spot`, on which a rule fails. `false` if that ends the lane instead: the
    /// rule is taken to be wrong.
    pub(super) fn hold(&mut self, spot: Spot, failed: Failed) -> bool {
        let Failed { mut entry, failure } = failed;
        entry.detach();
        let cause = log_rule_failure(&self.state, &entry, &failure.cause);
        let rules = &self.state.rules;
        let ruling = if spot.at >= self.judged {
            self.judged = spot.at + 1;
            rules.fail(failure.rule)
        } else {
            RuleRuling::Held(rules.last(failure.rule))
        };
        let memory = self.state.memory.hold(&entry);
        let broken = match (ruling, memory) {
            (RuleRuling::Held(moment), Some(_memory)) => {
                // It must be a gap before anything passes it.
                self.state.ledger(|ledger| ledger.quarantine(spot));
                self.held.push(HeldClick {
                    spot,
                    entry,
                    failure,
                    moment,
                    _memory,
                });
                return true;
            }
            (RuleRuling::Held(_), None) => Broken::Unproved(self.held.len() as u32 + 1),
            (RuleRuling::Broken(broken), _) => broken,
        };
        self.state.give_up(broken.failure(&cause));
        false
    }

    /// Takes the clicks that are taken to be wrong since no others are waited for.
    pub(super) fn take_rest(&mut self) -> Vec<UnfitRow> {
        if self.held.is_empty() {
            return Vec::new();
        }
        let rules = self.state.rules.clone();
        self.take(|click| rules.confirms_rest(click.failure.rule))
    }

    fn take(&mut self, mut is_confirmed: impl FnMut(&HeldClick) -> bool) -> Vec<UnfitRow> {
        let confirmed = self.held.extract_if(.., |click| is_confirmed(click));
        let row = |click: HeldClick| UnfitRow {
            spot: click.spot,
            row: Row::rejected(click.entry, self.state.name.clone(), click.failure.cause),
        };
        confirmed.map(row).collect()
    }

    /// Ends the lane if clicks are left, unless it has ended: nothing shows that they are wrong.
    pub(super) fn fail_rest(&self) {
        if let Some(last) = self.held.last()
            && !self.state.has_ended()
        {
            let cause = logged(std::slice::from_ref(&last.entry), &last.failure.cause);
            let broken = Broken::Unproved(self.held.len() as u32);
            self.state.give_up(broken.failure(&cause));
        }
    }

    /// Drops the clicks at `resume` and after it: they will be taken again.
    pub(super) fn rewind(&mut self, resume: u64) {
        self.held.retain(|click| click.spot.at < resume);
    }

    /// Leaves what is held to another run.
    pub(super) fn close(self) {
        let clicks = self.held.len() as u64;
        let mut stats = self.state.stats();
        stats.deferred += clicks;
        stats.undecided += clicks;
    }
}
