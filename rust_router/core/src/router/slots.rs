//! Storage by slot with public ids that are never used twice.

use rustc_hash::FxHashMap;

use super::error::{Result, RouterError};

/// Items by slot (dense, reused, internal) and by id (counted up from 1, never reused, public).
///
/// A stale id finds nothing, whatever lives in the slot now.
#[derive(Debug)]
pub(super) struct Slots<T> {
    items: Vec<Option<(u64, T)>>,
    free: Vec<u32>,
    by_id: FxHashMap<u64, u32>,
    last_id: u64,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            free: Vec::new(),
            by_id: FxHashMap::default(),
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
            *place = Some((id, item));
            slot
        } else {
            let slot = u32::try_from(self.items.len()).map_err(|_| RouterError::Full)?;
            self.items.push(Some((id, item)));
            slot
        };
        self.last_id = id;
        self.by_id.insert(id, slot);
        Ok((id, slot))
    }

    /// Store an item under an id that was handed out before; None when the id is in use or was never handed out.
    pub(super) fn insert_again(&mut self, id: u64, item: T) -> Result<Option<u32>> {
        if id == 0 || id > self.last_id || self.by_id.contains_key(&id) {
            return Ok(None);
        }
        let slot = u32::try_from(self.items.len()).map_err(|_| RouterError::Full)?;
        self.items.push(Some((id, item)));
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
            .filter_map(|(slot, item)| item.as_ref().map(|(id, item)| (*id, slot, item)))
            .collect();
        all.sort_unstable_by_key(|(id, _, _)| *id);
        all
    }

    /// Take an item out; its slot is free for others, its id is gone for good.
    pub(super) fn remove(&mut self, slot: u32) -> Option<T> {
        let (id, item) = self.items.get_mut(slot as usize)?.take()?;
        self.by_id.remove(&id);
        self.free.push(slot);
        Some(item)
    }

    pub(super) fn slot(&self, id: u64) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn id(&self, slot: u32) -> Result<u64> {
        match self.items.get(slot as usize) {
            Some(Some((id, _))) => Ok(*id),
            _ => Err(RouterError::Defect("empty slot")),
        }
    }

    pub(super) fn get(&self, slot: u32) -> Result<&T> {
        match self.items.get(slot as usize) {
            Some(Some((_, item))) => Ok(item),
            _ => Err(RouterError::Defect("empty slot")),
        }
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Result<&mut T> {
        match self.items.get_mut(slot as usize) {
            Some(Some((_, item))) => Ok(item),
            _ => Err(RouterError::Defect("empty slot")),
        }
    }
}

#[cfg(test)]
mod tests {
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
}
