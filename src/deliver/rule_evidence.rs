//! Decides whether a click on which a user's rule fails is wrong, or the rule. Pure.
//!
//! A rule that is right lets other clicks through; one that is wrong fails on most. So a click that
//! a rule fails on is held until the rule has let another one through, and a rule that fails on too
//! many is taken to be wrong, with what is held at that moment not believed. A rule always says the
//! same of the same click: unlike an answer of a target's, it does not matter which of two was
//! judged first, so at the end of an object any click that the rule let through will do.

/// So many failures in a row mean: not the clicks are wrong, the rule is.
const IN_A_ROW: u32 = 20;
/// A rule is tried by so many clicks: it is wrong if it fails on more than half of them.
const TRIAL: u32 = 20;

/// A place in the order of what one rule said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RuleMoment(u64);

/// Whether a rule that fails on a click is still believed to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RuleRuling {
    /// It is not known whether the click is wrong, or the rule.
    Held(RuleMoment),
    /// The rule is wrong.
    Broken(Broken),
}

/// Why a rule is taken to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It failed on so many clicks in a row.
    InARow(u32),
    /// It failed on so many of the first clicks that it was tried by.
    InTrial(u32),
    /// It let no click through that would show that it works, and failed on so many.
    Unproved(u32),
}

/// The evidence about one rule of one target.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleEvidence {
    last: RuleMoment,
    /// When it last let a click through.
    passed: Option<RuleMoment>,
    /// Failures since then.
    in_a_row: u32,
    /// How many clicks it was tried by, and on how many of those it failed.
    tried: u32,
    failed: u32,
    /// Whether it was found wrong in its last trial.
    is_suspect: bool,
}

impl RuleEvidence {
    fn tick(&mut self) -> RuleMoment {
        self.last.0 += 1;
        self.last
    }

    /// Notes that it let a click through, whether or not it dropped it.
    pub(super) fn pass(&mut self) {
        self.passed = Some(self.tick());
        self.in_a_row = 0;
        self.end_trial(0);
    }

    /// Notes that it failed on a click.
    pub(super) fn fail(&mut self) -> RuleRuling {
        let moment = self.tick();
        self.in_a_row += 1;
        let failed = self.failed + 1;
        if self.end_trial(1) {
            return RuleRuling::Broken(Broken::InTrial(failed));
        }
        if self.in_a_row >= IN_A_ROW {
            return RuleRuling::Broken(Broken::InARow(self.in_a_row));
        }
        RuleRuling::Held(moment)
    }

    /// Adds a click to the trial. `true` if that finds the rule wrong: another trial has to prove
    /// it right.
    fn end_trial(&mut self, failed: u32) -> bool {
        if self.tried == TRIAL {
            return false;
        }
        self.tried += 1;
        self.failed += failed;
        let is_wrong = self.failed * 2 > TRIAL;
        if is_wrong {
            (self.tried, self.failed, self.is_suspect) = (0, 0, true);
        } else if self.tried == TRIAL {
            self.is_suspect = false;
        }
        is_wrong
    }

    /// The moment of what it said last.
    pub(super) fn last(&self) -> RuleMoment {
        self.last
    }

    /// Whether a further click that it lets through would change nothing.
    pub(super) fn is_settled(&self) -> bool {
        self.tried == TRIAL && self.in_a_row == 0
    }

    /// Whether the click that it failed on at `moment` is wrong: it passed its trial, and has let
    /// another one through since.
    pub(super) fn confirms(&self, moment: RuleMoment) -> bool {
        self.tried == TRIAL && self.passed > Some(moment)
    }

    /// Whether the clicks that it failed on are wrong, where no others are waited for.
    pub(super) fn confirms_rest(&self) -> bool {
        self.passed.is_some() && !self.is_suspect && self.in_a_row < IN_A_ROW
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The evidence after clicks on which the rule fails (`x`) or not (`.`), and the last ruling.
    fn after(clicks: &str) -> (RuleEvidence, Option<RuleRuling>) {
        let (mut evidence, mut last) = (RuleEvidence::default(), None);
        for click in clicks.chars() {
            match click {
                'x' => last = Some(evidence.fail()),
                _ => evidence.pass(),
            }
        }
        (evidence, last)
    }

    fn held(clicks: &str) -> (RuleEvidence, RuleMoment) {
        match after(clicks) {
            (evidence, Some(RuleRuling::Held(moment))) => (evidence, moment),
            other => panic!("{other:?}"),
        }
    }

    fn broken(clicks: &str) -> Option<Broken> {
        match after(clicks).1 {
            Some(RuleRuling::Broken(broken)) => Some(broken),
            _ => None,
        }
    }

    #[test]
    fn a_rule_that_lets_nothing_through_confirms_nothing_and_is_wrong_soon() {
        for failures in 1..=10 {
            let (evidence, _) = held(&"x".repeat(failures));
            assert!(!evidence.confirms_rest());
        }
        assert_eq!(broken(&"x".repeat(11)), Some(Broken::InTrial(11)));
        // Nor do a few that pass, once it was found wrong: a whole trial does.
        let wrong = "x".repeat(11);
        assert!(!held(&format!("{wrong}...x.")).0.confirms_rest());
        let (evidence, _) = held(&format!("{wrong}...x{}", ".".repeat(16)));
        assert!(evidence.confirms_rest());
    }

    #[test]
    fn over_half_of_the_first_twenty_are_too_many_and_half_are_not() {
        assert_eq!(broken(&(".x".repeat(9) + "xx")), Some(Broken::InTrial(11)));
        assert_eq!(broken(&".x".repeat(10)), None);
        assert_eq!(broken(&(".x".repeat(10) + &"x.".repeat(500))), None);
    }

    #[test]
    fn twenty_in_a_row_are_too_many_whatever_was_before() {
        let works = ".".repeat(1000);
        let (evidence, _) = held(&format!("{works}{}", "x".repeat(19)));
        assert!(evidence.confirms_rest(), "the object ended before");
        let row = format!("{works}{}", "x".repeat(20));
        assert_eq!(broken(&row), Some(Broken::InARow(20)));
        assert!(!after(&row).0.confirms_rest());
        assert_eq!(broken(&(row.clone() + "x")), Some(Broken::InARow(21)));
        assert_eq!(broken(&(row + ".x")), None);
    }

    #[test]
    fn a_click_is_wrong_once_another_passes_and_the_rule_is_tried() {
        let (mut evidence, first) = held("x");
        for _ in 0..18 {
            evidence.pass();
            assert!(!evidence.confirms(first), "not yet");
        }
        evidence.pass();
        assert!(evidence.confirms(first) && evidence.is_settled());
        let RuleRuling::Held(next) = evidence.fail() else {
            panic!("one alone")
        };
        assert!(!evidence.confirms(next) && evidence.confirms_rest());
        evidence.pass();
        assert!(evidence.confirms(next));
    }

    proptest! {
        /// Clicks are held until an object ends: small and large ones, and some of them fail.
        #[test]
        fn a_rule_that_is_wrong_about_most_clicks_quarantines_ten_at_most(
            objects in proptest::collection::vec(1usize..40, 1..60), luck in any::<u64>(),
        ) {
            let (mut evidence, mut quarantined) = (RuleEvidence::default(), 0);
            let (mut number, mut of_five) = (luck, 0);
            for clicks in objects {
                let mut waiting: Vec<RuleMoment> = Vec::new();
                let mut is_broken = false;
                for _ in 0..clicks {
                    // Of each five, one passes.
                    if of_five == 0 {
                        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    }
                    let passes = (number >> 33) % 5 == of_five;
                    of_five = (of_five + 1) % 5;
                    if passes {
                        evidence.pass();
                    } else {
                        match evidence.fail() {
                            RuleRuling::Held(moment) => waiting.push(moment),
                            RuleRuling::Broken(_) => { is_broken = true; break }
                        }
                    }
                    let before = waiting.len();
                    waiting.retain(|moment| !evidence.confirms(*moment));
                    quarantined += before - waiting.len();
                }
                if !is_broken && evidence.confirms_rest() {
                    quarantined += waiting.len();
                }
            }
            prop_assert!(quarantined <= 10, "{quarantined}");
        }

        #[test]
        fn of_a_rule_that_fails_now_and_then_every_failure_is_confirmed(
            passes in proptest::collection::vec(2usize..60, 1..200),
        ) {
            let mut evidence = RuleEvidence::default();
            for passes in passes {
                (0..passes).for_each(|_| evidence.pass());
                let RuleRuling::Held(moment) = evidence.fail() else { panic!("{evidence:?}") };
                evidence.pass();
                prop_assert!(evidence.confirms(moment) || evidence.tried < TRIAL);
                prop_assert!(evidence.confirms_rest());
            }
        }
    }
}
