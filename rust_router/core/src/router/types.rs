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
/// Largest limit of offers that failed in a row.
pub const MAX_MISSES: i64 = 1_000_000;

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

words!(
    /// What happened to a break.
    BreakStep, "step", {
        /// The agent has asked for it.
        Asked = "asked",
        /// There is a place; it begins after call and wrap-up.
        Granted = "granted",
        /// The agent rests.
        Begun = "begun",
        /// It has lasted as long as it may.
        Overdue = "overdue",
        /// For that it has ended.
        Over = "over",
        /// The request is void: taken back, or by a change of status, reason or configuration.
        Withdrawn = "withdrawn",
        /// The reason is gone, the agent still rests.
        Unnamed = "unnamed",
    }
);

impl Fault {
    /// Whether the caller tries this agent after all others from now on, and waits for no preferred agent.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        !matches!(self, Self::PathError | Self::Withdrawn)
    }
}

/// One value for each kind of failed offer that has a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Misses<T> {
    /// `no_answer` and `unreachable`.
    pub no_answer: T,
    /// `busy`.
    pub busy: T,
    /// `rejected`.
    pub reject: T,
    /// `unregistered`.
    pub unregistered: T,
}

impl<T> Misses<T> {
    /// The value of a fault; None for those without a limit.
    pub(super) const fn of(&self, fault: Fault) -> Option<&T> {
        match fault {
            Fault::NoAnswer | Fault::Unreachable => Some(&self.no_answer),
            Fault::Busy => Some(&self.busy),
            Fault::Rejected => Some(&self.reject),
            Fault::Unregistered => Some(&self.unregistered),
            Fault::PathError | Fault::Withdrawn => None,
        }
    }

    pub(super) const fn of_mut(&mut self, fault: Fault) -> Option<&mut T> {
        match fault {
            Fault::NoAnswer | Fault::Unreachable => Some(&mut self.no_answer),
            Fault::Busy => Some(&mut self.busy),
            Fault::Rejected => Some(&mut self.reject),
            Fault::Unregistered => Some(&mut self.unregistered),
            Fault::PathError | Fault::Withdrawn => None,
        }
    }
}

impl Misses<Status> {
    /// `mod_callcenter`'s `agent-no-answer-status`, for all kinds.
    pub(super) const ON_BREAK: Self = Self {
        no_answer: Status::OnBreak,
        busy: Status::OnBreak,
        reject: Status::OnBreak,
        unregistered: Status::OnBreak,
    };
}

impl Misses<i64> {
    /// Refuse what is out of range, by the name that `names` gives it.
    pub(super) fn check(&self, names: &Misses<&'static str>) -> Result<()> {
        range(names.no_answer, self.no_answer, 0, MAX_MISSES)?;
        range(names.busy, self.busy, 0, MAX_MISSES)?;
        range(names.reject, self.reject, 0, MAX_MISSES)?;
        range(names.unregistered, self.unregistered, 0, MAX_MISSES)
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
    /// Offers that failed since the last conversation, by kind.
    pub missed: Misses<i64>,
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
