//! Breaks with a reason: who rests, who has asked for it, how many may, and for how long.
//!
//! Few agents of a centre rest at a time, so what is known of it is here and not with each agent; no decision reads
//! more of it than whether anything is due. `On Break` without a reason has no place, no limit and no line here.
//!
//! Whoever asks stands in one line. A place is free when neither the reason's quota nor that of all reasons is used
//! up; it goes to the first in the line whom it fits, and is kept for an agent who still has a call or a wrap-up.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::slots::Slots;
use super::types::{self, BreakStep, range};
use super::{Result, Router, RouterError, State, Status};

/// Largest quota.
pub const MAX_BREAK_QUOTA: i64 = 1_000_000;

/// What an operator sets for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BreakSettings {
    /// How long such a break may last, in microseconds; 0 = no limit.
    pub time_limit_us: i64,
    /// How many agents may be on it at once; 0 = no limit.
    pub quota: i64,
    /// The status of whoever has rested so long; None: it is only told.
    pub when_over: Option<Status>,
}

impl BreakSettings {
    pub(super) fn check(&self) -> Result<()> {
        types::duration("time_limit_us", self.time_limit_us)?;
        range("quota", self.quota, 0, MAX_BREAK_QUOTA)?;
        if self.when_over == Some(Status::OnBreak) {
            return Err(RouterError::WrongStep(
                "a break can't lead to a break when it is over",
            ));
        }
        Ok(())
    }

    pub(super) const fn limit_us(&self, since_us: i64) -> Option<i64> {
        if self.time_limit_us == 0 {
            None
        } else {
            Some(since_us + self.time_limit_us)
        }
    }
}

/// What happened to an agent's break, in order, until somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakNews {
    /// What.
    pub step: BreakStep,
    /// Id of the agent.
    pub agent: u64,
    /// Id of the reason, which may be gone.
    pub reason: u64,
    /// The new status where the limit has changed it.
    pub status: Option<Status>,
}

/// A break with a reason, a request for one, or both: who rests may ask for another reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakView {
    /// Id of the reason for which the agent rests; None: the agent doesn't, or without one.
    pub reason: Option<u64>,
    /// Since when; 0 without a reason.
    pub since_us: i64,
    /// Until when it may last; 0 = no limit.
    pub limit_us: i64,
    /// That moment has passed.
    pub overdue: bool,
    /// Id of the reason that is asked for.
    pub asked: Option<u64>,
    /// Since when; 0 when nothing is.
    pub asked_us: i64,
    /// Place in the line, 1 = next; 0: there is a place, and the break begins after call and wrap-up.
    pub place: usize,
}

#[derive(Debug)]
pub(super) struct BreakReason {
    pub(super) name: String,
    pub(super) settings: BreakSettings,
    /// Agents who rest, and those for whom a place is kept.
    taken: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Resting {
    pub(super) reason: u32,
    pub(super) since_us: i64,
    limit_us: Option<i64>,
    pub(super) overdue: bool,
}

/// Whether a place is kept for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Place {
    None,
    Given,
    /// And that was told.
    Told,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) agent: u32,
    pub(super) reason: u32,
    pub(super) asked_us: i64,
    pub(super) place: Place,
}

/// All breaks with a reason. Agents are known by their slots.
#[derive(Debug, Default)]
pub(super) struct Breaks {
    pub(super) reasons: Slots<BreakReason>,
    names: FxHashMap<String, u64>,
    /// Of all reasons together; 0 = no limit.
    pub(super) quota: i64,
    taken: usize,
    pub(super) resting: FxHashMap<u32, Resting>,
    /// In the order of the line.
    pub(super) requests: BTreeMap<u64, Request>,
    line_of: FxHashMap<u32, u64>,
    last: u64,
    /// Limits to come: moment, id and slot of the agent.
    limits: BTreeSet<(i64, u64, u32)>,
    /// Agents with a request for whom something has changed.
    pub(super) due: Vec<u32>,
    /// A place may be free for somebody in the line.
    pub(super) freed: bool,
    news: Vec<BreakNews>,
}

fn is_below(count: usize, quota: i64) -> bool {
    quota == 0 || (count as u64) < quota.unsigned_abs()
}

impl Breaks {
    /// Whether the line may move.
    pub(super) const fn is_due(&self) -> bool {
        self.freed || !self.due.is_empty()
    }

    /// When the next limit passes.
    pub(super) fn next_us(&self) -> Option<i64> {
        self.limits.first().map(|limit| limit.0)
    }

    pub(super) fn put_reason(&mut self, id: u64, name: &str) -> bool {
        self.names.insert(name.to_owned(), id).is_none()
    }

    pub(super) fn take_place(&mut self, reason: u32) -> Result<()> {
        self.reasons.get_mut(reason)?.taken += 1;
        self.taken += 1;
        Ok(())
    }

    fn free_place(&mut self, reason: u32) -> Result<()> {
        self.reasons.get_mut(reason)?.taken -= 1;
        self.taken -= 1;
        self.freed = true;
        Ok(())
    }

    /// Give free places to those whom they fit, in the order of the line.
    fn give_places(&mut self) -> Result<()> {
        for request in self.requests.values_mut() {
            if !is_below(self.taken, self.quota) {
                break;
            }
            let reason = self.reasons.get_mut(request.reason)?;
            if request.place == Place::None && is_below(reason.taken, reason.settings.quota) {
                reason.taken += 1;
                self.taken += 1;
                request.place = Place::Given;
                self.due.push(request.agent);
            }
        }
        Ok(())
    }

    /// Put a request at the end of the line.
    pub(super) fn stand_in_line(&mut self, request: Request) -> Result<()> {
        if request.place != Place::None {
            self.take_place(request.reason)?;
        }
        self.last += 1;
        self.line_of.insert(request.agent, self.last);
        self.due.push(request.agent);
        self.requests.insert(self.last, request);
        self.freed = true;
        Ok(())
    }

    /// Count a break in, and wait for its limit.
    pub(super) fn begin(&mut self, slot: u32, agent: u64, mut resting: Resting) -> Result<()> {
        resting.limit_us = self
            .reasons
            .get(resting.reason)?
            .settings
            .limit_us(resting.since_us);
        if let Some(limit_us) = resting.limit_us
            && !resting.overdue
        {
            self.limits.insert((limit_us, agent, slot));
        }
        self.resting.insert(slot, resting);
        Ok(())
    }

    /// Count a break out.
    fn end(&mut self, slot: u32, agent: u64) -> Option<Resting> {
        let gone = self.resting.remove(&slot)?;
        if let Some(limit_us) = gone.limit_us {
            self.limits.remove(&(limit_us, agent, slot));
        }
        Some(gone)
    }

    pub(super) fn has_asked(&self, slot: u32) -> bool {
        self.line_of.contains_key(&slot)
    }

    fn is_known(&self, slot: u32) -> bool {
        self.resting.contains_key(&slot) || self.has_asked(slot)
    }
}

impl BreakReason {
    pub(super) fn new(name: &str, settings: BreakSettings) -> Self {
        Self {
            name: name.to_owned(),
            settings,
            taken: 0,
        }
    }
}

impl Resting {
    pub(super) const fn since(reason: u32, since_us: i64, overdue: bool) -> Self {
        Self {
            reason,
            since_us,
            limit_us: None,
            overdue,
        }
    }
}

impl Router {
    pub(super) fn reason_slot(&self, reason: u64) -> Result<u32> {
        self.breaks
            .reasons
            .slot(reason)
            .ok_or(RouterError::UnknownBreakReason(reason))
    }

    fn tell_break(&mut self, step: BreakStep, slot: u32, reason: u32) -> Result<()> {
        let news = BreakNews {
            step,
            agent: self.agents.id(slot)?,
            reason: self.breaks.reasons.id(reason)?,
            status: None,
        };
        self.breaks.news.push(news);
        self.note_change(slot)
    }

    /// Places in the line have changed.
    fn note_line(&mut self) -> Result<()> {
        let waiting: Vec<u32> = {
            let requests = self.breaks.requests.values();
            let waiting = requests.filter(|request| request.place == Place::None);
            waiting.map(|request| request.agent).collect()
        };
        waiting
            .into_iter()
            .try_for_each(|slot| self.note_change(slot))
    }

    /// Note whether there is anything about this agent here.
    fn review_breaks(&mut self, slot: u32) -> Result<()> {
        let known = self.breaks.is_known(slot);
        self.agents.get_mut(slot)?.breaks = known;
        Ok(())
    }

    /// Add or change a reason; give its id. Whoever rests for it has the new limit from the break's begin on; a smaller
    /// quota sends nobody back.
    ///
    /// # Errors
    /// `BadName`, `OutOfRange`; `WrongStep` when a break would lead to a break.
    pub fn put_break_reason(
        &mut self,
        now_us: i64,
        name: &str,
        settings: BreakSettings,
    ) -> Result<u64> {
        Self::check_time(now_us)?;
        types::name(name)?;
        settings.check()?;
        self.clock(now_us)?;
        let Some(&id) = self.breaks.names.get(name) else {
            let reason = BreakReason::new(name, settings);
            let (id, _) = self.breaks.reasons.insert(reason)?;
            self.breaks.put_reason(id, name);
            return Ok(id);
        };
        let slot = self.reason_slot(id)?;
        let before = std::mem::replace(&mut self.breaks.reasons.get_mut(slot)?.settings, settings);
        if before.time_limit_us != settings.time_limit_us {
            for agent in self.resting_for(slot) {
                self.move_limit(agent, slot)?;
            }
        }
        self.breaks.freed = true;
        Ok(id)
    }

    fn resting_for(&self, reason: u32) -> Vec<u32> {
        let resting = self.breaks.resting.iter();
        let theirs = resting.filter(|(_, resting)| resting.reason == reason);
        theirs.map(|(slot, _)| *slot).collect()
    }

    fn move_limit(&mut self, slot: u32, reason: u32) -> Result<()> {
        let (id, now_us) = (self.agents.id(slot)?, self.now_us);
        let Some(was) = self.breaks.end(slot, id) else {
            return Ok(());
        };
        let limit_us = self
            .breaks
            .reasons
            .get(reason)?
            .settings
            .limit_us(was.since_us);
        let overdue = was.overdue && limit_us.is_some_and(|limit_us| limit_us <= now_us);
        self.breaks
            .begin(slot, id, Resting::since(reason, was.since_us, overdue))?;
        self.note_change(slot)
    }

    /// Forget a reason. Who rests for it stays `On Break`, without a reason; who has asked for it has not.
    ///
    /// # Errors
    /// `UnknownBreakReason`, `OutOfRange`.
    pub fn remove_break_reason(&mut self, now_us: i64, reason: u64) -> Result<()> {
        Self::check_time(now_us)?;
        let gone = self.reason_slot(reason)?;
        self.clock(now_us)?;
        let mut resting = Vec::new();
        for slot in self.resting_for(gone) {
            resting.push((self.agents.id(slot)?, slot));
        }
        resting.sort_unstable();
        for (id, slot) in resting {
            self.breaks.end(slot, id);
            self.breaks.free_place(gone)?;
            self.tell_break(BreakStep::Unnamed, slot, gone)?;
            self.review_breaks(slot)?;
        }
        let asked: Vec<u32> = {
            let requests = self.breaks.requests.values();
            let theirs = requests.filter(|request| request.reason == gone);
            theirs.map(|request| request.agent).collect()
        };
        for slot in asked {
            self.drop_request(slot)?;
        }
        if let Some(reason) = self.breaks.reasons.remove(gone) {
            self.breaks.names.remove(&reason.name);
        }
        Ok(())
    }

    /// How many agents may rest at once, for whatever reason; 0 = no limit.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn set_break_quota(&mut self, now_us: i64, quota: i64) -> Result<()> {
        Self::check_time(now_us)?;
        range("quota", quota, 0, MAX_BREAK_QUOTA)?;
        self.clock(now_us)?;
        self.breaks.quota = quota;
        self.breaks.freed = true;
        Ok(())
    }

    /// Ask for a break, which a `decide` begins as soon as there is a place and neither an offer nor a wrap-up;
    /// `force`: whatever the quotas say. Asking for another reason gives the place in the line up.
    ///
    /// # Errors
    /// `UnknownAgent`, `UnknownBreakReason`, `OutOfRange`; `WrongStep` for an agent who is logged out.
    pub fn request_break(
        &mut self,
        now_us: i64,
        agent: u64,
        reason: u64,
        force: bool,
        asked_us: i64,
    ) -> Result<()> {
        Self::check_time(now_us)?;
        types::duration("asked_us", asked_us)?;
        let slot = self.agent_slot(agent)?;
        let reason = self.reason_slot(reason)?;
        if self.agents.get(slot)?.status == Status::LoggedOut {
            return Err(RouterError::WrongStep(
                "an agent who is logged out takes no break",
            ));
        }
        let now_us = self.clock(now_us)?;
        if let Some(line) = self.breaks.line_of.get(&slot)
            && let Some(request) = self.breaks.requests.get_mut(line)
        {
            if request.reason == reason {
                if force && request.place == Place::None {
                    request.place = Place::Given;
                    self.breaks.take_place(reason)?;
                    self.breaks.due.push(slot);
                    self.note_line()?;
                }
                return Ok(());
            }
            self.drop_request(slot)?;
        }
        let resting = self.breaks.resting.get(&slot);
        if resting.is_some_and(|resting| resting.reason == reason) {
            return Ok(());
        }
        self.breaks.stand_in_line(Request {
            agent: slot,
            reason,
            asked_us: asked_us.min(now_us),
            place: if force { Place::Given } else { Place::None },
        })?;
        self.review_breaks(slot)?;
        self.tell_break(BreakStep::Asked, slot, reason)
    }

    /// Take a request back.
    ///
    /// # Errors
    /// `UnknownAgent`, `OutOfRange`; `WrongStep` when there is none.
    pub fn withdraw_break(&mut self, now_us: i64, agent: u64) -> Result<()> {
        Self::check_time(now_us)?;
        let slot = self.agent_slot(agent)?;
        if !self.breaks.has_asked(slot) {
            return Err(RouterError::WrongStep("no break was asked for"));
        }
        self.clock(now_us)?;
        self.drop_request(slot)
    }

    /// Name the break of an agent who is `On Break`, as the books have it: it began then, and that it lasts too long was
    /// told already if it is `overdue`. Takes a place, whatever the quotas say.
    ///
    /// # Errors
    /// `UnknownAgent`, `UnknownBreakReason`, `OutOfRange`; `WrongStep` unless the agent is on break without a reason.
    pub fn restore_break(
        &mut self,
        now_us: i64,
        agent: u64,
        reason: u64,
        since_us: i64,
        overdue: bool,
    ) -> Result<()> {
        Self::check_time(now_us)?;
        types::duration("since_us", since_us)?;
        let slot = self.agent_slot(agent)?;
        let reason = self.reason_slot(reason)?;
        let on_break = self.agents.get(slot)?.status == Status::OnBreak;
        if !on_break || self.breaks.resting.contains_key(&slot) {
            return Err(RouterError::WrongStep(
                "only a break without a reason can be given one",
            ));
        }
        let now_us = self.clock(now_us)?;
        let since_us = since_us.min(now_us);
        let asked = self.breaks.line_of.get(&slot);
        let asked = asked.and_then(|line| self.breaks.requests.get(line));
        if asked.is_some_and(|request| request.reason == reason) {
            self.drop_request(slot)?;
        }
        self.breaks.take_place(reason)?;
        self.breaks
            .begin(slot, agent, Resting::since(reason, since_us, overdue))?;
        // Known to be too long, or no longer: the limit may have been changed meanwhile.
        self.move_limit(slot, reason)?;
        self.review_breaks(slot)
    }

    fn drop_request(&mut self, slot: u32) -> Result<()> {
        let Some(line) = self.breaks.line_of.remove(&slot) else {
            return Ok(());
        };
        if let Some(gone) = self.breaks.requests.remove(&line) {
            if gone.place == Place::None {
                self.note_line()?;
            } else {
                self.breaks.free_place(gone.reason)?;
            }
            self.tell_break(BreakStep::Withdrawn, slot, gone.reason)?;
        }
        self.review_breaks(slot)
    }

    /// An agent of whom something is known here gets another status.
    pub(super) fn leave_break(&mut self, slot: u32, status: Status) -> Result<()> {
        if status == Status::OnBreak && self.agents.get(slot)?.status == Status::OnBreak {
            return Ok(());
        }
        let id = self.agents.id(slot)?;
        if let Some(gone) = self.breaks.end(slot, id) {
            self.breaks.free_place(gone.reason)?;
        }
        if !status.takes_calls() {
            self.drop_request(slot)?;
        }
        self.review_breaks(slot)
    }

    /// An agent of whom something is known here is about to be removed: nobody is told of a break any more.
    pub(super) fn forget_breaks(&mut self, slot: u32) -> Result<()> {
        let told = self.breaks.news.len();
        self.leave_break(slot, Status::LoggedOut)?;
        self.breaks.news.truncate(told);
        Ok(())
    }

    /// Give free places, and begin the breaks of those who have one and nothing else to do.
    pub(super) fn settle_breaks(&mut self) -> Result<()> {
        while self.breaks.is_due() {
            if std::mem::take(&mut self.breaks.freed) {
                self.breaks.give_places()?;
                self.note_line()?;
            }
            let mut lines: Vec<u64> = std::mem::take(&mut self.breaks.due)
                .iter()
                .filter_map(|slot| self.breaks.line_of.get(slot).copied())
                .collect();
            lines.sort_unstable();
            lines.dedup();
            for line in lines {
                let Some(request) = self.breaks.requests.get_mut(&line) else {
                    continue;
                };
                let (slot, reason) = (request.agent, request.reason);
                let may_rest = matches!(
                    self.agents.get(slot)?.state,
                    State::Waiting | State::Idle | State::BusyElsewhere | State::OnBreak
                );
                match request.place {
                    Place::Given | Place::Told if may_rest => self.begin_break(line)?,
                    Place::Given => {
                        request.place = Place::Told;
                        self.tell_break(BreakStep::Granted, slot, reason)?;
                    }
                    Place::None | Place::Told => {}
                }
            }
        }
        Ok(())
    }

    fn begin_break(&mut self, line: u64) -> Result<()> {
        let Some(request) = self.breaks.requests.remove(&line) else {
            return Ok(());
        };
        let (slot, now_us) = (request.agent, self.now_us);
        let id = self.agents.id(slot)?;
        self.breaks.line_of.remove(&slot);
        if let Some(before) = self.breaks.end(slot, id) {
            self.breaks.free_place(before.reason)?;
        }
        if self.agents.get(slot)?.status != Status::OnBreak {
            self.change_status(slot, Status::OnBreak)?;
        }
        self.breaks
            .begin(slot, id, Resting::since(request.reason, now_us, false))?;
        self.review_breaks(slot)?;
        self.tell_break(BreakStep::Begun, slot, request.reason)
    }

    /// Breaks that have lasted as long as they may.
    pub(super) fn pass_limits(&mut self) -> Result<()> {
        while let Some((limit_us, _, slot)) = self.breaks.limits.first().copied()
            && limit_us <= self.now_us
        {
            self.breaks.limits.pop_first();
            let Some(resting) = self.breaks.resting.get_mut(&slot) else {
                return Err(RouterError::Defect("a limit of nobody's break"));
            };
            resting.overdue = true;
            let reason = resting.reason;
            self.tell_break(BreakStep::Overdue, slot, reason)?;
            if let Some(status) = self.breaks.reasons.get(reason)?.settings.when_over {
                self.put_fresh()?;
                self.change_status(slot, status)?;
                self.tell_break(BreakStep::Over, slot, reason)?;
                if let Some(news) = self.breaks.news.last_mut() {
                    news.status = Some(status);
                }
            }
        }
        Ok(())
    }

    /// What happened to breaks since the last call. No decision depends on it, so no decision log notes it.
    pub fn break_news(&mut self) -> Vec<BreakNews> {
        std::mem::take(&mut self.breaks.news)
    }

    /// An agent's break and request; None without either.
    ///
    /// # Errors
    /// `UnknownAgent`.
    pub fn agent_break(&self, agent: u64) -> Result<Option<BreakView>> {
        let slot = self.agent_slot(agent)?;
        let breaks = &self.breaks;
        let (resting, line) = (breaks.resting.get(&slot), breaks.line_of.get(&slot));
        if resting.is_none() && line.is_none() {
            return Ok(None);
        }
        let asked = line.and_then(|line| breaks.requests.get(line));
        let reason_id = |reason: u32| breaks.reasons.id(reason);
        let place = match (asked, line) {
            (Some(request), Some(line)) if request.place == Place::None => {
                let before = breaks.requests.range(..=line);
                before
                    .filter(|(_, request)| request.place == Place::None)
                    .count()
            }
            _ => 0,
        };
        Ok(Some(BreakView {
            reason: resting.map(|one| reason_id(one.reason)).transpose()?,
            since_us: resting.map_or(0, |one| one.since_us),
            limit_us: resting.and_then(|one| one.limit_us).unwrap_or(0),
            overdue: resting.is_some_and(|one| one.overdue),
            asked: asked.map(|one| reason_id(one.reason)).transpose()?,
            asked_us: asked.map_or(0, |one| one.asked_us),
            place,
        }))
    }

    /// Of each reason, in the order of ids: its id, who rests, who of them for too long, and who has asked.
    ///
    /// # Errors
    /// `Defect`.
    pub fn break_counts(&self) -> Result<Vec<(u64, usize, usize, usize)>> {
        let mut counts: BTreeMap<u64, (usize, usize, usize)> = BTreeMap::new();
        for (id, _, _) in self.breaks.reasons.by_age() {
            counts.insert(id, (0, 0, 0));
        }
        for resting in self.breaks.resting.values() {
            let count = counts
                .entry(self.breaks.reasons.id(resting.reason)?)
                .or_default();
            count.0 += 1;
            count.1 += usize::from(resting.overdue);
        }
        for request in self.breaks.requests.values() {
            let count = counts
                .entry(self.breaks.reasons.id(request.reason)?)
                .or_default();
            count.2 += 1;
        }
        let rows = counts.into_iter();
        Ok(rows
            .map(|(id, (resting, overdue, asked))| (id, resting, overdue, asked))
            .collect())
    }
}
