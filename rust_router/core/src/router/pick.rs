//! Which agent a caller gets.

use std::cell::RefCell;

use super::limits::Limits;
use super::ready::{Opening, Place, ReadyKey, Wish};
use super::work;
use super::{Agent, ProfileId, Queue, Result, Router, RouterError, Spot, Strategy, Tier};

/// So many lots are drawn among all agents before those who meet the demand are listed.
const TRIES: usize = 16;

impl Queue {
    /// The two numbers by which a ready agent is in order within the level.
    pub(super) fn order(&self, agent: &Agent, tier: &Tier, now_us: i64) -> (i64, i64) {
        let position = i64::from(tier.position);
        match self.settings.strategy {
            Strategy::LongestIdleAgent | Strategy::RingK => (agent.idle_since_us, position),
            Strategy::RoundRobin | Strategy::Sequentially => {
                (position, tier.last_offer.cast_signed())
            }
            Strategy::LeastTalkTime => (agent.talk_us, position),
            Strategy::FewestCalls => (agent.calls_answered.cast_signed(), position),
            Strategy::LeastOccupied => {
                let begin_us = work::begin_us(self.settings.occupancy_window_us, now_us);
                (agent.work.after(begin_us), position)
            }
            Strategy::TopDown | Strategy::RingAll | Strategy::RingProgressively => (position, 0),
            Strategy::Random | Strategy::WeightedRandom => (0, 0),
        }
    }

    /// Where a ready agent stands in this queue.
    pub(super) fn place(&self, slot: u32, id: u64, profile: ProfileId, tier: &Tier) -> Place {
        Place {
            profile,
            delay_us: tier.opening_delay_us,
            weight: match self.settings.strategy {
                Strategy::WeightedRandom => tier.weight,
                _ => 1,
            },
            key: ReadyKey {
                level: tier.level,
                first: tier.order.0,
                second: tier.order.1,
                id,
                slot,
            },
        }
    }
}

impl Router {
    /// The agent whom an open caller gets now.
    pub(super) fn pick(
        &mut self,
        queue_slot: u32,
        caller_slot: u32,
        limits: &mut Limits,
    ) -> Result<Option<ReadyKey>> {
        let spot = self.callers.get(caller_slot)?.spot;
        let demand = match spot {
            Spot::None => return Ok(None),
            Spot::Wanted(agent) => {
                let place = self.ready_place(self.agents.id(agent)?, queue_slot)?;
                let key = self.callers.get(caller_slot)?.key;
                let free = !self.is_capped() || limits.admit(self, agent, key)?;
                return Ok(place.filter(|_| free).map(|place| place.key));
            }
            Spot::Stage(_, demand) => demand,
        };
        let strategy = self.queues.get(queue_slot)?.settings.strategy;
        if strategy == Strategy::LeastOccupied {
            self.sort_by_occupancy(queue_slot)?;
        }
        let caller = self.callers.get(caller_slot)?;
        let queue = self.queues.get(queue_slot)?;
        let wish = self.wish(queue, caller.entered_us, demand);
        let refused = if queue.settings.refusal_memory {
            caller.trail().refused.as_slice()
        } else {
            &[]
        };
        let capped = self.is_capped();
        // An agent who can't be asked is a defect, to be found when somebody is reserved.
        let limits = RefCell::new(limits);
        let allowed = |agent: u32| {
            let admitted = || limits.borrow_mut().admit(self, agent, caller.key);
            !capped || admitted().unwrap_or(true)
        };
        let accept = |key: &ReadyKey| !refused.contains(&key.id) && allowed(key.slot);
        let behind = match strategy {
            Strategy::RoundRobin => self.behind_last_offered(queue, queue_slot)?,
            Strategy::TopDown => caller.trail().marker.map(|(level, position, id)| {
                (ReadyKey::from(level, position, 0, id + 1), i32::MAX)
            }),
            _ => None,
        };
        if let Some((start, level)) = behind {
            let opening = Opening {
                level: wish.opening.level.min(level),
                ..wish.opening
            };
            let wish = Wish { opening, ..wish };
            if let Some(key) = queue.ready.best_from(start, &wish, accept) {
                return Ok(Some(key));
            }
        }
        if let Some(best) = queue.ready.best(&wish, accept) {
            if !strategy.draws_lots() {
                return Ok(Some(best));
            }
            let mut left_out = Vec::new();
            for id in refused {
                left_out.extend(self.ready_place(*id, queue_slot)?);
            }
            let (key, draws) = self.by_lot(queue, &wish, best.level, &left_out, allowed)?;
            self.draws = draws;
            return Ok(Some(key));
        }
        for id in refused {
            if let Some(place) = self.ready_place(*id, queue_slot)?
                && wish.admits(&place)
                && allowed(place.key.slot)
            {
                return Ok(Some(place.key));
            }
        }
        Ok(None)
    }

    /// One of a level by lot, and how many lots were drawn till then.
    ///
    /// Lots fall on all agents of the level; one that falls on somebody whom the caller can't have is drawn again.
    /// After some in vain, one more is drawn among those whom the caller can. Either way chances are by weight.
    pub(super) fn by_lot(
        &self,
        queue: &Queue,
        wish: &Wish<'_>,
        level: i32,
        left_out: &[Place],
        allowed: impl Fn(u32) -> bool,
    ) -> Result<(ReadyKey, u64)> {
        let nobody = RouterError::Defect("a lot without an agent");
        let mut draws = self.draws;
        let mut draw = |total| {
            let place = lot(self.seed, draws, total);
            draws = draws.wrapping_add(1);
            place
        };
        let lots = queue.ready.lots(wish.opening, level, left_out);
        for _ in 0..TRIES {
            let holder = lots.holder(draw(lots.total())).ok_or(nobody.clone())?;
            let able = wish.profiles.is_everything()
                || wish.profiles.test(self.agents.get(holder.slot)?.profile.0);
            if able && allowed(holder.slot) {
                return Ok((holder, draws));
            }
        }
        let accept = |key: &ReadyKey| {
            !left_out.iter().any(|place| place.key.id == key.id) && allowed(key.slot)
        };
        let row = queue.ready.matching(wish, level, accept);
        let mut lot = draw(row.iter().map(|(_, weight)| weight).sum());
        for (key, weight) in row {
            if lot < weight {
                return Ok((key, draws));
            }
            lot -= weight;
        }
        Err(nobody)
    }

    /// Round-robin's next: same level, a higher position than the agent of the newest offer.
    pub(super) fn behind_last_offered(
        &self,
        queue: &Queue,
        queue_slot: u32,
    ) -> Result<Option<(ReadyKey, i32)>> {
        let Some(last) = queue.last_offered else {
            return Ok(None);
        };
        Ok(self.agents.get(last)?.tier(queue_slot).map(|tier| {
            let start = ReadyKey::from(tier.level, i64::from(tier.position) + 1, 0, 0);
            (start, tier.level)
        }))
    }

    /// Where the agent of this id stands, if there and ready for this queue.
    pub(super) fn ready_place(&self, id: u64, queue_slot: u32) -> Result<Option<Place>> {
        let Some(slot) = self.agents.slot(id) else {
            return Ok(None);
        };
        let agent = self.agents.get(slot)?;
        let queue = self.queues.get(queue_slot)?;
        let ready = agent.tier(queue_slot).filter(|tier| tier.ready);
        Ok(ready.map(|tier| queue.place(slot, id, agent.profile, tier)))
    }
}

/// The number-th lot of a seed, below `total`: Steele, Lea and Flood's `SplitMix64`, scaled by multiplication.
fn lot(seed: u64, number: u64, total: u64) -> u64 {
    let state = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let mixed = mixed ^ (mixed >> 31);
    let scaled = (u128::from(mixed) * u128::from(total)) >> 64;
    u64::try_from(scaled).unwrap_or(0)
}
