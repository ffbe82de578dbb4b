//! Items in order, by class: the ready agents of a queue by profile, the open callers of a queue by demand.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::collections::hash_map::Entry;
use std::ops::Bound;

use rustc_hash::FxHashMap;

use super::filter::Filter;
use super::set::IdSet;
use crate::ranked::LongRanked;

// Small in tests, so that small histories go all ways.

/// So many items are tried in order before the classes are: with any luck one of them matches…
const TRIES: usize = if cfg!(test) { 8 } else { 256 };
/// …which takes longer than to look at this many classes.
const FEW: usize = if cfg!(test) { 2 } else { 64 };

/// Up to so many items are all looked at; only where there are more is it worth while to keep them by class.
const SMALL: usize = if cfg!(test) { 4 } else { 512 };

/// The items of one class.
#[derive(Debug)]
enum Members<K> {
    One(K),
    Many(BTreeSet<K>),
}

/// An item and its class, in the order of items.
#[derive(Debug, Clone, Copy)]
struct Item<K> {
    key: K,
    class: u32,
}

impl<K: Ord> Ord for Item<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl<K: Ord> PartialOrd for Item<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord> PartialEq for Item<K> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<K: Ord> Eq for Item<K> {}

/// To look for a key, whatever its class.
const fn any_class<K>(key: K) -> Item<K> {
    Item { key, class: 0 }
}

/// Items in order (smallest first), each of one class. An item is in it once.
///
/// While there are few items, or all are of one class, which is what a queue without skills looks like, only one order
/// is kept.
#[derive(Debug)]
#[repr(C)]
pub struct ClassIndex<K> {
    /// The class of all items, from the first one until there is one of another.
    only: Option<u32>,
    divided: bool,
    all: LongRanked<Item<K>>,
    /// Each class's items, while `divided`.
    classes: FxHashMap<u32, Members<K>>,
    occupied: IdSet,
}

impl<K> Default for ClassIndex<K> {
    fn default() -> Self {
        Self {
            all: LongRanked::default(),
            classes: FxHashMap::default(),
            occupied: IdSet::default(),
            divided: false,
            only: None,
        }
    }
}

impl<K: Ord + Copy> ClassIndex<K> {
    /// How many items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.len() == 0
    }

    /// The smallest item and its class.
    #[must_use]
    pub fn first(&self) -> Option<(K, u32)> {
        self.all.first().map(|item| (item.key, item.class))
    }

    /// The smallest item, read where a change near it would: memory is asked for it.
    #[must_use]
    pub fn front(&self) -> Option<K> {
        self.all.front().map(|item| item.key)
    }

    /// The largest item and its class.
    #[must_use]
    pub fn last(&self) -> Option<(K, u32)> {
        self.all.last().map(|item| (item.key, item.class))
    }

    /// All items in order, each with its class.
    pub fn iter(&self) -> impl Iterator<Item = (K, u32)> {
        self.all.iter().map(|item| (item.key, item.class))
    }

    /// The class of an item; None when it isn't there.
    #[must_use]
    pub fn class(&self, key: &K) -> Option<u32> {
        let found = self.next(Bound::Included(key));
        found
            .filter(|(other, _)| other == key)
            .map(|(_, class)| class)
    }

    /// Put an item in a class, out of any other. O(log n), and O(n log n) when they are divided.
    pub fn insert(&mut self, key: K, class: u32) {
        let item = Item { key, class };
        if !self.all.insert(item) {
            let old = self.all.remove(&item).map_or(class, |old| old.class);
            self.all.insert(item);
            if old == class {
                return;
            }
            if self.divided {
                self.leave(&key, old);
            }
        }
        if self.divided {
            self.join(key, class);
            return;
        }
        if self.all.len() == 1 {
            self.only = Some(class);
        } else if self.only != Some(class) {
            self.only = None;
        }
        if self.only.is_none() && self.all.len() > SMALL {
            self.divided = true;
            let all: Vec<(K, u32)> = self.iter().collect();
            for (key, class) in all {
                self.join(key, class);
            }
        }
    }

    fn join(&mut self, key: K, class: u32) {
        match self.classes.entry(class) {
            Entry::Vacant(place) => {
                place.insert(Members::One(key));
                self.occupied.insert(class);
            }
            Entry::Occupied(mut place) => match place.get_mut() {
                Members::Many(keys) => {
                    keys.insert(key);
                }
                Members::One(other) => {
                    let both = BTreeSet::from([*other, key]);
                    place.insert(Members::Many(both));
                }
            },
        }
    }

    /// Take an item out; its class, or None when it wasn't there. O(log n).
    pub fn remove(&mut self, key: &K) -> Option<u32> {
        let Item { class, .. } = self.all.remove(&any_class(*key))?;
        if self.divided {
            self.leave(key, class);
            // Far enough from where they were divided that an item going in and out doesn't do so each time.
            if self.all.len() < SMALL / 2 {
                self.classes = FxHashMap::default();
                self.occupied = IdSet::default();
                self.divided = false;
            }
        }
        Some(class)
    }

    fn leave(&mut self, key: &K, class: u32) {
        let Some(members) = self.classes.get_mut(&class) else {
            return;
        };
        let empty = match members {
            Members::One(_) => true,
            Members::Many(keys) => {
                keys.remove(key);
                keys.is_empty()
            }
        };
        if empty {
            self.classes.remove(&class);
            self.occupied.remove(class);
        }
    }

    /// The smallest item from there on, and its class.
    #[must_use]
    pub fn next(&self, from: Bound<&K>) -> Option<(K, u32)> {
        if matches!(from, Bound::Unbounded) {
            return self.first();
        }
        self.from(from).next()
    }

    /// All items from there on.
    fn from(&self, from: Bound<&K>) -> impl Iterator<Item = (K, u32)> {
        let (key, after) = match from {
            Bound::Unbounded => (None, None),
            Bound::Included(key) => (Some(*key), None),
            Bound::Excluded(key) => (Some(*key), Some(*key)),
        };
        let all = key.is_none().then(|| self.all.iter());
        let some = key.map(|key| self.all.iter_from(any_class(key)));
        let found = all.into_iter().flatten().chain(some.into_iter().flatten());
        found
            .map(|item| (item.key, item.class))
            .skip_while(move |(key, _)| after.as_ref() == Some(key))
    }

    /// Visit all matching items, in no order.
    pub fn each_matching(&self, filter: &Filter<'_>, mut visit: impl FnMut(&K)) {
        if filter.is_everything() || !self.divided {
            let known = self.only.map(|class| filter.test(class));
            self.all
                .iter()
                .filter(|item| known.unwrap_or_else(|| filter.test(item.class)))
                .for_each(|item| visit(&item.key));
            return;
        }
        filter.each_in(&self.occupied, |class| match self.classes.get(&class) {
            Some(Members::One(key)) => visit(key),
            Some(Members::Many(keys)) => keys.iter().for_each(&mut visit),
            None => {}
        });
    }

    /// The smallest matching item.
    #[must_use]
    pub fn best(&self, filter: &Filter<'_>) -> Option<(K, u32)> {
        if filter.is_everything() || self.only.is_some() {
            return self.first().filter(|(_, class)| filter.test(*class));
        }
        self.best_from(filter, Bound::Unbounded, |_| true)
    }

    /// The smallest matching item not before `from` that is accepted.
    ///
    /// Unless few classes can match, some items are tried in order first; then only the heads of matching
    /// classes are compared. Each refusal costs one step more.
    pub fn best_from(
        &self,
        filter: &Filter<'_>,
        from: Bound<&K>,
        mut accept: impl FnMut(&K) -> bool,
    ) -> Option<(K, u32)> {
        let alike = filter.is_everything() || self.only.is_some();
        if alike && !filter.test(self.first()?.1) {
            return None;
        }
        let tries = match filter.at_most() {
            _ if alike || !self.divided => usize::MAX,
            0..=FEW => 0,
            _ => TRIES,
        };
        let (mut looked, mut passed) = (0, None);
        if tries > 0
            && matches!(from, Bound::Unbounded)
            && let Some((key, class)) = self.first()
        {
            // Mostly it is the first, which is at hand.
            if (alike || filter.test(class)) && accept(&key) {
                return Some((key, class));
            }
            (looked, passed) = (1, Some(key));
            if tries == usize::MAX
                && let Some(row) = self.all.row()
            {
                let fits =
                    |item: &&Item<K>| (alike || filter.test(item.class)) && accept(&item.key);
                let found = row.iter().skip(looked).find(fits);
                return found.map(|item| (item.key, item.class));
            }
        }
        for (key, class) in self.from(from).take(tries).skip(looked) {
            if (alike || filter.test(class)) && accept(&key) {
                return Some((key, class));
            }
            (looked, passed) = (looked + 1, Some(key));
        }
        if looked < tries {
            return None;
        }
        let from = passed.as_ref().map_or(from, Bound::Excluded);
        let begun = |key: &K| match from {
            Bound::Included(from) => key >= from,
            Bound::Excluded(from) => key > from,
            Bound::Unbounded => true,
        };
        let mut best: Option<(K, u32)> = None;
        filter.each_in(&self.occupied, |class| {
            let nearer = |key: &&K| best.is_none_or(|(best, _)| **key < best);
            let head = match self.classes.get(&class) {
                Some(Members::One(key)) => {
                    Some(key).filter(|key| begun(key) && nearer(key) && accept(key))
                }
                Some(Members::Many(keys)) => keys
                    .range((from, Bound::Unbounded))
                    .take_while(nearer)
                    .find(|key| accept(key)),
                None => None,
            };
            if let Some(key) = head {
                best = Some((*key, class));
            }
        });
        best
    }
}
