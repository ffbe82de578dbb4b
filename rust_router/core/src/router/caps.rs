//! The overtaking cap: how often priority, weight or service level of other queues may put a caller back.
//!
//! A queue is *passed over* when an agent is given to a caller of another queue though one of this queue, whom
//! the agent may take, is before in the order of callers; once, however many phones ring for that caller. Who was enqueued before a queue's N-th last passing-over
//! is *protected*, N being its cap: an agent who may take a protected caller isn't given to anybody who is behind
//! that caller in the order of callers. So nobody is overtaken more than N times: each overtaking passes the queue
//! over, and after N of these the caller is protected.
//!
//! It costs nothing while no queue has a cap or all are compared by score alone.

use std::collections::BTreeSet;

use super::{Agent, Caller, CallerKey, DemandId, Queue, Result, Router, Shield};

impl Queue {
    /// Callers up to this id are protected.
    fn protected_to(&self) -> u64 {
        self.shield.up_to(self.settings.overtaking_cap)
    }

    /// Sort the open callers as a changed cap asks for; who was overtaken before doesn't count.
    pub(super) fn review_cap(&mut self) {
        let mut shield = Shield::default();
        for (stage, (callers, _)) in self.open_stages().enumerate() {
            for (key, demand) in callers.iter() {
                shield.insert(self.settings.overtaking_cap, key, stage, DemandId(demand));
            }
        }
        self.shield = shield;
    }
}

impl Router {
    /// Whether caps can matter at all.
    pub(super) const fn is_capped(&self) -> bool {
        self.capped > 0 && self.biased > 0
    }

    /// Whether this caller is protected.
    fn is_protected(&self, caller: &Caller) -> Result<bool> {
        Ok(caller.key.id <= self.queues.get(caller.queue)?.protected_to())
    }

    /// The first protected caller in the order of callers whom this agent may take.
    pub(super) fn limit(&self, agent: &Agent) -> Result<Option<CallerKey>> {
        let mut first: Option<CallerKey> = None;
        for key in &agent.wanted {
            let caller = self.callers.get(key.slot)?;
            if self.may_serve(agent, caller.queue)? && self.is_protected(caller)? {
                first = Some(*key);
                break;
            }
        }
        let demands = self.skills.demands_for(agent.profile);
        for tier in &agent.tiers {
            let queue = self.queues.get(tier.queue)?;
            if !queue.takes(agent.readiness) {
                continue;
            }
            // Nobody is before the head; mostly it is the oldest caller, too.
            let protected = match queue.head_for(tier, &demands) {
                Some(head) if head.id > queue.protected_to() => queue.protected_for(tier, &demands),
                head => head,
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

    /// Note which queues are passed over when this agent, still ready, is given to this caller.
    pub(super) fn note_passed(
        &self,
        agent: u32,
        caller_slot: u32,
        passed: &mut BTreeSet<u32>,
    ) -> Result<()> {
        let agent = self.agents.get(agent)?;
        let Caller { key, queue, .. } = *self.callers.get(caller_slot)?;
        let demands = self.skills.demands_for(agent.profile);
        for tier in &agent.tiers {
            let other = self.queues.get(tier.queue)?;
            let capped = other.settings.overtaking_cap.is_some();
            if !capped || tier.queue == queue || !other.takes(agent.readiness) {
                continue;
            }
            let head = other.head_for(tier, &demands);
            let mut before = head.is_some_and(|head| head < key);
            for wanted in agent.wanted.iter().take_while(|wanted| **wanted < key) {
                before |= self.callers.get(wanted.slot)?.queue == tier.queue;
            }
            if before {
                passed.insert(tier.queue);
            }
        }
        Ok(())
    }

    /// Count that these queues were passed over once, however many phones ring.
    pub(super) fn pass_over(&mut self, passed: &BTreeSet<u32>) -> Result<()> {
        let newest = self.callers.last_id();
        for slot in passed {
            let queue = self.queues.get_mut(*slot)?;
            queue
                .shield
                .pass_over(queue.settings.overtaking_cap, newest);
        }
        Ok(())
    }
}
