//! How much more often somebody enters service when the queue is longer than usual.
//!
//! An agent whom several queues share takes whoever has waited longest. In a queue that is longer than usual they
//! have, so for that while it gets more of the shared agents, and less when it is short: one mean rate tells those
//! who find a long queue too long a wait and the others too short a one. To first order the rate is
//! `r (1 + γ (L - mean L))` with `L` callers waiting. The slope `γ` is that of least squares: entries are events
//! of a Poisson process, so with `D` the sum of `L - mean L` over entries and `V` the variance of `L` over time,
//! `γ = D / (entries V)`, and chance alone gives `D` the variance `entries V`.
//!
//! Only a slope above 0 is believed. All else that ties the rate to the length ties it the other way: agents who
//! have become slower make the queue long.

use super::bytes::Reader;
use super::error::Result;

/// Standard errors from which a slope is believed in part; at twice as many, three quarters of it.
const DOUBT: f64 = 2.0;
/// A line through what was seen isn't followed further than this: half and double the mean rate.
const FACTORS: (f64, f64) = (0.5, 2.0);
/// Variance in units of the squared length below which all is rounding.
const LEVEL: f64 = 1e-9;

/// Callers waiting, summed over agent-microseconds. Whole, so that it doesn't matter how often time is told.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Open {
    pub(super) sum: u128,
    pub(super) squares: u128,
}

impl Open {
    pub(super) fn expose(&mut self, agent_us: u64, waiting: u32) {
        // 64 and twice 32 bits: no product wraps.
        let sum = u128::from(agent_us).wrapping_mul(u128::from(waiting));
        self.sum = self.sum.saturating_add(sum);
        let squares = sum.wrapping_mul(u128::from(waiting));
        self.squares = self.squares.saturating_add(squares);
    }

    /// In agent-seconds.
    #[expect(clippy::cast_precision_loss, reason = "sixteen digits of an exposure")]
    fn seconds(self) -> [f64; 2] {
        [self.sum, self.squares].map(|us| us as f64 / 1e6)
    }
}

/// What the entries of a memory say, all weighted alike: how many, the sum of squared weights, the exposure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) events: f64,
    pub(super) squares: f64,
    pub(super) exposure: f64,
}

/// The lengths at which entries happened and time passed; forgets as the entry rate does, `N` memories.
///
/// What the passing of time changes stands first.
#[derive(Debug, Clone, PartialEq)]
#[repr(C)]
pub(super) struct Lengths<const N: usize> {
    /// Since the last entry.
    pub(super) open: Open,
    /// Callers by exposure, one a memory.
    sums: [f64; N],
    /// Of the longest memory: squared callers by exposure, callers by entries.
    squares: f64,
    entered: f64,
}

impl<const N: usize> Default for Lengths<N> {
    fn default() -> Self {
        Self {
            sums: [0.0; N],
            squares: 0.0,
            entered: 0.0,
            open: Open::default(),
        }
    }
}

impl<const N: usize> Lengths<N> {
    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> {
        self.sums.into_iter().chain([self.squares, self.entered])
    }

    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        for sum in &mut self.sums {
            *sum = reader.sum()?;
        }
        self.squares = reader.sum()?;
        self.entered = reader.sum()?;
        Ok(())
    }

    /// Nothing is known of the lengths so far: as if the queue had always been as long as it is.
    pub(super) fn unknown(&mut self, waiting: u32, open_us: u64, memories: [Seen; N]) {
        self.open = Open::default();
        self.open.expose(open_us, waiting);
        let waiting = f64::from(waiting);
        for (sum, seen) in self.sums.iter_mut().zip(memories) {
            *sum = seen.exposure * waiting;
        }
        if let Some(longest) = memories.last() {
            self.squares = longest.exposure * waiting * waiting;
            self.entered = longest.events * waiting;
        }
    }

    /// Somebody of so many who waited enters service.
    pub(super) fn note(&mut self, memories: [f64; N], waiting: u32) {
        let [open, open_squares] = std::mem::take(&mut self.open).seconds();
        for (sum, memory) in self.sums.iter_mut().zip(memories) {
            *sum = *sum * (1.0 - 1.0 / memory) + open;
        }
        if let Some(longest) = memories.last() {
            let keep = 1.0 - 1.0 / longest;
            self.squares = self.squares * keep + open_squares;
            self.entered = self.entered * keep + f64::from(waiting);
        }
    }

    /// What the mean rate of memory `chosen` is to be multiplied with when so many wait. Exposures, those of the
    /// memories and `more`, include what passed since the last entry.
    pub(super) fn factor(
        &self,
        (chosen, exposure): (usize, f64),
        longest: Seen,
        more: Open,
        waiting: f64,
    ) -> f64 {
        let slope = self.slope(longest, more);
        let Some(sum) = self.sums.get(chosen).filter(|_| slope > 0.0) else {
            return 1.0;
        };
        let mean = (sum + more.seconds()[0]) / exposure;
        (1.0 + slope * (waiting - mean)).clamp(FACTORS.0, FACTORS.1)
    }

    /// The part of the slope that is believed.
    fn slope(&self, longest: Seen, more: Open) -> f64 {
        let Some(sum) = self.sums.last().filter(|_| longest.exposure > 0.0) else {
            return 0.0;
        };
        let [open, open_squares] = more.seconds();
        let mean = (sum + open) / longest.exposure;
        let variance = (self.squares + open_squares) / longest.exposure - mean * mean;
        let surplus = self.entered - longest.events * mean;
        if variance <= LEVEL * mean * mean || surplus <= 0.0 {
            return 0.0;
        }
        let by_chance = DOUBT * DOUBT * longest.squares * variance;
        let belief = (1.0 - by_chance / (surplus * surplus)).max(0.0);
        belief * surplus / (longest.events * variance)
    }
}
