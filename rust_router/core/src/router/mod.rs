//! Order of callers, agents, reservations and timers.
//!
//! Each queue keeps its open callers and its ready agents in order, so a decision looks only at the heads
//! of queues in which something changed. After each [`Router::decide`] no open caller and ready agent of one
//! queue are left unmatched; that is why unchanged queues need no look.

mod agents;
mod callers;
mod config;
mod decide;
mod error;
mod offers;
mod ranked;
mod slots;
mod timers;
mod types;

use std::collections::{BTreeSet, BinaryHeap};

use rustc_hash::FxHashMap;

pub use error::{Result, RouterError};
pub use types::{
    AgentSettings, AgentView, Fault, MAX_NAME, MAX_NO_ANSWER, MAX_PRIORITY, MAX_TIER, MAX_US,
    Proposal, State, Status, Strategy,
};

use ranked::Ranked;
use slots::Slots;
use timers::{TimerKey, Timers};

/// Place of a caller among all callers: smaller is served first. The id follows the order of `enqueue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct CallerKey {
    /// Negative priority.
    priority: i64,
    /// Entry minus base score.
    since_us: i64,
    id: u64,
    slot: u32,
}

/// Place of a ready agent in one queue: smaller is better. What the two numbers are depends on the strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct ReadyKey {
    level: i64,
    first: i64,
    second: i64,
    id: u64,
    slot: u32,
}

#[derive(Debug)]
struct Queue {
    name: String,
    strategy: Strategy,
    no_answer_status: Status,
    /// All callers until they are bridged or leave.
    waiting: Ranked<CallerKey>,
    /// Those who may be offered now.
    open: BTreeSet<CallerKey>,
    /// Agents who may be offered now, in the order of the strategy.
    ready: BTreeSet<ReadyKey>,
    /// Slots of all agents with a tier here.
    members: BTreeSet<u32>,
    /// Members who aren't logged out.
    staffed: usize,
    /// The member with the newest offer of this queue.
    last_offered: Option<u32>,
    /// In the list of queues to look at.
    dirty: bool,
}

/// What an agent is in one queue.
#[derive(Debug, Clone, Copy)]
struct Tier {
    queue: u32,
    level: i64,
    position: i64,
    /// Newest offer of this queue to this agent; 0 = none. Offers are numbered in order of time.
    last_offer: u64,
}

#[derive(Debug, Clone, Copy)]
struct Rest {
    timer: TimerKey,
    wrap_up: bool,
}

#[derive(Debug)]
struct Agent {
    name: String,
    settings: AgentSettings,
    status: Status,
    state: State,
    state_since_us: i64,
    idle_since_us: i64,
    /// On Demand and served: rests until the status is set again.
    served: bool,
    /// A running wrap-up or delay.
    rest: Option<Rest>,
    /// The open offer or conversation.
    offer: Option<u32>,
    /// Member of the ready sets.
    ready: bool,
    no_answer_count: i64,
    calls_answered: u64,
    talk_us: i64,
    /// Sorted by slot of the queue.
    tiers: Vec<Tier>,
}

#[derive(Debug)]
struct Caller {
    key: CallerKey,
    queue: u32,
    /// Slots of the offers made and not ended, in no order.
    offers: Vec<u32>,
    claimed: bool,
    /// Member of the queue's open set.
    open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Reserved,
    Ringing,
    Claimed,
    Talking { since_us: i64 },
}

#[derive(Debug)]
struct Offer {
    /// None when the caller has left or talks.
    caller: Option<u32>,
    /// Where the caller's list holds this offer.
    place: usize,
    agent: u32,
    phase: Phase,
    /// Given to be withdrawn: can't win any more.
    withdrawn: bool,
    no_answer_status: Status,
}

/// Order of callers, agents, reservations and all timers. See `py_callcenter/_router.pyi` for each method.
#[derive(Debug, Default)]
pub struct Router {
    now_us: i64,
    queues: Slots<Queue>,
    agents: Slots<Agent>,
    callers: Slots<Caller>,
    offers: Slots<Offer>,
    queue_names: FxHashMap<String, u64>,
    agent_names: FxHashMap<String, u64>,
    timers: Timers,
    /// Agents in each state, by the order of `State::ALL`.
    states: [usize; State::ALL.len()],
    /// Queues in which an open caller met a ready agent since the last decision.
    dirty: Vec<u32>,
    /// Room for `decide`, kept to save the allocation.
    heads: BinaryHeap<std::cmp::Reverse<(CallerKey, u32)>>,
}

impl Router {
    /// An empty router at the beginning of time.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn check_time(now_us: i64) -> Result<()> {
        types::duration("now_us", now_us)
    }

    /// The clock after a checked call: never back.
    fn clock(&mut self, now_us: i64) -> i64 {
        self.now_us = self.now_us.max(now_us);
        self.now_us
    }

    fn queue_slot(&self, queue: u64) -> Result<u32> {
        self.queues
            .slot(queue)
            .ok_or(RouterError::UnknownQueue(queue))
    }

    fn agent_slot(&self, agent: u64) -> Result<u32> {
        self.agents
            .slot(agent)
            .ok_or(RouterError::UnknownAgent(agent))
    }

    fn caller_slot(&self, caller: u64) -> Result<u32> {
        self.callers
            .slot(caller)
            .ok_or(RouterError::UnknownCaller(caller))
    }

    fn offer_slot(&self, offer: u64) -> Result<u32> {
        self.offers
            .slot(offer)
            .ok_or(RouterError::UnknownOffer(offer))
    }

    // Timers.

    /// Arm or re-arm the engine's deadline.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn set_timer(&mut self, deadline_us: i64, token: i64) -> Result<()> {
        types::duration("deadline_us", deadline_us)?;
        self.timers.arm_token(deadline_us, token);
        Ok(())
    }

    /// Disarm; an unknown token is no error.
    pub fn cancel_timer(&mut self, token: i64) {
        self.timers.cancel_token(token);
    }

    /// When `advance` next has something to do.
    #[must_use]
    pub fn next_deadline_us(&self) -> Option<i64> {
        self.timers.next_us()
    }

    /// End wrap-ups and delays that are due; give the engine's due tokens in order.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn advance(&mut self, now_us: i64) -> Result<Vec<i64>> {
        Self::check_time(now_us)?;
        let now_us = self.clock(now_us);
        let mut tokens = Vec::new();
        while let Some((timer, due)) = self.timers.pop(now_us) {
            match due {
                timers::Due::Token(token) => tokens.push(token),
                timers::Due::Agent(slot) => {
                    let agent = self.agents.get_mut(slot)?;
                    // A key of an earlier arming must not end a rest that began since.
                    if agent.rest.is_some_and(|rest| rest.timer == timer) {
                        agent.rest = None;
                        self.refresh_agent(slot)?;
                    }
                }
            }
        }
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests;
