//! Where callers stand: open for whom, or closed, and when waiting alone changes that.

use super::timers::Due;
use super::{DemandId, Fresh, LadderId, Result, Router, RouterError, Spot, Strategy};

impl Router {
    /// Derive where a caller stands, and when that changes by waiting, from claim, offers and wait.
    pub(super) fn refresh_caller(&mut self, slot: u32) -> Result<()> {
        let stand = self.derive_caller(slot)?;
        self.put_at(slot, stand)
    }

    /// The same for a caller who has just come, as the last thing that a call does: one whom somebody could take is
    /// left for the next decision.
    pub(super) fn refresh_newcomer(&mut self, slot: u32) -> Result<()> {
        let stand = self.derive_caller(slot)?;
        let caller = self.callers.get_mut(slot)?;
        let queue_slot = caller.queue;
        let Spot::Stage(_, demand) = stand else {
            return self.put_at(slot, stand);
        };
        if self.fresh.is_some() || self.queues.get(queue_slot)?.ready.len() == 0 {
            return self.put_at(slot, stand);
        }
        caller.spot = stand;
        self.fresh = Some(Fresh::Caller(slot));
        if demand == DemandId::ANY {
            Ok(())
        } else {
            self.make_skilled(queue_slot)
        }
    }

    /// Where a caller should stand; when that changes by waiting is seen to.
    fn derive_caller(&mut self, slot: u32) -> Result<Spot> {
        let now_us = self.now_us;
        let caller = self.callers.get(slot)?;
        if caller
            .trail()
            .preferred
            .is_some_and(|(_, until_us)| until_us <= now_us)
        {
            self.drop_preference(slot)?;
        }
        let caller = self.callers.get(slot)?;
        let queue = self.queues.get(caller.queue)?;
        let settings = &queue.settings;
        let trail = caller.trail();
        let rings = trail.offers.len();
        let next_us = trail.offered_us + settings.ring_progressively_delay_us;
        let progressively = settings.strategy == Strategy::RingProgressively && rings > 0;
        let open = !caller.claimed
            && !caller.held
            && match settings.strategy {
                Strategy::RingAll => true,
                Strategy::RingK => (rings as u64) < settings.ring_count.unsigned_abs(),
                Strategy::RingProgressively => rings == 0 || next_us <= now_us,
                _ => rings == 0,
            };
        let waited_us = (now_us - caller.entered_us).max(0);
        let stage = if queue.flat {
            0
        } else {
            queue.stage(waited_us)
        };
        let ladder = caller.ladder.unwrap_or(queue.ladder);
        let (demand, step_us) = if ladder == LadderId::ANY {
            (DemandId::ANY, None)
        } else {
            self.skills.demanded(ladder, waited_us)?
        };
        let stand = match trail.preferred {
            _ if !open => Spot::None,
            Some((agent, _)) if self.meets(agent, demand)? => Spot::Wanted(agent),
            _ => Spot::Stage(stage, demand),
        };
        let mut wake_us = trail.preferred.map(|(_, until_us)| until_us);
        let mut wake = |at_us: i64| wake_us = Some(wake_us.map_or(at_us, |us| us.min(at_us)));
        if !queue.flat
            && let Some(wait_us) = queue
                .thresholds
                .get(queue.stage(now_us - caller.entered_us))
        {
            wake(caller.entered_us + wait_us);
        }
        if let Some(wait_us) = step_us {
            wake(caller.entered_us + wait_us);
        }
        if progressively && next_us > now_us {
            wake(next_us);
        }
        let armed = caller.wake;
        if armed.map(|timer| timer.0) != wake_us {
            if let Some(timer) = armed {
                self.wakes.cancel(timer);
            }
            let timer = wake_us.map(|at_us| self.wakes.arm(at_us, Due::Caller(slot)));
            self.callers.get_mut(slot)?.wake = timer;
        }
        self.expect_offers(slot, rings)?;
        Ok(stand)
    }

    /// Put a caller where open callers stand, or nowhere.
    pub(super) fn put_at(&mut self, slot: u32, to: Spot) -> Result<()> {
        let caller = self.callers.get_mut(slot)?;
        let (key, queue_slot) = (caller.key, caller.queue);
        let before = std::mem::replace(&mut caller.spot, to);
        if before == to {
            return Ok(());
        }
        let queue = self.queues.get_mut(queue_slot)?;
        queue.turn = queue.turn.wrapping_add(1);
        match before {
            Spot::None => {}
            Spot::Wanted(agent) => {
                self.agents.get_mut(agent)?.wanted.remove(&key);
            }
            Spot::Stage(stage, _) => {
                if let Some(callers) = queue.stage_mut(stage)
                    && callers.remove(&key).is_some()
                {
                    queue.open -= 1;
                    if queue.settings.overtaking_cap.is_some() {
                        queue.shield.remove(&key, stage, queue.open);
                    }
                }
            }
        }
        match to {
            Spot::None => Ok(()),
            Spot::Wanted(agent) => {
                self.agents.get_mut(agent)?.wanted.insert(key);
                self.mark_agent(agent)
            }
            Spot::Stage(stage, demand) => {
                if demand != DemandId::ANY {
                    self.make_skilled(queue_slot)?;
                }
                let queue = self.queues.get_mut(queue_slot)?;
                let callers = queue
                    .stage_mut(stage)
                    .ok_or(RouterError::Defect("no such stage"))?;
                callers.insert(key, demand.0);
                queue.open += 1;
                if queue.settings.overtaking_cap.is_some() {
                    queue.shield.insert(key, stage, demand);
                    queue.sort_protected();
                }
                self.mark_caller(slot, queue_slot)
            }
        }
    }

    /// Have the next decision look for an agent for this caller, if somebody is ready.
    fn mark_caller(&mut self, slot: u32, queue_slot: u32) -> Result<()> {
        let queue = self.queues.get(queue_slot)?;
        if !queue.skilled {
            return self.mark(queue_slot);
        }
        let caller = self.callers.get_mut(slot)?;
        if !caller.dirty && queue.ready.len() > 0 {
            caller.dirty = true;
            self.dirty_callers.push(slot);
        }
        Ok(())
    }

    /// Have the next decision look at this queue if there is something to match.
    pub(super) fn mark(&mut self, slot: u32) -> Result<()> {
        let queue = self.queues.get_mut(slot)?;
        if !queue.dirty && queue.open > 0 && queue.ready.len() > 0 {
            queue.dirty = true;
            self.dirty.push(slot);
        }
        Ok(())
    }
}
