//! Skills of agents and demands of callers, in the router's own sets.

use std::ops::Bound;

use super::ready::{Orders, Ready};
use super::{
    Agent, CallerKey, ClassIndex, DemandId, LadderId, ProfileId, Queue, Readiness, Result, Router,
    Tier,
};
use crate::skills::Filter;

impl Queue {
    /// In which orders this queue needs its ready agents.
    pub(super) const fn orders(&self) -> Orders {
        Orders {
            line: !self.skilled || self.settings.strategy.draws_lots(),
            profiles: self.skilled,
        }
    }

    /// The best open caller whom this agent may take; `demands` are those that the agent meets.
    pub(super) fn head_for(&self, tier: &Tier, demands: &Filter<'_>) -> Option<CallerKey> {
        if self.open == 0 {
            return None;
        }
        if self.flat {
            return self.newcomers.best(demands).map(|(head, _)| head);
        }
        self.head_among(self.open_stages(), tier, demands, |_| true)
    }

    /// The same of the protected ones.
    pub(super) fn protected_for(&self, tier: &Tier, demands: &Filter<'_>) -> Option<CallerKey> {
        let up_to = self.shield.up_to();
        if up_to == 0 {
            return None;
        }
        if self.flat && self.shield.stages().is_none() {
            let accept = |key: &CallerKey| key.id <= up_to;
            let head = self.newcomers.best_from(demands, Bound::Unbounded, accept);
            return head.map(|(head, _)| head);
        }
        let Some(stages) = self.shield.stages() else {
            return self.head_among(self.open_stages(), tier, demands, |key| key.id <= up_to);
        };
        let waits = std::iter::once(0).chain(self.thresholds.iter().copied());
        self.head_among(stages.iter().zip(waits), tier, demands, |_| true)
    }

    /// The best of some stages, each with the wait with which it begins, who is accepted.
    fn head_among<'a>(
        &self,
        stages: impl Iterator<Item = (&'a ClassIndex<CallerKey>, i64)>,
        tier: &Tier,
        demands: &Filter<'_>,
        accept: impl Fn(&CallerKey) -> bool,
    ) -> Option<CallerKey> {
        let mut best: Option<CallerKey> = None;
        for (callers, waited_us) in stages {
            let Some((first, _)) = callers.first() else {
                continue;
            };
            if best.is_some_and(|best| best < first) || tier.opening_delay_us > waited_us {
                continue;
            }
            if tier.level > self.opening(waited_us).level {
                continue;
            }
            if let Some((head, _)) = callers.best_from(demands, Bound::Unbounded, &accept)
                && best.is_none_or(|best| head < best)
            {
                best = Some(head);
            }
        }
        best
    }
}

impl Router {
    /// Change what a caller demands, by waited time; None: what callers of the queue do.
    ///
    /// # Errors
    /// `UnknownCaller`, `OutOfRange`, `Skill`.
    pub fn set_skills(
        &mut self,
        now_us: i64,
        caller: u64,
        skills: Option<&[(i64, &str)]>,
    ) -> Result<()> {
        Self::check_time(now_us)?;
        let slot = self.caller_slot(caller)?;
        let ladder = match skills {
            Some(steps) => Some(self.skills.put_steps(steps)?),
            None => None,
        };
        self.clock(now_us)?;
        let before = std::mem::replace(&mut self.callers.get_mut(slot)?.ladder, ladder);
        self.refresh_caller(slot)?;
        // The caller is in no class of the old demands any more.
        match before {
            Some(before) => Ok(self.skills.drop_ladder(before)?),
            None => Ok(()),
        }
    }

    /// What a caller demanded by the last `now_us`, in canonical form.
    ///
    /// # Errors
    /// `UnknownCaller`.
    pub fn demand(&self, caller: u64) -> Result<&str> {
        let caller = self.callers.get(self.caller_slot(caller)?)?;
        let queue = self.queues.get(caller.queue)?;
        let ladder = self.skills.ladder(caller.ladder.unwrap_or(queue.ladder))?;
        let demand = ladder.current(self.now_us - caller.entered_us);
        Ok(self.skills.demand(demand)?.as_str())
    }

    /// The steps of a ladder, in canonical form.
    pub(super) fn steps(&self, ladder: LadderId) -> Result<Vec<(i64, String)>> {
        let steps = self.skills.ladder(ladder)?.steps().iter();
        let texts = steps.map(|(after_us, demand)| {
            let text = self.skills.demand(*demand)?.as_str();
            Ok((*after_us, text.to_owned()))
        });
        texts.collect()
    }

    /// An agent's skills with their levels, sorted by name.
    ///
    /// # Errors
    /// `UnknownAgent`.
    pub fn agent_skills(&self, agent: u64) -> Result<Vec<(&str, u8)>> {
        let agent = self.agents.get(self.agent_slot(agent)?)?;
        Ok(self.skills.profile(agent.profile)?)
    }

    /// Whether an agent meets a demand.
    pub(super) fn meets(&self, agent: u32, demand: DemandId) -> Result<bool> {
        let profile = self.agents.get(agent)?.profile;
        Ok(demand == DemandId::ANY || self.skills.matches(profile, demand))
    }

    /// Keep a queue's ready agents by profile from now on. O(agents of the queue), once.
    pub(super) fn make_skilled(&mut self, queue_slot: u32) -> Result<()> {
        let queue = self.queues.get_mut(queue_slot)?;
        if queue.skilled {
            return Ok(());
        }
        queue.skilled = true;
        let mut ready = Ready::in_orders(queue.orders());
        for &member in &queue.members {
            let agent = self.agents.get(member)?;
            if let Some(tier) = agent.tier(queue_slot).filter(|tier| tier.ready) {
                let id = self.agents.id(member)?;
                ready.insert(&queue.place(member, id, agent.profile, tier));
            }
        }
        queue.ready = ready;
        Ok(())
    }

    /// Forget who is ready, because the order or its keys change; `sync_members` must follow.
    pub(super) fn clear_ready(&mut self, queue_slot: u32) -> Result<()> {
        let queue = self.queues.get_mut(queue_slot)?;
        queue.ready = Ready::in_orders(queue.orders());
        for &member in &queue.members {
            if let Some(tier) = self.agents.get_mut(member)?.tier_mut(queue_slot) {
                tier.ready = false;
            }
        }
        Ok(())
    }

    /// Give an agent a profile, which is counted already.
    pub(super) fn change_profile(&mut self, slot: u32, profile: ProfileId) -> Result<()> {
        let id = self.agents.id(slot)?;
        let agent = self.agents.get_mut(slot)?;
        let before = std::mem::replace(&mut agent.profile, profile);
        if before != profile {
            for tier in agent.tiers.iter().filter(|tier| tier.ready) {
                let queue = self.queues.get_mut(tier.queue)?;
                if queue.skilled {
                    queue.ready.remove(&queue.place(slot, id, before, tier));
                    queue.ready.insert(&queue.place(slot, id, profile, tier));
                }
            }
            let Agent {
                readiness, fans, ..
            } = agent;
            let ready = *readiness != Readiness::None;
            let fans: Vec<u32> = fans.iter().copied().collect();
            for fan in fans {
                self.refresh_caller(fan)?;
            }
            if ready {
                self.mark_agent(slot)?;
            }
        }
        Ok(self.skills.drop_profile(before)?)
    }
}
