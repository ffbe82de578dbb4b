//! The same states with skills: a working centre with 200 of them, and the worst case of nobody alike.

use std::hint::black_box;
use std::time::{Duration, Instant};

use callcenter_core::router::{
    AgentSettings, Arrival, QueueSettings, Router, Status, Strategy, TierSettings,
};

use super::centre::{Chance, QUEUES, connect};

const SKILLS: u64 = 200;

/// Who has what and who wants what.
#[derive(Clone, Copy)]
pub enum Plan {
    /// 1 000 queues, each of which demands one of 200 skills; half of the callers bring an own demand, a higher
    /// level or one of two skills. An agent serves three queues, has their skills and two more, at five levels.
    Working,
    /// One queue; each agent has a profile of their own, 10 000 demands are in use, and of a thousand agents one
    /// meets a demand.
    NobodyAlike,
}

impl Plan {
    const fn queues(self) -> u64 {
        match self {
            Self::Working => QUEUES,
            Self::NobodyAlike => 1,
        }
    }

    fn queue_demand(self, queue: u64) -> String {
        match self {
            Self::Working => format!("skill{}", queue % SKILLS),
            Self::NobodyAlike => "any".to_owned(),
        }
    }

    /// What a caller of a queue brings; None: nothing.
    fn demand(self, queue: u64, chance: &mut Chance) -> Option<String> {
        match self {
            Self::Working => {
                let skill = queue % SKILLS;
                match chance.below(4) {
                    0 => Some(format!("skill{skill} >= 2")),
                    1 => Some(format!("skill{skill} or skill{}", (skill + 1) % SKILLS)),
                    _ => None,
                }
            }
            Self::NobodyAlike => Some(format!(
                "s{} and not t{}",
                chance.below(1_000),
                chance.below(10)
            )),
        }
    }

    fn skills(self, agent: u64, queues: &[u64], chance: &mut Chance) -> Vec<(String, i64)> {
        match self {
            Self::Working => {
                let mut skills: Vec<u64> = queues.iter().map(|queue| queue % SKILLS).collect();
                skills.extend([chance.below(SKILLS), chance.below(SKILLS)]);
                skills.sort_unstable();
                skills.dedup();
                let level = |chance: &mut Chance| 1 + i64::try_from(chance.below(5)).unwrap();
                let named = skills.iter().map(|skill| format!("skill{skill}"));
                named.map(|name| (name, level(chance))).collect()
            }
            Self::NobodyAlike => {
                let level = 1 + i64::try_from(agent / 1_000).unwrap();
                vec![(format!("s{}", agent % 1_000), level)]
            }
        }
    }
}

pub struct Skilled {
    router: Router,
    plan: Plan,
    queues: Vec<u64>,
    chance: Chance,
    now_us: i64,
    talking: Vec<u64>,
}

impl Skilled {
    /// All agents are ready and nobody waits.
    pub fn new(plan: Plan, agents: u64) -> Self {
        let mut router = Router::new(1);
        let mut chance = Chance::new(7);
        let settings = QueueSettings {
            strategy: Strategy::LongestIdleAgent,
            ..QueueSettings::default()
        };
        let queues: Vec<u64> = (0..plan.queues())
            .map(|number| {
                let demand = plan.queue_demand(number);
                let (name, steps) = (format!("queue {number}"), [(0, demand.as_str())]);
                router
                    .put_skilled_queue(0, &name, settings, &steps)
                    .unwrap()
            })
            .collect();
        // Somebody has each demand, where nobody serves them: demands stay in use.
        let closed = router.put_queue(0, "closed", settings).unwrap();
        for _ in 0..10_000 {
            let queue = chance.below(plan.queues());
            if let Some(text) = plan.demand(queue, &mut chance) {
                let steps = [(0, text.as_str())];
                router
                    .enqueue_demanding(0, closed, Arrival::at(0), Some(&steps))
                    .unwrap();
            }
        }
        for number in 0..agents {
            let all = plan.queues();
            let serves = [number % all, chance.below(all), chance.below(all)];
            let skills = plan.skills(number, &serves, &mut chance);
            let skills: Vec<(&str, i64)> = skills.iter().map(|(n, l)| (n.as_str(), *l)).collect();
            let agent = router
                .put_skilled_agent(
                    0,
                    &format!("agent {number}"),
                    AgentSettings::default(),
                    &skills,
                )
                .unwrap();
            for queue in serves {
                let queue = queues[usize::try_from(queue).unwrap()];
                let tier = TierSettings::at(1, 1);
                router.put_tier(0, queue, agent, tier).unwrap();
            }
            let login_us = i64::try_from(number).unwrap();
            router
                .set_status(login_us, agent, Status::Available)
                .unwrap();
        }
        Self {
            router,
            plan,
            queues,
            chance,
            now_us: i64::try_from(agents).unwrap(),
            talking: Vec::new(),
        }
    }

    /// A queue, and what its next caller demands.
    fn next_call(&mut self) -> (u64, Option<String>) {
        let number = self.chance.below(self.queues.len() as u64);
        let demand = self.plan.demand(number, &mut self.chance);
        (self.queues[usize::try_from(number).unwrap()], demand)
    }

    fn call(&mut self, queue: u64, demand: Option<&str>) -> u64 {
        let arrival = Arrival::at(self.now_us);
        let steps = demand.map(|text| [(0, text)]);
        self.router
            .enqueue_demanding(self.now_us, queue, arrival, steps.as_ref().map(|s| &s[..]))
            .unwrap()
    }

    /// Everybody talks and so many wait.
    pub fn fill(mut self, callers: usize) -> Self {
        loop {
            let many = 10_000 / self.queues.len();
            let mut asking = Vec::new();
            for queue in self.queues.clone() {
                asking.extend((0..many).map(|_| self.call(queue, Some("any"))));
            }
            let proposals = self.router.decide(self.now_us).unwrap();
            for proposal in &proposals {
                connect(&mut self.router, self.now_us, proposal);
                self.talking.push(proposal.offer);
            }
            for caller in asking {
                // Those who were served are gone.
                if self.router.position(caller).is_ok() {
                    self.router.leave(self.now_us, caller, false).unwrap();
                }
            }
            if proposals.is_empty() {
                break;
            }
        }
        for _ in 0..callers {
            let (queue, demand) = self.next_call();
            self.call(queue, demand.as_deref());
        }
        self
    }

    /// An agent becomes free and gets a caller. Somebody else with the same demand takes the caller's place.
    pub fn full_round(&mut self) -> Duration {
        self.now_us += 1_000;
        let place = usize::try_from(self.chance.below(self.talking.len() as u64)).unwrap();
        let offer = self.talking[place];
        let begin = Instant::now();
        self.router.finish(self.now_us, offer).unwrap();
        let mut proposals = black_box(self.router.decide(self.now_us).unwrap());
        let took = begin.elapsed();
        while proposals.is_empty() {
            // Nobody waits for these skills just now: somebody comes who takes anybody.
            let queue = self.chance.one_of(&self.queues);
            let caller = self.call(queue, Some("any"));
            proposals = self.router.decide(self.now_us).unwrap();
            if proposals.is_empty() {
                self.router.leave(self.now_us, caller, false).unwrap();
            }
        }
        let proposal = proposals[0];
        let demand = self.router.demand(proposal.caller).unwrap().to_owned();
        connect(&mut self.router, self.now_us, &proposal);
        self.talking[place] = proposal.offer;
        if demand != "any" {
            self.call(proposal.queue, Some(&demand));
        }
        took
    }

    /// A caller comes and gets an agent.
    pub fn quiet_round(&mut self) -> Duration {
        self.now_us += 1_000;
        let (queue, demand) = self.next_call();
        let steps = demand.as_deref().map(|text| [(0, text)]);
        let steps = steps.as_ref().map(|steps| &steps[..]);
        let begin = Instant::now();
        let caller = self
            .router
            .enqueue_demanding(self.now_us, queue, Arrival::at(self.now_us), steps)
            .unwrap();
        let proposals = black_box(self.router.decide(self.now_us).unwrap());
        let took = begin.elapsed();
        if let Some(proposal) = proposals.first() {
            connect(&mut self.router, self.now_us, proposal);
            self.router.finish(self.now_us, proposal.offer).unwrap();
            self.router.decide(self.now_us).unwrap();
        } else {
            self.router.leave(self.now_us, caller, false).unwrap();
        }
        took
    }

    /// An agent becomes free and nobody waits.
    pub fn freed_round(&mut self) -> Duration {
        loop {
            self.now_us += 1_000;
            let (queue, demand) = self.next_call();
            let caller = self.call(queue, demand.as_deref());
            let proposals = self.router.decide(self.now_us).unwrap();
            let Some(proposal) = proposals.first() else {
                self.router.leave(self.now_us, caller, false).unwrap();
                continue;
            };
            connect(&mut self.router, self.now_us, proposal);
            let begin = Instant::now();
            self.router.finish(self.now_us, proposal.offer).unwrap();
            black_box(self.router.decide(self.now_us).unwrap());
            return begin.elapsed();
        }
    }
}
