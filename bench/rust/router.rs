//! What a decision costs in Rust, in the two states that a working router can be in.
//!
//! - **full**: everybody is busy and callers wait in 1 000 queues. An agent becomes free and gets the next one.
//! - **quiet**: agents are ready and nobody waits. A caller comes and gets an agent.
//!
//! Each agent serves three queues. One round is the whole event with its index and timer upkeep (`finish` or
//! `enqueue`, then `decide`); what brings the centre back into balance is not measured. Criterion gives the mean
//! with its confidence; the percentiles of single rounds, with the clock's cost in them, are printed before it.
//!
//!     cargo bench -p callcenter_core --bench router

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench: a fault ends it, and it prints"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use callcenter_core::router::{
    AgentSettings, Arrival, Proposal, QueueSettings, Router, Status, Strategy, TierSettings,
};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

const QUEUES: u64 = 1_000;

/// A small generator, so that each run sees the same centre.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

struct Centre {
    router: Router,
    queues: Vec<u64>,
    chance: Chance,
    now_us: i64,
    talking: Vec<u64>,
}

fn plan(strategy: Strategy) -> QueueSettings {
    QueueSettings {
        strategy,
        ..QueueSettings::default()
    }
}

impl Centre {
    fn new(agents: u64, settings: QueueSettings) -> Self {
        let mut router = Router::new(1);
        let mut chance = Chance(7);
        let queues: Vec<u64> = (0..QUEUES)
            .map(|number| {
                router
                    .put_queue(0, &format!("queue {number}"), settings)
                    .unwrap()
            })
            .collect();
        for number in 0..agents {
            let agent = router
                .put_agent(0, &format!("agent {number}"), AgentSettings::default())
                .unwrap();
            // The first tiers see to it that each queue is served by somebody.
            for pick in [number % QUEUES, chance.below(QUEUES), chance.below(QUEUES)] {
                let queue = queues[usize::try_from(pick).unwrap()];
                let level = 1 + i64::try_from(chance.below(2)).unwrap();
                let position = i64::try_from(chance.below(50)).unwrap();
                router
                    .put_tier(0, queue, agent, TierSettings::at(level, position))
                    .unwrap();
            }
            let login_us = i64::try_from(number).unwrap();
            router
                .set_status(login_us, agent, Status::Available)
                .unwrap();
        }
        Self {
            router,
            queues,
            chance,
            now_us: i64::try_from(agents).unwrap(),
            talking: Vec::new(),
        }
    }

    fn connect(&mut self, proposal: &Proposal) {
        self.router.ringing(self.now_us, proposal.offer).unwrap();
        self.router.claim(self.now_us, proposal.offer).unwrap();
        self.router.bridged(self.now_us, proposal.offer).unwrap();
    }

    /// Everybody talks and so many wait.
    fn fill(&mut self, callers: usize) {
        loop {
            for queue in self.queues.clone() {
                self.router
                    .enqueue(self.now_us, queue, Arrival::at(self.now_us))
                    .unwrap();
            }
            let proposals = self.router.decide(self.now_us).unwrap();
            if proposals.is_empty() {
                break;
            }
            for proposal in proposals {
                self.connect(&proposal);
                self.talking.push(proposal.offer);
            }
        }
        let there: usize = self
            .queues
            .iter()
            .map(|queue| self.router.calls_waiting(*queue).unwrap())
            .sum();
        for _ in there..callers {
            let queue = self.queues[usize::try_from(self.chance.below(QUEUES)).unwrap()];
            let priority = i64::try_from(self.chance.below(3)).unwrap() - 1;
            let arrival = Arrival {
                priority,
                ..Arrival::at(self.now_us)
            };
            self.router.enqueue(self.now_us, queue, arrival).unwrap();
        }
    }

    fn full_round(&mut self) -> Duration {
        self.now_us += 1_000;
        let place = usize::try_from(self.chance.below(self.talking.len() as u64)).unwrap();
        let begin = Instant::now();
        self.router
            .finish(self.now_us, self.talking[place])
            .unwrap();
        let proposals = black_box(self.router.decide(self.now_us).unwrap());
        let took = begin.elapsed();
        let proposal = proposals[0];
        self.connect(&proposal);
        self.talking[place] = proposal.offer;
        self.router
            .enqueue(self.now_us, proposal.queue, Arrival::at(self.now_us))
            .unwrap();
        took
    }

    fn quiet_round(&mut self) -> Duration {
        self.now_us += 1_000;
        let queue = self.queues[usize::try_from(self.chance.below(QUEUES)).unwrap()];
        let begin = Instant::now();
        self.router
            .enqueue(self.now_us, queue, Arrival::at(self.now_us))
            .unwrap();
        let proposals = black_box(self.router.decide(self.now_us).unwrap());
        let took = begin.elapsed();
        self.connect(&proposals[0]);
        self.router.finish(self.now_us, proposals[0].offer).unwrap();
        took
    }
}

fn percentiles(name: &str, rounds: &mut [Duration]) {
    rounds.sort_unstable();
    let at = |share: usize| rounds[(rounds.len() * share / 1000).min(rounds.len() - 1)].as_nanos();
    println!(
        "{name:50} p50 {:>6} ns  p99 {:>6} ns  p99.9 {:>6} ns  worst {:>8} ns",
        at(500),
        at(990),
        at(999),
        at(1000)
    );
}

fn measure(
    c: &mut Criterion,
    state: &str,
    name: &str,
    size: u64,
    mut round: impl FnMut() -> Duration,
) {
    for _ in 0..10_000 {
        round();
    }
    let mut rounds: Vec<Duration> = (0..50_000).map(|_| round()).collect();
    percentiles(&format!("{state} {name} {size}"), &mut rounds);
    let mut group = c.benchmark_group(state);
    group.bench_function(BenchmarkId::new(name, size), |bencher| {
        bencher.iter_custom(|count| (0..count).map(|_| round()).sum());
    });
    group.finish();
}

fn decisions(c: &mut Criterion) {
    let tier_rules = QueueSettings {
        tier_rules_apply: true,
        tier_rule_wait_us: 300_000_000,
        ..plan(Strategy::LongestIdleAgent)
    };
    let cases = [
        ("longest-idle-agent", plan(Strategy::LongestIdleAgent)),
        ("round-robin", plan(Strategy::RoundRobin)),
        ("random", plan(Strategy::Random)),
        ("least-occupied", plan(Strategy::LeastOccupied)),
        ("tier rules", tier_rules),
    ];
    for (name, settings) in cases {
        for size in [10_000, 100_000] {
            if size > 10_000 && name != "longest-idle-agent" {
                continue;
            }
            let mut centre = Centre::new(size, settings);
            measure(c, "quiet", name, size, || centre.quiet_round());
            if name == "tier rules" {
                continue; // Who waits for a level is served later: no balance.
            }
            let mut centre = Centre::new(size, settings);
            centre.fill(usize::try_from(size).unwrap());
            measure(c, "full", name, size, || centre.full_round());
        }
    }
    let mut centre = Centre::new(10_000, plan(Strategy::LongestIdleAgent));
    centre.fill(1_000_000);
    measure(
        c,
        "full, a million waiting",
        "longest-idle-agent",
        10_000,
        || centre.full_round(),
    );
}

fn places(c: &mut Criterion) {
    let mut group = c.benchmark_group("position in one queue of");
    for size in [10_000_i64, 1_000_000] {
        let mut router = Router::new(1);
        let queue = router
            .put_queue(0, "support", plan(Strategy::LongestIdleAgent))
            .unwrap();
        let callers: Vec<u64> = (0..size)
            .map(|entered_us| router.enqueue(0, queue, Arrival::at(entered_us)).unwrap())
            .collect();
        let mut chance = Chance(7);
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| {
                let caller = callers[usize::try_from(chance.below(callers.len() as u64)).unwrap()];
                router.position(black_box(caller)).unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decisions, places);
criterion_main!(benches);
