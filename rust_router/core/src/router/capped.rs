//! Decisions under overtaking caps; see `caps.rs` for the rule.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::ops::Bound;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::caps::Heads;
use super::limits::{Limit, Limits, Look};
use super::rank::Rank;
use super::{Agent, Caller, CallerKey, Proposal, Queue, Result, Router, RouterError, Source, Spot};

/// Whom a source could have served.
#[derive(Default)]
pub(super) struct Head {
    pub(super) best: Option<Rank>,
    /// Protected callers for whom somebody of the source waits, perhaps: nobody better than `best` is free before
    /// one of them has been served.
    pub(super) held_up_by: SmallVec<[CallerKey; 2]>,
}

/// The heads of all sources in order, and for whose turn they wait.
#[derive(Default)]
struct Line {
    /// What was put here, and what it was put in place of.
    order: BinaryHeap<Reverse<(Rank, Source)>>,
    ranks: FxHashMap<Source, Rank>,
    waits: BTreeSet<(CallerKey, Source)>,
}

impl Line {
    /// This source has that head now.
    fn put(&mut self, source: Source, head: Head) {
        if let Some(rank) = head.best {
            if self.ranks.insert(source, rank) != Some(rank) {
                self.order.push(Reverse((rank, source)));
            }
        } else {
            self.ranks.remove(&source);
        }
        let keys = head.held_up_by.into_iter();
        self.waits.extend(keys.map(|key| (key, source)));
    }

    /// The first head, which stays.
    fn first(&mut self) -> Option<(Rank, Source)> {
        while let Some(Reverse((rank, source))) = self.order.peek() {
            if self.ranks.get(source) == Some(rank) {
                return Some((*rank, *source));
            }
            self.order.pop();
        }
        None
    }

    fn pop(&mut self) -> Option<(Rank, Source)> {
        let (rank, source) = self.first()?;
        self.order.pop();
        self.ranks.remove(&source);
        Some((rank, source))
    }

    /// The sources that waited for this caller's turn, perhaps.
    fn freed_by(&mut self, key: CallerKey) -> Vec<Source> {
        let from = (key, Source::Queue(0));
        let theirs = self.waits.range(from..).take_while(|(of, _)| *of == key);
        let freed: Vec<Source> = theirs.map(|(_, source)| *source).collect();
        for source in &freed {
            self.waits.remove(&(key, *source));
        }
        freed
    }
}

impl Router {
    /// As `match_before` without caps, but that a caller may have to wait for protected ones to be served first.
    /// Whoever is at `place` then waits for these too.
    pub(super) fn decide_capped(&mut self, place: Option<Rank>) -> Result<Vec<Proposal>> {
        let mut proposals = Vec::new();
        let mut line = Line::default();
        let mut limits = Limits::default();
        self.look(&mut |router, source| {
            line.put(source, router.capped_bound(source, &mut limits)?);
            Ok(())
        })?;
        while let Some((rank, source)) = line.pop() {
            if let Some(place) = place
                && place <= rank
            {
                let caller = self.callers.get(place.key.slot)?;
                let queue = self.queues.get(caller.queue)?;
                let (free, held_up) = self.somebody(queue, caller, &mut limits.look())?;
                if free || !held_up {
                    break;
                }
            }
            let before = self.capped_head(source, &mut limits)?;
            let served = before.best == Some(rank);
            if !served {
                line.put(source, before);
                continue;
            }
            let slot = rank.key.slot;
            self.serve_within(slot, &mut proposals, &mut limits)?;
            if self.callers.get(slot)?.spot == Spot::None {
                for freed in line.freed_by(rank.key) {
                    line.put(freed, self.capped_bound(freed, &mut limits)?);
                }
                line.put(source, self.capped_bound(source, &mut limits)?);
                continue;
            }
            line.put(source, self.capped_head(source, &mut limits)?);
            if line.first() == Some((rank, source)) {
                return Err(RouterError::Defect("a head that nobody could serve"));
            }
        }
        Ok(proposals)
    }

    /// A head that isn't behind the true one, nor behind one that comes true before it is looked at. A queue's costs
    /// little: nobody's limit is asked for, and mostly needn't be, as those who are ready go to others first.
    fn capped_bound(&self, source: Source, limits: &mut Limits) -> Result<Head> {
        let (Source::Queue(slot) | Source::Walk(slot)) = source else {
            return self.capped_head(source, limits);
        };
        let head = self.queues.get(slot)?.head();
        Ok(Head {
            best: head.map(|key| self.rank_of(key, slot)).transpose()?,
            ..Head::default()
        })
    }

    /// The best open caller of a source who may be served now.
    fn capped_head(&self, source: Source, limits: &mut Limits) -> Result<Head> {
        match source {
            Source::Queue(slot) | Source::Walk(slot) => self.capped_walk(slot, limits.look()),
            Source::Caller(slot) => {
                let Ok(caller) = self.callers.get(slot) else {
                    return Ok(Head::default());
                };
                let Spot::Stage(..) = caller.spot else {
                    return Ok(Head::default());
                };
                let mut look = limits.look();
                let queue = self.queues.get(caller.queue)?;
                let (free, _) = self.somebody(queue, caller, &mut look)?;
                let rank = self.rank_of(caller.key, caller.queue)?;
                Ok(look.head(free.then_some(rank)))
            }
            Source::Wanted(slot) | Source::Agent(slot) => {
                let agent = self.agents.get(slot)?;
                if agent.wanted.is_empty() && matches!(source, Source::Wanted(_)) {
                    return Ok(Head::default());
                }
                let heads = self.heads(agent)?;
                self.capped_agent(agent, &heads, matches!(source, Source::Agent(_)))
            }
        }
    }

    /// The best of those whom this agent may take, or of those only who wait for nobody else.
    /// `heads` are the agent's.
    pub(super) fn capped_agent(&self, agent: &Agent, heads: &Heads, anybody: bool) -> Result<Head> {
        let limit = self.limit_among(agent, heads)?;
        let mut held_up_by = None;
        let mut best: Option<Rank> = None;
        let mut look_at = |key: CallerKey, queue: u32| -> Result<()> {
            if limit.is_some_and(|first| first < key) {
                held_up_by = limit;
                return Ok(());
            }
            let rank = self.rank_of(key, queue)?;
            if best.is_none_or(|best| rank < best) {
                best = Some(rank);
            }
            Ok(())
        };
        for key in &agent.wanted {
            let queue = self.callers.get(key.slot)?.queue;
            if self.may_serve(agent, queue)? {
                look_at(*key, queue)?;
            }
        }
        if anybody {
            for (queue, key) in heads {
                look_at(*key, *queue)?;
            }
        }
        Ok(Head {
            best,
            held_up_by: held_up_by.into_iter().collect(),
        })
    }

    /// The first open caller of a queue who may be served now.
    fn capped_walk(&self, slot: u32, mut look: Look<'_>) -> Result<Head> {
        let queue = self.queues.get(slot)?;
        let mut from = Bound::Unbounded;
        let mut held_up = false;
        while queue.ready.len() > 0 {
            let next = queue
                .open_stages()
                .filter_map(|(callers, _)| callers.next(from.as_ref()))
                .min();
            let Some((key, _)) = next else {
                break;
            };
            if held_up && look.end(self, queue)? < Limit::At(key) {
                break;
            }
            let found = self.somebody(queue, self.callers.get(key.slot)?, &mut look)?;
            if found.0 {
                return Ok(look.head(Some(self.rank_of(key, slot)?)));
            }
            held_up |= found.1;
            from = Bound::Excluded(key);
        }
        Ok(look.head(None))
    }

    /// Whether somebody is ready for this caller; whether somebody would be, but for protected callers.
    fn somebody(
        &self,
        queue: &Queue,
        caller: &Caller,
        look: &mut Look<'_>,
    ) -> Result<(bool, bool)> {
        let demand = match caller.spot {
            Spot::None => return Ok((false, false)),
            Spot::Wanted(agent) => {
                let tier = self.agents.get(agent)?.tier(caller.queue);
                let ready = tier.is_some_and(|tier| tier.ready);
                let may = ready && Limit::At(caller.key) <= look.of(self, agent)?;
                return Ok((may, ready && !may));
            }
            Spot::Stage(_, demand) => demand,
        };
        let wish = self.wish(queue, caller.entered_us, demand);
        let mut held_up = false;
        let free = queue.ready.first_where(&wish, |key| {
            let may = Limit::At(caller.key) <= look.of(self, key.slot)?;
            held_up |= !may;
            Result::Ok(may)
        })?;
        Ok((free, held_up))
    }
}
