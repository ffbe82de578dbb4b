//! How queues, agents and tiers are set up.

use serde::{Deserialize, Serialize};

use super::error::Result;
use super::types::{
    Fault, MAX_OVERTAKING, MAX_QUEUE_PRIORITY, MAX_QUEUE_WEIGHT, MAX_RING_COUNT, MAX_TIER,
    MAX_TIER_WAIT_US, MAX_US, MAX_WEIGHT, MAX_WINDOW_US, MIN_WINDOW_US, Misses, Status, Strategy,
    duration, range,
};

/// What an operator sets for one queue; times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "an operator's switches, each by its name"
)]
pub struct QueueSettings {
    /// How agents are picked.
    pub strategy: Strategy,
    /// What an agent gets who reaches a limit of failed offers.
    pub miss_status: Misses<Status>,
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
            miss_status: Misses::ON_BREAK,
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
    /// Failed offers without a conversation between them that change the status; 0 = no limit.
    pub limits: Misses<i64>,
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
            limits: Misses::default(),
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
        self.limits.check(&Misses {
            no_answer: "max_no_answer",
            busy: "max_busy",
            reject: "max_reject",
            unregistered: "max_unregistered",
        })
    }
}
