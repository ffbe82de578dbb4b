//! The expected wait in one queue.

use super::error::{EstimateError, Result};
use super::rates::{Abandonment, EntryRate, ServiceRate};
use super::score::{Judge, Score};
use super::wait::{self, Moments};

/// Largest moment and duration, µs.
pub const MAX_US: i64 = 100_000_000_000_000_000;

/// Entries into service or handled calls that must have been seen before anything is said: with 20 the rate is
/// within about a fifth of the truth.
const ENOUGH_CALLS: f64 = 20.0;

/// What a caller who has joined holds until the wait ends. Give it back once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ticket {
    pub(super) joined_us: i64,
    /// Expected wait given that the caller will be served; variance 0 when nothing was known.
    pub(super) mean: f32,
    pub(super) variance: f32,
    pub(super) spread: f32,
    /// Nobody was free for this caller.
    pub(super) queued: bool,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With an agent.
    Started,
    /// The caller gave up.
    Abandoned,
    /// Elsewhere.
    Left,
}

impl Ticket {
    /// Nothing known, nobody waited for.
    pub(crate) const NONE: Self = Self {
        joined_us: 0,
        mean: 0.0,
        variance: 0.0,
        spread: 0.0,
        queued: false,
    };
}

impl Estimate {
    /// Somebody is free.
    pub(crate) const NOW: Self = Self {
        mean_us: 0,
        p10_us: 0,
        p50_us: 0,
        p80_us: 0,
        p90_us: 0,
    };
}

/// The range of a wait, in microseconds, for a caller who stays until served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Mean.
    pub mean_us: i64,
    /// A tenth of such callers wait less.
    pub p10_us: i64,
    /// Half of them wait less.
    pub p50_us: i64,
    /// Four fifths wait less: with `p50_us` the range to announce.
    pub p80_us: i64,
    /// Nine tenths wait less: with `p10_us` a range that holds 80 %.
    pub p90_us: i64,
}

/// What was measured. Rates are a second, 0 when nothing was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// Entries into service for each staffed agent while nobody is free.
    pub entries_per_agent: f64,
    /// Calls handled by one busy agent.
    pub service: f64,
    /// Abandoned calls for each waiting caller.
    pub abandonment: f64,
    /// Staffed agents, shared ones counted by the part that this queue gets: entry rate / service rate.
    pub effective_agents: f64,
}

/// Measures one queue and tells callers how long they will wait.
///
/// It is told facts in order of time; a time before the last one counts as the last one. Memory is constant.
///
/// What each fact changes stands first, side by side in memory.
#[derive(Debug, Clone, Default, PartialEq)]
#[repr(C)]
pub struct Estimator {
    pub(super) now_us: i64,
    pub(super) staffed: u32,
    pub(super) free: u32,
    pub(super) waiting: u32,
    /// Those of the waiting for whom nobody was free.
    pub(super) queued: u32,
    /// Those of the waiting for whom nobody rings: free agents can't or mustn't serve them.
    pub(super) unserved: u32,
    pub(super) abandonment: Abandonment,
    pub(super) entry: EntryRate,
    pub(super) service: ServiceRate,
    pub(super) judge: Judge,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "10^17 µs to 8 µs is good enough"
)]
fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

/// Microseconds, `MAX_US` when it is more.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates; capped"
)]
fn microseconds(seconds: f64) -> i64 {
    ((seconds * 1e6).round() as i64).clamp(0, MAX_US)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "seven digits of an estimate"
)]
fn short(value: f64) -> f32 {
    value.min(1e30) as f32
}

fn checked(what: &'static str, us: i64) -> Result<i64> {
    if (0..=MAX_US).contains(&us) {
        Ok(us)
    } else {
        Err(EstimateError::OutOfRange {
            what,
            range: "0…100000000000000000 µs",
        })
    }
}

impl Estimator {
    /// Nothing known, nobody there.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Microseconds up to a moment that were not told of: of waiting, and of staffed agents while somebody waited
    /// for one.
    fn untold(&self, now_us: i64) -> (u64, u64) {
        let passed_us = now_us.saturating_sub(self.now_us).max(0).unsigned_abs();
        let kept = self.unserved > 0 || (self.queued > 0 && self.free == 0);
        let staffed = if kept { u64::from(self.staffed) } else { 0 };
        let waiting = u64::from(self.waiting);
        (
            passed_us.saturating_mul(waiting),
            passed_us.saturating_mul(staffed),
        )
    }

    /// Let time pass up to a checked moment.
    pub(crate) fn pass(&mut self, now_us: i64) {
        if now_us <= self.now_us {
            return;
        }
        if self.waiting > 0 {
            let (waiting_us, agent_us) = self.untold(now_us);
            self.abandonment.expose(waiting_us);
            self.entry.expose(agent_us, self.waiting);
        }
        self.now_us = now_us;
    }

    /// How the queue stands from a checked moment on.
    pub(crate) fn line(&mut self, now_us: i64, staffed: u32, free: u32, unserved: u32) {
        self.pass(now_us);
        self.staffed = staffed;
        self.free = free;
        self.unserved = unserved;
    }

    /// Agents who take calls of this queue now: all who are logged in and not paused, whatever they do, and
    /// those of them who are free for a call of this queue. To be told at each change of either.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn agents(&mut self, now_us: i64, staffed: u32, free: u32) -> Result<()> {
        checked("now_us", now_us)?;
        self.line(now_us, staffed, free, 0);
        Ok(())
    }

    /// A caller joined behind `ahead` others. The answer that the caller would get is kept in the ticket, to be
    /// judged at the end.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn joined(&mut self, now_us: i64, ahead: u32) -> Result<Ticket> {
        checked("now_us", now_us)?;
        self.pass(now_us);
        Ok(self.join(ahead, ahead >= self.free))
    }

    /// A caller joined at the last moment told; `queued`: nobody is free for them.
    pub(crate) fn join(&mut self, ahead: u32, queued: bool) -> Ticket {
        // Among those who are served are few who would have waited very long: the caller's own patience ends
        // waits as the others' do, so the sum begins one step later than for somebody who stays.
        let answer = if queued {
            self.moments(self.now_us, ahead, 1, self.waiting.saturating_add(1))
        } else {
            None
        };
        let answer = answer.unwrap_or(Moments {
            mean: 0.0,
            variance: 0.0,
        });
        self.waiting = self.waiting.saturating_add(1);
        self.queued = self.queued.saturating_add(u32::from(queued));
        Ticket {
            joined_us: self.now_us,
            mean: short(answer.mean),
            variance: short(answer.variance),
            spread: short(self.judge.spread()),
            queued,
        }
    }

    /// Somebody rings for a caller: was the caller kept waiting, after all?
    pub(crate) fn offered(&mut self, ticket: &mut Ticket) {
        let waited = self.now_us > ticket.joined_us;
        if waited && !ticket.queued {
            self.queued = self.queued.saturating_add(1);
        } else if !waited && ticket.queued {
            self.queued = self.queued.saturating_sub(1);
        }
        ticket.queued = waited;
    }

    fn check_out(&mut self, now_us: i64, ticket: &Ticket) -> Result<()> {
        checked("now_us", now_us)?;
        if self.waiting == 0 || (ticket.queued && self.queued == 0) {
            return Err(EstimateError::NobodyWaits);
        }
        self.pass(now_us);
        Ok(())
    }

    /// The wait that a ticket stands for is over at the last moment told.
    pub(crate) fn over(&mut self, ticket: &Ticket, how: End) {
        let waiting = self.waiting;
        self.waiting = waiting.saturating_sub(1);
        self.queued = self.queued.saturating_sub(u32::from(ticket.queued));
        self.abandonment.note(how == End::Abandoned);
        if how == End::Started && ticket.queued {
            self.entry.note(waiting);
            if ticket.variance > 0.0 {
                let answer = Moments {
                    mean: f64::from(ticket.mean),
                    variance: f64::from(ticket.variance),
                };
                let waited = seconds((self.now_us - ticket.joined_us).max(0));
                self.judge.note(answer, f64::from(ticket.spread), waited);
            }
        }
    }

    /// The caller is connected with an agent.
    ///
    /// # Errors
    /// `OutOfRange`, `NobodyWaits`.
    pub fn started(&mut self, now_us: i64, ticket: &Ticket) -> Result<()> {
        self.check_out(now_us, ticket)?;
        self.over(ticket, End::Started);
        Ok(())
    }

    /// The caller gave up.
    ///
    /// # Errors
    /// `OutOfRange`, `NobodyWaits`.
    pub fn abandoned(&mut self, now_us: i64, ticket: &Ticket) -> Result<()> {
        self.check_out(now_us, ticket)?;
        self.over(ticket, End::Abandoned);
        Ok(())
    }

    /// The caller was taken elsewhere: timed out, moved, lost with the switch.
    ///
    /// # Errors
    /// `OutOfRange`, `NobodyWaits`.
    pub fn left(&mut self, now_us: i64, ticket: &Ticket) -> Result<()> {
        self.check_out(now_us, ticket)?;
        self.over(ticket, End::Left);
        Ok(())
    }

    /// A call of this queue has held an agent for so long: ringing, talk and wrap-up.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn ended(&mut self, held_us: i64) -> Result<()> {
        self.held(checked("held_us", held_us)?);
        Ok(())
    }

    /// The same, of a checked duration.
    pub(crate) fn held(&mut self, held_us: i64) {
        self.service.note(seconds(held_us));
    }

    /// Mean and variance of the wait behind `ahead` others; the variance holds the doubt about the rate, not the
    /// spread seen. `length`: callers waiting, this one among them; whoever waits takes it for the whole of the
    /// wait, for as many come behind as go on ahead.
    fn moments(&self, now_us: i64, ahead: u32, first: u32, length: u32) -> Option<Moments> {
        let (waiting_us, agent_us) = self.untold(now_us);
        let more = (agent_us, self.waiting);
        let rate = self
            .entry
            .rate_at(self.service.rate(), more, f64::from(length))?;
        if self.staffed == 0 || rate.events.round() < ENOUGH_CALLS {
            return None;
        }
        let entries = rate.per_s * f64::from(self.staffed);
        let last = ahead.saturating_add(first);
        let mut found = wait::moments(entries, self.abandonment.per_s(waiting_us), first, last);
        found.variance += found.mean * found.mean / rate.events;
        Some(found)
    }

    /// How long a caller with `ahead` others ahead will wait from now on. None: nobody is there to answer, too
    /// little was seen, or past answers were too wrong. A free agent isn't thought of.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn estimate(&self, now_us: i64, ahead: u32) -> Result<Option<Estimate>> {
        Ok(self.ask(checked("now_us", now_us)?, ahead))
    }

    /// The same, at a checked moment.
    pub(crate) fn ask(&self, now_us: i64, ahead: u32) -> Option<Estimate> {
        if !self.judge.trusted() {
            return None;
        }
        let length = self.waiting.max(ahead.saturating_add(1));
        let mut found = self.moments(now_us, ahead, 0, length)?;
        found.variance *= self.judge.spread();
        let [p10, p50, p80, p90] = found.percentiles();
        Some(Estimate {
            mean_us: microseconds(found.mean),
            p10_us: microseconds(p10),
            p50_us: microseconds(p50),
            p80_us: microseconds(p80),
            p90_us: microseconds(p90),
        })
    }

    /// Callers who have joined and not left.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting as usize
    }

    /// How good the answers were, those not given included.
    #[must_use]
    pub fn score(&self) -> Score {
        self.judge.score()
    }

    /// What was measured so far.
    #[must_use]
    pub fn rates(&self) -> Rates {
        let service = self.service.rate();
        let entry = self.entry.rate(service).map_or(0.0, |rate| rate.per_s);
        let service = service.map_or(0.0, |rate| rate.per_s);
        Rates {
            entries_per_agent: entry,
            service,
            abandonment: self.abandonment.per_s(0),
            effective_agents: if service > 0.0 {
                entry * f64::from(self.staffed) / service
            } else {
                0.0
            },
        }
    }
}
