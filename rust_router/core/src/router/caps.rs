//! The overtaking cap: how often priority, weight or service level of other queues may put a caller back.
//!
//! A queue is *passed over* when an agent is given to a caller of another queue though one of this queue, whom
//! the agent may take, is before in the order of callers; once, however many phones ring for that caller. Who was enqueued before a queue's N-th last passing-over
//! is *protected*, N being its cap: an agent who may take a protected caller isn't given to anybody who is behind
//! that caller in the order of callers. So nobody is overtaken more than N times: each overtaking passes the queue
//! over, and after N of these the caller is protected.
//!
//! It costs nothing while no queue has a cap or all are compared by score alone.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::rank::Rank;
use super::{
    Agent, Caller, CallerKey, DemandId, Proposal, Queue, Result, Router, RouterError, Source, Spot,
    Tier,
};
use crate::skills::Filter;

/// The best head of a source, and whether the caps of others hold somebody of it up.
type Head = (Option<Rank>, bool);

impl Queue {
    /// Callers up to this id are protected.
    pub(super) fn protected_to(&self) -> u64 {
        match self.settings.overtaking_cap {
            None => 0,
            Some(0) => u64::MAX,
            Some(cap) => {
                let cap = usize::try_from(cap).unwrap_or(usize::MAX);
                let nth_last = self.passes.len().checked_sub(cap);
                let id = nth_last.and_then(|at| self.passes.get(at));
                id.copied().unwrap_or(0)
            }
        }
    }

    /// Note that everybody up to this id was overtaken once more, perhaps.
    fn pass_over(&mut self, newest: u64) {
        let cap = self.settings.overtaking_cap.unwrap_or(0);
        let cap = usize::try_from(cap).unwrap_or(usize::MAX);
        if cap > 0 {
            self.passes.push_back(newest);
            while self.passes.len() > cap {
                self.passes.pop_front();
            }
        }
    }

    /// Number the open callers, or none of them, as the cap asks for.
    pub(super) fn review_cap(&mut self) {
        self.passes.clear();
        let ids: BTreeSet<u64> = match self.settings.overtaking_cap {
            None => BTreeSet::new(),
            Some(_) => self
                .open_stages()
                .flat_map(|(callers, _)| callers.iter())
                .map(|(key, _)| key.id)
                .collect(),
        };
        self.open_ids = ids;
    }

    /// Whether an agent may take a caller who stands there.
    fn admits(&self, tier: &Tier, demands: &Filter<'_>, spot: Spot) -> bool {
        let Spot::Stage(stage, DemandId(demand)) = spot else {
            return false;
        };
        let waited_us = stage
            .checked_sub(1)
            .map_or(0, |at| self.thresholds.get(at).copied().unwrap_or_default());
        tier.opening_delay_us <= waited_us
            && tier.level <= self.opening(waited_us).level
            && demands.test(demand)
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
            let ready = agent.tier(caller.queue).is_some_and(|tier| tier.ready);
            if ready && self.is_protected(caller)? {
                first = Some(*key);
                break;
            }
        }
        let demands = self.skills.demands_for(agent.profile);
        for tier in agent.tiers.iter().filter(|tier| tier.ready) {
            let queue = self.queues.get(tier.queue)?;
            if let Some(key) = self.first_protected(queue, tier, &demands)?
                && first.is_none_or(|first| key < first)
            {
                first = Some(key);
            }
        }
        Ok(first)
    }

    /// The same for one queue. Looks at the open callers in order and at the protected ones by age, in turn: one of
    /// the two ends soon, whether few are protected or many.
    fn first_protected(
        &self,
        queue: &Queue,
        tier: &Tier,
        demands: &Filter<'_>,
    ) -> Result<Option<CallerKey>> {
        let newest = queue.protected_to();
        let mut by_age = queue.open_ids.range(..=newest);
        let mut from = Bound::Unbounded;
        let mut first: Option<CallerKey> = None;
        loop {
            let Some(id) = by_age.next() else {
                return Ok(first);
            };
            let caller = self.callers.get(self.caller_slot(*id)?)?;
            if first.is_none_or(|first| caller.key < first)
                && queue.admits(tier, demands, caller.spot)
            {
                first = Some(caller.key);
            }
            let next = queue
                .open_stages()
                .filter_map(|(callers, _)| callers.next(from.as_ref()))
                .min();
            let Some((key, _)) = next else {
                return Ok(first);
            };
            if key.id <= newest && queue.admits(tier, demands, self.callers.get(key.slot)?.spot) {
                return Ok(Some(key));
            }
            from = Bound::Excluded(key);
        }
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
            if !tier.ready || tier.queue == queue || other.settings.overtaking_cap.is_none() {
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
            self.queues.get_mut(*slot)?.pass_over(newest);
        }
        Ok(())
    }

    /// As `match_before` without caps, but that a caller may have to wait for protected ones to be served first.
    /// Whoever is at `place` then waits for these too.
    pub(super) fn decide_capped(&mut self, place: Option<Rank>) -> Result<Vec<Proposal>> {
        let mut proposals = Vec::new();
        let mut heads: BTreeMap<Source, Head> = BTreeMap::new();
        self.look(&mut |router, source| {
            heads.insert(source, router.capped_head(source)?);
            Ok(())
        })?;
        let mut line: BTreeSet<(Rank, Source)> = heads
            .iter()
            .filter_map(|(source, (head, _))| Some(((*head)?, *source)))
            .collect();
        while let Some((rank, source)) = line.pop_first() {
            if let Some(place) = place
                && place <= rank
            {
                let caller = self.callers.get(place.key.slot)?;
                let (free, held_up) = self.somebody(self.queues.get(caller.queue)?, caller)?;
                if free || !held_up {
                    break;
                }
            }
            let before = self.capped_head(source)?;
            let mut again = vec![source];
            if before.0 == Some(rank) {
                let slot = rank.key.slot;
                let protected = self.is_protected(self.callers.get(slot)?)?;
                self.serve(slot, &mut proposals)?;
                if protected && self.callers.get(slot)?.spot == Spot::None {
                    let held_up = heads.iter().filter(|(_, (_, held_up))| *held_up);
                    again.extend(held_up.map(|(source, _)| *source));
                }
            }
            for source in again {
                let head = self.capped_head(source)?;
                if let Some((Some(rank), _)) = heads.insert(source, head) {
                    line.remove(&(rank, source));
                }
                line.extend(head.0.map(|rank| (rank, source)));
            }
            if line.first() == Some(&(rank, source)) && before.0 == Some(rank) {
                return Err(RouterError::Defect("a head that nobody could serve"));
            }
        }
        Ok(proposals)
    }

    /// The best open caller of a source who may be served now.
    fn capped_head(&self, source: Source) -> Result<Head> {
        match source {
            Source::Queue(slot) | Source::Walk(slot) => self.capped_walk(slot),
            Source::Caller(slot) => {
                let Ok(caller) = self.callers.get(slot) else {
                    return Ok((None, false));
                };
                let Spot::Stage(..) = caller.spot else {
                    return Ok((None, false));
                };
                let found = self.somebody(self.queues.get(caller.queue)?, caller)?;
                let rank = self.rank_of(caller.key, caller.queue)?;
                Ok((found.0.then_some(rank), found.1))
            }
            Source::Wanted(slot) | Source::Agent(slot) => {
                self.capped_agent(slot, matches!(source, Source::Agent(_)))
            }
        }
    }

    /// The best of those whom this agent may take, or of those only who wait for nobody else.
    fn capped_agent(&self, slot: u32, anybody: bool) -> Result<Head> {
        let agent = self.agents.get(slot)?;
        let limit = self.limit(agent)?;
        let mut held_up = false;
        let mut best: Option<Rank> = None;
        let mut look_at = |key: CallerKey, queue: u32| -> Result<()> {
            if limit.is_some_and(|first| first < key) {
                held_up = true;
                return Ok(());
            }
            let rank = self.rank_of(key, queue)?;
            best = Some(best.map_or(rank, |best| best.min(rank)));
            Ok(())
        };
        for key in &agent.wanted {
            let queue = self.callers.get(key.slot)?.queue;
            if agent.tier(queue).is_some_and(|tier| tier.ready) {
                look_at(*key, queue)?;
            }
        }
        if anybody {
            let demands = self.skills.demands_for(agent.profile);
            for tier in agent.tiers.iter().filter(|tier| tier.ready) {
                if let Some(key) = self.queues.get(tier.queue)?.head_for(tier, &demands) {
                    look_at(key, tier.queue)?;
                }
            }
        }
        Ok((best, held_up))
    }

    /// The first open caller of a queue who may be served now.
    fn capped_walk(&self, slot: u32) -> Result<Head> {
        let queue = self.queues.get(slot)?;
        let mut from = Bound::Unbounded;
        let mut held_up = false;
        while queue.ready.len() > 0 {
            let next = queue
                .open_stages()
                .filter_map(|(callers, _)| callers.next(from.as_ref()))
                .min();
            let Some((key, _)) = next else {
                break;
            };
            let found = self.somebody(queue, self.callers.get(key.slot)?)?;
            if found.0 {
                return Ok((Some(self.rank_of(key, slot)?), held_up));
            }
            held_up |= found.1;
            from = Bound::Excluded(key);
        }
        Ok((None, held_up))
    }

    /// Whether somebody is ready for this caller; whether somebody would be, but for protected callers.
    fn somebody(&self, queue: &Queue, caller: &Caller) -> Result<(bool, bool)> {
        let demand = match caller.spot {
            Spot::None => return Ok((false, false)),
            Spot::Wanted(agent) => {
                let tier = self.agents.get(agent)?.tier(caller.queue);
                let ready = tier.is_some_and(|tier| tier.ready);
                let may = ready && self.may_have(agent, caller.key)?;
                return Ok((may, ready && !may));
            }
            Spot::Stage(_, demand) => demand,
        };
        let wish = self.wish(queue, caller.entered_us, demand);
        let mut held_up = false;
        let free = queue.ready.first_where(&wish, |key| {
            let may = self.may_have(key.slot, caller.key)?;
            held_up |= !may;
            Result::Ok(may)
        })?;
        Ok((free, held_up))
    }
}
