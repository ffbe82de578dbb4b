//! Agents: status, state, wrap-up and delays.

use super::timers::Due;
use super::{AgentView, Phase, Rest, Result, Router, RouterError, State, Status, types};

impl Router {
    /// Set the status; give the offer to be withdrawn, if any.
    ///
    /// # Errors
    /// `UnknownAgent`, `OutOfRange`.
    pub fn set_status(&mut self, now_us: i64, agent: u64, status: Status) -> Result<Option<u64>> {
        Self::check_time(now_us)?;
        let slot = self.agent_slot(agent)?;
        self.clock(now_us);
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
        let now_us = self.now_us;
        let agent = self.agents.get_mut(slot)?;
        let before = std::mem::replace(&mut agent.status, status);
        agent.served = false;
        if status != before && status == Status::Available {
            agent.no_answer_count = 0;
        }
        let (was_in, is_in) = (before != Status::LoggedOut, status != Status::LoggedOut);
        if is_in && !was_in {
            agent.idle_since_us = now_us;
        }
        if is_in != was_in {
            for tier in &agent.tiers {
                let queue = self.queues.get_mut(tier.queue)?;
                queue.staffed = if is_in {
                    queue.staffed.saturating_add(1)
                } else {
                    queue.staffed.saturating_sub(1)
                };
            }
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

    fn end_rest(&mut self, slot: u32) -> Result<()> {
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
        let now_us = self.clock(now_us);
        self.begin_rest(slot, end_us - now_us, true)?;
        self.refresh_agent(slot)
    }

    /// Derive state and readiness from offer, status and rest; the only place that changes either.
    pub(super) fn refresh_agent(&mut self, slot: u32) -> Result<()> {
        let agent = self.agents.get_mut(slot)?;
        let resting = agent.rest.is_some();
        let state = if let Some(offer) = agent.offer {
            match self.offers.get(offer)?.phase {
                Phase::Reserved => State::Reserved,
                Phase::Ringing | Phase::Claimed => State::Receiving,
                Phase::Talking { .. } => State::InAQueueCall,
            }
        } else {
            match agent.status {
                Status::LoggedOut => State::LoggedOut,
                Status::OnBreak => State::OnBreak,
                Status::Available | Status::OnDemand => match agent.rest {
                    Some(rest) if rest.wrap_up => State::WrapUp,
                    _ if agent.served => State::Idle,
                    _ => State::Waiting,
                },
            }
        };
        let before = std::mem::replace(&mut agent.state, state);
        if state != before {
            agent.state_since_us = self.now_us;
        }
        let ready = state == State::Waiting && !resting;
        if ready != std::mem::replace(&mut agent.ready, ready) {
            let id = self.agents.id(slot)?;
            let agent = self.agents.get(slot)?;
            for tier in &agent.tiers {
                let queue = self.queues.get_mut(tier.queue)?;
                let key = queue.ready_key(slot, id, agent, tier);
                if !ready {
                    queue.ready.remove(&key);
                    continue;
                }
                queue.ready.insert(key);
                if !queue.dirty && !queue.open.is_empty() {
                    queue.dirty = true;
                    self.dirty.push(tier.queue);
                }
            }
        }
        if state != before {
            self.count_state(before, false);
            self.count_state(state, true);
        }
        Ok(())
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
            ready_at_us: agent.rest.map_or(0, |rest| rest.timer.0),
            no_answer_count: agent.no_answer_count,
            calls_answered: agent.calls_answered,
            talk_us: agent.talk_us,
        })
    }

    /// How many agents are in each state, all of them, in the order of `State::ALL`.
    #[must_use]
    pub fn agents_by_state(&self) -> Vec<(State, usize)> {
        State::ALL.iter().copied().zip(self.states).collect()
    }
}
