//! How much an agent worked lately.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::types::MAX_WINDOW_US;

/// A window moves on in so many steps.
const STEPS: i64 = 32;

/// Conversations and wrap-ups of the last hour, oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Work {
    since_us: Option<i64>,
    spans: VecDeque<(i64, i64)>,
}

impl Work {
    /// Whether this can be what was noted up to a moment: spans one after another, none empty.
    pub(super) fn is_sound(&self, now_us: i64) -> bool {
        let mut end_us = 0;
        let ordered = self.spans.iter().all(|&(begin, end)| {
            let follows = end_us <= begin && begin < end;
            end_us = end;
            follows
        });
        ordered && (end_us..=now_us).contains(&self.since_us.unwrap_or(end_us.max(0)))
    }

    /// Note whether the agent works from now on.
    pub(super) fn set(&mut self, works: bool, now_us: i64) {
        match (self.since_us, works) {
            (None, true) => self.since_us = Some(now_us),
            (Some(since_us), false) => {
                self.since_us = None;
                if since_us < now_us {
                    self.spans.push_back((since_us, now_us));
                }
                let forget_us = now_us - MAX_WINDOW_US - MAX_WINDOW_US / STEPS;
                while self.spans.front().is_some_and(|(_, end)| *end <= forget_us) {
                    self.spans.pop_front();
                }
            }
            _ => {}
        }
    }

    /// Finished work after a moment.
    pub(super) fn after(&self, from_us: i64) -> i64 {
        self.spans
            .iter()
            .rev()
            .take_while(|(_, end)| *end > from_us)
            .map(|(begin, end)| end - (*begin).max(from_us))
            .sum()
    }
}

/// Where a window of this length begins. It moves in steps, so that the order of idle agents is made anew
/// a few times a window and not at each decision.
pub(super) const fn begin_us(window_us: i64, now_us: i64) -> i64 {
    let step_us = window_us / STEPS;
    now_us - now_us % step_us - window_us
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    #[test]
    fn work_leaves_the_window_and_then_the_memory() {
        let mut work = Work::default();
        for hour in 0..5 {
            work.set(true, hour * 60 * MINUTE);
            work.set(false, hour * 60 * MINUTE + 10 * MINUTE);
        }
        assert_eq!(work.after(i64::MIN), 20 * MINUTE);
        assert_eq!(work.after(240 * MINUTE + 4 * MINUTE), 6 * MINUTE);
        assert_eq!(work.after(250 * MINUTE), 0);
        assert_eq!(work.spans.len(), 2);
    }

    #[test]
    fn the_window_moves_in_steps() {
        assert_eq!(begin_us(32 * MINUTE, 100 * MINUTE), 68 * MINUTE);
        assert_eq!(begin_us(32 * MINUTE, 101 * MINUTE - 1), 68 * MINUTE);
        assert_eq!(begin_us(32 * MINUTE, 101 * MINUTE), 69 * MINUTE);
    }
}
