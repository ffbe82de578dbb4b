//! A call centre of 1 000 queues in one of two states, without skills.

use std::hint::black_box;
use std::time::{Duration, Instant};

use callcenter_core::router::{
    AgentSettings, Arrival, Proposal, QueueSettings, Router, Status, TierSettings,
};

pub const QUEUES: u64 = 1_000;

/// A small generator, so that each run sees the same centre.
pub struct Chance(u64);

impl Chance {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

pub fn connect(router: &mut Router, now_us: i64, proposal: &Proposal) {
    router.ringing(now_us, proposal.offer).unwrap();
    router.claim(now_us, proposal.offer).unwrap();
    router.bridged(now_us, proposal.offer).unwrap();
}

pub struct Centre {
    pub router: Router,
    pub queues: Vec<u64>,
    chance: Chance,
    now_us: i64,
    talking: Vec<u64>,
}

impl Centre {
    /// All agents are ready and nobody waits.
    pub fn new(agents: u64, settings: QueueSettings) -> Self {
        let mut router = Router::new(1);
        let mut chance = Chance::new(7);
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

    /// Everybody talks and so many wait.
    pub fn fill(mut self, callers: usize) -> Self {
        loop {
            for queue in &self.queues {
                self.router
                    .enqueue(self.now_us, *queue, Arrival::at(self.now_us))
                    .unwrap();
            }
            let proposals = self.router.decide(self.now_us).unwrap();
            if proposals.is_empty() {
                break;
            }
            for proposal in proposals {
                connect(&mut self.router, self.now_us, &proposal);
                self.talking.push(proposal.offer);
            }
        }
        let there: usize = self
            .queues
            .iter()
            .map(|queue| self.router.calls_waiting(*queue).unwrap())
            .sum();
        for _ in there..callers {
            let queue = self.chance.one_of(&self.queues);
            let priority = i64::try_from(self.chance.below(3)).unwrap() - 1;
            let arrival = Arrival {
                priority,
                ..Arrival::at(self.now_us)
            };
            self.router.enqueue(self.now_us, queue, arrival).unwrap();
        }
        self
    }

    /// An agent becomes free and gets a caller.
    pub fn full_round(&mut self) -> Duration {
        self.now_us += 1_000;
        let place = usize::try_from(self.chance.below(self.talking.len() as u64)).unwrap();
        let begin = Instant::now();
        self.router
            .finish(self.now_us, self.talking[place])
            .unwrap();
        let proposals = black_box(self.router.decide(self.now_us).unwrap());
        let took = begin.elapsed();
        let proposal = proposals[0];
        connect(&mut self.router, self.now_us, &proposal);
        self.talking[place] = proposal.offer;
        self.router
            .enqueue(self.now_us, proposal.queue, Arrival::at(self.now_us))
            .unwrap();
        took
    }

    /// So many agents become free at one instant and get callers; for each of them.
    pub fn many_released(&mut self, many: u32) -> Duration {
        self.now_us += 1_000;
        let mut offers = Vec::new();
        for _ in 0..many {
            let place = self.chance.below(self.talking.len() as u64);
            offers.push(self.talking.swap_remove(usize::try_from(place).unwrap()));
        }
        let begin = Instant::now();
        for offer in offers {
            self.router.finish(self.now_us, offer).unwrap();
        }
        let proposals = black_box(self.router.decide(self.now_us).unwrap());
        let took = begin.elapsed();
        assert_eq!(
            proposals.len(),
            many as usize,
            "callers for all of them wait"
        );
        for proposal in proposals {
            connect(&mut self.router, self.now_us, &proposal);
            self.talking.push(proposal.offer);
            self.router
                .enqueue(self.now_us, proposal.queue, Arrival::at(self.now_us))
                .unwrap();
        }
        took / many
    }

    /// So many callers come at one instant and get agents; for each of them.
    pub fn many_arrived(&mut self, many: u32) -> Duration {
        self.now_us += 1_000;
        let queues: Vec<u64> = (0..many)
            .map(|_| self.chance.one_of(&self.queues))
            .collect();
        let begin = Instant::now();
        for queue in queues {
            self.router
                .enqueue(self.now_us, queue, Arrival::at(self.now_us))
                .unwrap();
        }
        let proposals = black_box(self.router.decide(self.now_us).unwrap());
        let took = begin.elapsed();
        assert_eq!(
            proposals.len(),
            many as usize,
            "agents for all of them are ready"
        );
        for proposal in proposals {
            connect(&mut self.router, self.now_us, &proposal);
            self.router.finish(self.now_us, proposal.offer).unwrap();
            self.router.decide(self.now_us).unwrap();
        }
        took / many
    }

    /// A caller comes and gets an agent.
    pub fn quiet_round(&mut self) -> Duration {
        self.now_us += 1_000;
        let queue = self.chance.one_of(&self.queues);
        let begin = Instant::now();
        self.router
            .enqueue(self.now_us, queue, Arrival::at(self.now_us))
            .unwrap();
        let proposals = black_box(self.router.decide(self.now_us).unwrap());
        let took = begin.elapsed();
        connect(&mut self.router, self.now_us, &proposals[0]);
        self.router.finish(self.now_us, proposals[0].offer).unwrap();
        self.router.decide(self.now_us).unwrap();
        took
    }

    /// An agent becomes free and nobody waits.
    pub fn freed_round(&mut self) -> Duration {
        self.now_us += 1_000;
        let queue = self.chance.one_of(&self.queues);
        self.router
            .enqueue(self.now_us, queue, Arrival::at(self.now_us))
            .unwrap();
        let proposals = self.router.decide(self.now_us).unwrap();
        connect(&mut self.router, self.now_us, &proposals[0]);
        let begin = Instant::now();
        self.router.finish(self.now_us, proposals[0].offer).unwrap();
        black_box(self.router.decide(self.now_us).unwrap());
        begin.elapsed()
    }
}
