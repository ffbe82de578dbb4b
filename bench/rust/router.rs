//! What a decision costs in Rust, in the two states that a working router can be in.
//!
//! - **full**: everybody is busy and callers wait in 1 000 queues. An agent becomes free and gets the next one.
//! - **quiet**: agents are ready and nobody waits. A caller comes and gets an agent.
//!
//! Each agent serves three queues. One round is the whole event with its index and timer upkeep (`finish` or
//! `enqueue`, then `decide`); what brings the centre back into balance is not measured. Criterion gives the mean
//! with its confidence; the percentiles of single rounds, with the clock's cost in them, are printed before it.
//!
//! With skills there are three centres of the same size: **skills**, where each of 10 000 agents has five of 200
//! skills and each caller demands one or two; **each another**, the worst case, one queue in which every agent has
//! another profile, 10 000 different demands are in use and one agent in a thousand meets each; and **weights and
//! caps**, queues without skills that are compared by weight under an overtaking cap.
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

/// What the caller of a round demands.
type Demand = fn(&mut Chance) -> String;
/// The skills of an agent.
type Profile = fn(u64, &mut Chance) -> Vec<(String, i64)>;

fn five_of_200(_: u64, chance: &mut Chance) -> Vec<(String, i64)> {
    let mut skills: Vec<u64> = (0..5).map(|_| chance.below(200)).collect();
    skills.sort_unstable();
    skills.dedup();
    let level = |chance: &mut Chance| 1 + i64::try_from(chance.below(5)).unwrap();
    skills
        .into_iter()
        .map(|skill| (format!("skill{skill}"), level(chance)))
        .collect()
}

fn one_or_two(chance: &mut Chance) -> String {
    let (first, second) = (chance.below(200), chance.below(200));
    match chance.below(3) {
        0 => format!("skill{first}"),
        1 => format!("skill{first} >= {}", 1 + chance.below(2)),
        _ => format!("skill{first} or skill{second}"),
    }
}

fn each_another(number: u64, _: &mut Chance) -> Vec<(String, i64)> {
    let level = 1 + i64::try_from(number / 1_000).unwrap();
    vec![(format!("s{}", number % 1_000), level)]
}

/// One of 10 000, met by the ten agents who have the skill.
fn one_in_a_thousand(chance: &mut Chance) -> String {
    format!("s{} and not t{}", chance.below(1_000), chance.below(10))
}

/// Agents of all queues, or of one; callers of the queue that is asked for.
struct Skilled {
    centre: Centre,
    demand: Demand,
    queues: u64,
}

impl Skilled {
    fn new(queues: u64, profile: Profile, demand: Demand) -> Self {
        let mut router = Router::new(1);
        let mut chance = Chance(7);
        let ids: Vec<u64> = (0..queues)
            .map(|number| {
                let settings = plan(Strategy::LongestIdleAgent);
                router
                    .put_queue(0, &format!("queue {number}"), settings)
                    .unwrap()
            })
            .collect();
        // Demands that somebody has, where nobody serves them.
        let closed = router
            .put_queue(0, "closed", plan(Strategy::Random))
            .unwrap();
        for _ in 0..10_000 {
            let text = demand(&mut chance);
            let steps = [(0, text.as_str())];
            router
                .enqueue_demanding(0, closed, Arrival::at(0), Some(&steps))
                .unwrap();
        }
        for number in 0..10_000 {
            let skills = profile(number, &mut chance);
            let skills: Vec<(&str, i64)> = skills.iter().map(|(n, l)| (n.as_str(), *l)).collect();
            let settings = AgentSettings::default();
            let agent = router
                .put_skilled_agent(0, &format!("agent {number}"), settings, &skills)
                .unwrap();
            for pick in [number % queues, chance.below(queues), chance.below(queues)] {
                let queue = ids[usize::try_from(pick).unwrap()];
                let tier = TierSettings::at(1, 1);
                router.put_tier(0, queue, agent, tier).unwrap();
            }
            let login_us = i64::try_from(number).unwrap();
            router
                .set_status(login_us, agent, Status::Available)
                .unwrap();
        }
        Self {
            centre: Centre {
                router,
                queues: ids,
                chance,
                now_us: 10_000,
                talking: Vec::new(),
            },
            demand,
            queues,
        }
    }

    fn call(&mut self, queue: u64, text: &str) {
        let Centre { router, now_us, .. } = &mut self.centre;
        router
            .enqueue_demanding(*now_us, queue, Arrival::at(*now_us), Some(&[(0, text)]))
            .unwrap();
    }

    fn queue(&mut self) -> u64 {
        let pick = usize::try_from(self.centre.chance.below(self.queues)).unwrap();
        self.centre.queues[pick]
    }

    /// Everybody talks and 10 000 wait.
    fn fill(&mut self) {
        while self.centre.talking.len() < 9_990 {
            for _ in 0..1_000 {
                let queue = self.queue();
                self.call(queue, "any");
            }
            for proposal in self.centre.router.decide(self.centre.now_us).unwrap() {
                self.centre.connect(&proposal);
                self.centre.talking.push(proposal.offer);
            }
        }
        for queue in self.centre.queues.clone() {
            for caller in self.centre.router.callers(queue).unwrap() {
                self.centre
                    .router
                    .leave(self.centre.now_us, caller, false)
                    .unwrap();
            }
        }
        for _ in 0..10_000 {
            let queue = self.queue();
            let text = (self.demand)(&mut self.centre.chance);
            self.call(queue, &text);
        }
    }

    fn full_round(&mut self) -> Duration {
        self.centre.now_us += 1_000;
        let now_us = self.centre.now_us;
        let count = self.centre.talking.len() as u64;
        let place = usize::try_from(self.centre.chance.below(count)).unwrap();
        let offer = self.centre.talking[place];
        let begin = Instant::now();
        self.centre.router.finish(now_us, offer).unwrap();
        let proposals = black_box(self.centre.router.decide(now_us).unwrap());
        let took = begin.elapsed();
        if let Some(proposal) = proposals.first() {
            self.centre.connect(proposal);
            self.centre.talking[place] = proposal.offer;
            let text = (self.demand)(&mut self.centre.chance);
            self.call(proposal.queue, &text);
        } else {
            // Nobody waits for these skills just now: the agent stays free, and somebody comes.
            self.centre.talking.swap_remove(place);
            let queue = self.queue();
            let text = (self.demand)(&mut self.centre.chance);
            self.call(queue, &text);
            for proposal in self.centre.router.decide(now_us).unwrap() {
                self.centre.connect(&proposal);
                self.centre.talking.push(proposal.offer);
            }
        }
        took
    }

    fn quiet_round(&mut self) -> Duration {
        self.centre.now_us += 1_000;
        let now_us = self.centre.now_us;
        let queue = self.queue();
        let text = (self.demand)(&mut self.centre.chance);
        let begin = Instant::now();
        let caller = self
            .centre
            .router
            .enqueue_demanding(now_us, queue, Arrival::at(now_us), Some(&[(0, &text)]))
            .unwrap();
        let proposals = black_box(self.centre.router.decide(now_us).unwrap());
        let took = begin.elapsed();
        if let Some(proposal) = proposals.first() {
            self.centre.connect(proposal);
            self.centre.router.finish(now_us, proposal.offer).unwrap();
        } else {
            self.centre.router.leave(now_us, caller, false).unwrap();
        }
        took
    }
}

fn skilled(c: &mut Criterion) {
    let cases: [(&str, u64, Profile, Demand); 2] = [
        ("skills", QUEUES, five_of_200, one_or_two),
        ("each another", 1, each_another, one_in_a_thousand),
    ];
    for (name, queues, profile, demand) in cases {
        let mut centre = Skilled::new(queues, profile, demand);
        measure(c, "quiet", name, 10_000, || centre.quiet_round());
        let mut centre = Skilled::new(queues, profile, demand);
        centre.fill();
        measure(c, "full", name, 10_000, || centre.full_round());
    }
    let settings = QueueSettings {
        queue_weight: 3,
        overtaking_cap: Some(5),
        ..plan(Strategy::LongestIdleAgent)
    };
    let mut centre = Centre::new(10_000, settings);
    measure(c, "quiet", "weights and caps", 10_000, || {
        centre.quiet_round()
    });
    let mut centre = Centre::new(10_000, settings);
    for place in (0..centre.queues.len()).step_by(2) {
        let settings = QueueSettings {
            queue_weight: 1,
            ..settings
        };
        let name = format!("queue {place}");
        centre.router.put_queue(0, &name, settings).unwrap();
    }
    centre.fill(10_000);
    measure(c, "full", "weights and caps", 10_000, || {
        centre.full_round()
    });
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

criterion_group!(benches, decisions, skilled, places);
criterion_main!(benches);
