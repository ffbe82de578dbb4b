//! Matching callers and agents.

use std::cmp::Reverse;

use super::{Offer, Phase, Proposal, Result, Router, RouterError, Strategy, types};

impl Router {
    /// Match until no eligible pair is left; reserve each pair; give them in the order of decision.
    ///
    /// Ready agents only become fewer while this runs, so taking the best head among the queues that can serve
    /// is the same as walking all callers in order.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn decide(&mut self, now_us: i64) -> Result<Vec<Proposal>> {
        Self::check_time(now_us)?;
        self.clock(now_us);
        let mut proposals = Vec::new();
        if self.dirty.is_empty() {
            return Ok(proposals);
        }
        let mut heads = std::mem::take(&mut self.heads);
        heads.clear();
        for slot in self.dirty.drain(..) {
            // The slot may be another queue's by now, or nobody's.
            if let Ok(queue) = self.queues.get_mut(slot) {
                queue.dirty = false;
                if let (Some(&head), false) = (queue.open.first(), queue.ready.is_empty()) {
                    heads.push(Reverse((head, slot)));
                }
            }
        }
        while let Some(Reverse((head, slot))) = heads.pop() {
            let ring_all = self.queues.get(slot)?.strategy == Strategy::RingAll;
            while let Some(proposal) = self.propose(slot, head.slot)? {
                proposals.push(proposal);
                if !ring_all {
                    break;
                }
            }
            let queue = self.queues.get(slot)?;
            if let (Some(&head), false) = (queue.open.first(), queue.ready.is_empty()) {
                heads.push(Reverse((head, slot)));
            }
        }
        self.heads = heads;
        Ok(proposals)
    }

    /// Reserve the queue's best ready agent for a caller; None when nobody is ready.
    fn propose(&mut self, queue_slot: u32, caller_slot: u32) -> Result<Option<Proposal>> {
        let queue = self.queues.get(queue_slot)?;
        let last = match queue.last_offered {
            Some(last) => self
                .agents
                .get(last)?
                .tier(queue_slot)
                .map(|tier| (tier.level, tier.position)),
            None => None,
        };
        let Some(best) = queue.best(last) else {
            return Ok(None);
        };
        if self.agents.get(best.slot)?.offer.is_some() {
            // Would be proposed for ever: the ready sets are wrong.
            return Err(RouterError::Defect("a held agent was ready"));
        }
        let caller = self.callers.get_mut(caller_slot)?;
        let (offer_id, offer_slot) = self.offers.insert(Offer {
            caller: Some(caller_slot),
            place: caller.offers.len(),
            agent: best.slot,
            phase: Phase::Reserved,
            withdrawn: false,
            no_answer_status: queue.no_answer_status,
        })?;
        caller.offers.push(offer_slot);
        let proposal = Proposal {
            offer: offer_id,
            caller: caller.key.id,
            agent: best.id,
            queue: self.queues.id(queue_slot)?,
        };
        self.agents.get_mut(best.slot)?.offer = Some(offer_slot);
        // The ready sets hold the tier's old last offer: leave them before it changes.
        self.refresh_agent(best.slot)?;
        let tier = self.agents.get_mut(best.slot)?.tier_mut(queue_slot);
        tier.ok_or(RouterError::Defect("ready without a tier"))?
            .last_offer = offer_id;
        self.queues.get_mut(queue_slot)?.last_offered = Some(best.slot);
        self.refresh_caller(caller_slot)?;
        Ok(Some(proposal))
    }

    /// Check that no open caller and ready agent of one queue are left. For tests: looks at everything.
    #[cfg(test)]
    pub(super) fn unmatched(&self) -> usize {
        let ids: Vec<u64> = self.queue_names.values().copied().collect();
        ids.iter()
            .filter_map(|id| self.queues.get(self.queues.slot(*id)?).ok())
            .filter(|queue| !queue.open.is_empty() && !queue.ready.is_empty())
            .count()
    }
}

const _: () = assert!(
    types::MAX_TIER < i64::MAX,
    "the position after the largest must exist"
);
