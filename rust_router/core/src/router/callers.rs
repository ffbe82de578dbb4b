//! Callers and their order.

use super::{
    Caller, CallerKey, MAX_PRIORITY, MAX_US, Result, Router, RouterError, Strategy, types,
};

impl Router {
    /// Put a caller in a queue; give an id that is never used twice.
    ///
    /// # Errors
    /// `UnknownQueue`, `OutOfRange`.
    pub fn enqueue(
        &mut self,
        now_us: i64,
        queue: u64,
        entered_us: i64,
        priority: i64,
        base_score_us: i64,
    ) -> Result<u64> {
        Self::check_time(now_us)?;
        types::duration("entered_us", entered_us)?;
        types::range("priority", priority, -MAX_PRIORITY, MAX_PRIORITY)?;
        types::range("base_score_us", base_score_us, -MAX_US, MAX_US)?;
        let queue_slot = self.queue_slot(queue)?;
        self.clock(now_us);
        let key = CallerKey {
            priority: -priority,
            since_us: entered_us - base_score_us,
            id: 0,
            slot: 0,
        };
        let caller = Caller {
            key,
            queue: queue_slot,
            offers: Vec::new(),
            claimed: false,
            open: false,
        };
        let (id, slot) = self.callers.insert(caller)?;
        let key = CallerKey { id, slot, ..key };
        self.callers.get_mut(slot)?.key = key;
        self.queues.get_mut(queue_slot)?.waiting.insert(key);
        self.refresh_caller(slot)?;
        Ok(id)
    }

    /// Take a caller out; give the offers to be withdrawn, oldest first.
    ///
    /// # Errors
    /// `UnknownCaller`, `OutOfRange`.
    pub fn leave(&mut self, now_us: i64, caller: u64) -> Result<Vec<u64>> {
        Self::check_time(now_us)?;
        let slot = self.caller_slot(caller)?;
        self.clock(now_us);
        let withdrawn = self.withdraw(slot, None)?;
        self.drop_caller(slot)?;
        Ok(withdrawn)
    }

    /// Mark the caller's offers, but one, as unable to win; give those that weren't marked, oldest first.
    pub(super) fn withdraw(&mut self, slot: u32, winner: Option<u32>) -> Result<Vec<u64>> {
        let mut given = Vec::new();
        for &offer_slot in &self.callers.get(slot)?.offers {
            let offer = self.offers.get_mut(offer_slot)?;
            if Some(offer_slot) != winner && !offer.withdrawn {
                offer.withdrawn = true;
                given.push(self.offers.id(offer_slot)?);
            }
        }
        given.sort_unstable();
        Ok(given)
    }

    /// Forget a caller; offers that are left have no caller any more.
    pub(super) fn drop_caller(&mut self, slot: u32) -> Result<()> {
        let caller = self
            .callers
            .remove(slot)
            .ok_or(RouterError::Defect("caller dropped twice"))?;
        for offer in caller.offers {
            self.offers.get_mut(offer)?.caller = None;
        }
        let queue = self.queues.get_mut(caller.queue)?;
        queue.waiting.remove(&caller.key);
        if caller.open {
            queue.open.remove(&caller.key);
        }
        Ok(())
    }

    /// Put a caller into the open set, or take them out, as their offers ask for.
    pub(super) fn refresh_caller(&mut self, slot: u32) -> Result<()> {
        let caller = self.callers.get_mut(slot)?;
        let queue_slot = caller.queue;
        let queue = self.queues.get_mut(queue_slot)?;
        let open =
            !caller.claimed && (caller.offers.is_empty() || queue.strategy == Strategy::RingAll);
        if open != caller.open {
            caller.open = open;
            if open {
                queue.open.insert(caller.key);
                self.mark(queue_slot)?;
            } else {
                queue.open.remove(&caller.key);
            }
        }
        Ok(())
    }

    /// Have the next decision look at this queue if there is something to match.
    pub(super) fn mark(&mut self, slot: u32) -> Result<()> {
        let queue = self.queues.get_mut(slot)?;
        if !queue.dirty && !queue.open.is_empty() && !queue.ready.is_empty() {
            queue.dirty = true;
            self.dirty.push(slot);
        }
        Ok(())
    }

    /// Place in the queue, 1 = next.
    ///
    /// # Errors
    /// `UnknownCaller`.
    pub fn position(&self, caller: u64) -> Result<usize> {
        let caller = self.callers.get(self.caller_slot(caller)?)?;
        let place = self.queues.get(caller.queue)?.waiting.place(&caller.key);
        place
            .map(|place| place + 1)
            .ok_or(RouterError::Defect("caller without a place"))
    }

    /// Ids in the queue in order of service.
    ///
    /// # Errors
    /// `UnknownQueue`.
    pub fn callers(&self, queue: u64) -> Result<Vec<u64>> {
        let queue = self.queues.get(self.queue_slot(queue)?)?;
        Ok(queue.waiting.iter().map(|key| key.id).collect())
    }

    /// Callers in the queue, bridged ones excepted.
    ///
    /// # Errors
    /// `UnknownQueue`.
    pub fn calls_waiting(&self, queue: u64) -> Result<usize> {
        Ok(self.queues.get(self.queue_slot(queue)?)?.waiting.len())
    }

    /// Agents of the queue who aren't logged out.
    ///
    /// # Errors
    /// `UnknownQueue`.
    pub fn staffed(&self, queue: u64) -> Result<usize> {
        Ok(self.queues.get(self.queue_slot(queue)?)?.staffed)
    }

    /// Agents of the queue who could take a call this instant.
    ///
    /// # Errors
    /// `UnknownQueue`.
    pub fn can_serve(&self, queue: u64) -> Result<usize> {
        Ok(self.queues.get(self.queue_slot(queue)?)?.ready.len())
    }
}
