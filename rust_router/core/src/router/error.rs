//! The one error of the routing core.

use crate::skills::SkillError;

/// Why a call could not be carried out. Nothing was changed. Messages name ids and ranges, never names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouterError {
    /// No queue has this id (any more).
    #[error("no queue has id {0}")]
    UnknownQueue(u64),
    /// No agent has this id (any more).
    #[error("no agent has id {0}")]
    UnknownAgent(u64),
    /// No waiting caller has this id: never handed out, left, or bridged.
    #[error("no waiting caller has id {0}")]
    UnknownCaller(u64),
    /// No open offer has this id: never handed out, failed, or finished.
    #[error("no open offer has id {0}")]
    UnknownOffer(u64),
    /// No reason for breaks has this id (any more).
    #[error("no break reason has id {0}")]
    UnknownBreakReason(u64),
    /// The agent does not serve this queue.
    #[error("agent {agent} has no tier in queue {queue}")]
    UnknownTier {
        /// Id of the queue.
        queue: u64,
        /// Id of the agent.
        agent: u64,
    },
    /// A word that is none of the fixed ones.
    #[error("unknown {what}; known are{known}")]
    UnknownWord {
        /// What the word should have been.
        what: &'static str,
        /// The words there are, each after a space.
        known: &'static str,
    },
    /// A number outside its range.
    #[error("{what} must be {low}…{high}")]
    OutOfRange {
        /// Name of the argument.
        what: &'static str,
        /// Smallest value.
        low: i64,
        /// Largest value.
        high: i64,
    },
    /// A name that is empty or too long.
    #[error("a name must have 1…{0} characters")]
    BadName(usize),
    /// Skills or a demand that can't be taken.
    #[error(transparent)]
    Skill(#[from] SkillError),
    /// A step that the state does not allow.
    #[error("{0}")]
    WrongStep(&'static str),
    /// More items than can be numbered.
    #[error("too many items of one kind")]
    Full,
    /// The core contradicts itself. A defect: please report it.
    #[error("the routing core contradicts itself ({0}); please report this")]
    Defect(&'static str),
}

/// Result of a call to the core.
pub type Result<T> = std::result::Result<T, RouterError>;
