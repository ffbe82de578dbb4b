//! The agents of one queue who may be offered now, in the order of the queue's strategy.

use super::ranked::Ranked;

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

/// Agents of one opening delay and weight.
#[derive(Debug)]
struct Class {
    delay_us: i64,
    weight: u32,
    agents: Ranked<ReadyKey>,
}

impl Class {
    /// The first member from `start` on that is on an open level and not refused.
    fn first_from(&self, start: ReadyKey, level: i32, refused: &[u64]) -> Option<ReadyKey> {
        self.agents
            .iter_from(&start)
            .take_while(|key| key.level <= level)
            .find(|key| !refused.contains(&key.id))
            .copied()
    }
}

/// Ready agents by class; there are few classes, in most centres only the plain one.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// Those without a delay, of weight 1: first in the order of classes.
    plain: Class,
    /// The others in order of delay, then weight; none is empty.
    special: Vec<Class>,
    len: usize,
}

impl Default for Class {
    fn default() -> Self {
        Self {
            delay_us: 0,
            weight: 1,
            agents: Ranked::default(),
        }
    }
}

const FIRST: ReadyKey = ReadyKey::from(0, i64::MIN, i64::MIN, 0);

impl Ready {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn class_of(&self, place: &Place) -> Result<usize, usize> {
        self.special
            .binary_search_by_key(&(place.delay_us, place.weight), |class| {
                (class.delay_us, class.weight)
            })
    }

    pub(super) fn insert(&mut self, place: Place) {
        if place.delay_us == 0 && place.weight == 1 {
            self.len += usize::from(self.plain.agents.insert(place.key));
            return;
        }
        let at = match self.class_of(&place) {
            Ok(at) => at,
            Err(at) => {
                let class = Class {
                    delay_us: place.delay_us,
                    weight: place.weight,
                    agents: Ranked::default(),
                };
                self.special.insert(at, class);
                at
            }
        };
        if let Some(class) = self.special.get_mut(at) {
            self.len += usize::from(class.agents.insert(place.key));
        }
    }

    pub(super) fn remove(&mut self, place: &Place) {
        if place.delay_us == 0 && place.weight == 1 {
            self.len -= usize::from(self.plain.agents.remove(&place.key));
            return;
        }
        let Ok(at) = self.class_of(place) else {
            return;
        };
        if let Some(class) = self.special.get_mut(at) {
            self.len -= usize::from(class.agents.remove(&place.key));
            if class.agents.len() == 0 {
                self.special.remove(at);
            }
        }
    }

    fn open(&self, opening: Opening) -> impl Iterator<Item = &Class> {
        let opened = move |class: &&Class| class.delay_us <= opening.waited_us;
        std::iter::once(&self.plain).chain(self.special.iter().take_while(opened))
    }

    /// Whether there is anybody for this wait.
    pub(super) fn any(&self, opening: Opening) -> bool {
        self.open(opening).any(|class| {
            class
                .agents
                .first()
                .is_some_and(|key| key.level <= opening.level)
        })
    }

    /// The best agent who isn't refused.
    pub(super) fn best(&self, opening: Opening, refused: &[u64]) -> Option<ReadyKey> {
        self.best_from(FIRST, opening, refused)
    }

    /// The best from `start` on.
    pub(super) fn best_from(
        &self,
        start: ReadyKey,
        opening: Opening,
        refused: &[u64],
    ) -> Option<ReadyKey> {
        self.open(opening)
            .filter_map(|class| class.first_from(start, opening.level, refused))
            .min()
    }

    /// One of the lowest open level by lot; the agents of a class are in order of their id. `refused` are
    /// places in this queue; `draw` gives a number below its argument.
    pub(super) fn by_lot(
        &self,
        opening: Opening,
        level: i32,
        refused: &[Place],
        draw: impl FnOnce(u64) -> u64,
    ) -> Option<ReadyKey> {
        let low = ReadyKey::from(level, i64::MIN, i64::MIN, 0);
        let high = ReadyKey::from(level + 1, i64::MIN, i64::MIN, 0);
        let mut parts = Vec::with_capacity(4);
        let mut total: u64 = 0;
        for class in self.open(opening) {
            let begin = class.agents.below(&low);
            let end = class.agents.below(&high);
            let mut skipped: Vec<usize> = refused
                .iter()
                .filter(|place| {
                    place.delay_us == class.delay_us
                        && place.weight == class.weight
                        && place.key.level == level
                })
                .map(|place| class.agents.below(&place.key))
                .collect();
            skipped.sort_unstable();
            let members = end.saturating_sub(begin).saturating_sub(skipped.len());
            let lots = members as u64 * u64::from(class.weight);
            total += lots;
            parts.push((class, begin, skipped, lots));
        }
        if total == 0 {
            return None;
        }
        let mut lot = draw(total);
        for (class, begin, skipped, lots) in parts {
            if lot >= lots {
                lot -= lots;
                continue;
            }
            let within = usize::try_from(lot / u64::from(class.weight.max(1))).ok()?;
            let mut place = begin + within;
            for skip in skipped {
                if skip <= place {
                    place += 1;
                }
            }
            return class.agents.nth(place).copied();
        }
        None
    }
}
