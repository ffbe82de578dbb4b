//! Which agent a caller gets.

use super::ready::{Opening, Place, ReadyKey};
use super::work;
use super::{Agent, Queue, Result, Router, RouterError, Spot, Strategy, Tier};

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
    pub(super) fn place(&self, slot: u32, id: u64, tier: &Tier) -> Place {
        Place {
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
    pub(super) fn pick(&mut self, queue_slot: u32, caller_slot: u32) -> Result<Option<ReadyKey>> {
        let caller = self.callers.get(caller_slot)?;
        if let Spot::Wanted(agent) = caller.spot {
            let place = self.ready_place(self.agents.id(agent)?, queue_slot)?;
            return Ok(place.map(|place| place.key));
        }
        let strategy = self.queues.get(queue_slot)?.settings.strategy;
        if strategy == Strategy::LeastOccupied {
            self.sort_by_occupancy(queue_slot)?;
        }
        let caller = self.callers.get(caller_slot)?;
        let queue = self.queues.get(queue_slot)?;
        let opening = queue.opening((self.now_us - caller.entered_us).max(0));
        let refused = if queue.settings.refusal_memory {
            caller.refused.as_slice()
        } else {
            &[]
        };
        let behind = match strategy {
            Strategy::RoundRobin => self.behind_last_offered(queue, queue_slot)?,
            Strategy::TopDown => caller.marker.map(|(level, position, id)| {
                (ReadyKey::from(level, position, 0, id + 1), i32::MAX)
            }),
            _ => None,
        };
        if let Some((start, level)) = behind {
            let opening = Opening {
                level: opening.level.min(level),
                ..opening
            };
            if let Some(key) = queue.ready.best_from(start, opening, refused) {
                return Ok(Some(key));
            }
        }
        let best = queue.ready.best(opening, refused);
        match (best, strategy) {
            (Some(best), Strategy::Random | Strategy::WeightedRandom) => {
                let mut places = Vec::new();
                for id in refused {
                    places.extend(self.ready_place(*id, queue_slot)?);
                }
                let (seed, draws) = (self.seed, self.draws);
                let draw = |total| lot(seed, draws, total);
                let key = queue.ready.by_lot(opening, best.level, &places, draw);
                self.draws = self.draws.wrapping_add(1);
                key.map(Some)
                    .ok_or(RouterError::Defect("a lot without an agent"))
            }
            (Some(best), _) => Ok(Some(best)),
            (None, _) => {
                for id in refused {
                    if let Some(place) = self.ready_place(*id, queue_slot)?
                        && opening.admits(&place)
                    {
                        return Ok(Some(place.key));
                    }
                }
                Ok(None)
            }
        }
    }

    /// Round-robin's next: same level, a higher position than the agent of the newest offer.
    fn behind_last_offered(
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
    fn ready_place(&self, id: u64, queue_slot: u32) -> Result<Option<Place>> {
        let Some(slot) = self.agents.slot(id) else {
            return Ok(None);
        };
        let tier = self.agents.get(slot)?.tier(queue_slot);
        let queue = self.queues.get(queue_slot)?;
        let ready = tier.filter(|tier| tier.ready);
        Ok(ready.map(|tier| queue.place(slot, id, tier)))
    }

    /// Make the order anew when the window has moved on since it was made.
    fn sort_by_occupancy(&mut self, slot: u32) -> Result<()> {
        let now_us = self.now_us;
        let queue = self.queues.get_mut(slot)?;
        let begin_us = work::begin_us(queue.settings.occupancy_window_us, now_us);
        if queue.sorted_us == begin_us {
            return Ok(());
        }
        queue.sorted_us = begin_us;
        self.sync_members(slot)
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
