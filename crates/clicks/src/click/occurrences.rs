//! The occurrences of identical clicks in one object, counted in at most 16 bytes a click.

/// Number of shards, so that growing one moves a 256th of the table.
const SHARDS: usize = 256;

/// Counts the occurrences of fingerprints. The n-th occurrence is an entry of its own in a set, so
/// that no counts are kept: an entry takes 8 bytes, and a shard is between half and three quarters
/// full.
#[derive(Default)]
pub struct OccurrenceCounter {
    shards: Vec<Shard>,
    /// Fingerprints while they are few: the usual object holds one click.
    few: Vec<u64>,
}

#[derive(Default)]
struct Shard {
    slots: Vec<u64>,
    used: usize,
}

impl OccurrenceCounter {
    /// Returns a counter for one object.
    pub fn new() -> OccurrenceCounter {
        OccurrenceCounter::default()
    }

    /// Counts one more click with this fingerprint and returns its number among them, from 1.
    pub fn next(&mut self, fingerprint: u64) -> u32 {
        if self.insert(entry(fingerprint, 1)) {
            return 1;
        }
        // Entries 1..n are present and those above are not: gallop, then halve.
        let mut above = 1;
        while self.contains(entry(fingerprint, above)) {
            above *= 2;
        }
        let mut present = above / 2;
        while above - present > 1 {
            let middle = present + (above - present) / 2;
            if self.contains(entry(fingerprint, middle)) {
                present = middle;
            } else {
                above = middle;
            }
        }
        self.insert(entry(fingerprint, above));
        above
    }

    fn contains(&self, entry: u64) -> bool {
        match self.shards.get(shard_of(entry)) {
            Some(shard) => shard
                .slots
                .get(shard.find(entry))
                .is_some_and(|slot| *slot == entry),
            None => self.few.contains(&entry),
        }
    }

    /// Adds an entry; `false` if it is there.
    fn insert(&mut self, entry: u64) -> bool {
        if let Some(shard) = self.shards.get_mut(shard_of(entry)) {
            return shard.insert(entry);
        }
        if self.few.contains(&entry) {
            return false;
        }
        self.few.push(entry);
        if self.few.len() > 32 {
            self.shards.resize_with(SHARDS, Shard::default);
            for entry in std::mem::take(&mut self.few) {
                self.insert(entry);
            }
        }
        true
    }
}

impl Shard {
    /// Returns the slot that holds `entry`, or the free one where it would go.
    fn find(&self, entry: u64) -> usize {
        // The shard's entries agree in their first byte; of the others, the same part of the table
        // as of all values.
        let mut at = ((u128::from(entry << 8) * self.slots.len() as u128) >> 64) as usize;
        while self
            .slots
            .get(at)
            .is_some_and(|&slot| slot != 0 && slot != entry)
        {
            at += 1;
            if at == self.slots.len() {
                at = 0;
            }
        }
        at
    }

    fn insert(&mut self, entry: u64) -> bool {
        if self.used * 4 >= self.slots.len() * 3 {
            let size = (self.slots.len() * 3 / 2).max(8);
            for old in std::mem::replace(&mut self.slots, vec![0; size]) {
                if old != 0 {
                    self.put(old);
                }
            }
        }
        let new = self.put(entry);
        self.used += usize::from(new);
        new
    }

    /// Puts an entry into its slot; `false` if it is there.
    fn put(&mut self, entry: u64) -> bool {
        let at = self.find(entry);
        self.slots
            .get_mut(at)
            .is_some_and(|slot| std::mem::replace(slot, entry) != entry)
    }
}

fn shard_of(entry: u64) -> usize {
    (entry >> 56) as usize
}

/// Returns the entry of the `n`-th occurrence; never 0, which marks a free slot.
fn entry(fingerprint: u64, n: u32) -> u64 {
    (fingerprint ^ u64::from(n - 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn counts_like_a_map(fingerprints in proptest::collection::vec(0u64..40, 0..400)) {
            let (mut counter, mut counts) = (OccurrenceCounter::new(), HashMap::new());
            for fingerprint in fingerprints {
                let spread = fingerprint.wrapping_mul(0xD6E8_FEB8_6659_FD93);
                let n = counts.entry(spread).or_insert(0);
                *n += 1;
                prop_assert_eq!(counter.next(spread), *n);
            }
        }
    }

    #[test]
    fn keeps_to_sixteen_bytes_a_click() {
        let (mut counter, mut rng) = (OccurrenceCounter::new(), fastrand::Rng::with_seed(7));
        for count in 1..=200_000usize {
            assert_eq!(counter.next(rng.u64(..)), 1);
            if count % 10_000 == 0 {
                let bytes: usize = counter.shards.iter().map(|s| s.slots.capacity() * 8).sum();
                assert!(bytes <= 16 * count, "{bytes} bytes for {count} clicks");
            }
        }
    }

    #[test]
    fn one_click_a_million_times_is_quick() {
        let mut counter = OccurrenceCounter::new();
        for n in 1..=100_000 {
            assert_eq!(counter.next(42), n);
        }
    }
}
