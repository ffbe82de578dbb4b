//! The agents of one queue who may be offered now, in the order of the queue's strategy.

use std::ops::Bound;

use crate::ranked::Ranked;
use crate::skills::{ClassIndex, Filter, ProfileId};

/// Place of a ready agent among others: smaller is better. What the two numbers are depends on the strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReadyKey {
    pub(super) level: i32,
    pub(super) first: i64,
    pub(super) second: i64,
    pub(super) id: u64,
    pub(super) slot: u32,
}

impl ReadyKey {
    /// The smallest key there can be with these numbers.
    pub(super) const fn from(level: i32, first: i64, second: i64, id: u64) -> Self {
        Self {
            level,
            first,
            second,
            id,
            slot: 0,
        }
    }
}

/// Where a ready agent stands in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) delay_us: i64,
    pub(super) weight: u32,
    pub(super) profile: ProfileId,
    pub(super) key: ReadyKey,
}

/// What a wait opens: agents of these levels, with at most this delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) waited_us: i64,
    pub(super) level: i32,
}

impl Opening {
    pub(super) const fn admits(&self, place: &Place) -> bool {
        place.delay_us <= self.waited_us && place.key.level <= self.level
    }
}

/// Whom a caller may have.
#[derive(Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) opening: Opening,
    /// Profiles that meet the demand.
    pub(super) profiles: Filter<'a>,
}

impl Wish<'_> {
    pub(super) fn admits(&self, place: &Place) -> bool {
        self.opening.admits(place) && self.profiles.test(place.profile.0)
    }
}

/// In which orders ready agents are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orders {
    /// In one line, in which places are counted.
    pub(super) line: bool,
    /// By profile.
    pub(super) profiles: bool,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            line: true,
            profiles: false,
        }
    }
}

/// Agents of one opening delay and weight, in one of the two orders or in both.
#[derive(Debug)]
#[repr(C)]
struct Class {
    line: Ranked<ReadyKey>,
    delay_us: i64,
    weight: u32,
    profiles: ClassIndex<ReadyKey>,
}

impl Class {
    const fn is_plain(place: &Place) -> bool {
        place.delay_us == 0 && place.weight == 1
    }

    fn insert(&mut self, place: &Place, orders: Orders) -> bool {
        if orders.profiles {
            self.profiles.insert(place.key, place.profile.0);
        }
        !orders.line || self.line.insert(place.key)
    }

    fn remove(&mut self, place: &Place, orders: Orders) -> bool {
        let mut there = !orders.profiles;
        if orders.profiles {
            there = self.profiles.remove(&place.key).is_some();
        }
        if orders.line {
            there = self.line.remove(&place.key).is_some();
        }
        there
    }

    fn is_empty(&self) -> bool {
        self.line.len() == 0 && self.profiles.is_empty()
    }

    /// The first member, from `start` on if given, that is on an open level, meets the demand and is accepted.
    fn first_from(
        &self,
        start: Option<&ReadyKey>,
        wish: &Wish<'_>,
        orders: Orders,
        mut accept: impl FnMut(&ReadyKey) -> bool,
    ) -> Option<ReadyKey> {
        let level = wish.opening.level;
        if orders.profiles {
            let from = start.map_or(Bound::Unbounded, Bound::Included);
            let (key, _) = self.profiles.best_from(&wish.profiles, from, accept)?;
            return Some(key).filter(|key| key.level <= level);
        }
        let mut first = |keys: &mut dyn Iterator<Item = &ReadyKey>| {
            let mut open = keys.take_while(|key| key.level <= level);
            open.find(|key| accept(key)).copied()
        };
        if let Some(start) = start {
            return first(&mut self.line.iter_from(*start));
        }
        // Mostly it is the first, which is at hand.
        let head = self.line.first()?;
        first(&mut std::iter::once(head)).or_else(|| first(&mut self.line.iter().skip(1)))
    }
}

/// Ready agents by class; there are few classes, in most centres only the plain one.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Ready {
    len: usize,
    orders: Orders,
    /// Those without a delay, of weight 1: first in the order of classes.
    plain: Class,
    /// The others in order of delay, then weight; none is empty.
    special: Vec<Class>,
}

impl Default for Class {
    fn default() -> Self {
        Self {
            delay_us: 0,
            weight: 1,
            line: Ranked::default(),
            profiles: ClassIndex::default(),
        }
    }
}

impl Ready {
    /// Nobody yet, to be kept in these orders.
    pub(super) fn in_orders(orders: Orders) -> Self {
        Self {
            orders,
            ..Self::default()
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Anything of what a change reads, to have it fetched: of the end, where most come in, or of the front, near
    /// which most go.
    pub(super) fn glance(&self, leaves: bool) -> u64 {
        let key = match (self.orders.profiles, leaves) {
            (true, true) => self.plain.profiles.front(),
            (true, false) => self.plain.profiles.last().map(|(key, _)| key),
            (false, true) => self.plain.line.front().copied(),
            (false, false) => self.plain.line.last().copied(),
        };
        key.map_or(0, |key| key.id)
    }

    /// The slot of the first of the plain ones, in whose order there is no lot.
    pub(super) fn first_slot(&self) -> Option<u32> {
        if self.orders.profiles {
            self.plain.profiles.first().map(|(key, _)| key.slot)
        } else {
            self.plain.line.first().map(|key| key.slot)
        }
    }

    /// All of them, in no order.
    pub(super) fn keys(&self) -> impl Iterator<Item = ReadyKey> {
        let by_profile = self.orders.profiles;
        let classes = std::iter::once(&self.plain).chain(&self.special);
        classes.flat_map(move |class| {
            let profiles = by_profile.then(|| class.profiles.iter().map(|(key, _)| key));
            let line = (!by_profile).then(|| class.line.iter().copied());
            let profiles = profiles.into_iter().flatten();
            profiles.chain(line.into_iter().flatten())
        })
    }

    /// Slots of all of them, in no order.
    pub(super) fn slots(&self) -> Vec<u32> {
        self.keys().map(|key| key.slot).collect()
    }

    fn class_of(&self, place: &Place) -> Result<usize, usize> {
        self.special
            .binary_search_by_key(&(place.delay_us, place.weight), |class| {
                (class.delay_us, class.weight)
            })
    }

    pub(super) fn insert(&mut self, place: &Place) {
        let orders = self.orders;
        if Class::is_plain(place) {
            self.len += usize::from(self.plain.insert(place, orders));
            return;
        }
        let at = match self.class_of(place) {
            Ok(at) => at,
            Err(at) => {
                let class = Class {
                    delay_us: place.delay_us,
                    weight: place.weight,
                    ..Class::default()
                };
                self.special.insert(at, class);
                at
            }
        };
        if let Some(class) = self.special.get_mut(at) {
            self.len += usize::from(class.insert(place, orders));
        }
    }

    pub(super) fn remove(&mut self, place: &Place) {
        let orders = self.orders;
        if Class::is_plain(place) {
            self.len -= usize::from(self.plain.remove(place, orders));
            return;
        }
        let Ok(at) = self.class_of(place) else {
            return;
        };
        if let Some(class) = self.special.get_mut(at) {
            self.len -= usize::from(class.remove(place, orders));
            if class.is_empty() {
                self.special.remove(at);
            }
        }
    }

    fn open(&self, opening: Opening) -> impl Iterator<Item = &Class> {
        let opened = move |class: &&Class| class.delay_us <= opening.waited_us;
        std::iter::once(&self.plain).chain(self.special.iter().take_while(opened))
    }

    /// Whether there is anybody for this wait, whatever the demand.
    pub(super) fn any_open(&self, opening: Opening) -> bool {
        self.open(opening).any(|class| {
            let first = if self.orders.profiles {
                class.profiles.first().map(|(key, _)| key)
            } else {
                class.line.first().copied()
            };
            first.is_some_and(|key| key.level <= opening.level)
        })
    }

    /// Whether there is anybody for this wait and demand.
    pub(super) fn any(&self, wish: &Wish<'_>) -> bool {
        self.open(wish.opening).any(|class| {
            class
                .first_from(None, wish, self.orders, |_| true)
                .is_some()
        })
    }

    /// Whether there is anybody for this wait and demand who is accepted; others are asked until then.
    pub(super) fn first_where<E>(
        &self,
        wish: &Wish<'_>,
        mut accept: impl FnMut(&ReadyKey) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let mut found = Ok(false);
        for class in self.open(wish.opening) {
            class.first_from(None, wish, self.orders, |key| {
                // Who is on a closed level ends the search and isn't found by it.
                key.level > wish.opening.level || {
                    let answer = accept(key);
                    let go_on = matches!(answer, Ok(false));
                    if !go_on {
                        found = answer;
                    }
                    !go_on
                }
            });
            if !matches!(found, Ok(false)) {
                break;
            }
        }
        found
    }

    /// The best agent who is accepted.
    pub(super) fn best(
        &self,
        wish: &Wish<'_>,
        accept: impl Fn(&ReadyKey) -> bool,
    ) -> Option<ReadyKey> {
        self.best_of_all(None, wish, accept)
    }

    /// The best from `start` on.
    pub(super) fn best_from(
        &self,
        start: ReadyKey,
        wish: &Wish<'_>,
        accept: impl Fn(&ReadyKey) -> bool,
    ) -> Option<ReadyKey> {
        self.best_of_all(Some(&start), wish, accept)
    }

    fn best_of_all(
        &self,
        start: Option<&ReadyKey>,
        wish: &Wish<'_>,
        accept: impl Fn(&ReadyKey) -> bool,
    ) -> Option<ReadyKey> {
        self.open(wish.opening)
            .filter_map(|class| class.first_from(start, wish, self.orders, &accept))
            .min()
    }

    /// The agents of one level by lot, in order of delay, weight and id, whatever their skills. `left_out` are
    /// places in this queue.
    pub(super) fn lots(&self, opening: Opening, level: i32, left_out: &[Place]) -> Lots<'_> {
        let low = ReadyKey::from(level, i64::MIN, i64::MIN, 0);
        let high = ReadyKey::from(level + 1, i64::MIN, i64::MIN, 0);
        let mut parts = Vec::with_capacity(4);
        let mut total: u64 = 0;
        for class in self.open(opening) {
            let begin = class.line.below(&low);
            let end = class.line.below(&high);
            let mut skipped: Vec<usize> = left_out
                .iter()
                .filter(|place| {
                    place.delay_us == class.delay_us
                        && place.weight == class.weight
                        && place.key.level == level
                })
                .map(|place| class.line.below(&place.key))
                .collect();
            skipped.sort_unstable();
            let members = end.saturating_sub(begin).saturating_sub(skipped.len());
            let lots = members as u64 * u64::from(class.weight);
            total += lots;
            parts.push(Part {
                class,
                begin,
                skipped,
                lots,
            });
        }
        Lots { parts, total }
    }

    /// The accepted agents of one level who meet the demand, each with a weight, in order of delay, weight and id.
    pub(super) fn matching(
        &self,
        wish: &Wish<'_>,
        level: i32,
        accept: impl Fn(&ReadyKey) -> bool,
    ) -> Vec<(ReadyKey, u64)> {
        let mut found = Vec::new();
        for class in self.open(wish.opening) {
            let begun = found.len();
            let weight = u64::from(class.weight);
            let mut look_at = |key: &ReadyKey| {
                if key.level == level && accept(key) {
                    found.push((*key, weight));
                }
            };
            if self.orders.profiles {
                class.profiles.each_matching(&wish.profiles, look_at);
            } else {
                class.line.iter().for_each(&mut look_at);
            }
            if let Some(mine) = found.get_mut(begun..) {
                mine.sort_unstable();
            }
        }
        found
    }
}

/// The lots of one class.
struct Part<'a> {
    class: &'a Class,
    begin: usize,
    skipped: Vec<usize>,
    lots: u64,
}

impl Part<'_> {
    fn nth(&self, within: usize) -> Option<ReadyKey> {
        let mut place = self.begin + within;
        for skip in &self.skipped {
            if *skip <= place {
                place += 1;
            }
        }
        self.class.line.nth(place).copied()
    }
}

/// Agents among whom lots are drawn; each has as many as the weight says.
pub(super) struct Lots<'a> {
    parts: Vec<Part<'a>>,
    total: u64,
}

impl Lots<'_> {
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Whose this lot is.
    pub(super) fn holder(&self, mut lot: u64) -> Option<ReadyKey> {
        for part in &self.parts {
            if lot >= part.lots {
                lot -= part.lots;
                continue;
            }
            let within = usize::try_from(lot / u64::from(part.class.weight.max(1))).ok()?;
            return part.nth(within);
        }
        None
    }
}
