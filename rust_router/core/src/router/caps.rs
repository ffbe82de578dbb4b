//! The overtaking cap: how often priority, weight or service level of other queues may put a caller back.
//!
//! A queue is *passed over* when an agent is given to a caller of another queue though one of this queue, whom
//! the agent may take, is before in the order of callers; once, however many phones ring for that caller. Who was enqueued before a queue's N-th last passing-over
//! is *protected*, N being its cap: an agent who may take a protected caller isn't given to anybody who is behind
//! that caller in the order of callers. So nobody is overtaken more than N times: each overtaking passes the queue
//! over, and after N of these the caller is protected.
//!
//! It costs nothing while no queue has a cap or all are compared by score alone.

use smallvec::SmallVec;

use super::{Agent, Caller, CallerKey, DemandId, FEW_TIERS, Queue, Result, Router, Shield};

/// Slots of queues, and in each the best open caller whom an agent may take.
pub(super) type Heads = SmallVec<[(u32, CallerKey); FEW_TIERS]>;

/// Slots of queues that are passed over, each once.
pub(super) type Passed = SmallVec<[u32; FEW_TIERS]>;

impl Queue {
    /// A cap has changed: who was overtaken before doesn't count.
    pub(super) fn review_cap(&mut self) {
        self.shield = Shield::after(self.settings.overtaking_cap, &[]);
        self.sort_protected();
    }

    /// See to it that many open callers are kept by whether they are protected.
    pub(super) fn sort_protected(&mut self) {
        if self.settings.overtaking_cap.is_none() || !self.shield.wants_order(self.open) {
            return;
        }
        let stages = std::iter::once(&self.newcomers).chain(&self.stages);
        let open = stages.enumerate().flat_map(|(stage, callers)| {
            let keys = callers.iter();
            keys.map(move |(key, demand)| (key, stage, DemandId(demand)))
        });
        self.shield.sort(open);
    }
}

impl Router {
    /// Whether caps can matter at all.
    pub(super) const fn is_capped(&self) -> bool {
        self.capped > 0 && self.biased > 0
    }

    /// Whether this caller is protected.
    fn is_protected(&self, caller: &Caller) -> Result<bool> {
        Ok(caller.key.id <= self.queues.get(caller.queue)?.shield.up_to())
    }

    /// The best open caller of each queue whom this agent may take, those apart who wait for this agent only.
    pub(super) fn heads(&self, agent: &Agent) -> Result<Heads> {
        self.glance_at_heads(agent)?;
        let demands = self.skills.demands_for(agent.profile);
        let mut heads = Heads::new();
        for tier in &agent.tiers {
            let queue = self.queues.get(tier.queue)?;
            if queue.takes(agent.readiness)
                && let Some(head) = queue.head_for(tier, &demands)
            {
                heads.push((tier.queue, head));
            }
        }
        Ok(heads)
    }

    /// The first protected caller in the order of callers whom this agent may take.
    pub(super) fn limit(&self, agent: &Agent) -> Result<Option<CallerKey>> {
        self.limit_among(agent, &self.heads(agent)?)
    }

    /// The same when the heads are known.
    pub(super) fn limit_among(&self, agent: &Agent, heads: &Heads) -> Result<Option<CallerKey>> {
        let mut first: Option<CallerKey> = None;
        for key in &agent.wanted {
            let caller = self.callers.get(key.slot)?;
            if self.may_serve(agent, caller.queue)? && self.is_protected(caller)? {
                first = Some(*key);
                break;
            }
        }
        for (queue_slot, head) in heads {
            if first.is_some_and(|first| first < *head) {
                continue;
            }
            let queue = self.queues.get(*queue_slot)?;
            // Nobody is before the head; mostly it is the oldest caller, too.
            let protected = if head.id <= queue.shield.up_to() {
                Some(*head)
            } else if let Some(tier) = agent.tier(*queue_slot) {
                queue.protected_for(tier, &self.skills.demands_for(agent.profile))
            } else {
                None
            };
            if let Some(key) = protected
                && first.is_none_or(|first| key < first)
            {
                first = Some(key);
            }
        }
        Ok(first)
    }

    /// Whether this agent could take a call of the queue, as far as it's up to the agent.
    pub(super) fn may_serve(&self, agent: &Agent, queue: u32) -> Result<bool> {
        Ok(agent.tier(queue).is_some() && self.queues.get(queue)?.takes(agent.readiness))
    }

    /// Whether no protected caller is before this one for this agent.
    pub(super) fn may_have(&self, agent: u32, caller: CallerKey) -> Result<bool> {
        let limit = self.limit(self.agents.get(agent)?)?;
        Ok(limit.is_none_or(|first| caller <= first))
    }

    /// Note which queues are passed over when this agent, still ready, is given to this caller. `heads` are the
    /// agent's.
    pub(super) fn note_passed(
        &self,
        agent: &Agent,
        heads: &Heads,
        caller_slot: u32,
        passed: &mut Passed,
    ) -> Result<()> {
        let Caller { key, queue, .. } = *self.callers.get(caller_slot)?;
        let mut note = |other: u32| -> Result<()> {
            let capped = self.queues.get(other)?.settings.overtaking_cap.is_some();
            if capped && !passed.contains(&other) {
                passed.push(other);
            }
            Ok(())
        };
        for (other, head) in heads {
            if *other != queue && *head < key {
                note(*other)?;
            }
        }
        for wanted in agent.wanted.iter().take_while(|wanted| **wanted < key) {
            let other = self.callers.get(wanted.slot)?.queue;
            if other != queue && self.may_serve(agent, other)? {
                note(other)?;
            }
        }
        Ok(())
    }

    /// Count that these queues were passed over once, however many phones ring.
    pub(super) fn pass_over(&mut self, passed: &[u32]) -> Result<()> {
        let newest = self.callers.last_id();
        for slot in passed {
            let queue = self.queues.get_mut(*slot)?;
            let before = queue.shield.up_to();
            queue
                .shield
                .pass_over(queue.settings.overtaking_cap, newest);
            if queue.shield.up_to() != before {
                queue.turn = queue.turn.wrapping_add(1);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
