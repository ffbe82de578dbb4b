//! Deadlines of the core and of the engine, in one order.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

/// Names one arming of one timer: its deadline, then a number that is never used twice.
///
/// The number is the generation: whoever holds the key of an earlier arming holds nothing.
pub(super) type TimerKey = (i64, u64);

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The engine's own deadline.
    Token(i64),
    /// The wrap-up or delay of the agent in this slot.
    Agent(u32),
    /// Something opens or closes for the caller in this slot.
    Caller(u32),
}

/// All timers, earliest first; among equal deadlines in order of arming.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BTreeMap<TimerKey, Due>,
    tokens: FxHashMap<i64, TimerKey>,
    armed: u64,
}

impl Timers {
    pub(super) fn arm(&mut self, deadline_us: i64, due: Due) -> TimerKey {
        // Saturation would take centuries; equal keys would then only replace one another.
        self.armed = self.armed.saturating_add(1);
        let key = (deadline_us, self.armed);
        self.queue.insert(key, due);
        key
    }

    pub(super) fn cancel(&mut self, key: TimerKey) {
        self.queue.remove(&key);
    }

    pub(super) fn arm_token(&mut self, deadline_us: i64, token: i64) {
        let key = self.arm(deadline_us, Due::Token(token));
        if let Some(earlier) = self.tokens.insert(token, key) {
            self.cancel(earlier);
        }
    }

    pub(super) fn cancel_token(&mut self, token: i64) {
        if let Some(key) = self.tokens.remove(&token) {
            self.cancel(key);
        }
    }

    /// Deadlines and tokens of the engine, earliest first, then in order of arming.
    pub(super) fn tokens(&self) -> impl Iterator<Item = (i64, i64)> {
        self.queue.iter().filter_map(|((at_us, _), due)| match due {
            Due::Token(token) => Some((*at_us, *token)),
            Due::Agent(_) | Due::Caller(_) => None,
        })
    }

    pub(super) fn next_us(&self) -> Option<i64> {
        self.queue
            .first_key_value()
            .map(|((deadline_us, _), _)| *deadline_us)
    }

    /// Take the earliest timer out if it is due.
    pub(super) fn pop(&mut self, now_us: i64) -> Option<(TimerKey, Due)> {
        let first = self.queue.first_entry()?;
        if first.key().0 > now_us {
            return None;
        }
        let (key, due) = first.remove_entry();
        if let Due::Token(token) = due {
            self.tokens.remove(&token);
        }
        Some((key, due))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Arm(i64, i64),
        Cancel(i64),
        Advance(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0i64..50, 0i64..12).prop_map(|(deadline, token)| Step::Arm(deadline, token)),
            1 => (0i64..12).prop_map(Step::Cancel),
            1 => (0i64..50).prop_map(Step::Advance),
        ]
    }

    proptest! {
        #[test]
        fn fires_each_arming_once_in_order(steps in prop::collection::vec(step(), 1..400)) {
            let mut timers = Timers::default();
            let mut plain: Vec<(i64, usize, i64)> = Vec::new();
            for (order, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Arm(deadline, token) => {
                        timers.arm_token(deadline, token);
                        plain.retain(|(_, _, other)| *other != token);
                        plain.push((deadline, order, token));
                    }
                    Step::Cancel(token) => {
                        timers.cancel_token(token);
                        plain.retain(|(_, _, other)| *other != token);
                    }
                    Step::Advance(now) => {
                        let fired: Vec<Due> = std::iter::from_fn(|| timers.pop(now)).map(|(_, due)| due).collect();
                        plain.sort_unstable();
                        let due: Vec<Due> =
                            plain.iter().filter(|(at, _, _)| *at <= now).map(|(_, _, token)| Due::Token(*token)).collect();
                        plain.retain(|(at, _, _)| *at > now);
                        prop_assert_eq!(fired, due);
                    }
                }
                prop_assert_eq!(timers.next_us(), plain.iter().map(|(at, _, _)| *at).min());
                prop_assert_eq!(timers.tokens.len(), plain.len());
                prop_assert_eq!(timers.queue.len(), plain.len());
            }
        }
    }

    #[test]
    fn thousands_at_one_instant() {
        let mut timers = Timers::default();
        for token in 0..20_000 {
            timers.arm_token(7, token);
        }
        assert_eq!(timers.pop(6), None);
        let fired: Vec<Due> = std::iter::from_fn(|| timers.pop(7))
            .map(|(_, due)| due)
            .collect();
        assert_eq!(fired, (0..20_000).map(Due::Token).collect::<Vec<_>>());
        assert_eq!(timers.next_us(), None);
    }
}
