//! Percentiles of single rounds, held against what they should be, and criterion's mean beside them.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};

const WARM_UP: usize = 10_000;
const ROUNDS: usize = 50_000;
/// Of those with many events each.
const MANY_ROUNDS: usize = 100;

/// What a round may cost: median and 99th percentile, in nanoseconds.
#[derive(Clone, Copy)]
pub struct Target {
    p50: Option<u128>,
    p99: u128,
}

/// In a working centre of 10 000.
pub const WORKING: Target = Target {
    p50: Some(1_000),
    p99: 5_000,
};
/// With 100 000 agents or a million waiting.
pub const LARGE: Target = Target {
    p50: Some(2_000),
    p99: 10_000,
};
/// One of many events at one instant.
pub const MANY: Target = Target {
    p50: None,
    p99: 5_000,
};
/// When nobody is like anybody else.
pub const WORST: Target = Target {
    p50: None,
    p99: 100_000,
};

/// Whether the command line asks for this one, by a part of its name; no word asks for all.
pub fn is_wanted(name: &str) -> bool {
    let word = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    word.is_none_or(|word| name.contains(&word))
}

fn percentile(sorted: &[Duration], of_1000: usize) -> u128 {
    sorted[(sorted.len() * of_1000 / 1000).min(sorted.len() - 1)].as_nanos()
}

/// What two readings of the clock cost, which is within each time.
pub fn clock() -> u128 {
    let mut readings: Vec<Duration> = (0..10_000).map(|_| Instant::now().elapsed()).collect();
    readings.sort_unstable();
    percentile(&readings, 500)
}

/// Print percentiles of rounds with many events at one instant each: the cost of one.
pub fn measure_many(
    (state, name, size): (&str, &str, u64),
    target: Target,
    mut round: impl FnMut() -> Duration,
) {
    let mut rounds: Vec<Duration> = (0..MANY_ROUNDS).map(|_| round()).collect();
    rounds.sort_unstable();
    print(state, name, size, target, &rounds);
}

fn print(state: &str, name: &str, size: u64, target: Target, rounds: &[Duration]) {
    let (p50, p99) = (percentile(rounds, 500), percentile(rounds, 990));
    let good = p99 <= target.p99 && target.p50.is_none_or(|limit| p50 <= limit);
    println!(
        "{state:6} {name:32} {size:>9} p50 {p50:>6}  p99 {p99:>6}  p99.9 {:>7}  worst {:>8} ns   {} p50 {} p99 {}",
        percentile(rounds, 999),
        percentile(rounds, 1000),
        if good { "PASS" } else { "MISS" },
        target
            .p50
            .map_or("-".to_owned(), |limit| format!("≤ {limit}")),
        format_args!("≤ {}", target.p99),
    );
}

/// Print percentiles of rounds that build on one another, then have criterion take its mean of more of them.
pub fn measure(
    c: &mut Criterion,
    (state, name, size): (&str, &str, u64),
    target: Target,
    mut round: impl FnMut() -> Duration,
) {
    for _ in 0..WARM_UP {
        round();
    }
    let mut rounds: Vec<Duration> = (0..ROUNDS).map(|_| round()).collect();
    rounds.sort_unstable();
    print(state, name, size, target, &rounds);
    let mut group = c.benchmark_group(state);
    group.bench_function(BenchmarkId::new(name, size), |bencher| {
        bencher.iter_custom(|count| (0..count).map(|_| round()).sum());
    });
    group.finish();
}
