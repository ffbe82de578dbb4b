//! Who is before whom across queues: tuples of what the queues' settings make of the order of callers.

use std::cmp::Ordering;

use super::{CallerKey, QueueSettings, Result, Router};

/// Place of a caller among those of all queues at one moment: smaller is served first.
///
/// Within a queue it is the order of callers, whatever the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// Negative priority of the queue.
    queue_priority: i64,
    /// Negative priority of the caller.
    priority: i16,
    urgency: Urgency,
    pub(super) key: CallerKey,
}

/// Score over the queue's service level, times its weight; below the service level divided by it, so that a
/// heavy queue is always the more urgent. More urgent is smaller.
#[derive(Debug, Clone, Copy)]
struct Urgency {
    /// At most three times `MAX_US` either way.
    over_us: i64,
    /// 1…`MAX_QUEUE_WEIGHT`.
    weight: i64,
}

impl Urgency {
    const fn new(settings: &QueueSettings, score_us: i64) -> Self {
        Self {
            over_us: score_us - settings.service_level_us,
            weight: settings.queue_weight,
        }
    }
}

/// A product that can't overflow.
fn product(one: i64, other: i64) -> i128 {
    i128::from(one).wrapping_mul(i128::from(other))
}

impl Ord for Urgency {
    fn cmp(&self, other: &Self) -> Ordering {
        let (over, late) = (self.over_us >= 0, other.over_us >= 0);
        if self.weight == other.weight || over != late {
            other.over_us.cmp(&self.over_us)
        } else if over {
            product(other.over_us, other.weight).cmp(&product(self.over_us, self.weight))
        } else {
            product(other.over_us, self.weight).cmp(&product(self.over_us, other.weight))
        }
    }
}

impl PartialOrd for Urgency {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Urgency {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Urgency {}

impl Router {
    /// Where a caller of this queue stands now.
    pub(super) fn rank_of(&self, key: CallerKey, queue_slot: u32) -> Result<Rank> {
        if self.biased == 0 {
            // Nothing but the order of callers counts.
            return Ok(Rank::plain(key));
        }
        let settings = &self.queues.get(queue_slot)?.settings;
        Ok(Rank {
            queue_priority: -settings.queue_priority,
            priority: key.priority,
            urgency: Urgency::new(settings, self.now_us - key.since_us),
            key,
        })
    }
}

impl Rank {
    const fn plain(key: CallerKey) -> Self {
        Self {
            queue_priority: 0,
            priority: 0,
            urgency: Urgency {
                over_us: 0,
                weight: 1,
            },
            key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(priority: i64, weight: i64, target_us: i64, score_us: i64) -> Rank {
        let settings = QueueSettings {
            queue_priority: priority,
            queue_weight: weight,
            service_level_us: target_us,
            ..QueueSettings::default()
        };
        Rank {
            queue_priority: -priority,
            urgency: Urgency::new(&settings, score_us),
            ..Rank::plain(CallerKey {
                priority: 0,
                since_us: 0,
                id: 0,
                slot: 0,
            })
        }
    }

    #[test]
    fn tuples_are_compared_and_no_product_overflows() {
        let most = super::super::MAX_US;
        assert!(rank(1, 1, 0, 0) < rank(0, 1000, 0, 2 * most));
        assert!(rank(0, 3, 0, 20) < rank(0, 1, 0, 59));
        assert!(rank(0, 3, 0, 20) == rank(0, 1, 0, 60));
        assert!(rank(0, 2, 30, 10) < rank(0, 1, 30, 19));
        assert!(rank(0, 1000, 0, 2 * most) < rank(0, 999, 0, 2 * most));
        assert!(rank(0, 1000, most, -2 * most) < rank(0, 999, most, -2 * most));
    }
}
