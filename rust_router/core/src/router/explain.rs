//! Why a caller gets this agent and not that one.
//!
//! An explanation looks at each agent of the queue and asks the rules one by one, where the decision asks its
//! indexes: slow, and nothing is kept for it. It holds for the moment at which the caller's turn comes, so whoever
//! is served before has been served.

use super::ready::{ReadyKey, Wish};
use super::snapshot::SnapshotError;
use super::types::{Closed, Reason};
use super::{
    Agent, Caller, DemandId, Phase, Proposal, Queue, Result, Router, RouterError, Status, Strategy,
    Tier,
};

/// Where a caller stands with each agent of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The moment that it holds for.
    pub now_us: i64,
    /// Id of the caller.
    pub caller: u64,
    /// Id of the queue.
    pub queue: u64,
    /// Why nobody is looked for now.
    pub closed: Option<Closed>,
    /// So many agents are looked for at once.
    pub wanted: usize,
    /// Each agent with a tier: those who may be had first, the best first; then the others in order of their ids.
    pub candidates: Vec<Candidate>,
}

/// One agent, as one caller sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Id of the agent.
    pub agent: u64,
    /// Why not; None: may be had.
    pub reason: Option<Reason>,
    /// When that ends by waiting alone, if it does.
    pub until_us: Option<i64>,
    /// Id of the other caller, if there is one.
    pub other: Option<u64>,
    /// Has let this caller ring before, so comes after all others.
    pub refused: bool,
}

/// What is the same for all agents.
struct View<'a> {
    slot: u32,
    caller: &'a Caller,
    queue: &'a Queue,
    wish: Wish<'a>,
    demand: DemandId,
    refused: &'a [u64],
    /// The agent to wait for, and until when.
    preferred: Option<(u32, i64)>,
    /// Offers after this one were made for callers who are served before.
    last_offer: u64,
}

/// Smaller is better: not refused or refused earlier, then by lot, behind the mark, and by the strategy.
type Order = (usize, bool, bool, i32, (i64, i64), u64);

impl Router {
    /// Where a caller stands with each agent of the queue, by the last moment that was told. Nothing changes.
    ///
    /// Costs O(agents of the queue); O(everything) when something happened since the last decision.
    ///
    /// # Errors
    /// `UnknownCaller`.
    pub fn explain(&self, caller: u64) -> Result<Explanation> {
        let slot = self.caller_slot(caller)?;
        if self.is_settled() && !self.breaks.is_due() {
            return self.explain_at(slot, u64::MAX);
        }
        self.copied()?.explain_turn(caller)
    }

    /// The same for a decision at a later moment.
    pub(super) fn explain_decision(&self, now_us: i64, caller: u64) -> Result<Explanation> {
        let mut copy = self.copied()?;
        copy.clock(now_us)?;
        copy.explain_turn(caller)
    }

    /// A router that acts alike.
    fn copied(&self) -> Result<Self> {
        Self::restore(&self.snapshot()?).map_err(|error| match error {
            SnapshotError::Refused(error) => error,
            _ => RouterError::Defect("a snapshot that can't be restored"),
        })
    }

    /// Let this router serve those who are before a caller, and ask it then.
    fn explain_turn(mut self, caller: u64) -> Result<Explanation> {
        self.settle_breaks()?;
        let slot = self.caller_slot(caller)?;
        let last_offer = self.offers.last_id();
        let caller = self.callers.get(slot)?;
        let place = self.rank_of(caller.key, caller.queue)?;
        let strategy = self.queues.get(caller.queue)?.settings.strategy;
        let at_once = matches!(strategy, Strategy::RingAll | Strategy::RingK);
        let whole = (at_once && self.is_capped()).then(|| self.copied());
        self.match_before(Some(place))?;
        let mut found = self.explain_at(slot, last_offer)?;
        if let Some(whole) = whole
            && found.is_short_of_kept_agents()
        {
            found.add_later_turns(&whole?.match_before(None)?);
        }
        Ok(found)
    }

    fn explain_at(&self, slot: u32, last_offer: u64) -> Result<Explanation> {
        let caller = self.callers.get(slot)?;
        let queue = self.queues.get(caller.queue)?;
        let waited_us = (self.now_us - caller.entered_us).max(0);
        let ladder = self.skills.ladder(caller.ladder.unwrap_or(queue.ladder))?;
        let demand = ladder.current(waited_us);
        let preferred = match caller.trail().preferred {
            Some((agent, _)) if !self.meets(agent, demand)? => None,
            preferred => preferred,
        };
        let refused = if queue.settings.refusal_memory && preferred.is_none() {
            caller.trail().refused.as_slice()
        } else {
            &[]
        };
        let view = View {
            slot,
            caller,
            queue,
            wish: self.wish(queue, caller.entered_us, demand),
            demand,
            refused,
            preferred,
            last_offer,
        };
        let (mut eligible, mut others) = (Vec::new(), Vec::new());
        for &member in &queue.members {
            let agent = self.agents.get(member)?;
            let tier = agent.tier(caller.queue);
            let tier = tier.ok_or(RouterError::Defect("a member without a tier"))?;
            let mut candidate = self.first_rule(&view, member, agent, tier)?;
            candidate.agent = self.agents.id(member)?;
            candidate.refused = refused.contains(&candidate.agent);
            if candidate.reason.is_some() {
                others.push(candidate);
            } else {
                eligible.push((
                    self.order_of(&view, agent, tier, candidate.agent)?,
                    candidate,
                ));
            }
        }
        if let Some(lucky) = self.lucky(&view, &eligible)? {
            for (order, candidate) in &mut eligible {
                order.1 = candidate.agent != lucky;
            }
        }
        eligible.sort_unstable_by_key(|(order, _)| *order);
        others.sort_unstable_by_key(|candidate| candidate.agent);
        let wanted = view.wanted(self.now_us);
        let closed = view.closed(wanted);
        Ok(Explanation {
            now_us: self.now_us,
            caller: caller.key.id,
            queue: self.queues.id(caller.queue)?,
            closed,
            wanted: if closed.is_some() { 0 } else { wanted },
            candidates: eligible
                .into_iter()
                .map(|(_, candidate)| candidate)
                .chain(others)
                .collect(),
        })
    }

    /// The first rule that keeps an agent from the caller.
    fn first_rule(
        &self,
        view: &View<'_>,
        slot: u32,
        agent: &Agent,
        tier: &Tier,
    ) -> Result<Candidate> {
        let mut found = Candidate {
            agent: 0,
            reason: None,
            until_us: None,
            other: None,
            refused: false,
        };
        if let Some(offer_slot) = agent.offer {
            let offer = self.offers.get(offer_slot)?;
            let is_new = self.offers.id(offer_slot)? > view.last_offer;
            found.other = match offer.caller {
                Some(caller) if caller != view.slot => Some(self.callers.id(caller)?),
                _ => None,
            };
            found.reason = Some(match offer.phase {
                _ if offer.caller == Some(view.slot) => Reason::RingsForCaller,
                _ if is_new => Reason::OtherCaller,
                Phase::Reserved => Reason::Reserved,
                Phase::Ringing | Phase::Claimed => Reason::Receiving,
                Phase::Talking { .. } => Reason::InAQueueCall,
            });
            return Ok(found);
        }
        (found.reason, found.until_us) = first_of_agent(view.queue, agent)
            .or(self.first_of_pair(view, slot, tier)?)
            .map_or((None, None), |(reason, until_us)| (Some(reason), until_us));
        if found.reason.is_none()
            && self.is_capped()
            && let Some(limit) = self.limit(agent)?
            && limit < view.caller.key
        {
            found.reason = Some(Reason::OvertakingCap);
            found.other = Some(limit.id);
        }
        Ok(found)
    }

    /// The first rule that keeps a ready agent from this caller.
    fn first_of_pair(
        &self,
        view: &View<'_>,
        slot: u32,
        tier: &Tier,
    ) -> Result<Option<(Reason, Option<i64>)>> {
        if let Some((preferred, until_us)) = view.preferred {
            let other = preferred != slot;
            return Ok(other.then_some((Reason::PreferredAgent, Some(until_us))));
        }
        let entered_us = view.caller.entered_us;
        let opening = view.wish.opening;
        Ok(if tier.opening_delay_us > opening.waited_us {
            let until_us = entered_us + tier.opening_delay_us;
            Some((Reason::OpeningDelay, Some(until_us)))
        } else if tier.level > opening.level {
            let wait_us = view.queue.level_wait_us(i64::from(tier.level));
            Some((Reason::TierLevel, Some(entered_us + wait_us)))
        } else if self.meets(slot, view.demand)? {
            None
        } else {
            Some((Reason::Skills, self.met_from(view, slot)?))
        })
    }

    /// When the caller's demand will have relaxed to one that the agent meets.
    fn met_from(&self, view: &View<'_>, slot: u32) -> Result<Option<i64>> {
        let ladder = view.caller.ladder.unwrap_or(view.queue.ladder);
        let ladder = self.skills.ladder(ladder)?;
        let mut waited_us = view.wish.opening.waited_us;
        while let Some(next_us) = ladder.next_step_us(waited_us) {
            if self.meets(slot, ladder.current(next_us))? {
                return Ok(Some(view.caller.entered_us + next_us));
            }
            waited_us = next_us;
        }
        Ok(None)
    }

    fn order_of(&self, view: &View<'_>, agent: &Agent, tier: &Tier, id: u64) -> Result<Order> {
        let queue = view.queue;
        let refused = view.refused.iter().position(|other| *other == id);
        let order = queue.order(agent, tier, self.now_us);
        let place = (tier.level, i64::from(tier.position), id);
        let behind = match queue.settings.strategy {
            Strategy::RoundRobin => self
                .behind_last_offered(queue, view.caller.queue)?
                .is_some_and(|(start, level)| level == tier.level && start.first <= place.1),
            Strategy::TopDown => view
                .caller
                .trail()
                .marker
                .is_some_and(|marker| marker < place),
            _ => false,
        };
        // Those who refused are in the order of their refusals, whatever the strategy says.
        let refused = refused.map_or(0, |index| index + 1);
        Ok((refused, false, !behind, tier.level, order, id))
    }

    /// Who would be drawn by lot now, if that is how agents are picked.
    fn lucky(&self, view: &View<'_>, eligible: &[(Order, Candidate)]) -> Result<Option<u64>> {
        let willing = eligible.iter().filter(|(order, _)| order.0 == 0);
        let level = willing.map(|(order, _)| order.3).min();
        let draws = view.queue.settings.strategy.draws_lots() && view.preferred.is_none();
        let (true, Some(level)) = (draws, level) else {
            return Ok(None);
        };
        let mut left_out = Vec::new();
        for id in view.refused {
            left_out.extend(self.ready_place(*id, view.caller.queue)?);
        }
        let allowed =
            |agent: u32| !self.is_capped() || self.may_have(agent, view.caller.key).unwrap_or(true);
        let (ReadyKey { id, .. }, _) =
            self.by_lot(view.queue, &view.wish, level, &left_out, allowed)?;
        Ok(Some(id))
    }
}

impl Explanation {
    /// Whether there may be another turn: fewer may be had now than are looked for, others are kept for somebody.
    fn is_short_of_kept_agents(&self) -> bool {
        let free = self.free();
        let kept = |candidate: &Candidate| candidate.reason == Some(Reason::OvertakingCap);
        free < self.wanted && self.candidates.iter().any(kept)
    }

    /// How many may be had.
    fn free(&self) -> usize {
        let mut candidates = self.candidates.iter();
        candidates
            .position(|candidate| candidate.reason.is_some())
            .unwrap_or(self.candidates.len())
    }

    /// Who wants several phones at once may have those, too, who were kept for protected callers when the turn
    /// came and are free once these have been served. `made` is the whole decision.
    fn add_later_turns(&mut self, made: &[Proposal]) {
        for proposal in made.iter().filter(|made| made.caller == self.caller) {
            let kept = self.candidates.iter().position(|candidate| {
                candidate.agent == proposal.agent && candidate.reason == Some(Reason::OvertakingCap)
            });
            if let Some(place) = kept {
                let candidate = self.candidates.remove(place);
                let had = Candidate {
                    reason: None,
                    other: None,
                    ..candidate
                };
                self.candidates.insert(self.free(), had);
            }
        }
    }
}

impl View<'_> {
    fn closed(&self, wanted: usize) -> Option<Closed> {
        if self.caller.claimed {
            Some(Closed::Claimed)
        } else if self.caller.held {
            Some(Closed::Held)
        } else {
            // Ring-all wants everybody, though that may be nobody.
            let all = self.queue.settings.strategy == Strategy::RingAll;
            (wanted == 0 && !all).then_some(Closed::Ringing)
        }
    }

    /// How many agents are looked for, unless the caller is claimed or held.
    fn wanted(&self, now_us: i64) -> usize {
        let settings = &self.queue.settings;
        let rings = self.caller.trail().offers.len();
        match settings.strategy {
            Strategy::RingAll => self.queue.members.len(),
            Strategy::RingK => {
                let count = usize::try_from(settings.ring_count).unwrap_or(usize::MAX);
                count.saturating_sub(rings)
            }
            Strategy::RingProgressively => {
                let next_us = self.caller.trail().offered_us + settings.ring_progressively_delay_us;
                usize::from(rings == 0 || next_us <= now_us)
            }
            _ => usize::from(rings == 0),
        }
    }
}

/// The first rule that keeps an agent without an offer from all callers of a queue.
fn first_of_agent(queue: &Queue, agent: &Agent) -> Option<(Reason, Option<i64>)> {
    let rest = agent.rest.map(|rest| (rest.wrap_up, rest.timer.0));
    match (agent.status, rest) {
        (Status::LoggedOut, _) => Some((Reason::LoggedOut, None)),
        (Status::OnBreak, _) => Some((Reason::OnBreak, None)),
        (_, Some((true, until_us))) => Some((Reason::WrapUp, Some(until_us))),
        _ if agent.served => Some((Reason::Idle, None)),
        (_, Some((false, until_us))) => Some((Reason::Delay, Some(until_us))),
        (_, None) => match agent.hold {
            Some((until_us, _)) => Some((Reason::NotReadyYet, Some(until_us))),
            None if agent.external_calls > 0 && queue.settings.skip_agents_with_external_calls => {
                Some((Reason::ExternalCall, None))
            }
            None => None,
        },
    }
}

#[cfg(test)]
mod tests;
