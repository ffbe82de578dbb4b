//! An ordered set that knows the place of each member.

/// Most members of a chunk; a memmove of half of it must stay cheap.
const CHUNK: usize = 128;

/// Sorted chunks of sorted members, for some thousands. Insert and remove cost a binary search and a short
/// memmove, place a walk over n / 64 chunk lengths besides: about 150 steps at 10 000 members.
#[derive(Debug)]
pub(super) struct Ranked<K> {
    chunks: Vec<Vec<K>>,
    len: usize,
}

impl<K> Default for Ranked<K> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
        }
    }
}

impl<K: Ord + Copy> Ranked<K> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &K> {
        self.chunks.iter().flatten()
    }

    pub(super) fn first(&self) -> Option<&K> {
        self.chunks.first()?.first()
    }

    pub(super) fn last(&self) -> Option<&K> {
        self.chunks.last()?.last()
    }

    /// Give the upper half of the members away.
    fn split(&mut self) -> Self {
        let chunks = self.chunks.split_off(self.chunks.len() / 2);
        let len = chunks.iter().map(Vec::len).sum();
        self.len -= len;
        Self { chunks, len }
    }

    /// The members not below `key`, in order.
    pub(super) fn iter_from(&self, key: &K) -> impl Iterator<Item = &K> {
        let at = self.chunk_of(key);
        let (chunk, rest) = self.chunks.split_at_checked(at + 1).map_or_else(
            || (&[][..], &[][..]),
            |(head, rest)| (head.last().map_or(&[][..], Vec::as_slice), rest),
        );
        let within = chunk.partition_point(|other| other < key);
        chunk
            .get(within..)
            .unwrap_or_default()
            .iter()
            .chain(rest.iter().flatten())
    }

    /// How many members are below `key`, member or not.
    pub(super) fn below(&self, key: &K) -> usize {
        let at = self.chunk_of(key);
        let within = self
            .chunks
            .get(at)
            .map_or(0, |chunk| chunk.partition_point(|other| other < key));
        let before: usize = self.chunks.iter().take(at).map(Vec::len).sum();
        before + within
    }

    /// The member that so many come before.
    pub(super) fn nth(&self, place: usize) -> Option<&K> {
        let mut left = place;
        for chunk in &self.chunks {
            if let Some(key) = chunk.get(left) {
                return Some(key);
            }
            left -= chunk.len();
        }
        None
    }

    /// The member just before this one.
    pub(super) fn before(&self, key: &K) -> Option<&K> {
        let at = self.chunk_of(key);
        let within = self
            .chunks
            .get(at)
            .map_or(0, |chunk| chunk.partition_point(|other| other < key));
        if within > 0 {
            self.chunks.get(at)?.get(within - 1)
        } else {
            self.chunks.get(at.checked_sub(1)?)?.last()
        }
    }

    /// Index of the first chunk whose last member is not below `key`: the only one that can hold it.
    fn chunk_of(&self, key: &K) -> usize {
        if self.chunks.len() <= 1 {
            return 0; // Members of a short list are not touched for this.
        }
        self.chunks
            .partition_point(|chunk| chunk.last().is_some_and(|last| last < key))
    }

    /// Add a member; false when it is one already.
    pub(super) fn insert(&mut self, key: K) -> bool {
        let at = self.chunk_of(&key).min(self.chunks.len().saturating_sub(1));
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(vec![key]);
            self.len = 1;
            return true;
        };
        let Err(place) = chunk.binary_search(&key) else {
            return false;
        };
        chunk.insert(place, key);
        if chunk.len() > CHUNK {
            let upper = chunk.split_off(CHUNK / 2);
            self.chunks.insert(at + 1, upper);
        }
        self.len += 1;
        true
    }

    /// Remove a member; false when it is none.
    pub(super) fn remove(&mut self, key: &K) -> bool {
        let at = self.chunk_of(key);
        let Some(chunk) = self.chunks.get_mut(at) else {
            return false;
        };
        let Ok(place) = chunk.binary_search(key) else {
            return false;
        };
        chunk.remove(place);
        // The room of the last one is kept for the next member.
        if chunk.is_empty() && self.chunks.len() > 1 {
            self.chunks.remove(at);
        }
        self.len -= 1;
        true
    }

    /// How many members come before this one; None when it is no member.
    pub(super) fn place(&self, key: &K) -> Option<usize> {
        let at = self.chunk_of(key);
        let within = self.chunks.get(at)?.binary_search(key).ok()?;
        let before: usize = self.chunks.iter().take(at).map(Vec::len).sum();
        Some(before + within)
    }
}

/// Most members of a part of a long set.
const PART: usize = 8192;

/// The same for long lines: parts of at most 8192 members each. With a million members a place costs a walk
/// over some 200 lengths, and nothing moves more than a few kilobytes.
#[derive(Debug)]
pub(super) struct LongRanked<K> {
    parts: Vec<Ranked<K>>,
    len: usize,
}

impl<K> Default for LongRanked<K> {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            len: 0,
        }
    }
}

impl<K: Ord + Copy> LongRanked<K> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &K> {
        self.parts.iter().flat_map(Ranked::iter)
    }

    /// Index of the only part that can hold this key.
    fn part_of(&self, key: &K) -> usize {
        let below = |part: &Ranked<K>| part.last().is_some_and(|last| last < key);
        self.parts
            .partition_point(below)
            .min(self.parts.len().saturating_sub(1))
    }

    /// Add a member; false when it is one already.
    pub(super) fn insert(&mut self, key: K) -> bool {
        if self.parts.is_empty() {
            self.parts.push(Ranked::default());
        }
        let at = self.part_of(&key);
        let Some(part) = self.parts.get_mut(at) else {
            return false;
        };
        if !part.insert(key) {
            return false;
        }
        self.len += 1;
        if part.len() > PART {
            let upper = part.split();
            self.parts.insert(at + 1, upper);
        }
        true
    }

    /// Remove a member; false when it is none.
    pub(super) fn remove(&mut self, key: &K) -> bool {
        let at = self.part_of(key);
        let Some(part) = self.parts.get_mut(at) else {
            return false;
        };
        if !part.remove(key) {
            return false;
        }
        self.len -= 1;
        if part.len() == 0 && self.parts.len() > 1 {
            self.parts.remove(at);
        }
        true
    }

    /// How many members come before this one; None when it is no member.
    pub(super) fn place(&self, key: &K) -> Option<usize> {
        let at = self.part_of(key);
        let within = self.parts.get(at)?.place(key)?;
        let before: usize = self.parts.iter().take(at).map(Ranked::len).sum();
        Some(before + within)
    }

    /// The member just before this one.
    pub(super) fn before(&self, key: &K) -> Option<&K> {
        let at = self.part_of(key);
        let within = self.parts.get(at)?.before(key);
        within.or_else(|| self.parts.get(at.checked_sub(1)?)?.last())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_as_a_sorted_list(steps in prop::collection::vec((any::<bool>(), 0u16..2000), 1..3000)) {
            let mut ranked = Ranked::default();
            let mut plain = BTreeSet::new();
            for (add, key) in steps {
                if add {
                    prop_assert_eq!(ranked.insert(key), plain.insert(key));
                } else {
                    prop_assert_eq!(ranked.remove(&key), plain.remove(&key));
                }
                prop_assert_eq!(ranked.len(), plain.len());
            }
            prop_assert!(ranked.iter().eq(plain.iter()));
            for (place, key) in plain.iter().enumerate() {
                prop_assert_eq!(ranked.place(key), Some(place));
                prop_assert_eq!(ranked.nth(place), Some(key));
            }
            prop_assert_eq!(ranked.nth(plain.len()), None);
            prop_assert_eq!(ranked.first(), plain.first());
            for key in [0, 1, 500, 1000, 1999, 2000] {
                prop_assert_eq!(ranked.below(&key), plain.range(..key).count());
                prop_assert_eq!(ranked.before(&key), plain.range(..key).next_back());
                prop_assert!(ranked.iter_from(&key).eq(plain.range(key..)));
            }
            prop_assert_eq!(ranked.place(&5000), None);
        }
    }

    #[test]
    fn a_long_set_behaves_as_a_short_one() {
        let mut long = LongRanked::default();
        let mut plain = BTreeSet::new();
        // Every key below 40 000 once, out of order, and every third out again.
        for step in 0..40_000_u32 {
            let key = step * 7_919 % 40_000;
            assert!(long.insert(key));
            assert!(!long.insert(key));
            plain.insert(key);
        }
        assert!(long.parts.len() > 4);
        assert!(
            long.parts
                .iter()
                .all(|part| (1..=PART).contains(&part.len()))
        );
        for key in (0..40_000).step_by(3) {
            assert!(long.remove(&key));
            assert!(!long.remove(&key));
            plain.remove(&key);
        }
        assert_eq!(long.len(), plain.len());
        assert!(long.iter().eq(plain.iter()));
        for (place, key) in plain.iter().enumerate() {
            assert_eq!(long.place(key), Some(place));
        }
        for key in (0..40_001).step_by(997) {
            assert_eq!(long.before(&key), plain.range(..key).next_back());
        }
        assert_eq!(long.place(&3), None);
        let keys: Vec<u32> = plain.into_iter().collect();
        for key in keys {
            assert!(long.remove(&key));
        }
        assert_eq!((long.len(), long.parts.len()), (0, 1));
    }

    #[test]
    fn keeps_its_chunks_short_and_loses_empty_ones() {
        let mut ranked = Ranked::default();
        for key in 0..10_000 {
            assert!(ranked.insert(key));
        }
        assert!(
            ranked
                .chunks
                .iter()
                .all(|chunk| (1..=CHUNK).contains(&chunk.len()))
        );
        assert_eq!(ranked.place(&9_999), Some(9_999));
        for key in 0..10_000 {
            assert!(ranked.remove(&key));
        }
        assert_eq!(ranked.len(), 0);
        assert_eq!(ranked.chunks.len(), 1);
        assert_eq!(
            (ranked.first(), ranked.last(), ranked.nth(0)),
            (None, None, None)
        );
    }
}
