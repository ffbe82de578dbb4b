//! The expected wait in one queue.

use super::error::{EstimateError, Result};
use super::rates::{Abandonment, EntryRate, ServiceRate};
use super::score::{Judge, Score};
use super::wait::{self, Moments, Z10, Z80};

/// Largest moment and duration, µs.
pub const MAX_US: i64 = 100_000_000_000_000_000;

/// Entries into service or handled calls that must have been seen before anything is said: with 20 the rate is
/// within about a fifth of the truth.
const ENOUGH_CALLS: f64 = 20.0;

/// What a caller who has joined holds until the wait ends. Give it back once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ticket {
    joined_us: i64,
    /// Expected wait given that the caller will be served; variance 0 when nothing was known.
    mean: f32,
    variance: f32,
    spread: f32,
    /// Nobody was free for this caller.
    queued: bool,
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
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Estimator {
    now_us: i64,
    staffed: u32,
    free: u32,
    waiting: u32,
    /// Those of the waiting for whom nobody was free.
    queued: u32,
    entry: EntryRate,
    service: ServiceRate,
    abandonment: Abandonment,
    judge: Judge,
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

    /// Let time pass up to a checked moment.
    fn pass(&mut self, now_us: i64) {
        let passed = seconds((now_us - self.now_us).max(0));
        self.now_us = self.now_us.max(now_us);
        self.abandonment.expose(passed * f64::from(self.waiting));
        if self.queued > 0 && self.free == 0 {
            self.entry.expose(passed * f64::from(self.staffed));
        }
    }

    /// Agents who take calls of this queue now: all who are logged in and not paused, whatever they do, and
    /// those of them who are free for a call of this queue. To be told at each change of either.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn agents(&mut self, now_us: i64, staffed: u32, free: u32) -> Result<()> {
        checked("now_us", now_us)?;
        self.pass(now_us);
        self.staffed = staffed;
        self.free = free;
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
        let queued = ahead >= self.free;
        // Among those who are served are few who would have waited very long: the caller's own patience ends
        // waits as the others' do, so the sum begins one step later than for somebody who stays.
        let answer = if queued { self.moments(ahead, 1) } else { None };
        let answer = answer.unwrap_or(Moments {
            mean: 0.0,
            variance: 0.0,
        });
        self.waiting = self.waiting.saturating_add(1);
        self.queued = self.queued.saturating_add(u32::from(queued));
        Ok(Ticket {
            joined_us: self.now_us,
            mean: short(answer.mean),
            variance: short(answer.variance),
            spread: short(self.judge.spread()),
            queued,
        })
    }

    fn check_out(&mut self, now_us: i64, ticket: &Ticket) -> Result<()> {
        checked("now_us", now_us)?;
        if self.waiting == 0 || (ticket.queued && self.queued == 0) {
            return Err(EstimateError::NobodyWaits);
        }
        self.pass(now_us);
        self.waiting -= 1;
        self.queued -= u32::from(ticket.queued);
        Ok(())
    }

    /// The caller is connected with an agent.
    ///
    /// # Errors
    /// `OutOfRange`, `NobodyWaits`.
    pub fn started(&mut self, now_us: i64, ticket: &Ticket) -> Result<()> {
        self.check_out(now_us, ticket)?;
        self.abandonment.note(false);
        if ticket.queued {
            self.entry.note();
            if ticket.variance > 0.0 {
                let answer = Moments {
                    mean: f64::from(ticket.mean),
                    variance: f64::from(ticket.variance),
                };
                let waited = seconds((self.now_us - ticket.joined_us).max(0));
                self.judge.note(answer, f64::from(ticket.spread), waited);
            }
        }
        Ok(())
    }

    /// The caller gave up.
    ///
    /// # Errors
    /// `OutOfRange`, `NobodyWaits`.
    pub fn abandoned(&mut self, now_us: i64, ticket: &Ticket) -> Result<()> {
        self.check_out(now_us, ticket)?;
        self.abandonment.note(true);
        Ok(())
    }

    /// The caller was taken elsewhere: timed out, moved, lost with the switch.
    ///
    /// # Errors
    /// `OutOfRange`, `NobodyWaits`.
    pub fn left(&mut self, now_us: i64, ticket: &Ticket) -> Result<()> {
        self.check_out(now_us, ticket)?;
        self.abandonment.note(false);
        Ok(())
    }

    /// A call of this queue has held an agent for so long: ringing, talk and wrap-up.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn ended(&mut self, held_us: i64) -> Result<()> {
        self.service.note(seconds(checked("held_us", held_us)?));
        Ok(())
    }

    /// Mean and variance of the wait behind `ahead` others; the variance holds the doubt about the rate, not the
    /// spread seen.
    fn moments(&self, ahead: u32, first: u32) -> Option<Moments> {
        let rate = self.entry.rate(self.service.rate())?;
        if self.staffed == 0 || rate.events.round() < ENOUGH_CALLS {
            return None;
        }
        let entries = rate.per_s * f64::from(self.staffed);
        let last = ahead.saturating_add(first);
        let mut found = wait::moments(entries, self.abandonment.per_s(), first, last);
        found.variance += found.mean * found.mean / rate.events;
        Some(found)
    }

    /// How long a caller with `ahead` others ahead will wait from now on. None: nobody is there to answer, too
    /// little was seen, or past answers were too wrong. A free agent isn't thought of.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn estimate(&mut self, now_us: i64, ahead: u32) -> Result<Option<Estimate>> {
        checked("now_us", now_us)?;
        self.pass(now_us);
        if !self.judge.trusted() {
            return Ok(None);
        }
        Ok(self.moments(ahead, 0).map(|mut found| {
            found.variance *= self.judge.spread();
            Estimate {
                mean_us: microseconds(found.mean),
                p10_us: microseconds(found.percentile(0.1, Z10)),
                p50_us: microseconds(found.percentile(0.5, 0.0)),
                p80_us: microseconds(found.percentile(0.8, Z80)),
                p90_us: microseconds(found.percentile(0.9, -Z10)),
            }
        }))
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
            abandonment: self.abandonment.per_s(),
            effective_agents: if service > 0.0 {
                entry * f64::from(self.staffed) / service
            } else {
                0.0
            },
        }
    }
}
