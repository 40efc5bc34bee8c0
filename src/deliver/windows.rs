//! Cuts an object into windows, for a target whose requests are windows. Pure.
//!
//! Every click of the object is observed, sent or not, from its first byte on: so the same object
//! is always cut at the same clicks, however often it is read, and whatever a filter lets through.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::targets::{StoreTerms, Window, WindowBounds, WindowId};
use clicks::click::ClickId;

/// Characters of a timestamp up to its hour: `2026-11-21T23`.
const HOUR: usize = 13;

/// The hour of a timestamp.
pub(super) fn hour(timestamp: &str) -> &str {
    timestamp.get(..HOUR).unwrap_or(timestamp)
}

/// Cuts one object after the other.
#[derive(Debug)]
pub(super) struct Windows {
    bounds: WindowBounds,
    terms: StoreTerms,
    open: Option<Open>,
}

/// The window being filled.
#[derive(Debug)]
struct Open {
    window: Arc<Window>,
    /// Where its first and its last click begin.
    from: u64,
    last: u64,
    /// How many clicks it has.
    clicks: usize,
    /// The hours of its clicks.
    hours: Vec<Box<str>>,
    /// A hash over the ids of its clicks.
    ids: Sha256,
}

impl Windows {
    pub(super) fn new(bounds: WindowBounds, terms: StoreTerms) -> Windows {
        Windows {
            bounds,
            terms,
            open: None,
        }
    }

    /// Observes a click of `hour` at `at`. Returns whether the window before it is complete.
    pub(super) fn observe(&mut self, hour: &str, id: ClickId, at: u64) -> bool {
        // A click before the last one: the object is read again.
        let again = self.open.as_ref().is_some_and(|open| at <= open.last);
        if again {
            self.open = None;
        }
        let full = self
            .open
            .as_ref()
            .is_some_and(|open| open.is_full(self.bounds, hour, at));
        if full {
            self.end();
        }
        let terms = self.terms;
        let fresh = || Open {
            window: Arc::new(Window {
                terms,
                ..Window::default()
            }),
            from: at,
            last: at,
            clicks: 0,
            hours: Vec::new(),
            ids: Sha256::new(),
        };
        let open = self.open.get_or_insert_with(fresh);
        open.last = at;
        open.clicks += 1;
        open.ids.update(id.text());
        if !open.hours.iter().any(|known| **known == *hour) {
            open.hours.push(hour.into());
        }
        full
    }

    /// The window of the last click that was observed.
    pub(super) fn window(&self) -> Option<Arc<Window>> {
        self.open.as_ref().map(|open| open.window.clone())
    }

    /// Completes the window: no further click is in it.
    pub(super) fn end(&mut self) {
        if let Some(Open { window, ids, .. }) = self.open.take() {
            window
                .digest
                .get_or_init(|| WindowId::from_digest(&ids.finalize().into()));
        }
    }
}

impl Open {
    /// Whether a click of `hour` at `at` is not in it any more.
    fn is_full(&self, bounds: WindowBounds, hour: &str, at: u64) -> bool {
        at - self.from >= bounds.bytes
            || self.clicks >= bounds.clicks
            || (self.hours.len() >= bounds.hours
                && !self.hours.iter().any(|known| **known == *hour))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: WindowBounds = WindowBounds {
        bytes: 100,
        clicks: 8,
        hours: 2,
    };

    fn id(number: u8) -> ClickId {
        ClickId::from_digest(&[number; 32])
    }

    /// The windows of clicks, each with its offset and hour: the offsets of the first ones.
    fn firsts(windows: &mut Windows, clicks: &[(u64, &str)]) -> Vec<u64> {
        let mut firsts = vec![clicks[0].0];
        firsts.extend(
            clicks
                .iter()
                .filter(|(at, hour)| windows.observe(hour, id(*at as u8), *at))
                .map(|(at, _)| at),
        );
        firsts
    }

    #[test]
    fn a_window_ends_by_its_bytes_its_clicks_or_its_hours() {
        let windows = &mut Windows::new(BOUNDS, StoreTerms::default());
        assert_eq!(
            firsts(windows, &(0..20).map(|at| (at, "a")).collect::<Vec<_>>()),
            [0, 8, 16]
        );
        let windows = &mut Windows::new(BOUNDS, StoreTerms::default());
        assert_eq!(
            firsts(
                windows,
                &[(0, "a"), (99, "a"), (100, "a"), (199, "a"), (250, "a")]
            ),
            [0, 100, 250]
        );
        let windows = &mut Windows::new(BOUNDS, StoreTerms::default());
        assert_eq!(
            firsts(
                windows,
                &[
                    (0, "a"),
                    (1, "b"),
                    (2, "a"),
                    (3, "c"),
                    (4, "a"),
                    (5, "c"),
                    (6, "b")
                ]
            ),
            [0, 3, 6]
        );
    }

    #[test]
    fn reading_again_cuts_at_the_same_clicks() {
        let clicks: Vec<_> = (0..50)
            .map(|n| (n * 7, ["a", "b", "c"][(n as usize * n as usize / 5) % 3]))
            .collect();
        let windows = &mut Windows::new(BOUNDS, StoreTerms::default());
        let once = firsts(windows, &clicks);
        firsts(windows, &clicks[..20]);
        assert_eq!(firsts(windows, &clicks), once);
        assert!(once.len() > 5);
    }

    #[test]
    fn the_digest_is_that_of_all_clicks_of_the_window() {
        let digest = |clicks: &[(u64, &str)]| {
            let mut windows = Windows::new(BOUNDS, StoreTerms::default());
            firsts(&mut windows, clicks);
            let window = windows.window().unwrap();
            assert!(window.digest.get().is_none(), "it is not whole");
            windows.end();
            *window.digest.get().unwrap()
        };
        assert_eq!(digest(&[(7, "a"), (8, "b")]), digest(&[(7, "a"), (8, "a")]));
        assert_ne!(digest(&[(7, "a"), (8, "b")]), digest(&[(7, "a"), (9, "b")]));
        assert_ne!(digest(&[(7, "a"), (8, "b")]), digest(&[(7, "a")]));
    }
}
