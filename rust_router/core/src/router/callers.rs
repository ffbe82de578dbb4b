//! Callers and their order.

use serde::{Deserialize, Serialize};

use crate::estimate::{End, Ticket};

use super::{
    Caller, CallerKey, MAX_PRIORITY, MAX_US, Result, Router, RouterError, Spot, Status, types,
};

/// So many trails without a caller are kept.
const SPARE: usize = 1024;

/// So many refusals a caller remembers, the latest.
pub(super) const REMEMBERED: usize = 64;

/// What is known of a caller who comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Since when the caller waits.
    pub entered_us: i64,
    /// Higher is first.
    pub priority: i64,
    /// Counts as wait.
    pub base_score_us: i64,
    /// Id of an agent to wait for, and how long.
    pub preferred: Option<(u64, i64)>,
}

impl Arrival {
    /// Came at this moment, like everybody else.
    #[must_use]
    pub const fn at(entered_us: i64) -> Self {
        Self {
            entered_us,
            priority: 0,
            base_score_us: 0,
            preferred: None,
        }
    }
}

/// A checked priority as it stands in the order of callers, where smaller is first.
pub(super) fn key_priority(priority: i64) -> i16 {
    i16::try_from(-priority).unwrap_or(i16::MAX)
}

impl Caller {
    /// A caller whom nobody was offered yet.
    pub(super) const fn new(key: CallerKey, entered_us: i64, queue: u32) -> Self {
        Self {
            key,
            entered_us,
            queue,
            ladder: None,
            claimed: false,
            held: false,
            spot: Spot::None,
            wake: None,
            trail: None,
            unserved: false,
            ticket: Ticket::NONE,
            dirty: false,
        }
    }
}

impl Router {
    /// Put a caller in a queue who demands what its callers do; give an id that is never used twice.
    ///
    /// # Errors
    /// `UnknownQueue`, `OutOfRange`.
    pub fn enqueue(&mut self, now_us: i64, queue: u64, arrival: Arrival) -> Result<u64> {
        self.enqueue_demanding(now_us, queue, arrival, None)
    }

    /// The same for a caller with an own demand, by waited time.
    ///
    /// # Errors
    /// `UnknownQueue`, `OutOfRange`, `Skill`.
    pub fn enqueue_demanding(
        &mut self,
        now_us: i64,
        queue: u64,
        arrival: Arrival,
        skills: Option<&[(i64, &str)]>,
    ) -> Result<u64> {
        let Arrival {
            entered_us,
            priority,
            base_score_us,
            preferred,
        } = arrival;
        Self::check_time(now_us)?;
        types::duration("entered_us", entered_us)?;
        types::range("priority", priority, -MAX_PRIORITY, MAX_PRIORITY)?;
        types::range("base_score_us", base_score_us, -MAX_US, MAX_US)?;
        if let Some((_, length_us)) = preferred {
            types::duration("preferred_for_us", length_us)?;
        }
        let queue_slot = self.queue_slot(queue)?;
        let preferred = match preferred {
            Some((agent, length_us)) => Some((self.agent_slot(agent)?, length_us)),
            None => None,
        };
        let ladder = match skills {
            Some(steps) => Some(self.skills.put_steps(steps)?),
            None => None,
        };
        let now_us = self.clock(now_us)?;
        self.glance_at_next(queue_slot)?;
        let key = CallerKey {
            priority: key_priority(priority),
            since_us: entered_us - base_score_us,
            id: 0,
            slot: 0,
        };
        let caller = Caller {
            ladder,
            ..Caller::new(key, entered_us, queue_slot)
        };
        let (id, slot) = self.callers.insert(caller)?;
        let key = CallerKey { id, slot, ..key };
        self.callers.get_mut(slot)?.key = key;
        self.queues.get_mut(queue_slot)?.waiting.insert(key);
        self.expect(slot)?;
        if let Some((agent, length_us)) = preferred
            && length_us > 0
            && self.serves(agent, queue_slot)?
        {
            self.callers.get_mut(slot)?.trail_mut().preferred = Some((agent, now_us + length_us));
            self.agents.get_mut(agent)?.fans.insert(slot);
        }
        self.refresh_newcomer(slot)?;
        Ok(id)
    }

    /// Whether the agent has a tier in the queue and isn't logged out: worth waiting for.
    pub(super) fn serves(&self, agent: u32, queue_slot: u32) -> Result<bool> {
        let agent = self.agents.get(agent)?;
        Ok(agent.tier(queue_slot).is_some() && agent.status != Status::LoggedOut)
    }

    /// Change a caller's priority.
    ///
    /// # Errors
    /// `UnknownCaller`, `OutOfRange`.
    pub fn set_priority(&mut self, now_us: i64, caller: u64, priority: i64) -> Result<()> {
        Self::check_time(now_us)?;
        types::range("priority", priority, -MAX_PRIORITY, MAX_PRIORITY)?;
        let slot = self.caller_slot(caller)?;
        self.clock(now_us)?;
        let key = self.callers.get(slot)?.key;
        self.rank(
            slot,
            CallerKey {
                priority: key_priority(priority),
                ..key
            },
        )
    }

    /// Change what counts as a caller's wait besides the wait.
    ///
    /// # Errors
    /// `UnknownCaller`, `OutOfRange`.
    pub fn set_base_score(&mut self, now_us: i64, caller: u64, base_score_us: i64) -> Result<()> {
        Self::check_time(now_us)?;
        types::range("base_score_us", base_score_us, -MAX_US, MAX_US)?;
        let slot = self.caller_slot(caller)?;
        self.clock(now_us)?;
        let caller = self.callers.get(slot)?;
        let since_us = caller.entered_us - base_score_us;
        let key = caller.key;
        self.rank(slot, CallerKey { since_us, ..key })
    }

    /// Give a caller another place in the queue.
    fn rank(&mut self, slot: u32, key: CallerKey) -> Result<()> {
        self.take_out(slot)?;
        let caller = self.callers.get_mut(slot)?;
        caller.key = key;
        self.queues.get_mut(caller.queue)?.waiting.insert(key);
        self.refresh_caller(slot)
    }

    /// Take a caller out of everything that is in order.
    fn take_out(&mut self, slot: u32) -> Result<()> {
        self.put_at(slot, Spot::None)?;
        let caller = self.callers.get(slot)?;
        let queue = self.queues.get_mut(caller.queue)?;
        queue.waiting.remove(&caller.key);
        Ok(())
    }

    /// Move a caller to a queue, keeping the id; give the offers to be withdrawn, oldest first.
    ///
    /// # Errors
    /// `UnknownCaller`, `UnknownQueue`, `OutOfRange`; `WrongStep` when an agent has answered.
    pub fn move_caller(
        &mut self,
        now_us: i64,
        caller: u64,
        queue: u64,
        keep_entered: bool,
    ) -> Result<Vec<u64>> {
        Self::check_time(now_us)?;
        let slot = self.caller_slot(caller)?;
        let queue_slot = self.queue_slot(queue)?;
        if self.callers.get(slot)?.claimed {
            return Err(RouterError::WrongStep("an agent has answered this caller"));
        }
        let now_us = self.clock(now_us)?;
        let withdrawn = self.withdraw(slot, None)?;
        self.take_out(slot)?;
        self.expect_over(slot, End::Left)?;
        let caller = self.callers.get_mut(slot)?;
        caller.queue = queue_slot;
        if let Some(trail) = &mut caller.trail {
            trail.marker = None;
        }
        if !keep_entered {
            caller.key.since_us += now_us - caller.entered_us;
            caller.entered_us = now_us;
        }
        self.queues.get_mut(queue_slot)?.waiting.insert(caller.key);
        let preferred = caller.trail().preferred;
        self.expect(slot)?;
        if let Some((agent, _)) = preferred
            && !self.serves(agent, queue_slot)?
        {
            self.drop_preference(slot)?;
        }
        self.refresh_caller(slot)?;
        Ok(withdrawn)
    }

    /// Let a caller have anybody; `refresh_caller` must follow.
    pub(super) fn drop_preference(&mut self, slot: u32) -> Result<()> {
        if let Some(trail) = &mut self.callers.get_mut(slot)?.trail
            && let Some((agent, _)) = trail.preferred.take()
        {
            self.agents.get_mut(agent)?.fans.remove(&slot);
        }
        Ok(())
    }

    /// Note that an agent let this caller ring.
    pub(super) fn note_refusal(&mut self, slot: u32, agent: u64) -> Result<()> {
        let refused = &mut self.callers.get_mut(slot)?.trail_mut().refused;
        refused.retain(|other| *other != agent);
        if refused.len() >= REMEMBERED {
            refused.remove(0);
        }
        refused.push(agent);
        self.drop_preference(slot)
    }

    /// Take a caller out; give the offers to be withdrawn, oldest first. `abandoned`: the caller gave up, which
    /// counts in the expected wait of others.
    ///
    /// # Errors
    /// `UnknownCaller`, `OutOfRange`.
    pub fn leave(&mut self, now_us: i64, caller: u64, abandoned: bool) -> Result<Vec<u64>> {
        Self::check_time(now_us)?;
        let slot = self.caller_slot(caller)?;
        self.clock(now_us)?;
        let withdrawn = self.withdraw(slot, None)?;
        let how = if abandoned { End::Abandoned } else { End::Left };
        self.drop_caller(slot, how)?;
        Ok(withdrawn)
    }

    /// Mark the caller's offers, but one, as unable to win; give those that weren't marked, oldest first.
    pub(super) fn withdraw(&mut self, slot: u32, winner: Option<u32>) -> Result<Vec<u64>> {
        let mut given = Vec::new();
        for &offer_slot in &self.callers.get(slot)?.trail().offers {
            let offer = self.offers.get_mut(offer_slot)?;
            if Some(offer_slot) != winner && !offer.withdrawn {
                offer.withdrawn = true;
                given.push(self.offers.id(offer_slot)?);
            }
        }
        given.sort_unstable();
        Ok(given)
    }

    /// Forget a caller; offers that are left have no caller any more.
    pub(super) fn drop_caller(&mut self, slot: u32, how: End) -> Result<()> {
        self.take_out(slot)?;
        self.expect_over(slot, how)?;
        self.drop_preference(slot)?;
        let caller = self
            .callers
            .remove(slot)
            .ok_or(RouterError::Defect("caller dropped twice"))?;
        if let Some(timer) = caller.wake {
            self.wakes.cancel(timer);
        }
        if let Some(ladder) = caller.ladder {
            self.skills.drop_ladder(ladder)?;
        }
        for &offer in &caller.trail().offers {
            self.offers.get_mut(offer)?.caller = None;
        }
        if let Some(mut trail) = caller.trail
            && self.spare_trails.len() < SPARE
        {
            trail.clear();
            self.spare_trails.push(trail);
        }
        Ok(())
    }

    /// Place in the queue, 1 = next.
    ///
    /// # Errors
    /// `UnknownCaller`.
    pub fn position(&self, caller: u64) -> Result<usize> {
        let caller = self.callers.get(self.caller_slot(caller)?)?;
        let place = self.queues.get(caller.queue)?.waiting.place(&caller.key);
        place
            .map(|place| place + 1)
            .ok_or(RouterError::Defect("caller without a place"))
    }

    /// Id of the caller who is served just before this one; None for the first.
    ///
    /// # Errors
    /// `UnknownCaller`.
    pub fn ahead(&self, caller: u64) -> Result<Option<u64>> {
        let caller = self.callers.get(self.caller_slot(caller)?)?;
        let waiting = &self.queues.get(caller.queue)?.waiting;
        Ok(waiting.before(&caller.key).map(|key| key.id))
    }

    /// Ids in the queue in order of service.
    ///
    /// # Errors
    /// `UnknownQueue`.
    pub fn callers(&self, queue: u64) -> Result<Vec<u64>> {
        let queue = self.queues.get(self.queue_slot(queue)?)?;
        Ok(queue.waiting.iter().map(|key| key.id).collect())
    }

    /// Callers in the queue, bridged ones excepted.
    ///
    /// # Errors
    /// `UnknownQueue`.
    pub fn calls_waiting(&self, queue: u64) -> Result<usize> {
        Ok(self.queues.get(self.queue_slot(queue)?)?.waiting.len())
    }

    /// Agents of the queue who aren't logged out.
    ///
    /// # Errors
    /// `UnknownQueue`.
    pub fn staffed(&self, queue: u64) -> Result<usize> {
        Ok(self.queues.get(self.queue_slot(queue)?)?.staffed)
    }

    /// Agents of the queue who could take a call this instant.
    ///
    /// # Errors
    /// `UnknownQueue`.
    pub fn can_serve(&self, queue: u64) -> Result<usize> {
        self.ready_in(self.queue_slot(queue)?)
    }
}
