//! Matching callers and agents.

use std::cmp::Reverse;
use std::ops::Bound;

use super::caps::Passed;
use super::limits::Limits;
use super::rank::Rank;
use super::ready::{ReadyKey, Wish};
use super::{
    CallerKey, DemandId, Offer, Phase, Proposal, Queue, Result, Router, RouterError, Source, Spot,
    types,
};

/// Agents or callers who are looked at one by one; when there are more, their queues are walked once instead.
/// Small in tests, so that small histories go both ways.
const FEW: usize = if cfg!(test) { 2 } else { 16 };

impl Router {
    /// Match until no eligible pair is left; reserve each pair; give them in the order of decision.
    ///
    /// Ready agents only become fewer while this runs, so taking the best of the heads of all sources in which
    /// something changed is the same as walking all callers in order.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn decide(&mut self, now_us: i64) -> Result<Vec<Proposal>> {
        Self::check_time(now_us)?;
        if self.breaks.is_due() {
            self.clock(now_us)?;
            self.settle_breaks()?;
        }
        if now_us <= self.now_us
            && let Some(proposals) = self.match_fresh()?
        {
            return Ok(proposals);
        }
        self.clock(now_us)?;
        self.match_before(None)
    }

    /// Whether nobody became open or ready since the last decision: there is nobody to match.
    pub(super) const fn is_settled(&self) -> bool {
        self.fresh.is_none()
            && self.dirty.is_empty()
            && self.dirty_agents.is_empty()
            && self.dirty_callers.is_empty()
    }

    /// Decide for all callers, or for those who are served before a place.
    pub(super) fn match_before(&mut self, place: Option<Rank>) -> Result<Vec<Proposal>> {
        let mut proposals = Vec::new();
        if self.is_settled() {
            return Ok(proposals);
        }
        if self.is_capped() {
            return self.decide_capped(place);
        }
        let mut heads = std::mem::take(&mut self.heads);
        heads.clear();
        self.look(&mut |router, source| {
            let head = router.head(source, None)?;
            heads.extend(head.map(|head| Reverse((head, source))));
            Ok(())
        })?;
        while let Some(Reverse((head, source))) = heads.pop() {
            if place.is_some_and(|place| place <= head) {
                break;
            }
            // The agents may have gone to others since this head was put here.
            let untouched = proposals.is_empty();
            let mut next = if untouched {
                Some(head)
            } else {
                self.head(source, Some(head.key))?
            };
            if next == Some(head) {
                self.serve(head.key.slot, &mut proposals)?;
                next = self.head(source, Some(head.key))?;
                if next == Some(head) {
                    return Err(RouterError::Defect("a head that nobody could serve"));
                }
            }
            heads.extend(next.map(|head| Reverse((head, source))));
        }
        self.heads = heads;
        Ok(proposals)
    }

    /// Give all sources in which something changed.
    pub(super) fn look(&mut self, put: &mut impl FnMut(&Self, Source) -> Result<()>) -> Result<()> {
        let capped = self.is_capped();
        let mut walks = Vec::new();
        while let Some(slot) = self.dirty.pop() {
            // The slot may be another queue's by now, or nobody's.
            let Ok(queue) = self.queues.get_mut(slot) else {
                continue;
            };
            queue.dirty = false;
            if !queue.skilled && !capped {
                put(self, Source::Queue(slot))?;
            } else if queue.ready.len() <= FEW && self.dirty_agents.len() <= FEW {
                for agent in queue.ready.slots() {
                    self.mark_agent(agent)?;
                }
            } else {
                walks.push(slot);
            }
        }
        let few = self.dirty_agents.len() <= FEW;
        while let Some(slot) = self.dirty_agents.pop() {
            let Ok(agent) = self.agents.get_mut(slot) else {
                continue;
            };
            agent.dirty = false;
            if few {
                put(self, Source::Agent(slot))?;
                continue;
            }
            for tier in agent.tiers.iter().filter(|tier| tier.ready) {
                let queue = self.queues.get(tier.queue)?;
                if (queue.skilled || capped) && queue.open > 0 {
                    walks.push(tier.queue);
                }
            }
            put(self, Source::Wanted(slot))?;
        }
        while let Some(slot) = self.dirty_callers.pop() {
            if let Ok(caller) = self.callers.get_mut(slot) {
                caller.dirty = false;
                put(self, Source::Caller(slot))?;
            }
        }
        // Agents share queues.
        walks.sort_unstable();
        walks.dedup();
        for slot in walks {
            put(self, Source::Walk(slot))?;
        }
        Ok(())
    }

    /// The best open caller of a source for whom somebody is ready. `known` was the head before: nobody before
    /// it has come.
    fn head(&self, source: Source, known: Option<CallerKey>) -> Result<Option<Rank>> {
        let slot = match source {
            Source::Queue(slot) => {
                let head = self.queues.get(slot)?.head();
                return head.map(|key| self.rank_of(key, slot)).transpose();
            }
            Source::Walk(slot) => {
                let head = self.walk(self.queues.get(slot)?, known)?;
                return head.map(|key| self.rank_of(key, slot)).transpose();
            }
            Source::Caller(slot) => return self.caller_head(slot),
            Source::Wanted(slot) | Source::Agent(slot) => slot,
        };
        let agent = self.agents.get(slot)?;
        let mut best: Option<Rank> = None;
        for key in &agent.wanted {
            let queue_slot = self.callers.get(key.slot)?.queue;
            if agent.tier(queue_slot).is_some_and(|tier| tier.ready) {
                best = Some(better(best, self.rank_of(*key, queue_slot)?));
                if self.biased == 0 {
                    break; // They are in the order of callers.
                }
            }
        }
        if matches!(source, Source::Agent(_)) {
            let demands = self.skills.demands_for(agent.profile);
            for tier in agent.tiers.iter().filter(|tier| tier.ready) {
                let queue = self.queues.get(tier.queue)?;
                if queue.skilled
                    && let Some(key) = queue.head_for(tier, &demands)
                {
                    best = Some(better(best, self.rank_of(key, tier.queue)?));
                }
            }
        }
        Ok(best)
    }

    /// This caller, when open for anybody and somebody is ready.
    fn caller_head(&self, slot: u32) -> Result<Option<Rank>> {
        let Ok(caller) = self.callers.get(slot) else {
            return Ok(None);
        };
        let Spot::Stage(_, demand) = caller.spot else {
            return Ok(None);
        };
        let queue = self.queues.get(caller.queue)?;
        if !queue
            .ready
            .any(&self.wish(queue, caller.entered_us, demand))
        {
            return Ok(None);
        }
        self.rank_of(caller.key, caller.queue).map(Some)
    }

    /// The first open caller from `from` on for whom somebody is ready.
    fn walk(&self, queue: &Queue, from: Option<CallerKey>) -> Result<Option<CallerKey>> {
        let mut from = from.map_or(Bound::Unbounded, Bound::Included);
        while queue.ready.len() > 0 {
            let next = queue
                .open_stages()
                .filter_map(|(callers, _)| callers.next(from.as_ref()))
                .min();
            let Some((key, demand)) = next else {
                break;
            };
            let entered_us = self.callers.get(key.slot)?.entered_us;
            if queue
                .ready
                .any(&self.wish(queue, entered_us, DemandId(demand)))
            {
                return Ok(Some(key));
            }
            from = Bound::Excluded(key);
        }
        Ok(None)
    }

    /// Whom a caller may have who entered then and demands this.
    pub(super) fn wish(&self, queue: &Queue, entered_us: i64, demand: DemandId) -> Wish<'_> {
        Wish {
            opening: queue.opening((self.now_us - entered_us).max(0)),
            profiles: self.skills.profiles_for(demand),
        }
    }

    /// Reserve agents for a caller until no more are wanted, or there.
    pub(super) fn serve(&mut self, caller_slot: u32, proposals: &mut Vec<Proposal>) -> Result<()> {
        self.serve_within(caller_slot, proposals, &mut Limits::default())
    }

    /// The same with what is known of agents' limits.
    pub(super) fn serve_within(
        &mut self,
        caller_slot: u32,
        proposals: &mut Vec<Proposal>,
        limits: &mut Limits,
    ) -> Result<()> {
        let capped = self.is_capped();
        let mut passed = Passed::new();
        loop {
            let caller = self.callers.get(caller_slot)?;
            let queue_slot = caller.queue;
            if caller.spot == Spot::None {
                break;
            }
            let Some(best) = self.pick(queue_slot, caller_slot, limits)? else {
                break;
            };
            if capped {
                let agent = self.agents.get(best.slot)?;
                let heads = limits.heads(self, best.slot)?;
                self.note_passed(agent, heads, caller_slot, &mut passed)?;
            }
            proposals.push(self.reserve(queue_slot, caller_slot, best)?);
        }
        self.pass_over(&passed)
    }

    /// Keep an agent for a caller.
    pub(super) fn reserve(
        &mut self,
        queue_slot: u32,
        caller_slot: u32,
        best: ReadyKey,
    ) -> Result<Proposal> {
        if self.agents.get(best.slot)?.offer.is_some() {
            // Would be proposed for ever: the ready sets are wrong.
            return Err(RouterError::Defect("a held agent was ready"));
        }
        let queue = self.queues.get(queue_slot)?;
        let caller = self.callers.get_mut(caller_slot)?;
        let (offer_id, offer_slot) = self.offers.insert(Offer {
            caller: Some(caller_slot),
            place: caller.trail().offers.len(),
            agent: best.slot,
            queue: (queue_slot, self.queues.id(queue_slot)?),
            made_us: self.now_us,
            phase: Phase::Reserved,
            withdrawn: false,
            miss_status: queue.settings.miss_status,
        })?;
        if caller.trail.is_none() {
            caller.trail = self.spare_trails.pop();
        }
        let trail = caller.trail_mut();
        trail.offers.push(offer_slot);
        trail.offered_us = self.now_us;
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
        caller.trail_mut().marker = Some((tier.level, i64::from(tier.position), best.id));
        self.queues.get_mut(queue_slot)?.last_offered = Some(best.slot);
        self.refresh_agent(best.slot)?;
        self.refresh_caller(caller_slot)?;
        Ok(proposal)
    }

    /// Queues in which an open caller and a ready agent are left whom a caller could have. For tests: looks at
    /// everybody.
    #[cfg(test)]
    pub(super) fn unmatched(&self) -> Result<usize> {
        let mut left = 0;
        for id in self.queue_names.values() {
            let queue = self.queues.get(self.queue_slot(*id)?)?;
            left += usize::from(self.walk(queue, None)?.is_some());
        }
        Ok(left)
    }
}

/// The one that is served first.
pub(super) fn better(best: Option<Rank>, other: Rank) -> Rank {
    best.map_or(other, |best| best.min(other))
}

const _: () = assert!(
    types::MAX_TIER < i64::MAX,
    "the position after the largest must exist"
);
