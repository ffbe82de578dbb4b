//! Matching callers and agents.

use std::cmp::Reverse;

use super::ready::ReadyKey;
use super::{CallerKey, Offer, Phase, Proposal, Result, Router, RouterError, Source, Spot, types};

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
        self.clock(now_us)?;
        let mut proposals = Vec::new();
        if self.dirty.is_empty() && self.dirty_agents.is_empty() {
            return Ok(proposals);
        }
        let mut heads = std::mem::take(&mut self.heads);
        heads.clear();
        while let Some(slot) = self.dirty.pop() {
            // The slot may be another queue's by now, or nobody's.
            if let Ok(queue) = self.queues.get_mut(slot) {
                queue.dirty = false;
                heads.extend(
                    queue
                        .head()
                        .map(|head| Reverse((head, Source::Queue(slot)))),
                );
            }
        }
        while let Some(slot) = self.dirty_agents.pop() {
            if let Ok(agent) = self.agents.get_mut(slot) {
                agent.dirty = false;
                let source = Source::Agent(slot);
                heads.extend(self.head(source)?.map(|head| Reverse((head, source))));
            }
        }
        while let Some(Reverse((head, source))) = heads.pop() {
            // The agents may have gone to others since this head was put here.
            let untouched = proposals.is_empty();
            let mut next = if untouched {
                Some(head)
            } else {
                self.head(source)?
            };
            if next == Some(head) {
                self.serve(head.slot, &mut proposals)?;
                next = self.head(source)?;
                if next == Some(head) {
                    return Err(RouterError::Defect("a head that nobody could serve"));
                }
            }
            heads.extend(next.map(|head| Reverse((head, source))));
        }
        self.heads = heads;
        Ok(proposals)
    }

    /// The best open caller for whom somebody is ready.
    fn head(&self, source: Source) -> Result<Option<CallerKey>> {
        let slot = match source {
            Source::Queue(slot) => return Ok(self.queues.get(slot)?.head()),
            Source::Agent(slot) => slot,
        };
        let agent = self.agents.get(slot)?;
        for key in &agent.wanted {
            let tier = agent.tier(self.callers.get(key.slot)?.queue);
            if tier.is_some_and(|tier| tier.ready) {
                return Ok(Some(*key));
            }
        }
        Ok(None)
    }

    /// Reserve agents for a caller until no more are wanted, or there.
    fn serve(&mut self, caller_slot: u32, proposals: &mut Vec<Proposal>) -> Result<()> {
        loop {
            let caller = self.callers.get(caller_slot)?;
            let queue_slot = caller.queue;
            if caller.spot == Spot::None {
                return Ok(());
            }
            let Some(best) = self.pick(queue_slot, caller_slot)? else {
                return Ok(());
            };
            proposals.push(self.reserve(queue_slot, caller_slot, best)?);
        }
    }

    /// Keep an agent for a caller.
    fn reserve(&mut self, queue_slot: u32, caller_slot: u32, best: ReadyKey) -> Result<Proposal> {
        if self.agents.get(best.slot)?.offer.is_some() {
            // Would be proposed for ever: the ready sets are wrong.
            return Err(RouterError::Defect("a held agent was ready"));
        }
        let queue = self.queues.get(queue_slot)?;
        let caller = self.callers.get_mut(caller_slot)?;
        let (offer_id, offer_slot) = self.offers.insert(Offer {
            caller: Some(caller_slot),
            place: caller.offers.len(),
            agent: best.slot,
            queue: (queue_slot, self.queues.id(queue_slot)?),
            made_us: self.now_us,
            phase: Phase::Reserved,
            withdrawn: false,
            no_answer_status: queue.settings.no_answer_status,
        })?;
        caller.offers.push(offer_slot);
        caller.offered_us = self.now_us;
        let proposal = Proposal {
            offer: offer_id,
            caller: caller.key.id,
            agent: best.id,
            queue: self.queues.id(queue_slot)?,
        };
        let agent = self.agents.get_mut(best.slot)?;
        agent.offer = Some(offer_slot);
        let tier = agent
            .tier_mut(queue_slot)
            .ok_or(RouterError::Defect("ready without a tier"))?;
        tier.last_offer = offer_id;
        caller.marker = Some((tier.level, i64::from(tier.position), best.id));
        self.queues.get_mut(queue_slot)?.last_offered = Some(best.slot);
        self.refresh_agent(best.slot)?;
        self.refresh_caller(caller_slot)?;
        Ok(proposal)
    }

    /// Check that no open caller and ready agent of one queue are left. For tests: looks at everything.
    #[cfg(test)]
    pub(super) fn unmatched(&self) -> usize {
        let ids: Vec<u64> = self.queue_names.values().copied().collect();
        ids.iter()
            .filter_map(|id| self.queues.get(self.queues.slot(*id)?).ok())
            .filter(|queue| queue.head().is_some())
            .count()
    }
}

const _: () = assert!(
    types::MAX_TIER < i64::MAX,
    "the position after the largest must exist"
);
