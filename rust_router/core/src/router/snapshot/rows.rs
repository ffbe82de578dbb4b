//! What a snapshot holds: the facts, by public ids. Places in lines, readiness, thresholds and whatever else
//! follows from the facts is not in it.
//!
//! Each struct of the router is taken apart field by field, so that a new field doesn't compile until somebody
//! has said here whether it is a fact.

use serde::{Deserialize, Serialize};

use super::super::breaks::{Place, Request, Resting};
use super::super::timers::Timers;
use super::super::{
    Agent, AgentSettings, BreakSettings, Caller, CallerKey, Misses, NO_TRAIL, Offer, Phase, Queue,
    QueueSettings, Rest, Result, Router, Status, Tier, TierSettings, Trail, Work,
};
use crate::estimate::Ticket;

/// All facts of a router; each list in the order of ids.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Facts<'a> {
    pub(super) now_us: i64,
    pub(super) seed: u64,
    pub(super) draws: u64,
    pub(super) counts_work: bool,
    /// The newest ids of queues, agents, callers, offers and break reasons.
    pub(super) last_ids: [u64; 5],
    #[serde(borrow)]
    pub(super) queues: Vec<QueueRow<'a>>,
    pub(super) break_quota: i64,
    #[serde(borrow)]
    pub(super) break_reasons: Vec<BreakReasonRow<'a>>,
    #[serde(borrow)]
    pub(super) agents: Vec<AgentRow<'a>>,
    pub(super) callers: Vec<CallerRow>,
    pub(super) offers: Vec<OfferRow>,
    /// In the order of the line.
    pub(super) break_requests: Vec<BreakRequestRow>,
    /// Deadlines and tokens of the engine, in the order in which they will be due.
    pub(super) tokens: Vec<(i64, i64)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct QueueRow<'a> {
    pub(super) id: u64,
    pub(super) name: &'a str,
    pub(super) settings: QueueSettings,
    /// What its callers demand, by waited time.
    pub(super) skills: Vec<(i64, String)>,
    /// Whether a caller ever demanded something. Nobody decides by it, but when the agents are sorted anew the
    /// estimator is told, and sums of fractions depend on where they are cut.
    pub(super) skilled: bool,
    pub(super) passes: Vec<u64>,
    /// What `Estimator::to_bytes` gives.
    pub(super) estimator: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BreakReasonRow<'a> {
    pub(super) id: u64,
    pub(super) name: &'a str,
    pub(super) settings: BreakSettings,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BreakRequestRow {
    pub(super) agent: u64,
    pub(super) reason: u64,
    pub(super) asked_us: i64,
    pub(super) place: Place,
}

/// A break with a reason: the limit follows from it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RestingRow {
    pub(super) reason: u64,
    pub(super) since_us: i64,
    pub(super) overdue: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TierRow {
    pub(super) queue: u64,
    pub(super) settings: TierSettings,
    pub(super) last_offer: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AgentRow<'a> {
    pub(super) id: u64,
    pub(super) name: &'a str,
    pub(super) settings: AgentSettings,
    pub(super) skills: Vec<(String, u8)>,
    pub(super) status: Status,
    pub(super) state_since_us: i64,
    pub(super) idle_since_us: i64,
    pub(super) served: bool,
    /// End of a wrap-up (true) or delay.
    pub(super) rest: Option<(i64, bool)>,
    pub(super) hold_us: Option<i64>,
    pub(super) external_calls: i64,
    pub(super) missed: Misses<i64>,
    pub(super) calls_answered: u64,
    pub(super) talk_us: i64,
    pub(super) work: Work,
    pub(super) resting: Option<RestingRow>,
    pub(super) tiers: Vec<TierRow>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CallerRow {
    pub(super) id: u64,
    pub(super) queue: u64,
    pub(super) entered_us: i64,
    pub(super) priority: i64,
    pub(super) base_score_us: i64,
    /// What this caller demands, by waited time; None: what callers of the queue do.
    pub(super) skills: Option<Vec<(i64, String)>>,
    pub(super) offered_us: i64,
    pub(super) marker: Option<(i32, i64, u64)>,
    pub(super) refused: Vec<u64>,
    pub(super) preferred: Option<(u64, i64)>,
    /// What `Ticket::to_bytes` gives.
    pub(super) ticket: [u8; Ticket::BYTES],
    pub(super) held: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OfferRow {
    pub(super) id: u64,
    pub(super) caller: Option<u64>,
    pub(super) agent: u64,
    /// May be gone.
    pub(super) queue: u64,
    pub(super) made_us: i64,
    pub(super) phase: Phase,
    pub(super) withdrawn: bool,
    pub(super) miss_status: Misses<Status>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(router: &'a Router) -> Result<Self> {
        let Router {
            now_us,
            queues,
            agents,
            callers,
            offers,
            timers,
            counts_work,
            seed,
            draws,
            // News wait for somebody who asks; the rest follows from reasons, agents and requests.
            breaks,
            // In the rows of those who have them.
            skills: _,
            // Follow from the rest.
            biased: _,
            capped: _,
            dirty_callers: _,
            queue_names: _,
            agent_names: _,
            wakes: _,
            states: _,
            dirty: _,
            dirty_agents: _,
            changed: _,
            fresh: _,
            spare_trails: _,
            heads: _,
        } = router;
        Ok(Self {
            now_us: *now_us,
            seed: *seed,
            draws: *draws,
            counts_work: *counts_work,
            last_ids: [
                queues.last_id(),
                agents.last_id(),
                callers.last_id(),
                offers.last_id(),
                breaks.reasons.last_id(),
            ],
            break_quota: breaks.quota,
            break_reasons: breaks
                .reasons
                .by_age()
                .into_iter()
                .map(|(id, _, reason)| BreakReasonRow {
                    id,
                    name: &reason.name,
                    settings: reason.settings,
                })
                .collect(),
            queues: queues
                .by_age()
                .into_iter()
                .map(|(id, slot, queue)| QueueRow::of(id, slot, queue, router))
                .collect::<Result<_>>()?,
            agents: agents
                .by_age()
                .into_iter()
                .map(|(id, slot, agent)| AgentRow::of(id, slot, agent, router))
                .collect::<Result<_>>()?,
            callers: callers
                .by_age()
                .into_iter()
                .map(|(_, _, caller)| CallerRow::of(caller, router))
                .collect::<Result<_>>()?,
            offers: offers
                .by_age()
                .into_iter()
                .map(|(id, _, offer)| OfferRow::of(id, offer, router))
                .collect::<Result<_>>()?,
            break_requests: breaks
                .requests
                .values()
                .map(|request| BreakRequestRow::of(request, router))
                .collect::<Result<_>>()?,
            tokens: Timers::tokens(timers).collect(),
        })
    }
}

impl<'a> QueueRow<'a> {
    fn of(id: u64, slot: u32, queue: &'a Queue, router: &Router) -> Result<Self> {
        let Queue {
            name,
            settings,
            ladder,
            shield,
            skilled,
            // By `told`.
            estimator: _,
            // Follow from callers, agents and settings.
            waiting: _,
            newcomers: _,
            stages: _,
            flat: _,
            turn: _,
            open: _,
            thresholds: _,
            levels: _,
            delays: _,
            present: _,
            ready: _,
            sorted_us: _,
            members: _,
            staffed: _,
            takers: _,
            unserved: _,
            last_offered: _,
            dirty: _,
        } = queue;
        Ok(Self {
            id,
            name,
            settings: *settings,
            skills: router.steps(*ladder)?,
            skilled: *skilled,
            passes: shield.passes(),
            estimator: queue.told(router.now_us, router.ready_in(slot)?).to_bytes(),
        })
    }
}

impl BreakRequestRow {
    fn of(request: &Request, router: &Router) -> Result<Self> {
        let Request {
            agent,
            reason,
            asked_us,
            place,
        } = request;
        Ok(Self {
            agent: router.agents.id(*agent)?,
            reason: router.breaks.reasons.id(*reason)?,
            asked_us: *asked_us,
            place: *place,
        })
    }
}

impl RestingRow {
    fn of(resting: &Resting, router: &Router) -> Result<Self> {
        Ok(Self {
            reason: router.breaks.reasons.id(resting.reason)?,
            since_us: resting.since_us,
            overdue: resting.overdue,
        })
    }
}

impl TierRow {
    fn of(tier: &Tier, router: &Router) -> Result<Self> {
        let Tier {
            queue,
            last_offer,
            // Part of the settings.
            level: _,
            position: _,
            weight: _,
            opening_delay_us: _,
            // Follow from the agent.
            order: _,
            ready: _,
        } = tier;
        Ok(Self {
            queue: router.queues.id(*queue)?,
            settings: tier.settings(),
            last_offer: *last_offer,
        })
    }
}

impl<'a> AgentRow<'a> {
    fn of(id: u64, slot: u32, agent: &'a Agent, router: &Router) -> Result<Self> {
        let Agent {
            name,
            settings,
            profile,
            status,
            state_since_us,
            idle_since_us,
            served,
            rest,
            hold,
            external_calls,
            missed,
            calls_answered,
            talk_us,
            work,
            tiers,
            // Follow from offers, callers and the above.
            state: _,
            offer: _,
            readiness: _,
            fans: _,
            wanted: _,
            dirty: _,
            changed: _,
            breaks: _,
        } = agent;
        let mut tiers: Vec<TierRow> = tiers
            .iter()
            .map(|tier| TierRow::of(tier, router))
            .collect::<Result<_>>()?;
        tiers.sort_unstable_by_key(|tier| tier.queue);
        Ok(Self {
            id,
            name,
            settings: *settings,
            skills: router
                .skills
                .profile(*profile)?
                .into_iter()
                .map(|(name, level)| (name.to_owned(), level))
                .collect(),
            status: *status,
            state_since_us: *state_since_us,
            idle_since_us: *idle_since_us,
            served: *served,
            rest: rest.map(
                |Rest {
                     timer: (until_us, _),
                     wrap_up,
                 }| (until_us, wrap_up),
            ),
            hold_us: hold.map(|(until_us, _)| until_us),
            external_calls: *external_calls,
            missed: *missed,
            calls_answered: *calls_answered,
            talk_us: *talk_us,
            work: work.clone(),
            resting: match router.breaks.resting.get(&slot) {
                Some(resting) => Some(RestingRow::of(resting, router)?),
                None => None,
            },
            tiers,
        })
    }
}

impl CallerRow {
    fn of(caller: &Caller, router: &Router) -> Result<Self> {
        let Caller {
            key,
            entered_us,
            queue,
            ladder,
            trail,
            ticket,
            held,
            // Follow from the offers and the clock.
            unserved: _,
            claimed: _,
            spot: _,
            wake: _,
            dirty: _,
        } = caller;
        let Trail {
            offers: _, // as above
            offered_us,
            marker,
            refused,
            preferred,
        } = trail.as_deref().unwrap_or(&NO_TRAIL);
        let CallerKey {
            priority,
            since_us,
            id,
            slot: _,
        } = key;
        Ok(Self {
            id: *id,
            queue: router.queues.id(*queue)?,
            entered_us: *entered_us,
            priority: -i64::from(*priority),
            base_score_us: entered_us - since_us,
            skills: match ladder {
                Some(ladder) => Some(router.steps(*ladder)?),
                None => None,
            },
            offered_us: *offered_us,
            marker: *marker,
            refused: refused.clone(),
            preferred: match preferred {
                Some((agent, until_us)) => Some((router.agents.id(*agent)?, *until_us)),
                None => None,
            },
            ticket: ticket.to_bytes(),
            held: *held,
        })
    }
}

impl OfferRow {
    fn of(id: u64, offer: &Offer, router: &Router) -> Result<Self> {
        let Offer {
            caller,
            agent,
            queue: (_, queue),
            made_us,
            phase,
            withdrawn,
            miss_status,
            // Follows from the order of ids.
            place: _,
        } = offer;
        Ok(Self {
            id,
            caller: match caller {
                Some(slot) => Some(router.callers.id(*slot)?),
                None => None,
            },
            agent: router.agents.id(*agent)?,
            queue: *queue,
            made_us: *made_us,
            phase: *phase,
            withdrawn: *withdrawn,
            miss_status: *miss_status,
        })
    }
}
