//! Storage by slot with public ids that are never used twice.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::error::{Result, RouterError};

/// Items by slot (dense, reused, internal) and by id (counted up from 1, never reused, public).
///
/// A stale id finds nothing, whatever lives in the slot now.
#[derive(Debug)]
pub(super) struct Slots<T> {
    items: Vec<Place<T>>,
    free: Vec<u32>,
    by_id: Ids,
    last_id: u64,
}

/// Whether there is an item and its id stand beside what of the item is read first. Without the tag of its own, the
/// compiler would look for "nothing" anywhere in the item: one more line of memory to read each time.
#[derive(Debug)]
#[repr(u8)]
enum Place<T> {
    Free,
    Kept { id: u64, item: T },
}

/// So many ids in a row are kept together; a power of two.
const ROW: usize = 8;

/// No slot.
const NOWHERE: u32 = u32::MAX;

/// Slots by id. Ids come one after the other, so most new ones go where the last one did, near at hand.
#[derive(Debug, Default)]
struct Ids {
    rows: FxHashMap<u64, [u32; ROW]>,
}

/// Which row an id is in, and where in it.
fn place(id: u64) -> (u64, usize) {
    let [low, ..] = id.to_le_bytes();
    (id / ROW as u64, usize::from(low) % ROW)
}

impl Ids {
    fn get(&self, id: u64) -> Option<u32> {
        let (row, at) = place(id);
        let slot = self.rows.get(&row)?.get(at);
        slot.copied().filter(|slot| *slot != NOWHERE)
    }

    fn insert(&mut self, id: u64, slot: u32) {
        let (row, at) = place(id);
        let row = self.rows.entry(row).or_insert([NOWHERE; ROW]);
        if let Some(place) = row.get_mut(at) {
            *place = slot;
        }
    }

    fn remove(&mut self, id: u64) {
        let (row, at) = place(id);
        if let Entry::Occupied(mut row) = self.rows.entry(row) {
            if let Some(place) = row.get_mut().get_mut(at) {
                *place = NOWHERE;
            }
            if row.get().iter().all(|slot| *slot == NOWHERE) {
                row.remove();
            }
        }
    }
}

/// Out of the way of what is done all the time.
#[cold]
const fn empty_slot() -> RouterError {
    RouterError::Defect("empty slot")
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            free: Vec::new(),
            by_id: Ids::default(),
            last_id: 0,
        }
    }
}

impl<T> Slots<T> {
    /// Store an item; gives id and slot.
    pub(super) fn insert(&mut self, item: T) -> Result<(u64, u32)> {
        let id = self.last_id.checked_add(1).ok_or(RouterError::Full)?;
        let slot = if let Some(slot) = self.free.pop() {
            let place = self
                .items
                .get_mut(slot as usize)
                .ok_or(RouterError::Defect("free slot out of range"))?;
            *place = Place::Kept { id, item };
            slot
        } else {
            let slot = self.next_slot()?;
            self.items.push(Place::Kept { id, item });
            slot
        };
        self.last_id = id;
        self.by_id.insert(id, slot);
        Ok((id, slot))
    }

    /// The slot behind all that there are.
    fn next_slot(&self) -> Result<u32> {
        let slot = u32::try_from(self.items.len()).ok();
        slot.filter(|slot| *slot != NOWHERE)
            .ok_or(RouterError::Full)
    }

    /// Store an item under an id that was handed out before; None when the id is in use or was never handed out.
    pub(super) fn insert_again(&mut self, id: u64, item: T) -> Result<Option<u32>> {
        if id == 0 || id > self.last_id || self.by_id.get(id).is_some() {
            return Ok(None);
        }
        let slot = self.next_slot()?;
        self.items.push(Place::Kept { id, item });
        self.by_id.insert(id, slot);
        Ok(Some(slot))
    }

    /// The newest id; those after it were never handed out.
    pub(super) const fn last_id(&self) -> u64 {
        self.last_id
    }

    /// Nothing stored, and all ids up to this one handed out.
    pub(super) fn after(last_id: u64) -> Self {
        Self {
            last_id,
            ..Self::default()
        }
    }

    /// All items with id and slot, in the order of their ids.
    pub(super) fn by_age(&self) -> Vec<(u64, u32, &T)> {
        let mut all: Vec<_> = (0..)
            .zip(&self.items)
            .filter_map(|(slot, place)| match place {
                Place::Kept { id, item } => Some((*id, slot, item)),
                Place::Free => None,
            })
            .collect();
        all.sort_unstable_by_key(|(id, _, _)| *id);
        all
    }

    /// Take an item out; its slot is free for others, its id is gone for good.
    pub(super) fn remove(&mut self, slot: u32) -> Option<T> {
        let place = self.items.get_mut(slot as usize)?;
        let Place::Kept { id, item } = std::mem::replace(place, Place::Free) else {
            return None;
        };
        self.by_id.remove(id);
        self.free.push(slot);
        Some(item)
    }

    pub(super) fn slot(&self, id: u64) -> Option<u32> {
        self.by_id.get(id)
    }

    pub(super) fn id(&self, slot: u32) -> Result<u64> {
        match self.items.get(slot as usize) {
            Some(Place::Kept { id, .. }) => Ok(*id),
            _ => Err(empty_slot()),
        }
    }

    pub(super) fn get(&self, slot: u32) -> Result<&T> {
        match self.items.get(slot as usize) {
            Some(Place::Kept { item, .. }) => Ok(item),
            _ => Err(empty_slot()),
        }
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Result<&mut T> {
        match self.items.get_mut(slot as usize) {
            Some(Place::Kept { item, .. }) => Ok(item),
            _ => Err(empty_slot()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stale_id_finds_nothing_though_its_slot_is_used_again() -> Result<()> {
        let mut slots = Slots::default();
        let (first, slot) = slots.insert('a')?;
        assert_eq!(slots.remove(slot), Some('a'));
        assert_eq!(slots.remove(slot), None);
        let (second, again) = slots.insert('b')?;
        assert_eq!(again, slot);
        assert_ne!(first, second);
        assert_eq!(slots.slot(first), None);
        assert_eq!(slots.slot(second), Some(slot));
        assert_eq!(slots.id(slot)?, second);
        assert_eq!(slots.get(slot)?, &'b');
        Ok(())
    }
    proptest! {
        #[test]
        fn ids_find_their_slots(steps in prop::collection::vec((any::<bool>(), 0u64..100), 1..300)) {
            let mut ids = Ids::default();
            let mut plain = BTreeMap::new();
            for (slot, (add, id)) in (0..).zip(steps) {
                if add {
                    ids.insert(id, slot);
                    plain.insert(id, slot);
                } else {
                    ids.remove(id);
                    plain.remove(&id);
                }
                for id in 0..100 {
                    prop_assert_eq!(ids.get(id), plain.get(&id).copied());
                }
            }
            let rows: BTreeSet<u64> = plain.keys().map(|id| place(*id).0).collect();
            prop_assert_eq!(ids.rows.len(), rows.len());
        }
    }
}
