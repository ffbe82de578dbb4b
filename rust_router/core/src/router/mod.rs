//! Order of callers, agents, reservations and timers.
//!
//! Each queue keeps its open callers and its ready agents in order, so a decision looks only at the heads
//! of queues in which something changed. After each [`Router::decide`] no open caller and ready agent of one
//! queue are left unmatched; that is why unchanged queues need no look.

mod adopt;
mod agents;
mod breaks;
mod callers;
mod capped;
mod caps;
mod clock;
mod config;
mod decide;
mod error;
mod expect;
mod explain;
mod fresh;
mod gates;
mod limits;
mod log;
mod look;
mod occupancy;
mod offers;
mod pick;
mod rank;
mod ready;
mod settings;
mod shield;
mod skilled;
mod slots;
mod snapshot;
mod stand;
mod tiers;
mod timers;
mod types;
mod work;

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::estimate::{Estimator, Ticket};
use crate::ranked::LongRanked;

pub use adopt::Remembered;
pub use breaks::{BreakNews, BreakSettings, BreakView, MAX_BREAK_QUOTA};
pub use callers::Arrival;
pub use error::{Result, RouterError};
pub use explain::{Candidate, Explanation};
pub use log::{LOG_FORMAT, LogError, Recorder, Replay};
pub use look::QueueView;
pub use settings::{AgentSettings, QueueSettings, TierSettings};
pub use snapshot::{SNAPSHOT_FORMAT, SnapshotError};
pub use types::{
    AgentView, BreakStep, Closed, Fault, MAX_EXTERNAL_CALLS, MAX_MISSES, MAX_NAME, MAX_PRIORITY,
    MAX_RING_COUNT, MAX_TIER, MAX_TIER_WAIT_US, MAX_US, MAX_WEIGHT, MAX_WINDOW_US, MIN_WINDOW_US,
    Misses, Proposal, Reason, State, Status, Strategy,
};

use crate::skills::{ClassIndex, DemandId, LadderId, ProfileId, Skills};
use breaks::Breaks;
use rank::Rank;
use ready::Ready;
use shield::Shield;
use slots::Slots;
use timers::{TimerKey, Timers};
use work::Work;

/// Place of a caller among all callers: smaller is served first. The id follows the order of `enqueue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct CallerKey {
    /// Negative priority.
    priority: i16,
    /// Entry minus base score.
    since_us: i64,
    id: u64,
    slot: u32,
}

/// What each decision reads stands first, side by side in memory.
#[derive(Debug)]
#[repr(C)]
struct Queue {
    /// Callers in both.
    open: usize,
    /// Callers for whom nobody rings.
    unserved: u32,
    /// Those of them whose status takes calls.
    takers: u32,
    /// The member with the newest offer of this queue.
    last_offered: Option<u32>,
    /// Whether a caller ever had a demand here: then ready agents are kept by profile too.
    skilled: bool,
    /// In the list of queues to look at.
    dirty: bool,
    /// Whether no wait opens anything here: whoever serves the queue serves all who are open.
    flat: bool,
    /// Grows when an open caller comes or goes and when more are protected.
    turn: u32,
    /// What callers demand who bring no demand of their own.
    ladder: LadderId,
    /// What the overtaking cap needs.
    shield: Shield,
    settings: QueueSettings,
    /// Those who may be offered now and have passed no threshold, by demand.
    newcomers: ClassIndex<CallerKey>,
    /// Agents who may be offered now, in the order of the strategy.
    ready: Ready,
    /// All callers until they are bridged or leave.
    waiting: LongRanked<CallerKey>,
    /// Waits at which more agents open, ascending; none is 0.
    thresholds: Vec<i64>,
    /// Those who may be offered now and have passed one threshold, two, ….
    stages: Vec<ClassIndex<CallerKey>>,
    /// `least-occupied`: the moment that the order of `ready` was made for.
    sorted_us: i64,
    /// What is measured for the expected wait.
    estimator: Estimator,
    name: String,
    /// Tiers by level.
    levels: BTreeMap<i64, usize>,
    /// Tiers by opening delay.
    delays: BTreeMap<i64, usize>,
    /// Tiers of agents who are present, by level.
    present: BTreeMap<i64, usize>,
    /// Slots of all agents with a tier here.
    members: BTreeSet<u32>,
    /// Members who aren't logged out.
    staffed: usize,
}

/// So many tiers of an agent are kept beside what else a decision reads of the agent.
const FEW_TIERS: usize = 4;

/// What an agent is in one queue.
///
/// Kept small: all tiers of an agent are read whenever the agent becomes ready or busy.
#[derive(Debug, Clone, Copy)]
struct Tier {
    queue: u32,
    level: i32,
    position: i32,
    weight: u32,
    opening_delay_us: i64,
    /// Newest offer of this queue to this agent; 0 = none. Offers are numbered in order of time.
    last_offer: u64,
    /// The two numbers of the agent's key in the queue's ready set.
    order: (i64, i64),
    /// Member of the queue's ready set.
    ready: bool,
}

#[derive(Debug, Clone, Copy)]
struct Rest {
    timer: TimerKey,
    wrap_up: bool,
}

/// For which queues an agent could take a call now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readiness {
    None,
    /// All.
    Free,
    /// Those that don't skip agents with external calls.
    Elsewhere,
}

/// What each decision reads stands first, side by side in memory.
#[derive(Debug)]
#[repr(C)]
struct Agent {
    /// The open offer or conversation.
    offer: Option<u32>,
    profile: ProfileId,
    readiness: Readiness,
    state: State,
    status: Status,
    /// On Demand and served: rests until the status is set again.
    served: bool,
    /// In the list of agents to look at.
    dirty: bool,
    /// In the list of agents who changed.
    changed: bool,
    /// On a break with a reason, or has asked for one: see `Breaks`.
    breaks: bool,
    idle_since_us: i64,
    state_since_us: i64,
    /// A running wrap-up or delay.
    rest: Option<Rest>,
    /// Not ready before a moment that was set by hand.
    hold: Option<TimerKey>,
    /// Callers who wait for this agent and may be offered now.
    wanted: BTreeSet<CallerKey>,
    external_calls: i64,
    talk_us: i64,
    calls_answered: u64,
    /// Sorted by slot of the queue.
    tiers: SmallVec<[Tier; FEW_TIERS]>,
    missed: Misses<i64>,
    work: Work,
    settings: AgentSettings,
    name: String,
    /// Callers who prefer this agent, open or not.
    fans: BTreeSet<u32>,
}

/// What few waiting callers have: offers, their traces, and somebody to wait for.
#[derive(Debug, Default)]
struct Trail {
    /// Slots of the offers made and not ended, in no order.
    offers: Vec<u32>,
    /// Moment of the newest offer.
    offered_us: i64,
    /// `top-down`: level, position and id of the agent tried last.
    marker: Option<(i32, i64, u64)>,
    /// Ids of agents who let this caller ring, the latest last.
    refused: Vec<u64>,
    /// Slot of the agent to wait for, and until when.
    preferred: Option<(u32, i64)>,
}

impl Trail {
    /// As if nothing had happened, room apart.
    fn clear(&mut self) {
        self.offers.clear();
        self.offered_us = 0;
        self.marker = None;
        self.refused.clear();
        self.preferred = None;
    }
}

static NO_TRAIL: Trail = Trail {
    offers: Vec::new(),
    offered_us: 0,
    marker: None,
    refused: Vec::new(),
    preferred: None,
};

impl Caller {
    fn trail(&self) -> &Trail {
        self.trail.as_deref().unwrap_or(&NO_TRAIL)
    }

    fn trail_mut(&mut self) -> &mut Trail {
        self.trail.get_or_insert_default()
    }
}

/// Where an open caller stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    /// Nowhere: not open.
    None,
    /// So many thresholds of the queue passed, with this demand.
    Stage(usize, DemandId),
    /// Waits for the agent in this slot.
    Wanted(u32),
}

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that don't exclude each other"
)]
struct Caller {
    key: CallerKey,
    entered_us: i64,
    queue: u32,
    /// What the caller demands; None: what callers of the queue do.
    ladder: Option<LadderId>,
    claimed: bool,
    /// To be offered to nobody for the time being.
    held: bool,
    spot: Spot,
    /// When something opens or closes for this caller.
    wake: Option<TimerKey>,
    /// Most who wait have none, and a million wait in little room.
    trail: Option<Box<Trail>>,
    /// Counted among those for whom nobody rings.
    unserved: bool,
    /// What was expected of the wait.
    ticket: Ticket,
    /// In the list of callers to look at.
    dirty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Slot and id of the queue, which may be gone when the conversation ends.
    queue: (u32, u64),
    made_us: i64,
    phase: Phase,
    /// Given to be withdrawn: can't win any more.
    withdrawn: bool,
    miss_status: Misses<Status>,
}

/// What a decision looks at; each gives the best open caller for whom somebody is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Source {
    /// Of a queue without skills.
    Queue(u32),
    /// Of any queue, by looking at one caller after the other.
    Walk(u32),
    /// Of those who wait for this agent only.
    Wanted(u32),
    /// Of those whom this agent may take, in queues with skills.
    Agent(u32),
    /// This caller, of a queue with skills.
    Caller(u32),
}

/// Who alone became open or ready by the last call, and isn't in the sets of those who are.
///
/// Most of them are matched at once by the decision that follows: then nothing was put in order and taken out again.
/// Any other call, and a decision at a later moment, puts them in order first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fresh {
    /// Ready by `readiness`, in no queue's ready set.
    Agent(u32),
    /// Open by `spot`, in no set of open callers.
    Caller(u32),
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
    skills: Skills,
    timers: Timers,
    /// When something opens or closes for a caller; looked at whenever the clock moves.
    wakes: Timers,
    /// Whether work is counted: a queue was `least-occupied` once.
    counts_work: bool,
    /// What lots are drawn from, and how many were.
    seed: u64,
    draws: u64,
    /// Agents in each state, by the order of `State::ALL`.
    states: [usize; State::ALL.len()],
    /// Queues that aren't compared by score alone.
    biased: usize,
    /// Queues with an overtaking cap.
    capped: usize,
    /// Queues in which an open caller met a ready agent since the last decision.
    dirty: Vec<u32>,
    /// Agents who became ready, or whom an open caller waits for, since then.
    dirty_agents: Vec<u32>,
    /// Callers of queues with skills to whom somebody opened since then.
    dirty_callers: Vec<u32>,
    /// Slots of agents who changed since somebody asked.
    changed: Vec<u32>,
    breaks: Breaks,
    fresh: Option<Fresh>,
    /// Trails of callers who have left, kept to save the allocation.
    #[expect(clippy::vec_box, reason = "callers hold boxes")]
    spare_trails: Vec<Box<Trail>>,
    /// Room for `decide`, kept to save the allocation.
    heads: BinaryHeap<std::cmp::Reverse<(Rank, Source)>>,
}

impl Router {
    /// An empty router at the beginning of time, with a seed for its lots.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    /// The latest moment that was told.
    #[must_use]
    pub const fn now_us(&self) -> i64 {
        self.now_us
    }

    fn check_time(now_us: i64) -> Result<()> {
        types::duration("now_us", now_us)
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
}

#[cfg(test)]
mod tests;
