//! Vocabulary of the core: `mod_callcenter`'s words and a few of ours.

use serde::{Deserialize, Serialize};

use super::error::{Result, RouterError};

/// Latest moment and longest duration that is taken, in microseconds: far from where sums could overflow.
pub const MAX_US: i64 = 100_000_000_000_000_000;
/// Largest level and position of a tier, as in `mod_callcenter`.
pub const MAX_TIER: i64 = 86_400;
/// Largest priority; the smallest is its negative.
pub const MAX_PRIORITY: i64 = 100;
/// Most characters of a name.
pub const MAX_NAME: usize = 10_000;
/// Longest wait that opens a level; times the largest level it stays far below `MAX_US`.
pub const MAX_TIER_WAIT_US: i64 = 1_000_000_000_000;
/// Most phones at a time.
pub const MAX_RING_COUNT: i64 = 10_000;
/// Most lots of one agent.
pub const MAX_WEIGHT: i64 = 1_000;
/// Shortest window of `least-occupied`.
pub const MIN_WINDOW_US: i64 = 60_000_000;
/// Longest window of `least-occupied`; work is remembered so long.
pub const MAX_WINDOW_US: i64 = 3_600_000_000;
/// Largest count of calls outside the queues.
pub const MAX_EXTERNAL_CALLS: i64 = 1_000_000;
/// Largest priority of a queue; the smallest is its negative.
pub const MAX_QUEUE_PRIORITY: i64 = 100;
/// Largest factor on the score of a queue's callers.
pub const MAX_QUEUE_WEIGHT: i64 = 1_000;
/// Largest overtaking cap.
pub const MAX_OVERTAKING: i64 = 1_000;
/// Largest limit of unanswered offers.
pub const MAX_NO_ANSWER: i64 = 1_000_000;

macro_rules! words {
    ($(#[$doc:meta])* $type:ident, $what:literal, { $($(#[$item:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type { $($(#[$item])* $variant),+ }

        impl $type {
            /// All values, in a fixed order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Read the word.
            ///
            /// # Errors
            /// `UnknownWord` when it is none of the fixed ones; letter case counts.
            pub fn parse(word: &str) -> Result<Self> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(RouterError::UnknownWord {
                        what: $what,
                        known: concat!($(" `", $word, "`"),+),
                    }),
                }
            }
        }
    };
}

words!(
    /// What an agent, or an operator, says about the agent.
    Status, "status", {
        /// Takes calls.
        Available = "Available",
        /// Takes one call, then rests until the status is set again.
        OnDemand = "Available (On Demand)",
        /// Logged in, takes no calls.
        OnBreak = "On Break",
        /// Not there.
        LoggedOut = "Logged Out",
    }
);

impl Status {
    /// Whether an agent of this status may be offered calls.
    #[must_use]
    pub const fn takes_calls(self) -> bool {
        matches!(self, Self::Available | Self::OnDemand)
    }
}

words!(
    /// What an agent does; follows from status, offer and time.
    State, "state", {
        /// Ready, or in a delay after a failed offer.
        Waiting = "waiting",
        /// Kept for a caller; the phone does not ring yet.
        Reserved = "reserved",
        /// The phone rings, or was answered and is not connected yet.
        Receiving = "receiving",
        /// Talks to a caller.
        InAQueueCall = "in_a_queue_call",
        /// Works after a conversation.
        WrapUp = "wrap_up",
        /// On Demand, after the conversation.
        Idle = "idle",
        /// On a call that is not the queue's.
        BusyElsewhere = "busy_elsewhere",
        /// Status `On Break` and nothing open.
        OnBreak = "on_break",
        /// Status `Logged Out` and nothing open.
        LoggedOut = "logged_out",
    }
);

words!(
    /// How a queue picks among its ready agents.
    Strategy, "strategy", {
        /// Level, then the longest idle time, then position.
        LongestIdleAgent = "longest-idle-agent",
        /// Same level and a higher position than the agent offered last; then level, position, oldest offer.
        RoundRobin = "round-robin",
        /// Level and position, behind the agent whom this caller tried last; then from the top again.
        TopDown = "top-down",
        /// Level, then the least time in conversations, then position.
        LeastTalkTime = "agent-with-least-talk-time",
        /// Level, then the fewest conversations, then position.
        FewestCalls = "agent-with-fewest-calls",
        /// Level, position, oldest offer.
        Sequentially = "sequentially-by-agent-order",
        /// Level, then by lot.
        Random = "random",
        /// Level, then by lot with the tier's weight.
        WeightedRandom = "weighted-random",
        /// Level, then the smallest share of work over a sliding window, then position.
        LeastOccupied = "least-occupied",
        /// Every ready agent, by level and position.
        RingAll = "ring-all",
        /// Level and position; one more each delay, earlier ones ring on.
        RingProgressively = "ring-progressively",
        /// So many at a time, by level, then the longest idle time, then position.
        RingK = "ring-k",
    }
);

impl Strategy {
    /// Whether agents are drawn by lot.
    #[must_use]
    pub const fn draws_lots(self) -> bool {
        matches!(self, Self::Random | Self::WeightedRandom)
    }
}

words!(
    /// Why an offer ended without a conversation.
    Fault, "fault", {
        /// The phone was busy.
        Busy = "busy",
        /// The agent refused.
        Rejected = "rejected",
        /// Nobody answered.
        NoAnswer = "no_answer",
        /// The phone could not be reached; counts as not answered.
        Unreachable = "unreachable",
        /// No phone is registered.
        Unregistered = "unregistered",
        /// The way to the phone is broken; not the agent's fault.
        PathError = "path_error",
        /// We took the offer back.
        Withdrawn = "withdrawn",
    }
);

words!(
    /// The first rule that keeps an agent from a caller, in the order in which they are asked.
    Reason, "reason", {
        /// Goes to a caller who is served before this one.
        OtherCaller = "other_caller",
        /// The phone rings for this caller already, or will.
        RingsForCaller = "rings_for_caller",
        /// Kept for another caller.
        Reserved = "reserved",
        /// The phone rings for another caller, or was answered.
        Receiving = "receiving",
        /// Talks to a caller.
        InAQueueCall = "in_a_queue_call",
        /// Status `Logged Out`.
        LoggedOut = "logged_out",
        /// Status `On Break`.
        OnBreak = "on_break",
        /// Works after a conversation.
        WrapUp = "wrap_up",
        /// On Demand and served.
        Idle = "idle",
        /// In a delay after a failed offer.
        Delay = "delay",
        /// Not before a moment that was set by hand.
        NotReadyYet = "not_ready_yet",
        /// On a call that is not the queue's, and the queue passes over such agents.
        ExternalCall = "external_call",
        /// The caller waits for another agent.
        PreferredAgent = "preferred_agent",
        /// The caller hasn't waited as long as this agent's opening delay.
        OpeningDelay = "opening_delay",
        /// The caller's wait doesn't open this level.
        TierLevel = "tier_level",
        /// The agent doesn't meet the caller's demand.
        Skills = "skills",
        /// A protected caller whom the agent may take is before this one.
        OvertakingCap = "overtaking_cap",
    }
);

words!(
    /// Why nobody is looked for on behalf of a caller.
    Closed, "reason", {
        /// An agent has answered.
        Claimed = "claimed",
        /// Held back by hand.
        Held = "held",
        /// As many phones ring as the strategy wants.
        Ringing = "ringing",
    }
);

impl Fault {
    /// Whether the caller tries this agent after all others from now on, and waits for no preferred agent.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        !matches!(self, Self::PathError | Self::Withdrawn)
    }
}

/// What an operator sets for one queue; times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "an operator's switches, each by its name"
)]
pub struct QueueSettings {
    /// How agents are picked.
    pub strategy: Strategy,
    /// What an agent gets who reaches `max_no_answer`.
    pub no_answer_status: Status,
    /// `ring-progressively`: time between two phones.
    pub ring_progressively_delay_us: i64,
    /// `ring-k`: phones at a time.
    pub ring_count: i64,
    /// `least-occupied`: how far back work counts.
    pub occupancy_window_us: i64,
    /// Whether levels open by waiting at all; if not, all are open.
    pub tier_rules_apply: bool,
    /// Wait that opens a level.
    pub tier_rule_wait_us: i64,
    /// Whether that wait is multiplied by the level.
    pub tier_rule_wait_multiply_level: bool,
    /// Whether a level is open while nobody is present on a lower one.
    pub tier_rule_no_agent_no_wait: bool,
    /// `mod_callcenter`'s rule to the letter: level 1 waits too, and who is on break is present.
    pub tier_rules_compatible: bool,
    /// Whether agents on calls that aren't the queue's are passed over.
    pub skip_agents_with_external_calls: bool,
    /// Whether the agent who let a caller ring is tried last for this caller.
    pub refusal_memory: bool,
    /// Callers of a queue of higher priority go first.
    pub queue_priority: i64,
    /// Factor on the score of this queue's callers when queues are compared.
    pub queue_weight: i64,
    /// Taken off the score when queues are compared: the wait within which callers should be served.
    pub service_level_us: i64,
    /// How often a caller may be overtaken by one of a queue with another priority, weight or service level.
    pub overtaking_cap: Option<i64>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            strategy: Strategy::LongestIdleAgent,
            no_answer_status: Status::OnBreak,
            ring_progressively_delay_us: 10_000_000,
            ring_count: 2,
            occupancy_window_us: 1_800_000_000,
            tier_rules_apply: false,
            tier_rule_wait_us: 0,
            tier_rule_wait_multiply_level: false,
            tier_rule_no_agent_no_wait: true,
            tier_rules_compatible: false,
            skip_agents_with_external_calls: true,
            refusal_memory: true,
            queue_priority: 0,
            queue_weight: 1,
            service_level_us: 0,
            overtaking_cap: None,
        }
    }
}

impl QueueSettings {
    pub(super) fn check(&self) -> Result<()> {
        range(
            "ring_progressively_delay_us",
            self.ring_progressively_delay_us,
            1,
            MAX_US,
        )?;
        range("ring_count", self.ring_count, 1, MAX_RING_COUNT)?;
        range(
            "occupancy_window_us",
            self.occupancy_window_us,
            MIN_WINDOW_US,
            MAX_WINDOW_US,
        )?;
        range(
            "tier_rule_wait_us",
            self.tier_rule_wait_us,
            0,
            MAX_TIER_WAIT_US,
        )?;
        let priority = self.queue_priority;
        range(
            "queue_priority",
            priority,
            -MAX_QUEUE_PRIORITY,
            MAX_QUEUE_PRIORITY,
        )?;
        range("queue_weight", self.queue_weight, 1, MAX_QUEUE_WEIGHT)?;
        duration("service_level_us", self.service_level_us)?;
        let cap = self.overtaking_cap.unwrap_or(0);
        range("overtaking_cap", cap, 0, MAX_OVERTAKING)
    }

    /// Whether callers of this queue are compared with others by more than their score.
    pub(super) const fn is_biased(&self) -> bool {
        self.queue_priority != 0 || self.queue_weight != 1 || self.service_level_us != 0
    }
}

/// What an operator sets for one agent in one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierSettings {
    /// Lower is first.
    pub level: i64,
    /// Within the level.
    pub position: i64,
    /// The agent serves only callers who waited so long.
    pub opening_delay_us: i64,
    /// `weighted-random`: lots of this agent.
    pub weight: i64,
}

impl TierSettings {
    /// Level and position, and nothing special.
    #[must_use]
    pub const fn at(level: i64, position: i64) -> Self {
        Self {
            level,
            position,
            opening_delay_us: 0,
            weight: 1,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        range("level", self.level, 0, MAX_TIER)?;
        range("position", self.position, 0, MAX_TIER)?;
        duration("opening_delay_us", self.opening_delay_us)?;
        range("weight", self.weight, 1, MAX_WEIGHT)
    }
}

/// What an operator sets for one agent; times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSettings {
    /// Rest after a conversation.
    pub wrap_up_us: i64,
    /// Rest after `busy`.
    pub busy_delay_us: i64,
    /// Rest after `rejected`.
    pub reject_delay_us: i64,
    /// Rest after `no_answer` and `unreachable`.
    pub no_answer_delay_us: i64,
    /// Rest after `unregistered`.
    pub unregistered_delay_us: i64,
    /// Rest after `path_error`.
    pub path_error_delay_us: i64,
    /// Unanswered offers in a row that change the status; 0 = no limit.
    pub max_no_answer: i64,
    /// Whether becoming Available clears calls and talk time, as in `mod_callcenter`.
    pub reset_counters: bool,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            wrap_up_us: 0,
            busy_delay_us: 0,
            reject_delay_us: 0,
            no_answer_delay_us: 0,
            unregistered_delay_us: 5_000_000,
            path_error_delay_us: 5_000_000,
            max_no_answer: 0,
            reset_counters: false,
        }
    }
}

impl AgentSettings {
    /// Rest that follows an offer that ended with this fault.
    #[must_use]
    pub const fn delay_us(&self, fault: Fault) -> i64 {
        match fault {
            Fault::Busy => self.busy_delay_us,
            Fault::Rejected => self.reject_delay_us,
            Fault::NoAnswer | Fault::Unreachable => self.no_answer_delay_us,
            Fault::Unregistered => self.unregistered_delay_us,
            Fault::PathError => self.path_error_delay_us,
            Fault::Withdrawn => 0,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        duration("wrap_up_us", self.wrap_up_us)?;
        duration("busy_delay_us", self.busy_delay_us)?;
        duration("reject_delay_us", self.reject_delay_us)?;
        duration("no_answer_delay_us", self.no_answer_delay_us)?;
        duration("unregistered_delay_us", self.unregistered_delay_us)?;
        duration("path_error_delay_us", self.path_error_delay_us)?;
        range("max_no_answer", self.max_no_answer, 0, MAX_NO_ANSWER)
    }
}

/// A copy of what the core knows of one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentView {
    /// The name given to `put_agent`.
    pub name: String,
    /// Status, as set.
    pub status: Status,
    /// State, as it follows.
    pub state: State,
    /// Moment of the last change of state.
    pub state_since_us: i64,
    /// End of the last conversation, or the moment of login.
    pub idle_since_us: i64,
    /// End of a wrap-up or delay, or the moment set by hand, the later one; 0 when none runs.
    pub ready_at_us: i64,
    /// Offers in a row that nobody answered.
    pub no_answer_count: i64,
    /// Conversations so far.
    pub calls_answered: u64,
    /// Time in finished conversations.
    pub talk_us: i64,
    /// Calls that aren't the queues'.
    pub external_calls: i64,
}

/// A reservation: this agent is kept for this caller until `fail` or `finish`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Id of the reservation.
    pub offer: u64,
    /// Id of the caller.
    pub caller: u64,
    /// Id of the agent.
    pub agent: u64,
    /// Id of the queue.
    pub queue: u64,
}

pub(super) fn range(what: &'static str, value: i64, low: i64, high: i64) -> Result<()> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(RouterError::OutOfRange { what, low, high })
    }
}

pub(super) fn duration(what: &'static str, value: i64) -> Result<()> {
    range(what, value, 0, MAX_US)
}

pub(super) fn name(text: &str) -> Result<()> {
    // No name of MAX_NAME characters has more bytes than this; counting is bounded so.
    if text.is_empty() || text.len() > MAX_NAME * 4 || text.chars().count() > MAX_NAME {
        Err(RouterError::BadName(MAX_NAME))
    } else {
        Ok(())
    }
}
