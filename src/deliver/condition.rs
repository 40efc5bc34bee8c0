//! Whether it was told that a target is down, so that it is told once and not at each attempt.
//! Pure: time comes as an argument.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// A wait that is told even if it is the first: nothing moves meanwhile.
const LONG: Duration = Duration::from_secs(1);

/// The condition of one target, as far as people know it.
#[derive(Debug, Default)]
pub(super) struct Condition {
    /// Since when requests fail; `None` while the last one was answered.
    failing: Option<Instant>,
    /// Waits for another attempt since then.
    waits: u32,
    /// The target's name, once it was told that it is down.
    told: Option<Arc<str>>,
}

/// A target that is back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Back {
    pub(super) name: Arc<str>,
    pub(super) after: Duration,
}

impl Condition {
    /// Notes a request that failed.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failing.get_or_insert(now);
    }

    /// Notes that the next attempt comes after `delay`; `true` if it is to be told that the target
    /// is down. A single failure that is soon tried again is no news.
    pub(super) fn waits(&mut self, name: &Arc<str>, delay: Duration) -> bool {
        if self.failing.is_none() || self.told.is_some() {
            return false;
        }
        self.waits += 1;
        let is_news = self.waits > 1 || delay >= LONG;
        if is_news {
            self.told = Some(name.clone());
        }
        is_news
    }

    /// Notes that a request was answered; returns what is to be told if the target was down.
    pub(super) fn answered(&mut self, now: Instant) -> Option<Back> {
        let Condition { failing, told, .. } = std::mem::take(self);
        let after = now.saturating_duration_since(failing?);
        told.map(|name| Back { name, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_at_its_beginning_and_once_at_its_end() {
        let (mut condition, now) = (Condition::default(), Instant::now());
        let (name, moment) = (Arc::from("hook"), Duration::from_millis(100));
        assert!(!condition.waits(&name, LONG), "it only took no record");
        for _ in 0..3 {
            condition.failed(now);
            assert!(!condition.waits(&name, moment), "once is no outage");
            assert_eq!(condition.answered(now), None);
        }
        condition.failed(now);
        assert!(!condition.waits(&name, moment));
        for wait in 0..5 {
            condition.failed(now + moment);
            assert_eq!(condition.waits(&name, moment), wait == 0, "{wait}");
        }
        let back = Back {
            name: name.clone(),
            after: LONG,
        };
        assert_eq!(condition.answered(now + LONG), Some(back));
        assert_eq!(condition.answered(now + LONG), None);
        condition.failed(now);
        assert!(condition.waits(&name, LONG), "it asks for a long wait");
    }
}
