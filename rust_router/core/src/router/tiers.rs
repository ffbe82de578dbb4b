//! Who serves which queue, and how.

use super::{Agent, Result, Router, RouterError, Status, Tier, TierSettings};

impl Tier {
    /// A tier as an operator sets it; the settings are checked.
    pub(super) fn new(queue: u32, settings: &TierSettings) -> Self {
        let small = |value: i64| i32::try_from(value).unwrap_or(i32::MAX);
        Self {
            queue,
            level: small(settings.level),
            position: small(settings.position),
            weight: small(settings.weight).unsigned_abs(),
            opening_delay_us: settings.opening_delay_us,
            last_offer: 0,
            order: (0, 0),
            ready: false,
        }
    }

    /// What the operator set.
    pub(super) fn settings(&self) -> TierSettings {
        TierSettings {
            level: i64::from(self.level),
            position: i64::from(self.position),
            opening_delay_us: self.opening_delay_us,
            weight: i64::from(self.weight),
        }
    }
}

impl Agent {
    pub(super) fn tier(&self, queue: u32) -> Option<&Tier> {
        let at = self
            .tiers
            .binary_search_by_key(&queue, |tier| tier.queue)
            .ok()?;
        self.tiers.get(at)
    }

    pub(super) fn tier_mut(&mut self, queue: u32) -> Option<&mut Tier> {
        let at = self
            .tiers
            .binary_search_by_key(&queue, |tier| tier.queue)
            .ok()?;
        self.tiers.get_mut(at)
    }
}

impl Router {
    /// Let an agent serve a queue, or change how.
    ///
    /// # Errors
    /// `UnknownQueue`, `UnknownAgent`, `OutOfRange`.
    pub fn put_tier(
        &mut self,
        now_us: i64,
        queue: u64,
        agent: u64,
        settings: TierSettings,
    ) -> Result<()> {
        Self::check_time(now_us)?;
        settings.check()?;
        let queue_slot = self.queue_slot(queue)?;
        let slot = self.agent_slot(agent)?;
        self.clock(now_us)?;
        let queue = self.queues.get_mut(queue_slot)?;
        let entry = self.agents.get_mut(slot)?;
        let present = queue.counts_as_present(entry.status);
        let at = entry
            .tiers
            .binary_search_by_key(&queue_slot, |tier| tier.queue);
        let mut tier = Tier::new(queue_slot, &settings);
        let before = match at {
            Ok(at) => {
                let place = entry
                    .tiers
                    .get_mut(at)
                    .ok_or(RouterError::Defect("tier out of range"))?;
                if place.settings() == settings {
                    return Ok(());
                }
                // The key that it was put in with holds the old settings.
                if place.ready {
                    queue
                        .ready
                        .remove(&queue.place(slot, agent, entry.profile, place));
                }
                tier.last_offer = place.last_offer;
                Some(std::mem::replace(place, tier).settings())
            }
            Err(at) => {
                entry.tiers.insert(at, tier);
                queue.members.insert(slot);
                queue.staffed += usize::from(entry.status != Status::LoggedOut);
                queue.takers += u32::from(entry.status.takes_calls());
                queue.tell(self.now_us);
                None
            }
        };
        queue.count_tier(&settings, present, true);
        if let Some(before) = before {
            queue.count_tier(&before, present, false);
        }
        self.sync_tiers(slot)?;
        let added = before
            .is_none()
            .then_some((settings.level, settings.opening_delay_us));
        self.review_thresholds(queue_slot, added)?;
        self.mark(queue_slot)
    }

    /// An agent serves a queue no longer. An open offer of the pair goes on.
    ///
    /// # Errors
    /// `UnknownQueue`, `UnknownAgent`, `UnknownTier`.
    pub fn remove_tier(&mut self, now_us: i64, queue: u64, agent: u64) -> Result<()> {
        Self::check_time(now_us)?;
        let queue_slot = self.queue_slot(queue)?;
        let slot = self.agent_slot(agent)?;
        if self.agents.get(slot)?.tier(queue_slot).is_none() {
            return Err(RouterError::UnknownTier { queue, agent });
        }
        self.clock(now_us)?;
        self.drop_tier(queue_slot, slot)
    }

    pub(super) fn drop_tier(&mut self, queue_slot: u32, slot: u32) -> Result<()> {
        let queue = self.queues.get_mut(queue_slot)?;
        let id = self.agents.id(slot)?;
        let agent = self.agents.get_mut(slot)?;
        let Some(tier) = agent.tier(queue_slot).copied() else {
            return Ok(());
        };
        if tier.ready {
            queue
                .ready
                .remove(&queue.place(slot, id, agent.profile, &tier));
        }
        let present = queue.counts_as_present(agent.status);
        let settings = tier.settings();
        queue.count_tier(&settings, present, false);
        let was_the_last = !queue.levels.contains_key(&settings.level)
            || !queue.delays.contains_key(&settings.opening_delay_us);
        queue.members.remove(&slot);
        queue.staffed = queue
            .staffed
            .saturating_sub(usize::from(agent.status != Status::LoggedOut));
        queue.takers -= u32::from(agent.status.takes_calls());
        queue.tell(self.now_us);
        agent.tiers.retain(|tier| tier.queue != queue_slot);
        if queue.last_offered == Some(slot) {
            // The turn goes to whoever was offered last among those who stay.
            let newest = self.newest_offered(queue_slot)?;
            self.queues.get_mut(queue_slot)?.last_offered = newest;
        }
        self.release_fans(slot, Some(queue_slot))?;
        if was_the_last {
            self.review_thresholds(queue_slot, None)?;
        }
        self.mark(queue_slot)
    }

    /// The member with the newest offer of a queue.
    pub(super) fn newest_offered(&self, queue_slot: u32) -> Result<Option<u32>> {
        let mut newest = (0, None);
        for &member in &self.queues.get(queue_slot)?.members {
            let tier = self.agents.get(member)?.tier(queue_slot);
            let offer = tier.map_or(0, |tier| tier.last_offer);
            if offer > newest.0 {
                newest = (offer, Some(member));
            }
        }
        Ok(newest.1)
    }
}
