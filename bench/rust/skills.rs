//! What skills cost a decision when nobody is like anybody else.
//!
//! 200 skills; every agent has eight of them at random levels and so a profile of one's own; every caller has
//! another demand, of two skills at levels that one agent in a thousand reaches. One queue, which is the worst
//! case: nothing else narrows the choice. Every time is one whole step with all upkeep, read by a nanosecond
//! clock whose own cost is printed and not taken off.
//!
//! - **arrival**: all agents are ready; a caller comes with a demand that nobody had before; the best agent is
//!   found and taken out.
//! - **freed**: all agents are busy and as many callers wait as there are demands; an agent becomes free, the
//!   best caller is found, taken out, and the demand forgotten.
//!
//! `cargo bench -p callcenter_core --bench skills [-- AGENTS DEMANDS]`

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing
)]

use std::hint::black_box;
use std::time::Instant;

use callcenter_core::skills::{ClassIndex, DemandId, ProfileId, Skills};

/// As long as a router's key.
type Key = (i64, i64, u64, u32);

const SKILLS: u64 = 200;

/// xorshift64*: the same on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }

    fn skill(&mut self) -> String {
        format!("skill:{}", self.below(SKILLS))
    }

    fn level(&mut self, low: u64) -> i64 {
        i64::try_from(low + self.below(101 - low)).unwrap()
    }

    fn key(&mut self, id: u32) -> Key {
        let since = i64::try_from(self.below(1 << 30)).unwrap();
        (0, since, u64::from(id), id)
    }

    fn profile(&mut self, skills: &mut Skills) -> ProfileId {
        let set: std::collections::BTreeMap<String, i64> =
            (0..8).map(|_| (self.skill(), self.level(1))).collect();
        let set: Vec<(&str, i64)> = set
            .iter()
            .map(|(name, level)| (name.as_str(), *level))
            .collect();
        skills.put_profile(&set).unwrap()
    }

    fn demand(&mut self) -> String {
        let mut level = || 1 + self.level(1) / 2;
        let (one, two) = (level(), level());
        format!("{} >= {one} and {} >= {two}", self.skill(), self.skill())
    }

    fn demands(&mut self, skills: &mut Skills, count: usize) -> Vec<DemandId> {
        let mut out = std::collections::BTreeSet::new();
        while out.len() < count {
            let text = self.demand();
            out.insert(skills.put_demand(&text).unwrap());
        }
        out.into_iter().collect()
    }
}

fn timed<T>(times: &mut Vec<u64>, step: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let out = black_box(step());
    times.push(u64::try_from(begin.elapsed().as_nanos()).unwrap());
    out
}

fn show(what: &str, times: &mut [u64]) {
    times.sort_unstable();
    let at = |permille: usize| times[(times.len() - 1) * permille / 1000];
    println!(
        "| {what} | {} | {} | {} | {} |",
        times.len(),
        at(500),
        at(990),
        at(1000)
    );
}

fn arrival(chance: &mut Chance, agents: u32, rounds: usize) {
    let mut skills = Skills::new();
    let mut ready = ClassIndex::default();
    for id in 0..agents {
        let profile = chance.profile(&mut skills);
        ready.insert(chance.key(id), profile.0);
    }
    let (mut new, mut known, mut served, mut eligible) = (Vec::new(), Vec::new(), 0, 0);
    let mut texts: Vec<String> = (0..rounds).map(|_| chance.demand()).collect();
    for again in [false, true] {
        let times = if again { &mut known } else { &mut new };
        for text in &mut texts {
            let (found, demand) = timed(times, || {
                let demand = skills.put_demand(text).unwrap();
                let found = ready.best(&skills.profiles_for(demand));
                if let Some((key, _)) = &found {
                    ready.remove(key);
                }
                (found, demand)
            });
            if let Some((key, profile)) = found {
                ready.insert(key, profile);
                served += 1;
            }
            if again {
                continue;
            }
            // Kept, so that it is known and held by somebody else when it comes again.
            eligible += skills.matching_profiles(demand).unwrap().len();
            *text = skills.demand(demand).unwrap().to_string();
        }
    }
    show(
        &format!("arrival, {agents} agents ready, demand new"),
        &mut new,
    );
    show(
        &format!("arrival, {agents} agents ready, demand known"),
        &mut known,
    );
    println!(
        "<!-- served {served} of {}, {eligible} eligible for {rounds}, memo {} KiB -->",
        2 * rounds,
        skills.memo_bytes() >> 10
    );
}

fn freed(chance: &mut Chance, agents: u32, callers: usize, rounds: usize) {
    let mut skills = Skills::new();
    let profiles: Vec<ProfileId> = (0..agents).map(|_| chance.profile(&mut skills)).collect();
    let mut open = ClassIndex::default();
    let mut id = 0;
    for demand in chance.demands(&mut skills, callers) {
        id += 1;
        open.insert(chance.key(id), demand.0);
    }
    let (mut find, mut come, mut served) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        let profile = profiles[usize::try_from(chance.below(u64::from(agents))).unwrap()];
        let found = timed(&mut find, || {
            let found = open.best(&skills.demands_for(profile));
            if let Some((key, demand)) = &found {
                open.remove(key);
                skills.drop_demand(DemandId(*demand)).unwrap();
            }
            found
        });
        if found.is_some() {
            served += 1;
            id += 1;
            let (text, key) = (chance.demand(), chance.key(id));
            timed(&mut come, || {
                let demand = skills.put_demand(&text).unwrap();
                open.insert(key, demand.0);
            });
        }
    }
    show(
        &format!("freed, {callers} callers wait, {agents} profiles"),
        &mut find,
    );
    show(
        &format!("a caller comes, none free, {callers} wait, {agents} profiles"),
        &mut come,
    );
    println!(
        "<!-- served {served} of {rounds}, memo {} KiB -->",
        skills.memo_bytes() >> 10
    );
    let mut times = Vec::new();
    for _ in 0..1000 {
        let profile = timed(&mut times, || chance.profile(&mut skills));
        skills.drop_profile(profile).unwrap();
    }
    show(
        &format!("an agent gets new skills, {callers} demands"),
        &mut times,
    );
}

/// Everybody but the first in line matches: half the demands are broad, and tries in order find nobody.
fn unlucky(chance: &mut Chance, agents: u32, callers: usize, rounds: usize) {
    let mut skills = Skills::new();
    let profiles: Vec<ProfileId> = (0..agents)
        .map(|id| {
            let own = format!("own:{id}");
            let set = [
                ("left", i64::from(id % 2)),
                ("right", i64::from(1 - id % 2)),
                (own.as_str(), 1),
            ];
            skills.put_profile(&set).unwrap()
        })
        .collect();
    let mut open = ClassIndex::default();
    let half = callers / 2;
    for id in 0..callers {
        let side = if id < half { "left" } else { "right" };
        let demand = skills
            .put_demand(&format!("{side} or caller:{id}"))
            .unwrap();
        let id = u32::try_from(id).unwrap();
        open.insert((0, i64::from(id), u64::from(id), id), demand.0);
    }
    let mut times = Vec::new();
    for _ in 0..rounds {
        let profile = profiles[usize::try_from(chance.below(u64::from(agents / 2)) * 2).unwrap()];
        let found = timed(&mut times, || open.best(&skills.demands_for(profile)));
        assert!(found.is_some());
    }
    show(
        &format!("freed, unlucky order, {callers} callers wait, half of them eligible"),
        &mut times,
    );
    println!("<!-- memo {} KiB -->", skills.memo_bytes() >> 10);
}

/// No skills anywhere: what the index costs a queue that doesn't use them.
fn plain(chance: &mut Chance, callers: u32, rounds: u32) {
    let skills = Skills::new();
    let mut open = ClassIndex::default();
    for id in 0..callers {
        open.insert(chance.key(id), DemandId::ANY.0);
    }
    let mut times = Vec::new();
    for id in 0..rounds {
        let (key, filter) = (
            chance.key(callers + id),
            skills.demands_for(ProfileId::NONE),
        );
        timed(&mut times, || {
            open.insert(key, DemandId::ANY.0);
            let found = open.best(&filter);
            found.map(|(key, _)| open.remove(&key))
        });
    }
    show(
        &format!("no skills: one in, best out, {callers} wait"),
        &mut times,
    );
}

fn main() {
    let mut sizes = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok());
    let agents: u32 = sizes.next().unwrap_or(10_000);
    let callers = usize::try_from(sizes.next().unwrap_or(10_000)).unwrap();
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    let mut clock = Vec::new();
    for _ in 0..100_000 {
        timed(&mut clock, || ());
    }
    println!("| step | times | p50 ns | p99 ns | max ns |\n|---|---|---|---|---|");
    show("the clock alone", &mut clock);
    arrival(&mut chance, agents, 20_000);
    freed(&mut chance, agents, callers, 20_000);
    unlucky(&mut chance, agents, callers, 2000);
    plain(&mut chance, 10_000, 100_000);
    plain(&mut chance, 1_000_000, 100_000);
}
