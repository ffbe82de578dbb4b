//! An ordered set that knows the place of each member.

mod row;

use row::Row;

/// Most members of a chunk; a move of a quarter of it must stay cheap.
const CHUNK: usize = 64;

/// Sorted chunks of sorted members, for some thousands. Insert and remove cost a binary search and a short move;
/// place a walk over n / 32 chunk lengths besides: about 300 steps at 10 000 members.
///
/// Most come at the end and go near the front, and there little memory is read: one or two lines of it.
///
/// The first chunk, which most sets have alone, is one step away in memory, the first member none.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Ranked<K> {
    /// The first member.
    head: Option<K>,
    /// Empty only when the set is.
    first: Row<K>,
    len: usize,
    /// The others, none empty, each with a key above all before it and not above any in it.
    rest: Vec<(K, Row<K>)>,
}

impl<K> Default for Ranked<K> {
    fn default() -> Self {
        Self {
            first: Row::default(),
            rest: Vec::new(),
            len: 0,
            head: None,
        }
    }
}

impl<K: Ord + Copy> Ranked<K> {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    fn chunks(&self) -> impl Iterator<Item = &Row<K>> {
        let rest = self.rest.iter().map(|(_, chunk)| chunk);
        std::iter::once(&self.first).chain(rest)
    }

    fn chunk(&self, at: usize) -> Option<&Row<K>> {
        match at.checked_sub(1) {
            None => Some(&self.first),
            Some(at) => self.rest.get(at).map(|(_, chunk)| chunk),
        }
    }

    fn chunk_mut(&mut self, at: usize) -> Option<&mut Row<K>> {
        match at.checked_sub(1) {
            None => Some(&mut self.first),
            Some(at) => self.rest.get_mut(at).map(|(_, chunk)| chunk),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &K> {
        self.chunks().flat_map(Row::members)
    }

    pub(crate) const fn first(&self) -> Option<&K> {
        self.head.as_ref()
    }

    /// The first, read where a change near the front would: memory is asked for it.
    pub(crate) fn front(&self) -> Option<&K> {
        self.first.first()
    }

    pub(crate) fn last(&self) -> Option<&K> {
        self.chunk(self.rest.len())?.last()
    }

    /// Give the upper half of the members away.
    fn split(&mut self) -> Self {
        let mut upper = self.rest.split_off(self.rest.len() / 2).into_iter();
        let first = upper.next().map(|(_, chunk)| chunk).unwrap_or_default();
        let rest: Vec<(K, Row<K>)> = upper.collect();
        let others: usize = rest.iter().map(|(_, chunk)| chunk.len()).sum();
        let len = first.len() + others;
        self.len -= len;
        Self {
            head: first.first().copied(),
            first,
            rest,
            len,
        }
    }

    /// The members not below `key`, in order.
    pub(crate) fn iter_from(&self, key: K) -> impl Iterator<Item = &K> {
        let at = self.chunk_of(&key);
        let within = self.within(at, &key);
        let chunk = self.chunk(at).into_iter();
        chunk
            .flat_map(move |chunk| chunk.members().iter().skip(within))
            .chain(
                self.rest
                    .iter()
                    .skip(at)
                    .flat_map(|(_, chunk)| chunk.members()),
            )
    }

    /// How many members of a chunk are below `key`.
    fn within(&self, at: usize, key: &K) -> usize {
        self.chunk(at).map_or(0, |chunk| {
            chunk.members().partition_point(|other| other < key)
        })
    }

    /// How many members are below `key`, member or not.
    pub(crate) fn below(&self, key: &K) -> usize {
        let at = self.chunk_of(key);
        let before: usize = self.chunks().take(at).map(Row::len).sum();
        before + self.within(at, key)
    }

    /// The member that so many come before.
    pub(crate) fn nth(&self, place: usize) -> Option<&K> {
        let mut left = place;
        for chunk in self.chunks() {
            if let Some(key) = chunk.members().get(left) {
                return Some(key);
            }
            left -= chunk.len();
        }
        None
    }

    /// The member just before this one.
    pub(crate) fn before(&self, key: &K) -> Option<&K> {
        let at = self.chunk_of(key);
        let within = self.within(at, key);
        if within > 0 {
            self.chunk(at)?.members().get(within - 1)
        } else {
            self.chunk(at.checked_sub(1)?)?.last()
        }
    }

    /// Index of the only chunk that can hold a key. No member is touched for this.
    fn chunk_of(&self, key: &K) -> usize {
        match self.rest.first() {
            Some((low, _)) if low <= key => self.rest.partition_point(|(low, _)| low <= key),
            _ => 0,
        }
    }

    /// The same for a key that will probably be the last.
    fn chunk_of_newest(&self, key: &K) -> usize {
        match self.rest.last() {
            Some((low, _)) if low <= key => self.rest.len(),
            _ => self.chunk_of(key),
        }
    }

    /// Add a member; false when it is one already.
    pub(crate) fn insert(&mut self, key: K) -> bool {
        let at = self.chunk_of_newest(&key);
        let Some(chunk) = self.chunk_mut(at) else {
            return false;
        };
        let Some(place) = chunk.add(key) else {
            return false;
        };
        if chunk.len() > CHUNK {
            let upper = chunk.split_off(CHUNK / 2);
            if let Some(low) = upper.first() {
                self.rest.insert(at, (*low, upper));
            }
        }
        self.len += 1;
        if at == 0 && place == 0 {
            self.head = Some(key);
        }
        true
    }

    /// Remove a member and give it; None when it is none.
    pub(crate) fn remove(&mut self, key: &K) -> Option<K> {
        let at = self.chunk_of(key);
        let chunk = self.chunk_mut(at)?;
        let (place, removed) = chunk.take(key)?;
        // The room of the last one is kept for the next member.
        if chunk.len() == 0 && !self.rest.is_empty() {
            let (_, next) = self.rest.remove(at.saturating_sub(1));
            if at == 0 {
                self.first = next;
            }
        }
        self.len -= 1;
        if at == 0 && place == 0 {
            self.head = self.first.first().copied();
        }
        Some(removed)
    }

    /// How many members come before this one; None when it is no member.
    pub(crate) fn place(&self, key: &K) -> Option<usize> {
        let at = self.chunk_of(key);
        let within = self.chunk(at)?.members().binary_search(key).ok()?;
        let before: usize = self.chunks().take(at).map(Row::len).sum();
        Some(before + within)
    }
}

/// Most members of a part of a long set.
const PART: usize = 8192;

/// The same for long lines: parts of at most 8192 members each. With a million members a place costs a walk
/// over some 200 lengths, and nothing moves more than a few kilobytes.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct LongRanked<K> {
    /// Empty only when the set is.
    first: Ranked<K>,
    rest: Vec<Ranked<K>>,
    len: usize,
}

impl<K> Default for LongRanked<K> {
    fn default() -> Self {
        Self {
            first: Ranked::default(),
            rest: Vec::new(),
            len: 0,
        }
    }
}

impl<K: Ord + Copy> LongRanked<K> {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    fn parts(&self) -> impl Iterator<Item = &Ranked<K>> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    fn part(&self, at: usize) -> Option<&Ranked<K>> {
        match at.checked_sub(1) {
            None => Some(&self.first),
            Some(at) => self.rest.get(at),
        }
    }

    fn part_mut(&mut self, at: usize) -> Option<&mut Ranked<K>> {
        match at.checked_sub(1) {
            None => Some(&mut self.first),
            Some(at) => self.rest.get_mut(at),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &K> {
        self.parts().flat_map(Ranked::iter)
    }

    /// All members when they stand in one row, as those of most sets do.
    pub(crate) fn row(&self) -> Option<&[K]> {
        let alone = self.rest.is_empty() && self.first.rest.is_empty();
        alone.then(|| self.first.first.members())
    }

    /// Index of the only part that can hold this key.
    fn part_of(&self, key: &K) -> usize {
        let below = |part: &Ranked<K>| part.last().is_some_and(|last| last < key);
        if self.rest.is_empty() || !below(&self.first) {
            return 0;
        }
        (1 + self.rest.partition_point(below)).min(self.rest.len())
    }

    /// Add a member; false when it is one already.
    pub(crate) fn insert(&mut self, key: K) -> bool {
        let at = self.part_of(&key);
        let Some(part) = self.part_mut(at) else {
            return false;
        };
        if !part.insert(key) {
            return false;
        }
        if part.len() > PART {
            let upper = part.split();
            self.rest.insert(at, upper);
        }
        self.len += 1;
        true
    }

    /// Remove a member and give it; None when it is none.
    pub(crate) fn remove(&mut self, key: &K) -> Option<K> {
        let at = self.part_of(key);
        let part = self.part_mut(at)?;
        let removed = part.remove(key)?;
        if part.len() == 0 && !self.rest.is_empty() {
            let next = self.rest.remove(at.saturating_sub(1));
            if at == 0 {
                self.first = next;
            }
        }
        self.len -= 1;
        Some(removed)
    }

    pub(crate) fn first(&self) -> Option<&K> {
        self.first.first()
    }

    /// The same, read where a change near the front would.
    pub(crate) fn front(&self) -> Option<&K> {
        self.first.front()
    }

    pub(crate) fn last(&self) -> Option<&K> {
        self.part(self.rest.len())?.last()
    }

    /// The members not below `key`, in order.
    pub(crate) fn iter_from(&self, key: K) -> impl Iterator<Item = &K> {
        let at = self.part_of(&key);
        let part = self.part(at).into_iter();
        part.flat_map(move |part| part.iter_from(key))
            .chain(self.rest.iter().skip(at).flat_map(Ranked::iter))
    }

    /// How many members come before this one; None when it is no member.
    pub(crate) fn place(&self, key: &K) -> Option<usize> {
        let at = self.part_of(key);
        let within = self.part(at)?.place(key)?;
        let before: usize = self.parts().take(at).map(Ranked::len).sum();
        Some(before + within)
    }

    /// The member just before this one.
    pub(crate) fn before(&self, key: &K) -> Option<&K> {
        let at = self.part_of(key);
        let within = self.part(at)?.before(key);
        within.or_else(|| self.part(at.checked_sub(1)?)?.last())
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
                    prop_assert_eq!(ranked.remove(&key), plain.take(&key));
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
                prop_assert!(ranked.iter_from(key).eq(plain.range(key..)));
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
        assert!(long.rest.len() > 3);
        assert!(long.parts().all(|part| (1..=PART).contains(&part.len())));
        for key in (0..40_000).step_by(3) {
            assert_eq!(long.remove(&key), Some(key));
            assert_eq!(long.remove(&key), None);
            plain.remove(&key);
        }
        assert_eq!(long.len(), plain.len());
        assert!(long.iter().eq(plain.iter()));
        for (place, key) in plain.iter().enumerate() {
            assert_eq!(long.place(key), Some(place));
        }
        for key in (0..40_001).step_by(997) {
            assert_eq!(long.before(&key), plain.range(..key).next_back());
            assert!(long.iter_from(key).eq(plain.range(key..)));
        }
        assert_eq!(long.first(), plain.first());
        assert_eq!(long.place(&3), None);
        let keys: Vec<u32> = plain.into_iter().collect();
        for key in keys {
            assert!(long.remove(&key).is_some());
        }
        assert_eq!((long.len(), long.rest.len()), (0, 0));
    }

    #[test]
    fn keeps_its_chunks_short_and_loses_empty_ones() {
        let mut ranked = Ranked::default();
        for key in 0..10_000 {
            assert!(ranked.insert(key));
        }
        assert!(
            ranked
                .chunks()
                .all(|chunk| (1..=CHUNK).contains(&chunk.len()))
        );
        assert_eq!(ranked.place(&9_999), Some(9_999));
        for key in 0..10_000 {
            assert!(ranked.remove(&key).is_some());
        }
        assert_eq!(ranked.len(), 0);
        assert!(ranked.rest.is_empty());
        assert_eq!(
            (ranked.first(), ranked.last(), ranked.nth(0)),
            (None, None, None)
        );
    }
}
