//! Routing core and wire decoder of `py_callcenter`, and what costs too much elsewhere.
//!
//! Pure: no Python, no I/O, no clock, no randomness. The same calls give the same results.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

pub mod estimate;
pub mod exposition;
mod ranked;
pub mod router;
pub mod skills;
pub mod wire;
