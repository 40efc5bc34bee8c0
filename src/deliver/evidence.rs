//! Decides whether a refused click is wrong, or the target that refuses it. Pure: time comes as an
//! argument.
//!
//! A target that is right takes other clicks; one that is wrong takes none, whatever it is sent.
//! So a rejection is believed once the target has taken a click that was sent after it, and refuses
//! the first one again; until then it is held. Right after an acceptance a few are believed at
//! once. A target that breaks can then put no more than these few into the quarantine, and one
//! that is repaired puts none there.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use clicks::click::ClickId;

/// How long after an acceptance a few rejections are believed at once.
const WINDOW: Duration = Duration::from_secs(60);
/// How many they are.
const ON_CREDIT: u32 = 2;
/// Most clicks whose rejection is remembered, so that it is known when they come again.
const REMEMBERED: usize = 4096;

/// A place in the order of a target's requests and rejections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

/// When a request was sent, and what was known then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    at: Moment,
    /// When the latest of the requests was sent that were known to be accepted.
    accepted: Moment,
}

/// Whether a rejection is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// The click is wrong.
    Confirmed,
    /// It is not known yet; an acceptance of a click that was sent after this moment tells.
    Held(Moment),
}

/// The evidence about one target.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    last: Moment,
    /// When the latest of the accepted requests was sent.
    accepted: Moment,
    /// When the last acceptance came.
    accepted_at: Option<Instant>,
    /// Rejections that may still be believed at once, and when the last of them was.
    credit: u32,
    credited: Moment,
    /// The clicks whose rejection is not confirmed, each with the first one; the oldest go first.
    held: BTreeMap<ClickId, Moment>,
    order: VecDeque<ClickId>,
}

impl Evidence {
    fn tick(&mut self) -> Moment {
        self.last.0 += 1;
        self.last
    }

    /// Notes that a request is sent now.
    pub(super) fn send(&mut self) -> Sent {
        Sent {
            at: self.tick(),
            accepted: self.accepted,
        }
    }

    /// Notes that clicks of the request `sent` were accepted.
    pub(super) fn accept(&mut self, sent: Sent, now: Instant) {
        // What was believed at once is proved by what was sent after it alone: until then it
        // counts.
        if sent.at > self.credited {
            self.credit = ON_CREDIT;
        }
        self.accepted = self.accepted.max(sent.at);
        self.accepted_at = Some(now);
    }

    /// Notes that `click`, alone in the request `sent`, is rejected, and says whether that is
    /// believed. An acceptance counts that was known when the click was sent: of one that came
    /// later, nobody knows which of the two the target saw first.
    pub(super) fn reject(&mut self, click: ClickId, sent: Sent, now: Instant) -> Ruling {
        let moment = self.tick();
        let first = self.held.get(&click);
        if first.is_some_and(|first| sent.accepted > *first) {
            self.held.remove(&click);
            return Ruling::Confirmed;
        }
        if sent.accepted > Moment::default() && self.credit(now) > 0 {
            self.credit -= 1;
            self.credited = moment;
            return Ruling::Confirmed;
        }
        if let Entry::Vacant(place) = self.held.entry(click) {
            place.insert(moment);
            self.order.push_back(click);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.held.remove(&oldest);
        }
        Ruling::Held(moment)
    }

    /// When the latest of the accepted requests was sent.
    pub(super) fn accepted(&self) -> Moment {
        self.accepted
    }

    /// How many rejections of clicks that are sent from now on would be believed at once.
    pub(super) fn credit(&self, now: Instant) -> u32 {
        let is_recent = |at: Instant| now.saturating_duration_since(at) <= WINDOW;
        if self.accepted_at.is_some_and(is_recent) {
            self.credit
        } else {
            0
        }
    }

    /// Forgets everything but the order: the target is another one from here on.
    pub(super) fn forget(&mut self) {
        *self = Evidence {
            last: self.last,
            ..Evidence::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const SECOND: Duration = Duration::from_secs(1);

    fn click(number: u8) -> ClickId {
        ClickId::from_digest(&[number; 32])
    }

    /// Sends a click that is rejected.
    fn reject(evidence: &mut Evidence, number: u8, now: Instant) -> Ruling {
        let sent = evidence.send();
        evidence.reject(click(number), sent, now)
    }

    fn is_held(ruling: Ruling) -> bool {
        matches!(ruling, Ruling::Held(_))
    }

    #[test]
    fn a_target_that_accepts_nothing_confirms_nothing() {
        let (mut evidence, now) = (Evidence::default(), Instant::now());
        for number in 0..100 {
            let sent = evidence.send();
            assert!(is_held(evidence.reject(click(number % 20), sent, now)));
        }
    }

    #[test]
    fn a_click_that_is_refused_before_and_after_an_acceptance_is_wrong() {
        let (mut evidence, now) = (Evidence::default(), Instant::now());
        let early = evidence.send();
        let Ruling::Held(first) = reject(&mut evidence, 1, now) else {
            panic!("nothing was accepted");
        };
        let long_ago = now - WINDOW * 2;
        evidence.accept(early, long_ago);
        assert!(evidence.accepted() < first, "it was sent before");
        let (late, beside) = (evidence.send(), evidence.send());
        evidence.accept(late, long_ago);
        assert!(evidence.accepted() > first);
        let ruling = evidence.reject(click(1), beside, now);
        assert!(is_held(ruling), "it was sent before the acceptance came");
        // Whenever it comes again, and in whatever object.
        assert_eq!(reject(&mut evidence, 1, now), Ruling::Confirmed);
        assert!(is_held(reject(&mut evidence, 2, now)));
    }

    #[test]
    fn for_a_minute_after_an_acceptance_two_are_believed() {
        let (mut evidence, now) = (Evidence::default(), Instant::now());
        let accept = |evidence: &mut Evidence| {
            let sent = evidence.send();
            evidence.accept(sent, now);
        };
        accept(&mut evidence);
        let minute = now + WINDOW;
        assert_eq!(reject(&mut evidence, 1, minute), Ruling::Confirmed);
        assert_eq!(reject(&mut evidence, 2, minute), Ruling::Confirmed);
        assert!(is_held(reject(&mut evidence, 3, now)));
        accept(&mut evidence);
        assert!(is_held(reject(&mut evidence, 4, minute + SECOND)));
        evidence.forget();
        assert!(is_held(reject(&mut evidence, 5, now)));
    }

    #[test]
    fn so_many_held_clicks_are_remembered_and_no_more() {
        let (mut evidence, now) = (Evidence::default(), Instant::now());
        for number in 0..3 * REMEMBERED as u32 {
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&number.to_le_bytes());
            let sent = evidence.send();
            evidence.reject(ClickId::from_digest(&digest), sent, now);
        }
        assert_eq!(
            (evidence.held.len(), evidence.order.len()),
            (REMEMBERED, REMEMBERED)
        );
    }

    /// Sends clicks to a target, some at a time and answered in any order; those that are held come
    /// again. Returns the clicks that were confirmed. `takes` says what the target does with the
    /// click of a number as the n-th that it handles.
    fn confirmed(
        clicks: u8,
        order: &[usize],
        at_a_time: usize,
        mut takes: impl FnMut(u8, usize) -> bool,
    ) -> BTreeSet<u8> {
        let (mut evidence, now) = (Evidence::default(), Instant::now());
        let (mut queue, mut confirmed): (VecDeque<u8>, _) =
            ((0..clicks).collect(), BTreeSet::new());
        let mut in_flight: Vec<(u8, Sent)> = Vec::new();
        let (mut handled, mut answers) = (0, Vec::new());
        for step in 0..clicks as usize * 20 {
            while in_flight.len() + answers.len() < at_a_time
                && let Some(number) = queue.pop_front()
            {
                in_flight.push((number, evidence.send()));
            }
            let luck = order[step % order.len()];
            if !in_flight.is_empty() && (luck.is_multiple_of(2) || answers.is_empty()) {
                let (number, sent) = in_flight.remove(luck / 2 % in_flight.len());
                answers.push((number, sent, takes(number, handled)));
                handled += 1;
            } else if !answers.is_empty() {
                let (number, sent, was_taken) = answers.remove(luck / 2 % answers.len());
                if was_taken {
                    evidence.accept(sent, now);
                } else if evidence.reject(click(number), sent, now) == Ruling::Confirmed {
                    confirmed.insert(number);
                } else {
                    queue.push_back(number);
                }
            }
        }
        confirmed
    }

    proptest! {
        #[test]
        fn a_target_that_breaks_quarantines_two_good_clicks_at_most(
            order in proptest::collection::vec(0usize..1000, 1..200),
            at_a_time in 1usize..12, breaks in 0usize..60,
        ) {
            let confirmed = confirmed(50, &order, at_a_time, |_, handled| handled < breaks);
            prop_assert!(confirmed.len() <= ON_CREDIT as usize, "{confirmed:?}");
        }

        #[test]
        fn a_target_that_is_repaired_quarantines_no_good_click(
            order in proptest::collection::vec(0usize..1000, 1..200),
            at_a_time in 1usize..12, repaired in 0usize..200,
        ) {
            let confirmed = confirmed(50, &order, at_a_time, |_, handled| handled >= repaired);
            prop_assert!(confirmed.is_empty(), "{confirmed:?}");
        }

        #[test]
        fn of_a_target_that_is_right_bad_clicks_alone_are_confirmed(
            order in proptest::collection::vec(0usize..1000, 1..200),
            at_a_time in 1usize..12, bad in proptest::collection::btree_set(0u8..49, 0..40),
        ) {
            let confirmed = confirmed(50, &order, at_a_time, |number, _| !bad.contains(&number));
            prop_assert!(confirmed.is_subset(&bad), "{confirmed:?} of {bad:?}");
            // The last click is good: with one at a time it is sent after all rejections.
            prop_assert!(at_a_time > 1 || confirmed == bad, "{confirmed:?} of {bad:?}");
        }
    }
}
