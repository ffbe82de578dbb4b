//! The expected wait: what theory says, and what is measured and told to callers.
//!
//! [`Erlang`] gives the steady state of a queue by theory. [`Estimator`] is told what happens in one queue and
//! says how long a caller will wait, as a range, or that it doesn't know. Both are pure; neither decides
//! anything. The router keeps an estimator for each queue (`router/expect.rs`).

mod bytes;
mod erlang;
mod error;
mod estimator;
mod lengths;
mod rates;
mod score;
mod wait;

pub use erlang::{Erlang, MAX_AGENTS, MAX_RATE, MIN_RATE, erlang_b};
pub use error::{EstimateError, Result};
pub(crate) use estimator::End;
pub use estimator::{Estimate, Estimator, MAX_US, Rates, Ticket};
pub use score::Score;

#[cfg(test)]
mod tests;
