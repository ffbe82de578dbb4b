//! The one error of the estimates.

/// Why a question or a fact was refused. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EstimateError {
    /// A number outside its range, or not a number.
    #[error("{what} must be {range}")]
    OutOfRange {
        /// Name of the argument.
        what: &'static str,
        /// The range in words.
        range: &'static str,
    },
    /// More arrives than can be served and nobody gives up: the queue grows without end.
    #[error(
        "without abandonment the arrivals must be fewer than agents × service rate; no steady state exists"
    )]
    Unstable,
    /// A caller is said to have left, but all who joined have left before.
    #[error("nobody waits: each ticket may be given back once")]
    NobodyWaits,
    /// Not what `to_bytes` gave, or another version's.
    #[error("these bytes hold nothing that this version has written")]
    BadBytes,
}

/// Result of a call to the estimates.
pub type Result<T> = std::result::Result<T, EstimateError>;
