//! How far in the order of callers each agent may be given, and to whom first, under overtaking caps: kept while a
//! decision lasts.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::capped::Head;
use super::caps::Heads;
use super::rank::Rank;
use super::{Agent, CallerKey, Queue, Result, Router};

/// The last caller in the order of callers whom an agent may be given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Limit {
    At(CallerKey),
    /// Anybody.
    Open,
}

/// An agent's limit, and what it stands on.
struct Known {
    limit: Limit,
    heads: Heads,
    /// Sum of the turns of the agent's queues: each only grows.
    turns: u64,
    /// The look that asked last.
    look: u64,
}

/// The limits of those agents who were asked for them. Each stands until something turns in one of the agent's queues.
#[derive(Default)]
pub(super) struct Limits {
    known: FxHashMap<u32, Known>,
    looks: u64,
}

impl Router {
    /// Sum of the turns of an agent's queues.
    fn turns(&self, agent: &Agent) -> Result<u64> {
        let mut turns = 0;
        for tier in &agent.tiers {
            turns += u64::from(self.queues.get(tier.queue)?.turn);
        }
        Ok(turns)
    }
}

impl Limits {
    /// What is known of an agent now, and whether this look asks for the first time.
    fn of(&mut self, router: &Router, slot: u32, look: u64) -> Result<(&Known, bool)> {
        let agent = router.agents.get(slot)?;
        let turns = router.turns(agent)?;
        let learn = || {
            let heads = router.heads(agent)?;
            let limit = router.limit_among(agent, &heads)?;
            Result::Ok(Known {
                limit: limit.map_or(Limit::Open, Limit::At),
                heads,
                turns,
                look,
            })
        };
        match self.known.entry(slot) {
            Entry::Vacant(place) => Ok((place.insert(learn()?), true)),
            Entry::Occupied(place) => {
                let known = place.into_mut();
                let first = if known.turns == turns {
                    std::mem::replace(&mut known.look, look) != look
                } else {
                    *known = learn()?;
                    true
                };
                Ok((known, first))
            }
        }
    }

    /// The best open caller of each queue whom the agent may take.
    pub(super) fn heads(&mut self, router: &Router, slot: u32) -> Result<&Heads> {
        self.looks += 1;
        let (known, _) = self.of(router, slot, self.looks)?;
        Ok(&known.heads)
    }

    /// Whether the agent may be given to this caller.
    pub(super) fn admit(&mut self, router: &Router, slot: u32, caller: CallerKey) -> Result<bool> {
        // A look of its own, whose askings nobody wants to know.
        self.looks += 1;
        let (known, _) = self.of(router, slot, self.looks)?;
        Ok(Limit::At(caller) <= known.limit)
    }

    /// Begin to look for somebody.
    pub(super) fn look(&mut self) -> Look<'_> {
        self.looks += 1;
        Look {
            number: self.looks,
            limits: self,
            asked: SmallVec::new(),
            end: None,
        }
    }
}

/// One look for somebody while nothing changes, and whose limits it asked for.
pub(super) struct Look<'a> {
    limits: &'a mut Limits,
    number: u64,
    asked: SmallVec<[CallerKey; 2]>,
    end: Option<Limit>,
}

impl Look<'_> {
    pub(super) fn of(&mut self, router: &Router, agent: u32) -> Result<Limit> {
        let (known, first) = self.limits.of(router, agent, self.number)?;
        let limit = known.limit;
        if let Limit::At(key) = limit
            && first
        {
            self.asked.push(key);
        }
        Ok(limit)
    }

    /// A source's head, when these are the limits that were asked for.
    pub(super) fn head(self, best: Option<Rank>) -> Head {
        Head {
            best,
            held_up_by: self.asked,
        }
    }

    /// The farthest of all agents who are ready in a queue.
    pub(super) fn end(&mut self, router: &Router, queue: &Queue) -> Result<Limit> {
        if let Some(end) = self.end {
            return Ok(end);
        }
        let mut end: Option<Limit> = None;
        for key in queue.ready.keys() {
            end = end.max(Some(self.of(router, key.slot)?));
            if end == Some(Limit::Open) {
                break;
            }
        }
        let end = end.unwrap_or(Limit::Open);
        self.end = Some(end);
        Ok(end)
    }
}
