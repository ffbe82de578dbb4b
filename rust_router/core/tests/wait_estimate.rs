//! The expected wait against simulated queues, with other predictors on the same callers.
//!
//! The router is driven as a controller drives it: callers come, agents end, it decides. Each caller who has to
//! wait gets its answer on joining. The truth is the wait of somebody who stays: for a
//! caller who gave up, the moment when an agent would have been free. Predictors compared:
//!
//! - **QL** queue length: `(ahead + 1) / (agents × service rate)`, both known exactly;
//! - **LES**: the wait of the last caller who entered service.
//!
//! `cargo test --release -p callcenter_core --test wait_estimate -- --ignored --nocapture` runs fifteen times as
//! many callers and other seeds, and prints the table.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test"
)]

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use callcenter_core::estimate::Score;
use callcenter_core::router::{
    AgentSettings, Arrival, QueueSettings, Router, Status, TierSettings,
};

/// Mean handling time: all else is measured in it.
const SERVICE_S: f64 = 100.0;

/// Splitmix64: the same numbers on every machine.
struct Chance(u64);

impl Chance {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Above 0, at most 1.
    fn share(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.share().ln()
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.share().ln()).sqrt() * (std::f64::consts::TAU * self.share()).cos()
    }
}

/// Handling times with mean 1.
#[derive(Clone, Copy)]
enum Service {
    Exponential,
    /// Squared coefficient of variation 1.
    Lognormal,
    /// Two kinds of calls with balanced means, squared coefficient of variation 4.
    Hyper,
}

impl Service {
    fn draw(self, chance: &mut Chance) -> f64 {
        match self {
            Self::Exponential => chance.exponential(1.0),
            Self::Lognormal => {
                let variance = std::f64::consts::LN_2;
                (variance.sqrt() * chance.normal() - variance / 2.0).exp()
            }
            Self::Hyper => {
                let share = f64::midpoint(1.0, (3.0_f64 / 5.0).sqrt());
                let share = if chance.share() <= share {
                    share
                } else {
                    1.0 - share
                };
                chance.exponential(0.5 / share)
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Scene {
    name: &'static str,
    agents: u32,
    /// Arrivals in units of what the agents can serve.
    load: f64,
    service: Service,
    /// Abandonments of a waiting caller in a mean handling time.
    abandonment: f64,
    /// Share by which the arrivals swing, and the period in mean handling times.
    swing: (f64, f64),
    callers: u32,
}

const PLAIN: Scene = Scene {
    name: "",
    agents: 100,
    load: 0.95,
    service: Service::Exponential,
    abandonment: 0.0,
    swing: (0.0, 1.0),
    callers: 150_000,
};

const PATIENT: [Scene; 6] = [
    Scene {
        name: "M/M/100 ρ=.95",
        ..PLAIN
    },
    Scene {
        name: "M/M/100 ρ=.98",
        load: 0.98,
        ..PLAIN
    },
    Scene {
        name: "M/M/20 ρ=.95",
        agents: 20,
        ..PLAIN
    },
    Scene {
        name: "M/M/5 ρ=.9",
        agents: 5,
        load: 0.9,
        ..PLAIN
    },
    Scene {
        name: "M/LN(1)/100 ρ=.98",
        load: 0.98,
        service: Service::Lognormal,
        ..PLAIN
    },
    Scene {
        name: "M/H2(4)/100 ρ=.95",
        service: Service::Hyper,
        ..PLAIN
    },
];
const STATIONARY: Scene = Scene {
    name: "M/M/100+M ρ=1.2 θ=.5",
    load: 1.2,
    abandonment: 0.5,
    ..PLAIN
};
const SWINGING: [Scene; 3] = [
    Scene {
        name: "same, ±30 %, period 20",
        swing: (0.3, 20.0),
        ..STATIONARY
    },
    Scene {
        name: "same, ±30 %, period 60",
        swing: (0.3, 60.0),
        ..STATIONARY
    },
    Scene {
        name: "same, ±30 %, period 300",
        swing: (0.3, 300.0),
        ..STATIONARY
    },
];

/// Errors of one predictor.
#[derive(Default, Clone, Copy)]
struct Errors {
    sum: f64,
    square: f64,
}

impl Errors {
    fn note(&mut self, answer: f64, wait: f64) {
        self.sum += answer - wait;
        self.square += (answer - wait) * (answer - wait);
    }
}

#[derive(Default)]
struct Found {
    asked: u32,
    answered: u32,
    wait: f64,
    ours: Errors,
    length: Errors,
    last: Errors,
    /// Markov's predictor with all rates known: nothing that knows the queue length only can do better.
    known: Errors,
    /// Ours and LES for those who were served.
    served: [Errors; 2],
    /// Waits within p10…p90, and within p50…p80.
    inside: u32,
    announced: u32,
    abandoned: u32,
    /// By the router's own books at the end.
    score: Score,
}

impl Found {
    fn bias(&self) -> f64 {
        self.ours.sum / self.wait
    }
    fn to_length(&self) -> f64 {
        self.ours.square / self.length.square
    }
    fn to_last(&self) -> f64 {
        self.ours.square / self.last.square
    }
    fn coverage(&self) -> f64 {
        f64::from(self.inside) / f64::from(self.answered)
    }
    fn silent(&self) -> f64 {
        1.0 - f64::from(self.answered) / f64::from(self.asked)
    }
    fn print(&self, scene: &Scene, seed: u64) {
        let count = f64::from(self.answered);
        println!(
            "{:24} {seed:4} {:7} {:6.1} {:5.2} {:5.2} {:5.2} {:6.3} {:6.3} {:6.3} {:6.3} {:6.3} {:+6.1}% {:+6.1}% {:5.1}% {:5.1}% {:6.2}%  {:+6.1}% {:5.1}% {:4.2}",
            scene.name,
            self.answered,
            self.wait / count,
            (self.ours.square * count).sqrt() / self.wait,
            (self.length.square * count).sqrt() / self.wait,
            (self.last.square * count).sqrt() / self.wait,
            self.to_length(),
            self.to_last(),
            self.ours.square / self.known.square,
            self.known.square / self.last.square,
            self.served[0].square / self.served[1].square,
            100.0 * self.bias(),
            100.0 * self.length.sum / self.wait,
            100.0 * self.coverage(),
            100.0 * f64::from(self.announced) / count,
            100.0 * self.silent(),
            100.0 * self.score.bias,
            100.0 * self.score.coverage,
            self.score.error_ratio,
        );
    }
}

const HEAD: &str = "queue                    seed answers wait s  RRMSE: ours QL LES   /QL   /LES  /known known/LES served/LES bias QL bias p10-90 p50-80 silent  own bias  cover ratio";

/// What one who joined was told.
struct Caller {
    id: u64,
    joined_us: i64,
    gone: bool,
    /// Ours: mean, p10, p50, p80, p90.
    answer: Option<[f64; 5]>,
    length_s: f64,
    last_s: f64,
    known_s: f64,
    counts: bool,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Arrival,
    Free { offer: u64 },
    GivesUp(u64),
}

struct Run {
    chance: Chance,
    scene: Scene,
    router: Router,
    support: u64,
    due: BinaryHeap<Reverse<(i64, u64, Due)>>,
    numbered: u64,
    queue: VecDeque<Caller>,
    /// Number of the first in the queue, and how many there have not gone.
    first: u64,
    live: u32,
    last_s: f64,
    found: Found,
}

impl Run {
    fn plan(&mut self, at_us: i64, due: Due) {
        self.numbered += 1;
        self.due.push(Reverse((at_us, self.numbered, due)));
    }

    fn us(handling_times: f64) -> i64 {
        (handling_times * SERVICE_S * 1e6) as i64
    }

    fn next_arrival(&mut self, mut now_us: i64) -> i64 {
        let (swing, period) = self.scene.swing;
        let rate = self.scene.load * f64::from(self.scene.agents);
        loop {
            now_us += Self::us(self.chance.exponential(1.0 / (rate * (1.0 + swing))));
            let phase = std::f64::consts::TAU * now_us as f64 / Self::us(period) as f64;
            if self.chance.share() * (1.0 + swing) <= 1.0 + swing * phase.sin() {
                return now_us;
            }
        }
    }

    /// Let the router decide; connect whom it chose, if anybody, and give their id.
    fn decide(&mut self, now_us: i64) -> Option<u64> {
        let proposals = self.router.decide(now_us).unwrap();
        let &[proposal] = proposals.as_slice() else {
            assert!(proposals.is_empty());
            return None;
        };
        self.router.claim(now_us, proposal.offer).unwrap();
        self.router.bridged(now_us, proposal.offer).unwrap();
        let held_us = Self::us(self.scene.service.draw(&mut self.chance));
        let offer = proposal.offer;
        self.plan(now_us + held_us, Due::Free { offer });
        Some(proposal.caller)
    }

    fn arrive(&mut self, now_us: i64, warm: bool) {
        let answer = self.router.expected_wait(now_us, self.support).unwrap();
        let arrival = Arrival::at(now_us);
        let id = self.router.enqueue(now_us, self.support, arrival).unwrap();
        if let Some(served) = self.decide(now_us) {
            assert_eq!(served, id);
            assert!(answer.is_some_and(|now| now.p90_us == 0));
            return;
        }
        let ahead = self.live;
        let s = |us: i64| us as f64 / 1e6;
        self.queue.push_back(Caller {
            id,
            joined_us: now_us,
            gone: false,
            answer: answer.map(|a| {
                [
                    s(a.mean_us),
                    s(a.p10_us),
                    s(a.p50_us),
                    s(a.p80_us),
                    s(a.p90_us),
                ]
            }),
            length_s: f64::from(ahead + 1) / f64::from(self.scene.agents) * SERVICE_S,
            last_s: self.last_s,
            known_s: (0..=ahead)
                .map(|k| {
                    SERVICE_S
                        / (f64::from(self.scene.agents) + f64::from(k) * self.scene.abandonment)
                })
                .sum(),
            counts: warm,
        });
        self.live += 1;
        if self.scene.abandonment > 0.0 {
            let patience = self.chance.exponential(1.0 / self.scene.abandonment);
            let number = self.first + self.queue.len() as u64 - 1;
            self.plan(now_us + Self::us(patience), Due::GivesUp(number));
        }
    }

    /// An agent is free: those who gave up would be served up to now, then the first who is still there is.
    fn next(&mut self, now_us: i64) {
        let served = self.decide(now_us);
        while let Some(caller) = self.queue.pop_front() {
            self.first += 1;
            let wait = (now_us - caller.joined_us) as f64 / 1e6;
            if caller.counts {
                self.found.asked += 1;
                if let Some([mean, p10, p50, p80, p90]) = caller.answer {
                    self.found.answered += 1;
                    self.found.wait += wait;
                    self.found.ours.note(mean, wait);
                    self.found.length.note(caller.length_s, wait);
                    self.found.last.note(caller.last_s, wait);
                    self.found.known.note(caller.known_s, wait);
                    if !caller.gone {
                        let [ours, last] = &mut self.found.served;
                        ours.note(mean, wait);
                        last.note(caller.last_s, wait);
                    }
                    self.found.inside += u32::from(p10 <= wait && wait <= p90);
                    self.found.announced += u32::from(p50 <= wait && wait <= p80);
                }
            }
            if !caller.gone {
                self.live -= 1;
                self.last_s = wait;
                assert_eq!(served, Some(caller.id));
                return;
            }
        }
        assert_eq!(served, None);
    }

    fn give_up(&mut self, now_us: i64, number: u64) {
        let Some(place) = number.checked_sub(self.first) else {
            return;
        };
        if let Some(caller) = self.queue.get_mut(place as usize) {
            caller.gone = true;
            self.live -= 1;
            self.found.abandoned += 1;
            self.router.leave(now_us, caller.id, true).unwrap();
        }
    }
}

/// A tenth of the callers come before anything counts.
fn run(scene: Scene, seed: u64) -> Found {
    let mut router = Router::new(0);
    let support = router
        .put_queue(0, "support", QueueSettings::default())
        .unwrap();
    for number in 0..scene.agents {
        let name = format!("agent {number}");
        let agent = router
            .put_agent(0, &name, AgentSettings::default())
            .unwrap();
        router
            .put_tier(0, support, agent, TierSettings::at(1, 1))
            .unwrap();
        router.set_status(0, agent, Status::Available).unwrap();
    }
    let mut run = Run {
        chance: Chance(seed),
        scene,
        router,
        support,
        due: BinaryHeap::new(),
        numbered: 0,
        queue: VecDeque::new(),
        first: 0,
        live: 0,
        last_s: 0.0,
        found: Found::default(),
    };
    let begin_us = run.next_arrival(0);
    run.plan(begin_us, Due::Arrival);
    let mut arrived = 0;
    while let Some(Reverse((now_us, _, due))) = run.due.pop() {
        match due {
            Due::Arrival => {
                arrived += 1;
                if arrived < scene.callers {
                    let next_us = run.next_arrival(now_us);
                    run.plan(next_us, Due::Arrival);
                }
                run.arrive(now_us, arrived > scene.callers / 10);
            }
            Due::Free { offer } => {
                run.router.finish(now_us, offer).unwrap();
                run.next(now_us);
            }
            Due::GivesUp(number) => run.give_up(now_us, number),
        }
    }
    run.found.score = run.router.wait_score(run.support).unwrap();
    run.found
}

impl Found {
    /// Held against what an estimate of this scene must reach.
    fn verdict(&self, scene: &Scene) -> String {
        // Error over that by queue length, and over that by the last who was served; where they make sense.
        let (length, last) = if scene.name == STATIONARY.name {
            (0.65, 0.5)
        } else if SWINGING.iter().any(|other| other.name == scene.name) {
            (0.75, f64::INFINITY)
        } else {
            (1.05, f64::INFINITY)
        };
        let is_plain = matches!(scene.service, Service::Exponential)
            && !SWINGING.iter().any(|other| other.name == scene.name);
        let cover = if is_plain { 0.78..=0.82 } else { 0.75..=0.85 };
        let good = self.to_length() <= length
            && self.to_last() <= last
            && self.bias().abs() <= 0.03
            && cover.contains(&self.coverage());
        format!(
            "{}  /QL ≤ {length}{}, bias ≤ 3 %, p10-90 {:.0}…{:.0} %",
            if good { "PASS" } else { "MISS" },
            if last.is_finite() {
                format!(", /LES ≤ {last}")
            } else {
                String::new()
            },
            cover.start() * 100.0,
            cover.end() * 100.0,
        )
    }
}

#[test]
#[ignore = "minutes; prints the table"]
fn table() {
    println!("{HEAD}");
    for seed in 101..103 {
        for scene in PATIENT.iter().chain(&[STATIONARY]).chain(&SWINGING) {
            let large = Scene {
                callers: scene.callers * 6,
                ..*scene
            };
            let found = run(large, seed);
            found.print(&large, seed);
            println!("    {}", found.verdict(scene));
        }
    }
}

/// Fewer callers, so that the tests without optimisation stay short.
fn short(scene: Scene, seed: u64) -> Found {
    run(
        Scene {
            callers: 60_000,
            ..scene
        },
        seed,
    )
}

fn assert_honest(found: &Found, scene: &Scene, coverage: std::ops::RangeInclusive<f64>) {
    assert!(found.answered > 20_000, "{}", scene.name);
    assert!(
        found.silent() < 0.02,
        "{}: silent {}",
        scene.name,
        found.silent()
    );
    assert!(
        found.bias().abs() <= 0.03,
        "{}: bias {}",
        scene.name,
        found.bias()
    );
    assert!(
        coverage.contains(&found.coverage()),
        "{}: coverage {}",
        scene.name,
        found.coverage()
    );
}

#[test]
fn with_impatient_callers_the_error_is_far_below_that_of_simpler_predictors() {
    let found = short(STATIONARY, 1);
    assert!(found.abandoned > 8_000, "{}", found.abandoned);
    assert_honest(&found, &STATIONARY, 0.78..=0.82);
    assert!(found.to_length() <= 0.65, "{}", found.to_length());
    assert!(found.to_last() <= 0.5, "{}", found.to_last());
}

/// Of two agents' callers more than half give up, and those who would wait longest most of all. The answer is for
/// somebody who stays; the score must still be fair, though it sees only who was served.
#[test]
fn few_agents_and_no_patience_are_no_excuse() {
    let scene = Scene {
        name: "M/M/2+M ρ=2 θ=2",
        agents: 2,
        load: 2.0,
        abandonment: 2.0,
        ..PLAIN
    };
    let found = short(scene, 5);
    assert_honest(&found, &scene, 0.78..=0.82);
    let [served, _] = found.served;
    assert!(
        served.sum / found.wait > 0.05,
        "those who are served wait less"
    );
    let score = found.score;
    assert!(score.bias.abs() < 0.1, "{score:?}");
}

#[test]
fn arrivals_that_swing_make_it_no_worse() {
    let found = short(SWINGING[1], 2);
    assert_honest(&found, &SWINGING[1], 0.75..=0.85);
    assert!(found.to_length() <= 0.75, "{}", found.to_length());
}

#[test]
fn with_patient_callers_nothing_is_lost_against_known_rates() {
    for scene in PATIENT
        .iter()
        .filter(|scene| matches!(scene.service, Service::Exponential))
    {
        let found = short(*scene, 3);
        assert_honest(&found, scene, 0.78..=0.82);
        assert!(
            found.to_length() <= 1.05,
            "{}: {}",
            scene.name,
            found.to_length()
        );
    }
}

#[test]
fn handling_times_of_other_kinds_keep_the_promise() {
    for scene in PATIENT
        .iter()
        .filter(|scene| !matches!(scene.service, Service::Exponential))
    {
        let found = short(*scene, 4);
        assert_honest(&found, scene, 0.75..=0.85);
        assert!(
            found.to_length() <= 1.05,
            "{}: {}",
            scene.name,
            found.to_length()
        );
    }
}
