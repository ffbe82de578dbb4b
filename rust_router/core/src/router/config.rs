//! Queues, agents and tiers.

use super::{
    Agent, AgentSettings, MAX_TIER, Queue, Ranked, ReadyKey, Result, Router, RouterError, State,
    Status, Strategy, Tier, types,
};

impl Queue {
    pub(super) fn ready_key(&self, slot: u32, id: u64, agent: &Agent, tier: &Tier) -> ReadyKey {
        let (first, second) = match self.strategy {
            Strategy::LongestIdleAgent => (agent.idle_since_us, tier.position),
            Strategy::RoundRobin => (tier.position, tier.last_offer.cast_signed()),
            Strategy::RingAll => (tier.position, 0),
        };
        ReadyKey {
            level: tier.level,
            first,
            second,
            id,
            slot,
        }
    }

    /// The best of the ready agents; for round-robin this depends on who was offered last.
    pub(super) fn best(&self, last: Option<(i64, i64)>) -> Option<ReadyKey> {
        if let (Strategy::RoundRobin, Some((level, position))) = (self.strategy, last) {
            let after = ReadyKey {
                level,
                first: position + 1,
                second: 0,
                id: 0,
                slot: 0,
            };
            if let Some(key) = self
                .ready
                .range(after..)
                .next()
                .filter(|key| key.level == level)
            {
                return Some(*key);
            }
        }
        self.ready.first().copied()
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
    /// Add or change a queue; give its id. A change of strategy costs O(callers + agents of the queue).
    ///
    /// # Errors
    /// `BadName`, `OutOfRange`.
    pub fn put_queue(
        &mut self,
        now_us: i64,
        name: &str,
        strategy: Strategy,
        no_answer_status: Status,
    ) -> Result<u64> {
        Self::check_time(now_us)?;
        types::name(name)?;
        self.clock(now_us);
        if let Some(&id) = self.queue_names.get(name) {
            let slot = self.queue_slot(id)?;
            let queue = self.queues.get_mut(slot)?;
            queue.no_answer_status = no_answer_status;
            if queue.strategy != strategy {
                queue.strategy = strategy;
                self.reorder(slot)?;
            }
            return Ok(id);
        }
        let (id, _) = self.queues.insert(Queue {
            name: name.to_owned(),
            strategy,
            no_answer_status,
            waiting: Ranked::default(),
            open: std::collections::BTreeSet::new(),
            ready: std::collections::BTreeSet::new(),
            members: std::collections::BTreeSet::new(),
            staffed: 0,
            last_offered: None,
            dirty: false,
        })?;
        self.queue_names.insert(name.to_owned(), id);
        Ok(id)
    }

    /// Sort a queue anew after its strategy changed.
    fn reorder(&mut self, slot: u32) -> Result<()> {
        let queue = self.queues.get_mut(slot)?;
        let ready = std::mem::take(&mut queue.ready);
        for key in ready {
            let agent = self.agents.get(key.slot)?;
            let tier = agent
                .tier(slot)
                .ok_or(RouterError::Defect("ready without a tier"))?;
            let key = queue.ready_key(key.slot, key.id, agent, tier);
            queue.ready.insert(key);
        }
        let callers: Vec<u32> = queue.waiting.iter().map(|key| key.slot).collect();
        for caller in callers {
            self.refresh_caller(caller)?;
        }
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
        self.clock(now_us);
        if let Some(gone) = self.queues.remove(slot) {
            self.queue_names.remove(&gone.name);
            for member in gone.members {
                self.agents
                    .get_mut(member)?
                    .tiers
                    .retain(|tier| tier.queue != slot);
            }
        }
        Ok(())
    }

    /// Add (logged out) or change an agent; give the id.
    ///
    /// # Errors
    /// `BadName`, `OutOfRange`.
    pub fn put_agent(&mut self, now_us: i64, name: &str, settings: AgentSettings) -> Result<u64> {
        Self::check_time(now_us)?;
        types::name(name)?;
        settings.check()?;
        let now_us = self.clock(now_us);
        if let Some(&id) = self.agent_names.get(name) {
            let slot = self.agent_slot(id)?;
            self.agents.get_mut(slot)?.settings = settings;
            return Ok(id);
        }
        let (id, _) = self.agents.insert(Agent {
            name: name.to_owned(),
            settings,
            status: Status::LoggedOut,
            state: State::LoggedOut,
            state_since_us: now_us,
            idle_since_us: 0,
            served: false,
            rest: None,
            offer: None,
            ready: false,
            no_answer_count: 0,
            calls_answered: 0,
            talk_us: 0,
            tiers: Vec::new(),
        })?;
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
        self.clock(now_us);
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
            self.count_state(gone.state, false);
            if let Some(rest) = gone.rest {
                self.timers.cancel(rest.timer);
            }
        }
        Ok(())
    }

    /// Let an agent serve a queue, or change level and position.
    ///
    /// # Errors
    /// `UnknownQueue`, `UnknownAgent`, `OutOfRange`.
    pub fn put_tier(
        &mut self,
        now_us: i64,
        queue: u64,
        agent: u64,
        level: i64,
        position: i64,
    ) -> Result<()> {
        Self::check_time(now_us)?;
        types::range("level", level, 0, MAX_TIER)?;
        types::range("position", position, 0, MAX_TIER)?;
        let queue_slot = self.queue_slot(queue)?;
        let slot = self.agent_slot(agent)?;
        self.clock(now_us);
        let queue = self.queues.get_mut(queue_slot)?;
        let entry = self.agents.get_mut(slot)?;
        let mut tier = Tier {
            queue: queue_slot,
            level,
            position,
            last_offer: 0,
        };
        match entry
            .tiers
            .binary_search_by_key(&queue_slot, |tier| tier.queue)
        {
            Ok(at) => {
                let place = entry
                    .tiers
                    .get_mut(at)
                    .ok_or(RouterError::Defect("tier out of range"))?;
                let before = std::mem::replace(place, tier);
                tier.last_offer = before.last_offer;
                *place = tier;
                queue
                    .ready
                    .remove(&queue.ready_key(slot, agent, entry, &before));
            }
            Err(at) => {
                entry.tiers.insert(at, tier);
                queue.members.insert(slot);
                queue.staffed += usize::from(entry.status != Status::LoggedOut);
            }
        }
        if entry.ready {
            queue
                .ready
                .insert(queue.ready_key(slot, agent, entry, &tier));
            self.mark(queue_slot)?;
        }
        Ok(())
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
        self.clock(now_us);
        self.drop_tier(queue_slot, slot)
    }

    fn drop_tier(&mut self, queue_slot: u32, slot: u32) -> Result<()> {
        let queue = self.queues.get_mut(queue_slot)?;
        let id = self.agents.id(slot)?;
        let agent = self.agents.get_mut(slot)?;
        let Some(tier) = agent.tier(queue_slot).copied() else {
            return Ok(());
        };
        queue.ready.remove(&queue.ready_key(slot, id, agent, &tier));
        queue.members.remove(&slot);
        queue.staffed = queue
            .staffed
            .saturating_sub(usize::from(agent.status != Status::LoggedOut));
        agent.tiers.retain(|tier| tier.queue != queue_slot);
        if queue.last_offered == Some(slot) {
            // The turn goes to whoever was offered last among those who stay.
            queue.last_offered = None;
            let mut newest = 0;
            for &member in &queue.members {
                let offer = self
                    .agents
                    .get(member)?
                    .tier(queue_slot)
                    .map_or(0, |tier| tier.last_offer);
                if offer > newest {
                    newest = offer;
                    queue.last_offered = Some(member);
                }
            }
        }
        Ok(())
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
