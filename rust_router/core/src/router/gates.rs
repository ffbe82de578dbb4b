//! Which agents of a queue a caller's wait opens: tier rules and opening delays.
//!
//! A wait opens more at a few thresholds only. Open callers are kept by the number of thresholds that they
//! passed, so the best caller whom somebody could serve is the best of a few heads.

use std::collections::BTreeMap;

use super::ready::Opening;
use super::{BTreeSet, CallerKey, ClassIndex, Queue, Result, Router, Spot, Status};

impl Queue {
    /// What so long a wait opens now.
    pub(super) fn opening(&self, waited_us: i64) -> Opening {
        Opening {
            waited_us,
            level: i32::try_from(self.open_level(waited_us)).unwrap_or(i32::MAX),
        }
    }

    /// The highest open level.
    fn open_level(&self, waited_us: i64) -> i64 {
        let rules = &self.settings;
        if !rules.tier_rules_apply || rules.tier_rule_wait_us == 0 {
            return i64::MAX;
        }
        let mut level = if rules.tier_rule_wait_multiply_level {
            waited_us / rules.tier_rule_wait_us
        } else if waited_us >= rules.tier_rule_wait_us {
            return i64::MAX;
        } else {
            0
        };
        if !rules.tier_rules_compatible {
            level = level.max(1);
        }
        if rules.tier_rule_no_agent_no_wait
            && let Some((&lowest, _)) = self.present.first_key_value()
        {
            level = level.max(lowest);
        }
        level
    }

    /// The wait that opens a level, whoever is present.
    pub(super) fn level_wait_us(&self, level: i64) -> i64 {
        let rules = &self.settings;
        let never_waits = level == 0 || (level == 1 && !rules.tier_rules_compatible);
        if !rules.tier_rules_apply || never_waits {
            0
        } else if rules.tier_rule_wait_multiply_level {
            level * rules.tier_rule_wait_us
        } else {
            rules.tier_rule_wait_us
        }
    }

    /// Whether an agent of this status keeps higher levels closed.
    pub(super) const fn counts_as_present(&self, status: Status) -> bool {
        match status {
            Status::Available | Status::OnDemand => true,
            Status::OnBreak => self.settings.tier_rules_compatible,
            Status::LoggedOut => false,
        }
    }

    /// Note whether waiting opens anything. An agent with an opening delay makes a threshold.
    pub(super) fn review_flat(&mut self) {
        self.flat = self.thresholds.is_empty() && !self.settings.tier_rules_apply;
    }

    /// How many thresholds a wait has passed.
    pub(super) fn stage(&self, waited_us: i64) -> usize {
        self.thresholds.partition_point(|wait| *wait <= waited_us)
    }

    /// The open callers of a stage; None when there is no such stage.
    pub(super) fn stage_mut(&mut self, stage: usize) -> Option<&mut ClassIndex<CallerKey>> {
        match stage.checked_sub(1) {
            None => Some(&mut self.newcomers),
            Some(at) => self.stages.get_mut(at),
        }
    }

    /// The open callers of each stage, and the wait with which it begins.
    pub(super) fn open_stages(&self) -> impl Iterator<Item = (&ClassIndex<CallerKey>, i64)> {
        let waits = std::iter::once(0).chain(self.thresholds.iter().copied());
        std::iter::once(&self.newcomers)
            .chain(&self.stages)
            .zip(waits)
    }

    /// The best open caller for whom somebody is ready, skills left aside.
    pub(super) fn head(&self) -> Option<CallerKey> {
        if self.open == 0 || self.ready.len() == 0 {
            return None;
        }
        let mut best: Option<CallerKey> = None;
        for (callers, waited_us) in self.open_stages() {
            let Some((head, _)) = callers.first() else {
                continue;
            };
            if best.is_none_or(|best| head < best) && self.ready.any_open(self.opening(waited_us)) {
                best = Some(head);
            }
        }
        best
    }
}

/// Count up or down; what nobody has is forgotten.
pub(super) fn count(counts: &mut BTreeMap<i64, usize>, key: i64, add: bool) {
    if add {
        *counts.entry(key).or_insert(0) += 1;
    } else if let Some(number) = counts.get_mut(&key) {
        *number -= 1;
        if *number == 0 {
            counts.remove(&key);
        }
    }
}

impl Router {
    /// Derive the thresholds anew; when they changed, sort the callers by them. `added`: level and delay of a
    /// new tier that is all that changed.
    pub(super) fn review_thresholds(&mut self, slot: u32, added: Option<(i64, i64)>) -> Result<()> {
        let queue = self.queues.get_mut(slot)?;
        if queue.waiting.len() == 0
            && let Some((level, delay_us)) = added
        {
            // Nobody to sort: a thousand new levels are not looked at a thousand times.
            for wait in [queue.level_wait_us(level), delay_us] {
                if wait > 0
                    && let Err(at) = queue.thresholds.binary_search(&wait)
                {
                    queue.thresholds.insert(at, wait);
                    queue.stages.push(ClassIndex::default());
                }
            }
            queue.review_flat();
            return Ok(());
        }
        let waits = queue.levels.keys().map(|level| queue.level_wait_us(*level));
        let thresholds: BTreeSet<i64> = waits
            .chain(queue.delays.keys().copied())
            .filter(|wait| *wait > 0)
            .collect();
        if queue.thresholds.iter().eq(thresholds.iter()) {
            queue.review_flat();
            return Ok(());
        }
        queue.thresholds = thresholds.into_iter().collect();
        queue.review_flat();
        queue.stages = std::iter::repeat_with(ClassIndex::default)
            .take(queue.thresholds.len())
            .collect();
        queue.newcomers = ClassIndex::default();
        queue.open = 0;
        queue.shield.clear();
        let callers: Vec<u32> = queue.waiting.iter().map(|key| key.slot).collect();
        for caller in callers {
            let entry = self.callers.get_mut(caller)?;
            if matches!(entry.spot, Spot::Stage(..)) {
                entry.spot = Spot::None;
            }
            self.refresh_caller(caller)?;
        }
        Ok(())
    }

    /// Count anew who is present on which level.
    pub(super) fn review_presence(&mut self, slot: u32) -> Result<()> {
        let queue = self.queues.get_mut(slot)?;
        queue.present.clear();
        for &member in &queue.members {
            let agent = self.agents.get(member)?;
            if let Some(tier) = agent.tier(slot)
                && queue.counts_as_present(agent.status)
            {
                count(&mut queue.present, i64::from(tier.level), true);
            }
        }
        Ok(())
    }
}
