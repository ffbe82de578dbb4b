//! Taking up what outlived the process: agents as they were, phones that ring, conversations under way.

use serde::{Deserialize, Serialize};

use super::{Misses, Offer, Phase, Readiness, Result, Router, RouterError, Status, types};

/// What the counts are called.
pub(super) const COUNTS: Misses<&str> = Misses {
    no_answer: "no_answer_count",
    busy: "busy_count",
    reject: "reject_count",
    unregistered: "unregistered_count",
};

/// What the books know of an agent, beside the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Remembered {
    /// End of the last conversation, or the moment of login.
    pub idle_since_us: i64,
    /// Since when the agent is in the state that follows.
    pub state_since_us: i64,
    /// Offers that failed since the last conversation, by kind.
    pub missed: Misses<i64>,
    /// Conversations.
    pub calls_answered: i64,
    /// Time in them.
    pub talk_us: i64,
    /// On Demand and served.
    pub served: bool,
    /// End of a wrap-up or delay; past ones count as over.
    pub rest_until_us: i64,
    /// It is a wrap-up.
    pub wrap_up: bool,
}

impl Router {
    /// Put an agent back to what the books say.
    ///
    /// # Errors
    /// `UnknownAgent`, `OutOfRange`; `WrongStep` while an offer or conversation holds the agent.
    pub fn restore_agent(&mut self, now_us: i64, agent: u64, was: Remembered) -> Result<()> {
        Self::check_time(now_us)?;
        types::duration("idle_since_us", was.idle_since_us)?;
        types::duration("state_since_us", was.state_since_us)?;
        was.missed.check(&COUNTS)?;
        types::duration("calls_answered", was.calls_answered)?;
        types::duration("talk_us", was.talk_us)?;
        types::duration("rest_until_us", was.rest_until_us)?;
        let slot = self.agent_slot(agent)?;
        self.check_unheld(slot)?;
        let now_us = self.clock(now_us)?;
        self.begin_rest(slot, was.rest_until_us - now_us, was.wrap_up)?;
        let agent = self.agents.get_mut(slot)?;
        agent.idle_since_us = was.idle_since_us.min(now_us);
        agent.missed = was.missed;
        agent.calls_answered = was.calls_answered.unsigned_abs();
        agent.talk_us = was.talk_us;
        agent.served = was.served && agent.status == Status::OnDemand;
        if agent.readiness != Readiness::None {
            // Perhaps still ready, but elsewhere in the order.
            agent.readiness = Readiness::None;
            self.sync_tiers(slot)?;
        }
        self.refresh_agent(slot)?;
        self.agents.get_mut(slot)?.state_since_us = was.state_since_us.min(now_us);
        Ok(())
    }

    /// Keep an agent for a waiting caller because the phone rings already; give the offer's id.
    ///
    /// # Errors
    /// `UnknownCaller`, `UnknownAgent`, `OutOfRange`; `WrongStep` when the caller is claimed or the agent held.
    pub fn adopt_offer(&mut self, now_us: i64, caller: u64, agent: u64) -> Result<u64> {
        Self::check_time(now_us)?;
        let caller_slot = self.caller_slot(caller)?;
        let agent_slot = self.agent_slot(agent)?;
        if self.callers.get(caller_slot)?.claimed {
            return Err(RouterError::WrongStep("an agent has answered this caller"));
        }
        self.check_unheld(agent_slot)?;
        let now_us = self.clock(now_us)?;
        let caller = self.callers.get_mut(caller_slot)?;
        let queue = self.queues.get(caller.queue)?;
        let (offer_id, offer_slot) = self.offers.insert(Offer {
            caller: Some(caller_slot),
            place: caller.trail().offers.len(),
            agent: agent_slot,
            queue: (caller.queue, self.queues.id(caller.queue)?),
            made_us: now_us,
            phase: Phase::Reserved,
            withdrawn: false,
            miss_status: queue.settings.miss_status,
        })?;
        let trail = caller.trail_mut();
        trail.offers.push(offer_slot);
        trail.offered_us = now_us;
        self.end_rest(agent_slot)?;
        self.agents.get_mut(agent_slot)?.offer = Some(offer_slot);
        self.refresh_agent(agent_slot)?;
        self.refresh_caller(caller_slot)?;
        Ok(offer_id)
    }

    /// Note that an agent talks to a caller since a moment; give the offer's id, to be ended by `finish`.
    ///
    /// # Errors
    /// `UnknownAgent`, `OutOfRange`; `WrongStep` while an offer or conversation holds the agent.
    pub fn adopt_conversation(
        &mut self,
        now_us: i64,
        agent: u64,
        since_us: i64,
        counted: bool,
    ) -> Result<u64> {
        Self::check_time(now_us)?;
        types::duration("since_us", since_us)?;
        let agent_slot = self.agent_slot(agent)?;
        self.check_unheld(agent_slot)?;
        let since_us = since_us.min(self.clock(now_us)?);
        let (offer_id, offer_slot) = self.offers.insert(Offer {
            caller: None,
            place: 0,
            agent: agent_slot,
            // Of no queue: when the phone began to ring isn't known, so nothing is learnt from its length.
            queue: (0, 0),
            made_us: since_us,
            phase: Phase::Talking { since_us },
            withdrawn: false,
            // Never asked for: a conversation can't fail.
            miss_status: Misses::ON_BREAK,
        })?;
        self.end_rest(agent_slot)?;
        let agent = self.agents.get_mut(agent_slot)?;
        agent.offer = Some(offer_slot);
        agent.missed = Misses::default();
        agent.calls_answered = agent.calls_answered.saturating_add(u64::from(!counted));
        self.refresh_agent(agent_slot)?;
        self.agents.get_mut(agent_slot)?.state_since_us = since_us;
        Ok(offer_id)
    }

    /// Offer a caller to nobody for the time being, or again; what rings goes on.
    ///
    /// # Errors
    /// `UnknownCaller`, `OutOfRange`.
    pub fn hold_caller(&mut self, now_us: i64, caller: u64, held: bool) -> Result<()> {
        Self::check_time(now_us)?;
        let slot = self.caller_slot(caller)?;
        self.clock(now_us)?;
        self.callers.get_mut(slot)?.held = held;
        self.refresh_caller(slot)
    }

    fn check_unheld(&self, agent_slot: u32) -> Result<()> {
        if self.agents.get(agent_slot)?.offer.is_some() {
            return Err(RouterError::WrongStep(
                "an offer or conversation holds this agent",
            ));
        }
        Ok(())
    }
}
