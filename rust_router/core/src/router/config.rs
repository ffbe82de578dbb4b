//! Queues and agents come, change and go.

use std::collections::{BTreeMap, BTreeSet};

use crate::estimate::Estimator;

use smallvec::SmallVec;

use super::gates::count;
use super::{
    Agent, AgentSettings, ClassIndex, LadderId, LongRanked, Misses, ProfileId, Queue,
    QueueSettings, Readiness, Ready, Result, Router, RouterError, Shield, State, Status, Strategy,
    TierSettings, Work, types,
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
            shield: Shield::after(settings.overtaking_cap, &[]),
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
            flat: false,
            turn: 0,
        };
        queue.ready = Ready::in_orders(queue.orders());
        queue.review_flat();
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
            breaks: false,
            tiers: SmallVec::new(),
        }
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
        if self.agents.get(slot)?.breaks {
            self.forget_breaks(slot)?;
        }
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
