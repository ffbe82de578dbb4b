//! Agents: status, state, wrap-up and delays.

use super::gates::count;
use super::timers::Due;
use super::{
    Agent, AgentView, Fresh, MAX_EXTERNAL_CALLS, Misses, Phase, Queue, Readiness, Rest, Result,
    Router, RouterError, State, Status, types,
};

impl Agent {
    /// For which queues an agent who does this could take a call.
    pub(super) fn readiness_in(&self, state: State) -> Readiness {
        match state {
            _ if self.rest.is_some() || self.hold.is_some() => Readiness::None,
            State::Waiting => Readiness::Free,
            State::BusyElsewhere => Readiness::Elsewhere,
            _ => Readiness::None,
        }
    }
}

impl Queue {
    /// Whether an agent of this readiness could take a call of this queue.
    pub(super) const fn takes(&self, readiness: Readiness) -> bool {
        match readiness {
            Readiness::None => false,
            Readiness::Free => true,
            Readiness::Elsewhere => !self.settings.skip_agents_with_external_calls,
        }
    }
}

impl Router {
    /// Set the status; give the offer to be withdrawn, if any.
    ///
    /// # Errors
    /// `UnknownAgent`, `OutOfRange`.
    pub fn set_status(&mut self, now_us: i64, agent: u64, status: Status) -> Result<Option<u64>> {
        Self::check_time(now_us)?;
        let slot = self.agent_slot(agent)?;
        self.clock(now_us)?;
        self.change_status(slot, status)?;
        let Some(offer_slot) = self
            .agents
            .get(slot)?
            .offer
            .filter(|_| !status.takes_calls())
        else {
            return Ok(None);
        };
        let offer = self.offers.get_mut(offer_slot)?;
        if offer.withdrawn || !matches!(offer.phase, Phase::Reserved | Phase::Ringing) {
            return Ok(None);
        }
        offer.withdrawn = true;
        Ok(Some(self.offers.id(offer_slot)?))
    }

    pub(super) fn change_status(&mut self, slot: u32, status: Status) -> Result<()> {
        if self.agents.get(slot)?.breaks {
            self.leave_break(slot, status)?;
        }
        let now_us = self.now_us;
        let agent = self.agents.get_mut(slot)?;
        let before = std::mem::replace(&mut agent.status, status);
        agent.served = false;
        if status != before && status == Status::Available {
            agent.missed = Misses::default();
            if agent.settings.reset_counters {
                agent.calls_answered = 0;
                agent.talk_us = 0;
            }
        }
        let (was_in, is_in) = (before != Status::LoggedOut, status != Status::LoggedOut);
        if is_in && !was_in {
            agent.idle_since_us = now_us;
        }
        if status != before {
            for tier in &agent.tiers {
                let queue = self.queues.get_mut(tier.queue)?;
                if is_in != was_in {
                    queue.staffed = if is_in {
                        queue.staffed.saturating_add(1)
                    } else {
                        queue.staffed.saturating_sub(1)
                    };
                }
                queue.takers -= u32::from(before.takes_calls());
                queue.takers += u32::from(status.takes_calls());
                queue.tell(now_us);
                let (was, is) = (
                    queue.counts_as_present(before),
                    queue.counts_as_present(status),
                );
                if was != is {
                    let level = queue.opening(0).level;
                    count(&mut queue.present, i64::from(tier.level), is);
                    let opened = queue.opening(0).level > level;
                    if opened && !queue.dirty && queue.open > 0 && queue.ready.len() > 0 {
                        queue.dirty = true;
                        self.dirty.push(tier.queue);
                    }
                }
            }
            if agent.settings.reset_counters && agent.readiness != Readiness::None {
                // On Demand becomes Available: still ready, but elsewhere in the order.
                agent.readiness = Readiness::None;
                self.sync_tiers(slot)?;
            }
        }
        if was_in && !is_in {
            self.release_fans(slot, None)?;
        }
        self.refresh_agent(slot)
    }

    /// Begin a wrap-up or delay; nothing when it has no length.
    pub(super) fn begin_rest(&mut self, slot: u32, length_us: i64, wrap_up: bool) -> Result<()> {
        self.end_rest(slot)?;
        if length_us > 0 {
            let timer = self.timers.arm(self.now_us + length_us, Due::Agent(slot));
            self.agents.get_mut(slot)?.rest = Some(Rest { timer, wrap_up });
        }
        Ok(())
    }

    pub(super) fn end_rest(&mut self, slot: u32) -> Result<()> {
        if let Some(rest) = self.agents.get_mut(slot)?.rest.take() {
            self.timers.cancel(rest.timer);
        }
        Ok(())
    }

    /// Move the end of a running wrap-up; a moment not after `now_us` ends it.
    ///
    /// # Errors
    /// `UnknownAgent`, `OutOfRange`; `WrongStep` when no wrap-up runs.
    pub fn set_wrap_up_end(&mut self, now_us: i64, agent: u64, end_us: i64) -> Result<()> {
        Self::check_time(now_us)?;
        types::duration("end_us", end_us)?;
        let slot = self.agent_slot(agent)?;
        if !self.agents.get(slot)?.rest.is_some_and(|rest| rest.wrap_up) {
            return Err(RouterError::WrongStep("no wrap-up runs"));
        }
        let now_us = self.clock(now_us)?;
        self.begin_rest(slot, end_us - now_us, true)?;
        self.refresh_agent(slot)
    }

    /// What an agent does, by offer, status and rest.
    pub(super) fn state_of(&self, agent: &Agent) -> Result<State> {
        if let Some(offer) = agent.offer {
            return Ok(match self.offers.get(offer)?.phase {
                Phase::Reserved => State::Reserved,
                Phase::Ringing | Phase::Claimed => State::Receiving,
                Phase::Talking { .. } => State::InAQueueCall,
            });
        }
        Ok(match agent.status {
            Status::LoggedOut => State::LoggedOut,
            Status::OnBreak => State::OnBreak,
            Status::Available | Status::OnDemand => match agent.rest {
                Some(rest) if rest.wrap_up => State::WrapUp,
                _ if agent.served => State::Idle,
                _ if agent.external_calls > 0 => State::BusyElsewhere,
                _ => State::Waiting,
            },
        })
    }

    /// Derive state and readiness from offer, status and rest.
    pub(super) fn refresh_agent(&mut self, slot: u32) -> Result<()> {
        if self.derive_agent(slot)? {
            self.sync_tiers(slot)?;
        }
        Ok(())
    }

    /// The same as the last thing that a call does: whoever became ready is left for the next decision.
    pub(super) fn refresh_agent_last(&mut self, slot: u32) -> Result<()> {
        if self.derive_agent(slot)? {
            if self.fresh.is_none() && self.agents.get(slot)?.readiness != Readiness::None {
                self.fresh = Some(Fresh::Agent(slot));
            } else {
                self.sync_tiers(slot)?;
            }
        }
        Ok(())
    }

    /// Note that something of an agent has changed.
    pub(super) fn note_change(&mut self, slot: u32) -> Result<()> {
        if !std::mem::replace(&mut self.agents.get_mut(slot)?.changed, true) {
            self.changed.push(slot);
        }
        Ok(())
    }

    /// Derive state and readiness; whether the latter has changed.
    fn derive_agent(&mut self, slot: u32) -> Result<bool> {
        let state = self.state_of(self.agents.get(slot)?)?;
        let agent = self.agents.get_mut(slot)?;
        if !std::mem::replace(&mut agent.changed, true) {
            self.changed.push(slot);
        }
        let before = std::mem::replace(&mut agent.state, state);
        if state != before {
            agent.state_since_us = self.now_us;
            if self.counts_work {
                let works = matches!(state, State::InAQueueCall | State::WrapUp);
                agent.work.set(works, self.now_us);
            }
            if agent.breaks {
                self.breaks.due.push(slot);
            }
        }
        let readiness = agent.readiness_in(state);
        let changed = readiness != std::mem::replace(&mut agent.readiness, readiness);
        if state != before {
            self.count_state(before, false);
            self.count_state(state, true);
        }
        Ok(changed)
    }

    /// Put the agent into the ready sets of the queues, or take them out, as the readiness asks for.
    pub(super) fn sync_tiers(&mut self, slot: u32) -> Result<()> {
        let id = self.agents.id(slot)?;
        let now_us = self.now_us;
        let agent = self.agents.get_mut(slot)?;
        let mut looked_for = !agent.wanted.is_empty();
        // Read together what is changed one after the other: memory answers all of it at once.
        let mut seen = 0;
        for tier in &agent.tiers {
            seen ^= self.queues.get(tier.queue)?.ready.len() as u64;
        }
        for tier in &agent.tiers {
            let queue = self.queues.get(tier.queue)?;
            seen ^= queue.ready.glance(tier.ready);
        }
        std::hint::black_box(seen);
        for at in 0..agent.tiers.len() {
            let Some(mut tier) = agent.tiers.get(at).copied() else {
                break;
            };
            let queue = self.queues.get_mut(tier.queue)?;
            let ready = queue.takes(agent.readiness);
            let order = if ready {
                queue.order(agent, &tier, now_us)
            } else {
                tier.order
            };
            if ready == tier.ready && order == tier.order {
                continue;
            }
            let were = queue.ready.len();
            if tier.ready {
                queue
                    .ready
                    .remove(&queue.place(slot, id, agent.profile, &tier));
            }
            tier.ready = ready;
            tier.order = order;
            if let Some(place) = agent.tiers.get_mut(at) {
                (place.ready, place.order) = (ready, order);
            }
            if ready {
                queue
                    .ready
                    .insert(&queue.place(slot, id, agent.profile, &tier));
                if queue.skilled {
                    looked_for |= queue.open > 0;
                } else if !queue.dirty && queue.open > 0 {
                    queue.dirty = true;
                    self.dirty.push(tier.queue);
                }
            }
            // The first who is ready and the last who was make a difference.
            if (were == 0) != (queue.ready.len() == 0) {
                queue.tell(now_us);
            }
        }
        if looked_for {
            self.mark_agent(slot)?;
        }
        Ok(())
    }

    /// The same for all agents of one queue.
    pub(super) fn sync_members(&mut self, queue_slot: u32) -> Result<()> {
        let members: Vec<u32> = {
            let queue = self.queues.get(queue_slot)?;
            queue.members.iter().copied().collect()
        };
        for member in members {
            self.sync_tiers(member)?;
        }
        Ok(())
    }

    /// Have the next decision look for callers of this agent, if the agent is ready.
    pub(super) fn mark_agent(&mut self, slot: u32) -> Result<()> {
        let agent = self.agents.get_mut(slot)?;
        if !agent.dirty && agent.readiness != Readiness::None {
            agent.dirty = true;
            self.dirty_agents.push(slot);
        }
        Ok(())
    }

    /// Let the callers who prefer this agent have anybody: all of them, or those of one queue.
    pub(super) fn release_fans(&mut self, slot: u32, queue: Option<u32>) -> Result<()> {
        let fans: Vec<u32> = self.agents.get(slot)?.fans.iter().copied().collect();
        for fan in fans {
            let caller = self.callers.get_mut(fan)?;
            if queue.is_none_or(|queue| queue == caller.queue) {
                self.drop_preference(fan)?;
                self.refresh_caller(fan)?;
            }
        }
        Ok(())
    }

    /// Not ready before this moment, whatever else; a moment not after `now_us` ends that.
    ///
    /// # Errors
    /// `UnknownAgent`, `OutOfRange`.
    pub fn set_ready_at(&mut self, now_us: i64, agent: u64, ready_at_us: i64) -> Result<()> {
        Self::check_time(now_us)?;
        types::duration("ready_at_us", ready_at_us)?;
        let slot = self.agent_slot(agent)?;
        let now_us = self.clock(now_us)?;
        let hold = (ready_at_us > now_us).then(|| self.timers.arm(ready_at_us, Due::Agent(slot)));
        let before = std::mem::replace(&mut self.agents.get_mut(slot)?.hold, hold);
        if let Some(timer) = before {
            self.timers.cancel(timer);
        }
        self.refresh_agent(slot)
    }

    /// Calls of this agent that aren't the queues'.
    ///
    /// # Errors
    /// `UnknownAgent`, `OutOfRange`.
    pub fn set_external_calls(&mut self, now_us: i64, agent: u64, count: i64) -> Result<()> {
        Self::check_time(now_us)?;
        types::range("count", count, 0, MAX_EXTERNAL_CALLS)?;
        let slot = self.agent_slot(agent)?;
        self.clock(now_us)?;
        self.agents.get_mut(slot)?.external_calls = count;
        self.refresh_agent(slot)
    }

    pub(super) fn count_state(&mut self, state: State, add: bool) {
        if let Some(count) = self.states.get_mut(state as usize) {
            *count = if add {
                count.saturating_add(1)
            } else {
                count.saturating_sub(1)
            };
        }
    }

    /// A copy of what is known of one agent.
    ///
    /// # Errors
    /// `UnknownAgent`.
    pub fn agent(&self, agent: u64) -> Result<AgentView> {
        let agent = self.agents.get(self.agent_slot(agent)?)?;
        Ok(AgentView {
            name: agent.name.clone(),
            status: agent.status,
            state: agent.state,
            state_since_us: agent.state_since_us,
            idle_since_us: agent.idle_since_us,
            ready_at_us: agent
                .rest
                .map_or(0, |rest| rest.timer.0)
                .max(agent.hold.map_or(0, |timer| timer.0)),
            missed: agent.missed,
            calls_answered: agent.calls_answered,
            talk_us: agent.talk_us,
            external_calls: agent.external_calls,
        })
    }

    /// How many agents are in each state, all of them, in the order of `State::ALL`.
    #[must_use]
    pub fn agents_by_state(&self) -> Vec<(State, usize)> {
        State::ALL.iter().copied().zip(self.states).collect()
    }
}
