//! Erlang's B, C and A: what theory says of a queue with exponential times.
//!
//! Sources: the recursion of B and the birth-death chains are textbook; for A (M/M/s+M) the density of the
//! offered wait, `λ π(s-1) exp(λ (1 - e^(-θv)) / θ - sμv)`, is Baccelli and Hebuterne (1981). It turns the
//! endless sums over queue lengths into integrals of a smooth function with one peak, so the cost does not
//! depend on how long the queue gets.

use super::error::{EstimateError, Result};

/// Largest number of agents: the recursion of B takes a step for each.
pub const MAX_AGENTS: u32 = 10_000_000;
/// Largest rate a second and its inverse the smallest: beyond, nothing is a call centre.
pub const MAX_RATE: f64 = 1e9;
/// Smallest rate above 0.
pub const MIN_RATE: f64 = 1e-12;

/// Panels of the integral, each with Gauss and Legendre's five points: over 46 decay lengths of a smooth function
/// the error is below 10^-13.
const PANELS: u32 = 160;
/// Their distances from the middle, in half panels, and weights.
const POINTS: [(f64, f64); 5] = [
    (0.0, 0.568_888_888_888_888_9),
    (-0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
    (0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
    (-0.906_179_845_938_664, 0.236_926_885_056_189_08),
    (0.906_179_845_938_664, 0.236_926_885_056_189_08),
];
/// The integrand is left out where it is below `e^-46`, 10^-20, of its peak.
const NEGLIGIBLE: f64 = 46.0;

fn checked_rate(what: &'static str, rate: f64) -> Result<f64> {
    if (MIN_RATE..=MAX_RATE).contains(&rate) {
        Ok(rate)
    } else {
        Err(EstimateError::OutOfRange {
            what,
            range: "10^-12…10^9 a second",
        })
    }
}

fn checked_agents(agents: u32) -> Result<f64> {
    if (1..=MAX_AGENTS).contains(&agents) {
        Ok(f64::from(agents))
    } else {
        Err(EstimateError::OutOfRange {
            what: "agents",
            range: "1…10000000",
        })
    }
}

fn checked_time(seconds: f64) -> Result<f64> {
    if (0.0..=1e15).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(EstimateError::OutOfRange {
            what: "seconds",
            range: "0…10^15",
        })
    }
}

/// Share of calls that find all agents busy when nobody can wait (Erlang B). `load` in Erlang.
///
/// # Errors
/// `OutOfRange`: agents 1…10^7, load 0…10^21.
pub fn erlang_b(agents: u32, load: f64) -> Result<f64> {
    checked_agents(agents)?;
    if !(0.0..=MAX_RATE / MIN_RATE).contains(&load) {
        return Err(EstimateError::OutOfRange {
            what: "load",
            range: "0…10^21 Erlang",
        });
    }
    Ok((1..=agents).fold(1.0, |blocked, count| {
        load * blocked / (f64::from(count) + load * blocked)
    }))
}

/// The steady state of M/M/s (Erlang C) or M/M/s+M (Erlang A).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Erlang {
    agents: f64,
    arrivals: f64,
    service: f64,
    abandonment: f64,
    /// Share of callers who must wait.
    wait_share: f64,
    /// Integral of `e^(g - peak)` over all waits; unused without abandonment.
    mass: f64,
    abandon_share: f64,
}

impl Erlang {
    /// Rates are a second: arrivals, service of one busy agent (1 / handling time), abandonment of one
    /// waiting caller (1 / patience; 0 = nobody gives up, Erlang C).
    ///
    /// # Errors
    /// `OutOfRange` (agents 1…10^7; rates 10^-12…10^9), `Unstable`.
    pub fn new(agents: u32, arrivals: f64, service: f64, abandonment: f64) -> Result<Self> {
        let servers = checked_agents(agents)?;
        let arrivals = checked_rate("arrivals", arrivals)?;
        let service = checked_rate("service", service)?;
        let blocked = erlang_b(agents, arrivals / service)?;
        let mut found = Self {
            agents: servers,
            arrivals,
            service,
            abandonment: 0.0,
            wait_share: 0.0,
            mass: 0.0,
            abandon_share: 0.0,
        };
        if abandonment == 0.0 {
            let occupied = arrivals / (servers * service);
            if occupied >= 1.0 {
                return Err(EstimateError::Unstable);
            }
            found.wait_share = blocked / (1.0 - occupied * (1.0 - blocked));
            return Ok(found);
        }
        found.abandonment = checked_rate("abandonment", abandonment)?;
        // Probability of all states with somebody waiting or all busy, relative to that of "all busy, none
        // waits"; `e^peak` is kept apart, for it may be larger than any number.
        let peak = found.exponent(found.peak_s());
        found.mass = found.integral(f64::INFINITY, |_| 1.0);
        let busy = servers * service * found.mass;
        let below = (1.0 / blocked - 1.0) * (-peak).exp();
        found.wait_share = busy / (below + busy);
        let lost = found.integral(f64::INFINITY, |wait| -(-found.abandonment * wait).exp_m1());
        found.abandon_share = found.wait_share * lost / found.mass;
        Ok(found)
    }

    /// Share of callers who don't find a free agent.
    #[must_use]
    pub fn wait_share(&self) -> f64 {
        self.wait_share
    }

    /// Share of callers who give up.
    #[must_use]
    pub fn abandon_share(&self) -> f64 {
        self.abandon_share
    }

    /// Mean time in the queue of all callers, those who find an agent at once and those who give up included.
    #[must_use]
    pub fn mean_wait_s(&self) -> f64 {
        if self.abandonment == 0.0 {
            self.wait_share / self.spare()
        } else {
            self.abandon_share / self.abandonment
        }
    }

    /// Mean wait of those who are served, at once or later.
    #[must_use]
    pub fn mean_wait_served_s(&self) -> f64 {
        if self.abandonment == 0.0 {
            return self.mean_wait_s();
        }
        let sum = self.integral(f64::INFINITY, |wait| {
            wait * (-self.abandonment * wait).exp()
        });
        self.wait_share * sum / self.mass / (1.0 - self.abandon_share)
    }

    /// Mean number of callers in the queue.
    #[must_use]
    pub fn mean_waiting(&self) -> f64 {
        self.arrivals * self.mean_wait_s()
    }

    /// Mean share of agents who are busy.
    #[must_use]
    pub fn occupancy(&self) -> f64 {
        self.arrivals * (1.0 - self.abandon_share) / (self.agents * self.service)
    }

    /// Share of all callers who are served and waited `seconds` at most. Divide by `1 - abandon_share` for
    /// the service level that leaves abandoned calls out.
    ///
    /// # Errors
    /// `OutOfRange`: 0…10^15.
    pub fn served_within(&self, seconds: f64) -> Result<f64> {
        let seconds = checked_time(seconds)?;
        if self.abandonment == 0.0 {
            return Ok(1.0 - self.wait_share * (-self.spare() * seconds).exp());
        }
        let served = self.integral(seconds, |wait| (-self.abandonment * wait).exp());
        Ok(1.0 - self.wait_share * (1.0 - served / self.mass))
    }

    /// Service left over, calls a second.
    fn spare(&self) -> f64 {
        self.agents * self.service - self.arrivals
    }

    /// Logarithm of the density of the offered wait, but for a constant.
    fn exponent(&self, wait: f64) -> f64 {
        self.arrivals * -(-self.abandonment * wait).exp_m1() / self.abandonment
            - self.agents * self.service * wait
    }

    /// The likeliest offered wait.
    fn peak_s(&self) -> f64 {
        (self.arrivals / (self.agents * self.service)).ln().max(0.0) / self.abandonment
    }

    /// Integral of `e^(exponent - peak) weight` from 0 to `until`, where it counts.
    fn integral(&self, until: f64, weight: impl Fn(f64) -> f64) -> f64 {
        let peak_s = self.peak_s();
        let peak = self.exponent(peak_s);
        let counts = |wait: f64| self.exponent(wait) - peak > -NEGLIGIBLE;
        let mut high = peak_s + 1.0 / (self.agents * self.service);
        while counts(high) {
            high = peak_s + (high - peak_s) * 2.0;
        }
        high = bisect(peak_s, high, counts);
        let low = if counts(0.0) {
            0.0
        } else {
            bisect(peak_s, 0.0, counts)
        };
        let high = high.min(until);
        if high <= low {
            return 0.0;
        }
        // The patience may be much shorter than the decay: its part gets panels of its own.
        let middle = (low + NEGLIGIBLE / self.abandonment).min(high);
        let value = |wait: f64| (self.exponent(wait) - peak).exp() * weight(wait);
        panels(low, middle, &value) + panels(middle, high, &value)
    }
}

fn panels(low: f64, high: f64, value: &impl Fn(f64) -> f64) -> f64 {
    if high <= low {
        return 0.0;
    }
    let half = (high - low) / f64::from(2 * PANELS);
    let sum: f64 = (0..PANELS)
        .map(|panel| {
            let middle = low + half * f64::from(2 * panel + 1);
            POINTS
                .iter()
                .map(|(place, points)| points * value(middle + half * place))
                .sum::<f64>()
        })
        .sum();
    sum * half
}

/// Where `holds` stops to hold on the way from `inside` to `outside`.
fn bisect(mut inside: f64, mut outside: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..60 {
        let middle = f64::midpoint(inside, outside);
        if holds(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    outside
}
