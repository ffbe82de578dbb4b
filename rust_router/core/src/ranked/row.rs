//! A short sorted row whose members mostly come at the end and go near the front.

/// Sorted members side by side. Behind those who have gone from the front there is room, which is used again when the
/// row would have to grow: neither a member at the end nor one near the front makes the others move.
#[derive(Debug)]
pub(super) struct Row<K> {
    /// Those before `from` are gone.
    items: Vec<K>,
    from: usize,
}

impl<K> Default for Row<K> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            from: 0,
        }
    }
}

impl<K> Row<K> {
    pub(super) fn members(&self) -> &[K] {
        self.items.get(self.from..).unwrap_or_default()
    }

    pub(super) const fn len(&self) -> usize {
        self.items.len() - self.from
    }

    pub(super) fn first(&self) -> Option<&K> {
        self.items.get(self.from)
    }

    pub(super) fn last(&self) -> Option<&K> {
        self.members().last()
    }
}

impl<K: Ord + Copy> Row<K> {
    /// Add a member; its place, or None when it is one already.
    pub(super) fn add(&mut self, key: K) -> Option<usize> {
        let place = match self.last() {
            Some(last) if *last >= key => self.members().binary_search(&key).err()?,
            _ => self.len(),
        };
        if self.from > 0 && place <= self.len() / 2 {
            let to = self.from - 1;
            self.items
                .copy_within(self.from..self.from.saturating_add(place), to);
            self.from = to;
            if let Some(room) = self.items.get_mut(to.saturating_add(place)) {
                *room = key;
            }
            return Some(place);
        }
        // Often enough that there is little more room than members, seldom enough that moving them costs little.
        if self.items.len() == self.items.capacity() && self.from >= self.len() / 4 {
            self.items.drain(..self.from);
            self.from = 0;
        }
        self.items.insert(self.from.saturating_add(place), key);
        Some(place)
    }

    /// Take a member out; its place and itself, or None when it is none.
    pub(super) fn take(&mut self, key: &K) -> Option<(usize, K)> {
        let place = near_front(self.members(), key)?;
        let at = self.from.saturating_add(place);
        if place > self.len() / 2 {
            return Some((place, self.items.remove(at)));
        }
        let taken = self.items.get(at).copied()?;
        self.items
            .copy_within(self.from..at, self.from.saturating_add(1));
        self.from = self.from.saturating_add(1);
        if self.from == self.items.len() {
            self.items.clear();
            self.from = 0;
        }
        Some((place, taken))
    }

    /// Give those from a place on away.
    pub(super) fn split_off(&mut self, place: usize) -> Self {
        Self {
            items: self.items.split_off(self.from.saturating_add(place)),
            from: 0,
        }
    }
}

/// Where a member stands: looked for in steps that double, from the front on.
fn near_front<K: Ord>(members: &[K], key: &K) -> Option<usize> {
    let below = |at: usize| members.get(at).is_some_and(|other| other < key);
    let (mut from, mut step) = (0_usize, 1_usize);
    while below(from.wrapping_add(step).wrapping_sub(1)) {
        from = from.wrapping_add(step);
        step = step.wrapping_mul(2);
    }
    let to = from.wrapping_add(step).wrapping_sub(1).min(members.len());
    let within = members.get(from..to)?.partition_point(|other| other < key);
    let place = from.wrapping_add(within);
    members.get(place).filter(|other| *other == key)?;
    Some(place)
}
