//! Life of an offer: ringing, claimed, talking, ended.

use crate::estimate::End;

use super::{Fault, MAX_MISSES, Misses, Offer, Phase, Result, Router, RouterError, Status};

impl Router {
    /// The phone rings. Nothing when it rang before or was answered.
    ///
    /// # Errors
    /// `UnknownOffer`, `OutOfRange`.
    pub fn ringing(&mut self, now_us: i64, offer: u64) -> Result<()> {
        Self::check_time(now_us)?;
        let slot = self.offer_slot(offer)?;
        self.clock(now_us)?;
        let offer = self.offers.get_mut(slot)?;
        if offer.phase == Phase::Reserved {
            offer.phase = Phase::Ringing;
            let agent = offer.agent;
            self.refresh_agent(agent)?;
        }
        Ok(())
    }

    /// The agent answered: give the offers that lost, oldest first, or None when it was too late.
    ///
    /// # Errors
    /// `UnknownOffer`, `OutOfRange`; `WrongStep` when this offer was claimed before.
    pub fn claim(&mut self, now_us: i64, offer: u64) -> Result<Option<Vec<u64>>> {
        Self::check_time(now_us)?;
        let slot = self.offer_slot(offer)?;
        let entry = self.offers.get_mut(slot)?;
        if !matches!(entry.phase, Phase::Reserved | Phase::Ringing) {
            return Err(RouterError::WrongStep("this offer was claimed before"));
        }
        let (agent, caller) = (entry.agent, entry.caller.filter(|_| !entry.withdrawn));
        self.clock(now_us)?;
        let Some(caller) = caller else {
            return Ok(None);
        };
        self.offers.get_mut(slot)?.phase = Phase::Claimed;
        self.callers.get_mut(caller)?.claimed = true;
        let losers = self.withdraw(caller, Some(slot))?;
        self.refresh_caller(caller)?;
        self.refresh_agent(agent)?;
        Ok(Some(losers))
    }

    /// Caller and agent talk.
    ///
    /// # Errors
    /// `UnknownOffer`, `OutOfRange`; `WrongStep` unless the offer is claimed and the caller is there.
    pub fn bridged(&mut self, now_us: i64, offer: u64) -> Result<()> {
        Self::check_time(now_us)?;
        let slot = self.offer_slot(offer)?;
        let entry = self.offers.get(slot)?;
        let (Phase::Claimed, Some(caller)) = (entry.phase, entry.caller) else {
            return Err(RouterError::WrongStep(
                "only a claimed offer whose caller is there can be bridged",
            ));
        };
        let since_us = self.clock(now_us)?;
        self.drop_caller(caller, End::Started)?;
        let entry = self.offers.get_mut(slot)?;
        entry.phase = Phase::Talking { since_us };
        let agent_slot = entry.agent;
        let agent = self.agents.get_mut(agent_slot)?;
        agent.missed = Misses::default();
        agent.calls_answered = agent.calls_answered.saturating_add(1);
        self.refresh_agent(agent_slot)
    }

    /// End an offer without a conversation; give the new status when a limit was reached.
    ///
    /// # Errors
    /// `UnknownOffer`, `OutOfRange`; `WrongStep` for a conversation.
    pub fn fail(&mut self, now_us: i64, offer: u64, fault: Fault) -> Result<Option<Status>> {
        Self::check_time(now_us)?;
        let slot = self.offer_slot(offer)?;
        if matches!(self.offers.get(slot)?.phase, Phase::Talking { .. }) {
            return Err(RouterError::WrongStep(
                "this offer became a conversation: use finish",
            ));
        }
        self.clock(now_us)?;
        let entry = self.end_offer(slot)?;
        if let Some(caller) = entry.caller {
            if fault.is_refusal() {
                let agent = self.agents.id(entry.agent)?;
                self.note_refusal(caller, agent)?;
            }
            self.release(caller, &entry)?;
        }
        let agent = self.agents.get_mut(entry.agent)?;
        let delay_us = agent.settings.delay_us(fault);
        let mut new_status = None;
        if let Some(count) = agent.missed.of_mut(fault) {
            *count = count.saturating_add(1).min(MAX_MISSES);
            let limit = agent.settings.limits.of(fault).copied().unwrap_or(0);
            // An agent who went on break or home meanwhile has said more than silence does.
            if limit > 0 && *count >= limit && agent.status.takes_calls() {
                new_status = entry.miss_status.of(fault).copied();
            }
        }
        if delay_us > 0 {
            self.begin_rest(entry.agent, delay_us, false)?;
        }
        match new_status {
            Some(status) => self.change_status(entry.agent, status)?,
            None => self.refresh_agent(entry.agent)?,
        }
        Ok(new_status)
    }

    /// The conversation is over.
    ///
    /// # Errors
    /// `UnknownOffer`, `OutOfRange`; `WrongStep` when the offer never became a conversation.
    pub fn finish(&mut self, now_us: i64, offer: u64) -> Result<()> {
        Self::check_time(now_us)?;
        let slot = self.offer_slot(offer)?;
        let Phase::Talking { since_us } = self.offers.get(slot)?.phase else {
            return Err(RouterError::WrongStep(
                "this offer never became a conversation: use fail",
            ));
        };
        let now_us = self.clock(now_us)?;
        let entry = self.end_offer(slot)?;
        let agent = self.agents.get_mut(entry.agent)?;
        agent.talk_us = agent.talk_us.saturating_add(now_us - since_us);
        agent.idle_since_us = now_us;
        agent.served = agent.status == Status::OnDemand;
        let wrap_up_us = agent.settings.wrap_up_us;
        self.expect_held(&entry, wrap_up_us);
        self.begin_rest(entry.agent, wrap_up_us, true)?;
        self.refresh_agent_last(entry.agent)
    }

    fn end_offer(&mut self, slot: u32) -> Result<Offer> {
        let entry = self
            .offers
            .remove(slot)
            .ok_or(RouterError::Defect("offer ended twice"))?;
        self.agents.get_mut(entry.agent)?.offer = None;
        Ok(entry)
    }

    /// Take an ended offer off its caller, who is open again unless another offer holds them.
    fn release(&mut self, caller_slot: u32, entry: &Offer) -> Result<()> {
        let caller = self.callers.get_mut(caller_slot)?;
        let offers = &mut caller.trail_mut().offers;
        if entry.place < offers.len() {
            offers.swap_remove(entry.place);
        }
        if let Some(&moved) = offers.get(entry.place) {
            self.offers.get_mut(moved)?.place = entry.place;
        }
        if entry.phase == Phase::Claimed {
            caller.claimed = false;
        }
        self.refresh_caller(caller_slot)
    }
}
