//! Who alone became open or ready by the last call: matched by the decision that follows without being put in order.
//!
//! After a decision no open caller and ready agent are left unmatched, so whoever comes is all that there is to match:
//! a freed agent is for the best of the callers whom the agent may have, and nobody else is for that caller.

use super::caps::Passed;
use super::rank::Rank;
use super::ready::ReadyKey;
use super::{
    Agent, CallerKey, DemandId, Fresh, Proposal, Queue, Readiness, Result, Router, Spot, Tier,
};

impl Queue {
    /// The best open caller whom an agent may take if skills don't matter.
    fn head_of_tier(&self, tier: &Tier) -> Option<CallerKey> {
        if self.flat {
            return self.newcomers.first().map(|(key, _)| key);
        }
        let open = self.open_stages().filter(|(_, waited_us)| {
            tier.opening_delay_us <= *waited_us && tier.level <= self.opening(*waited_us).level
        });
        open.filter_map(|(callers, _)| callers.first())
            .map(|(key, _)| key)
            .min()
    }
}

impl Router {
    /// Put them in order after all, marked for the next decision.
    pub(super) fn put_fresh(&mut self) -> Result<()> {
        match self.fresh.take() {
            None => Ok(()),
            Some(Fresh::Agent(slot)) => self.sync_tiers(slot),
            Some(Fresh::Caller(slot)) => {
                let caller = self.callers.get_mut(slot)?;
                let stand = std::mem::replace(&mut caller.spot, Spot::None);
                self.put_at(slot, stand)
            }
        }
    }

    /// Read whom a caller of this queue would probably get: memory answers while the caller is put down.
    pub(super) fn glance_at_next(&self, queue_slot: u32) -> Result<()> {
        if let Some(agent) = self.queues.get(queue_slot)?.ready.first_slot() {
            let agent = self.agents.get(agent)?;
            std::hint::black_box(agent.tiers.first().map(|tier| tier.queue));
        }
        Ok(())
    }

    /// Read together who is first in each queue of an agent: memory answers all of it at once.
    pub(super) fn glance_at_heads(&self, agent: &Agent) -> Result<()> {
        let mut seen = 0;
        for tier in &agent.tiers {
            seen |= self.queues.get(tier.queue)?.open as u64;
        }
        // Without open callers there is nothing to wait for.
        if seen == 0 {
            return Ok(());
        }
        for tier in &agent.tiers {
            let newcomers = &self.queues.get(tier.queue)?.newcomers;
            if let Some((head, _)) = newcomers.first() {
                seen ^= u64::from(self.callers.get(head.slot)?.queue);
            }
            seen ^= newcomers.front().map_or(0, |key| key.id);
        }
        std::hint::black_box(seen);
        Ok(())
    }

    /// Agents who could take a call of a queue now.
    pub(super) fn ready_in(&self, queue_slot: u32) -> Result<usize> {
        let queue = self.queues.get(queue_slot)?;
        let one_more = match self.fresh {
            Some(Fresh::Agent(slot)) => {
                let agent = self.agents.get(slot)?;
                agent.tier(queue_slot).is_some() && queue.takes(agent.readiness)
            }
            _ => false,
        };
        Ok(queue.ready.len() + usize::from(one_more))
    }

    /// Whether somebody who came to a queue now would be served at once.
    pub(super) fn serves_at_once(&self, queue_slot: u32) -> Result<bool> {
        let queue = self.queues.get(queue_slot)?;
        Ok(queue.unserved == 0 && self.ready_in(queue_slot)? > 0)
    }

    /// Decide if nothing else than this has happened; None: there may be more.
    pub(super) fn match_fresh(&mut self) -> Result<Option<Vec<Proposal>>> {
        let Some(fresh) = self.fresh.take() else {
            return Ok(None);
        };
        if !self.is_settled() {
            self.fresh = Some(fresh);
            return Ok(None);
        }
        match fresh {
            Fresh::Agent(slot) => {
                let mut passed = Passed::new();
                let head = if self.is_capped() {
                    self.capped_head_of(slot, &mut passed)?
                } else {
                    self.fresh_head(slot)?
                };
                let Some((rank, queue_slot)) = head else {
                    self.sync_tiers(slot)?;
                    self.unmark()?;
                    return Ok(Some(Vec::new()));
                };
                if self.queues.get(queue_slot)?.settings.strategy.draws_lots() {
                    let Some(lots) = self.lots_for_one(slot, rank.key.slot)? else {
                        self.fresh = Some(fresh);
                        return Ok(None);
                    };
                    self.draws = self.draws.wrapping_add(lots);
                }
                self.agents.get_mut(slot)?.readiness = Readiness::None;
                let best = ReadyKey {
                    slot,
                    ..ReadyKey::from(0, 0, 0, self.agents.id(slot)?)
                };
                let proposal = self.reserve(queue_slot, rank.key.slot, best)?;
                self.pass_over(&passed)?;
                Ok(Some(vec![proposal]))
            }
            Fresh::Caller(slot) => {
                let mut proposals = Vec::with_capacity(1);
                self.serve(slot, &mut proposals)?;
                let caller = self.callers.get_mut(slot)?;
                let stand = caller.spot;
                if let Spot::Stage(..) = stand {
                    // Wants more than there are.
                    caller.spot = Spot::None;
                    self.put_at(slot, stand)?;
                    self.unmark()?;
                }
                Ok(Some(proposals))
            }
        }
    }

    /// How many lots are drawn for a caller when this agent is the only one for the caller: one, though it decides
    /// nothing. None: that depends on whose lots are drawn in vain.
    fn lots_for_one(&self, agent: u32, caller: u32) -> Result<Option<u64>> {
        let caller = self.callers.get(caller)?;
        let Spot::Stage(_, demand) = caller.spot else {
            return Ok(Some(0)); // Waits for this agent.
        };
        if demand != DemandId::ANY || self.is_capped() {
            return Ok(None); // Others of the level may be ready, whom the caller can't have.
        }
        let memory = self.queues.get(caller.queue)?.settings.refusal_memory;
        // Whoever refused is taken for want of others, without a lot.
        let refused = memory && caller.trail().refused.contains(&self.agents.id(agent)?);
        Ok(Some(u64::from(!refused)))
    }

    /// The same as `fresh_head` under overtaking caps, and which queues are passed over by it.
    fn capped_head_of(&self, slot: u32, passed: &mut Passed) -> Result<Option<(Rank, u32)>> {
        let agent = self.agents.get(slot)?;
        let heads = self.heads(agent)?;
        let Some(rank) = self.capped_agent(agent, &heads, true)?.best else {
            return Ok(None);
        };
        self.note_passed(agent, &heads, rank.key.slot, passed)?;
        Ok(Some((rank, self.callers.get(rank.key.slot)?.queue)))
    }

    /// The best open caller whom this agent may take, with the queue's slot.
    fn fresh_head(&self, slot: u32) -> Result<Option<(Rank, u32)>> {
        let agent = self.agents.get(slot)?;
        self.glance_at_heads(agent)?;
        let mut best: Option<(Rank, u32)> = None;
        let mut look_at = |rank: Rank, queue: u32| {
            if best.is_none_or(|(best, _)| rank < best) {
                best = Some((rank, queue));
            }
        };
        for key in &agent.wanted {
            let queue_slot = self.callers.get(key.slot)?.queue;
            let queue = self.queues.get(queue_slot)?;
            if agent.tier(queue_slot).is_some() && queue.takes(agent.readiness) {
                look_at(self.rank_of(*key, queue_slot)?, queue_slot);
            }
        }
        for tier in &agent.tiers {
            let queue = self.queues.get(tier.queue)?;
            if queue.open == 0 || !queue.takes(agent.readiness) {
                continue;
            }
            let head = if queue.skilled {
                queue.head_for(tier, &self.skills.demands_for(agent.profile))
            } else {
                queue.head_of_tier(tier)
            };
            if let Some(key) = head {
                look_at(self.rank_of(key, tier.queue)?, tier.queue);
            }
        }
        Ok(best)
    }

    /// Nobody needs to be looked at: there was nobody for whoever was marked last.
    fn unmark(&mut self) -> Result<()> {
        for slot in self.dirty.drain(..) {
            self.queues.get_mut(slot)?.dirty = false;
        }
        for slot in self.dirty_agents.drain(..) {
            self.agents.get_mut(slot)?.dirty = false;
        }
        for slot in self.dirty_callers.drain(..) {
            self.callers.get_mut(slot)?.dirty = false;
        }
        Ok(())
    }
}
