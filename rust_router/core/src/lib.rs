//! Routing core and wire decoder of `py_callcenter`.
//!
//! Pure: no Python, no I/O, no clock, no randomness. The same calls give the same results.

pub mod router;
pub mod wire;
