//! What a decision costs in Rust, in the two states that a working router can be in.
//!
//! - **full**: everybody is busy and callers wait. An agent becomes free and gets the next one.
//! - **quiet**: agents are ready and nobody waits. A caller comes and gets an agent.
//! - **freed**: the same state. An agent becomes free and nobody waits: the other half of what a quiet call costs.
//!
//! One round is the whole event with its index and timer upkeep (`finish` or `enqueue`, then `decide`); what
//! brings the centre back into balance is not measured. Percentiles of single rounds, with the clock's cost in
//! them, are printed with what they should be at most; criterion gives the mean with its confidence. Of a thousand
//! such events at one instant, with one `decide` after them, the cost of one is given.
//!
//! Cases: 1 000 queues without skills, each agent in three; the same with 200 skills (`skilled.rs`); queues
//! compared by weight under an overtaking cap; and the worst case, in which every agent has another profile,
//! 10 000 different demands are in use and one agent in a thousand meets each.
//!
//!     cargo bench -p callcenter_core --bench router [-- PART-OF-A-NAME]

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench: a fault ends it, and it prints"
)]

mod centre;
mod measure;
mod skilled;

use std::hint::black_box;

use callcenter_core::router::{Arrival, QueueSettings, Router, Strategy};
use centre::{Centre, Chance};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use measure::{LARGE, MANY, Target, WORKING, WORST, is_wanted, measure, measure_many};
use skilled::{Plan, Skilled};

fn plan(strategy: Strategy) -> QueueSettings {
    QueueSettings {
        strategy,
        ..QueueSettings::default()
    }
}

/// All events of a centre; the last with so many waiting.
fn both<T>(
    c: &mut Criterion,
    (name, size, waiting): (&str, u64, usize),
    target: Target,
    centre: impl Fn() -> T,
    rounds: [fn(&mut T) -> std::time::Duration; 3],
    fill: impl Fn(T, usize) -> T,
) {
    let [arrival, rest, release] = rounds;
    if is_wanted(&format!("quiet/{name}/{size}")) {
        let mut centre = centre();
        measure(c, ("quiet", name, size), target, || arrival(&mut centre));
    }
    if is_wanted(&format!("freed/{name}/{size}")) {
        let mut centre = centre();
        measure(c, ("freed", name, size), target, || rest(&mut centre));
    }
    if is_wanted(&format!("full/{name}/{size}")) {
        let mut centre = fill(centre(), waiting);
        measure(c, ("full", name, size), target, || release(&mut centre));
    }
}

fn decisions(c: &mut Criterion) {
    println!(
        "clock: {} ns for two readings, within each time; GLIBC_TUNABLES: {}\n",
        measure::clock(),
        std::env::var("GLIBC_TUNABLES").unwrap_or_else(|_| "none".to_owned())
    );
    let cases = [
        ("longest-idle-agent", plan(Strategy::LongestIdleAgent)),
        ("round-robin", plan(Strategy::RoundRobin)),
        ("random", plan(Strategy::Random)),
        ("least-occupied", plan(Strategy::LeastOccupied)),
    ];
    let rounds = [Centre::quiet_round, Centre::freed_round, Centre::full_round];
    for (name, settings) in cases {
        let centre = || Centre::new(10_000, settings);
        both(
            c,
            (name, 10_000, 10_000),
            WORKING,
            centre,
            rounds,
            Centre::fill,
        );
    }
    let (name, settings) = cases[0];
    many(name, || Centre::new(10_000, settings));
    let centre = || Centre::new(100_000, settings);
    both(
        c,
        (name, 100_000, 100_000),
        LARGE,
        centre,
        rounds,
        Centre::fill,
    );
    if is_wanted("full/a million waiting") {
        let mut centre = Centre::new(10_000, settings).fill(1_000_000);
        let what = ("full", "a million waiting", 10_000);
        measure(c, what, LARGE, || centre.full_round());
    }
    let tier_rules = QueueSettings {
        tier_rules_apply: true,
        tier_rule_wait_us: 300_000_000,
        ..settings
    };
    if is_wanted("quiet/tier rules") {
        // Full, it isn't in balance: who waits for a level is served later.
        let mut centre = Centre::new(10_000, tier_rules);
        let what = ("quiet", "tier rules", 10_000);
        measure(c, what, WORKING, || centre.quiet_round());
    }
}

fn skills(c: &mut Criterion) {
    let rounds = [
        Skilled::quiet_round,
        Skilled::freed_round,
        Skilled::full_round,
    ];
    for (size, target) in [(10_000, WORKING), (100_000, LARGE)] {
        let centre = || Skilled::new(Plan::Working, size);
        let waiting = usize::try_from(size).unwrap();
        both(
            c,
            ("200 skills", size, waiting),
            target,
            centre,
            rounds,
            Skilled::fill,
        );
    }
    let centre = || Skilled::new(Plan::NobodyAlike, 10_000);
    both(
        c,
        ("nobody alike", 10_000, 10_000),
        WORST,
        centre,
        rounds,
        Skilled::fill,
    );
}

/// Each second queue is heavier, and nobody may be overtaken more than five times.
fn weights_and_cap(c: &mut Criterion) {
    let settings = QueueSettings {
        queue_weight: 3,
        overtaking_cap: Some(5),
        ..plan(Strategy::LongestIdleAgent)
    };
    let centre = || {
        let mut centre = Centre::new(10_000, settings);
        for place in (0..centre.queues.len()).step_by(2) {
            let settings = QueueSettings {
                queue_weight: 1,
                ..settings
            };
            let name = format!("queue {place}");
            centre.router.put_queue(0, &name, settings).unwrap();
        }
        centre
    };
    let rounds = [Centre::quiet_round, Centre::freed_round, Centre::full_round];
    both(
        c,
        ("weights and a cap", 10_000, 10_000),
        WORKING,
        centre,
        rounds,
        Centre::fill,
    );
    many("weights and a cap", centre);
}

/// A thousand events at one instant.
fn many(name: &str, centre: impl Fn() -> Centre) {
    let name = format!("{name}, 1000 at once");
    if is_wanted(&format!("quiet/{name}")) {
        let mut centre = centre();
        let what = ("quiet", name.as_str(), 10_000);
        measure_many(what, MANY, || centre.many_arrived(1_000));
    }
    if is_wanted(&format!("full/{name}")) {
        let mut centre = centre().fill(10_000);
        let what = ("full", name.as_str(), 10_000);
        measure_many(what, MANY, || centre.many_released(1_000));
    }
}

fn places(c: &mut Criterion) {
    let mut group = c.benchmark_group("position in one queue of");
    for size in [10_000_i64, 1_000_000] {
        if !is_wanted(&format!("position in one queue of/{size}")) {
            continue;
        }
        let mut router = Router::new(1);
        let queue = router
            .put_queue(0, "support", plan(Strategy::LongestIdleAgent))
            .unwrap();
        let callers: Vec<u64> = (0..size)
            .map(|entered_us| router.enqueue(0, queue, Arrival::at(entered_us)).unwrap())
            .collect();
        let mut chance = Chance::new(7);
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| {
                let caller = chance.one_of(&callers);
                router.position(black_box(caller)).unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decisions, skills, weights_and_cap, places);
criterion_main!(benches);
