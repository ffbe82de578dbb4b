//! Queues, agents and tiers.

use std::collections::{BTreeMap, BTreeSet};

use crate::estimate::Estimator;

use smallvec::SmallVec;

use super::gates::count;
use super::{
    Agent, AgentSettings, ClassIndex, LadderId, LongRanked, Misses, ProfileId, Queue,
    QueueSettings, Readiness, Ready, Result, Router, RouterError, Shield, State, Status, Strategy,
    Tier, TierSettings, Work, types,
};

impl Queue {
    /// A queue without callers and agents.
    pub(super) fn new(name: &str, settings: QueueSettings, ladder: LadderId) -> Self {
        let mut queue = Self {
            name: name.to_owned(),
            settings,
            ladder,
            skilled: ladder != LadderId::ANY,
            waiting: LongRanked::default(),
            newcomers: ClassIndex::default(),
            stages: Vec::new(),
            open: 0,
            shield: Shield::default(),
            thresholds: Vec::new(),
            levels: BTreeMap::new(),
            delays: BTreeMap::new(),
            present: BTreeMap::new(),
            ready: Ready::default(),
            sorted_us: i64::MIN,
            members: BTreeSet::new(),
            staffed: 0,
            takers: 0,
            unserved: 0,
            estimator: Estimator::new(),
            last_offered: None,
            dirty: false,
        };
        queue.ready = Ready::in_orders(queue.orders());
        queue
    }

    /// Count a tier in, or out.
    pub(super) fn count_tier(&mut self, tier: &TierSettings, present: bool, add: bool) {
        count(&mut self.levels, tier.level, add);
        count(&mut self.delays, tier.opening_delay_us, add);
        if present {
            count(&mut self.present, tier.level, add);
        }
    }
}

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
    /// An agent who isn't there yet.
    pub(super) fn new(
        name: &str,
        settings: AgentSettings,
        profile: ProfileId,
        now_us: i64,
    ) -> Self {
        Self {
            name: name.to_owned(),
            settings,
            profile,
            status: Status::LoggedOut,
            state: State::LoggedOut,
            state_since_us: now_us,
            idle_since_us: 0,
            served: false,
            rest: None,
            hold: None,
            external_calls: 0,
            offer: None,
            readiness: Readiness::None,
            missed: Misses::default(),
            calls_answered: 0,
            talk_us: 0,
            work: Work::default(),
            fans: BTreeSet::new(),
            wanted: BTreeSet::new(),
            dirty: false,
            changed: false,
            tiers: SmallVec::new(),
        }
    }

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
    /// Add or change a queue whose callers demand nothing by default; see `put_skilled_queue`.
    ///
    /// # Errors
    /// `BadName`, `OutOfRange`.
    pub fn put_queue(&mut self, now_us: i64, name: &str, settings: QueueSettings) -> Result<u64> {
        self.put_skilled_queue(now_us, name, settings, &[(0, "any")])
    }

    /// Add or change a queue; give its id. A change costs O(callers + agents of the queue). `skills`: what its
    /// callers demand by default, by waited time.
    ///
    /// # Errors
    /// `BadName`, `OutOfRange`, `Skill`.
    pub fn put_skilled_queue(
        &mut self,
        now_us: i64,
        name: &str,
        settings: QueueSettings,
        skills: &[(i64, &str)],
    ) -> Result<u64> {
        Self::check_time(now_us)?;
        types::name(name)?;
        settings.check()?;
        let ladder = self.skills.put_steps(skills)?;
        self.clock(now_us)?;
        self.counts_work |= settings.strategy == Strategy::LeastOccupied;
        if let Some(&id) = self.queue_names.get(name) {
            let slot = self.queue_slot(id)?;
            let queue = self.queues.get_mut(slot)?;
            let before = queue.ladder;
            if queue.settings != settings || before != ladder {
                let gone = std::mem::replace(&mut queue.settings, settings);
                queue.ladder = ladder;
                if gone.overtaking_cap != settings.overtaking_cap {
                    queue.review_cap();
                }
                queue.skilled =
                    ladder != LadderId::ANY || (queue.skilled && queue.waiting.len() > 0);
                self.count_settings(&settings, true);
                self.count_settings(&gone, false);
                self.clear_ready(slot)?;
                self.review_queue(slot)?;
            }
            // Nobody is in a class of the old demands any more.
            self.skills.drop_ladder(before)?;
            return Ok(id);
        }
        self.count_settings(&settings, true);
        let (id, _) = self.queues.insert(Queue::new(name, settings, ladder))?;
        self.queue_names.insert(name.to_owned(), id);
        Ok(id)
    }

    /// Count a queue's settings in, or out.
    pub(super) fn count_settings(&mut self, settings: &QueueSettings, add: bool) {
        let biased = usize::from(settings.is_biased());
        let capped = usize::from(settings.overtaking_cap.is_some());
        if add {
            self.biased += biased;
            self.capped += capped;
        } else {
            self.biased -= biased;
            self.capped -= capped;
        }
    }

    /// Put everything of a queue where its changed settings want it.
    fn review_queue(&mut self, slot: u32) -> Result<()> {
        self.review_presence(slot)?;
        self.sync_members(slot)?;
        self.review_thresholds(slot, None)?;
        let callers: Vec<u32> = {
            let queue = self.queues.get(slot)?;
            queue.waiting.iter().map(|key| key.slot).collect()
        };
        for caller in callers {
            self.refresh_caller(caller)?;
        }
        let now_us = self.now_us;
        self.queues.get_mut(slot)?.tell(now_us);
        self.mark(slot)
    }

    /// Forget a queue and its tiers.
    ///
    /// # Errors
    /// `UnknownQueue`; `WrongStep` while callers are in it.
    pub fn remove_queue(&mut self, now_us: i64, queue: u64) -> Result<()> {
        Self::check_time(now_us)?;
        let slot = self.queue_slot(queue)?;
        if self.queues.get(slot)?.waiting.len() > 0 {
            return Err(RouterError::WrongStep("callers are in this queue"));
        }
        self.clock(now_us)?;
        if let Some(gone) = self.queues.remove(slot) {
            self.queue_names.remove(&gone.name);
            self.count_settings(&gone.settings, false);
            self.skills.drop_ladder(gone.ladder)?;
            for member in gone.members {
                self.agents
                    .get_mut(member)?
                    .tiers
                    .retain(|tier| tier.queue != slot);
            }
        }
        Ok(())
    }

    /// Add (logged out) or change an agent without skills; see `put_skilled_agent`.
    ///
    /// # Errors
    /// `BadName`, `OutOfRange`.
    pub fn put_agent(&mut self, now_us: i64, name: &str, settings: AgentSettings) -> Result<u64> {
        self.put_skilled_agent(now_us, name, settings, &[])
    }

    /// Add (logged out) or change an agent; give the id. `skills`: each with its level.
    ///
    /// # Errors
    /// `BadName`, `OutOfRange`, `Skill`.
    pub fn put_skilled_agent(
        &mut self,
        now_us: i64,
        name: &str,
        settings: AgentSettings,
        skills: &[(&str, i64)],
    ) -> Result<u64> {
        Self::check_time(now_us)?;
        types::name(name)?;
        settings.check()?;
        let profile = self.skills.put_profile(skills)?;
        let now_us = self.clock(now_us)?;
        if let Some(&id) = self.agent_names.get(name) {
            let slot = self.agent_slot(id)?;
            self.agents.get_mut(slot)?.settings = settings;
            self.change_profile(slot, profile)?;
            return Ok(id);
        }
        let agent = Agent::new(name, settings, profile, now_us);
        let (id, _) = self.agents.insert(agent)?;
        self.agent_names.insert(name.to_owned(), id);
        self.count_state(State::LoggedOut, true);
        Ok(id)
    }

    /// Forget an agent and the tiers.
    ///
    /// # Errors
    /// `UnknownAgent`; `WrongStep` while an offer or conversation holds the agent.
    pub fn remove_agent(&mut self, now_us: i64, agent: u64) -> Result<()> {
        Self::check_time(now_us)?;
        let slot = self.agent_slot(agent)?;
        if self.agents.get(slot)?.offer.is_some() {
            return Err(RouterError::WrongStep(
                "an offer or conversation holds this agent",
            ));
        }
        self.clock(now_us)?;
        let queues: Vec<u32> = self
            .agents
            .get(slot)?
            .tiers
            .iter()
            .map(|tier| tier.queue)
            .collect();
        for queue in queues {
            self.drop_tier(queue, slot)?;
        }
        if let Some(gone) = self.agents.remove(slot) {
            self.agent_names.remove(&gone.name);
            self.changed.retain(|&changed| changed != slot);
            self.skills.drop_profile(gone.profile)?;
            self.count_state(gone.state, false);
            for timer in gone
                .rest
                .map(|rest| rest.timer)
                .into_iter()
                .chain(gone.hold)
            {
                self.timers.cancel(timer);
            }
        }
        Ok(())
    }

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

    fn drop_tier(&mut self, queue_slot: u32, slot: u32) -> Result<()> {
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

    /// Id of a queue by name.
    #[must_use]
    pub fn queue_id(&self, name: &str) -> Option<u64> {
        self.queue_names.get(name).copied()
    }

    /// Id of an agent by name.
    #[must_use]
    pub fn agent_id(&self, name: &str) -> Option<u64> {
        self.agent_names.get(name).copied()
    }
}
