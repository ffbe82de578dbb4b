//! Order of callers, agents, reservations and timers.
