//! From facts to a router. Nothing is believed: each number has its range and each id must be somebody's.

use super::super::adopt::COUNTS;
use super::super::breaks::{BreakReason, Request, Resting};
use super::super::callers::{REMEMBERED, key_priority};
use super::super::timers::Due;
use super::super::types::{self, range};
use super::super::{
    Agent, Caller, CallerKey, LadderId, MAX_BREAK_QUOTA, MAX_EXTERNAL_CALLS, MAX_PRIORITY,
    MAX_TIER, MAX_US, Offer, Phase, Queue, Ready, Rest, Router, RouterError, Shield, Slots, Status,
    Tier, Trail,
};
use super::SnapshotError::{self, Contradiction};
use super::rows::{
    AgentRow, BreakReasonRow, BreakRequestRow, CallerRow, Facts, OfferRow, QueueRow, RestingRow,
    TierRow,
};
use crate::estimate::{Estimator, Ticket};

type Result<T> = std::result::Result<T, SnapshotError>;

/// Ids are compared as signed numbers somewhere; no history is that long.
const MAX_ID: u64 = i64::MAX.unsigned_abs();

fn must(holds: bool, what: &'static str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Contradiction(what))
    }
}

/// Not before time began and not after the clock.
fn past(at_us: i64, now_us: i64) -> Result<()> {
    must((0..=now_us).contains(&at_us), "a past moment that is none")
}

/// A moment that a duration may follow after any other.
fn deadline(at_us: i64) -> Result<()> {
    must((0..=2 * MAX_US).contains(&at_us), "a deadline out of range")
}

pub(super) fn rebuild(facts: Facts) -> Result<Router> {
    let Facts {
        now_us,
        seed,
        draws,
        counts_work,
        last_ids,
        queues,
        break_quota,
        break_reasons,
        agents,
        callers,
        offers,
        break_requests,
        tokens,
    } = facts;
    types::duration("now_us", now_us)?;
    must(
        last_ids.iter().all(|id| *id <= MAX_ID),
        "an id out of range",
    )?;
    let [queue_id, agent_id, caller_id, offer_id, reason_id] = last_ids;
    let mut router = Router {
        now_us,
        draws,
        counts_work,
        queues: Slots::after(queue_id),
        agents: Slots::after(agent_id),
        callers: Slots::after(caller_id),
        offers: Slots::after(offer_id),
        ..Router::new(seed)
    };
    let mut estimators = Vec::with_capacity(queues.len());
    for row in &queues {
        put_queue(&mut router, row)?;
        estimators.push((row.id, &row.estimator));
    }
    range("quota", break_quota, 0, MAX_BREAK_QUOTA)?;
    router.breaks.quota = break_quota;
    router.breaks.reasons = Slots::after(reason_id);
    for row in &break_reasons {
        put_break_reason(&mut router, row)?;
    }
    let mut agent_slots = Vec::with_capacity(agents.len());
    for row in agents {
        agent_slots.push(put_agent(&mut router, row)?);
    }
    let mut caller_slots = Vec::with_capacity(callers.len());
    let mut tickets = Vec::with_capacity(callers.len());
    for row in callers {
        tickets.push(Ticket::from_bytes(&row.ticket)?);
        caller_slots.push(put_caller(&mut router, row)?);
    }
    for row in &offers {
        put_offer(&mut router, row)?;
    }
    for row in &break_requests {
        put_break_request(&mut router, row)?;
    }
    must(
        tokens.is_sorted_by_key(|timer| timer.0),
        "timers out of order",
    )?;
    let count = tokens.len();
    for (deadline_us, token) in tokens {
        router.set_timer(deadline_us, token)?;
    }
    must(
        router.timers.tokens().count() == count,
        "a timer that is armed twice",
    )?;
    derive(&mut router, &agent_slots, &caller_slots)?;
    // Building all that has told the estimators news that are none.
    for (id, bytes) in estimators {
        put_estimator(&mut router, id, bytes)?;
    }
    for (slot, ticket) in caller_slots.into_iter().zip(tickets) {
        router.callers.get_mut(slot)?.ticket = ticket;
    }
    Ok(router)
}

fn put_queue(router: &mut Router, row: &QueueRow) -> Result<()> {
    let &QueueRow {
        id,
        name,
        settings,
        ref skills,
        skilled,
        ref passes,
        estimator: _,
    } = row;
    types::name(name)?;
    settings.check()?;
    let ladder = put_steps(router, skills)?;
    let cap = settings.overtaking_cap.unwrap_or(0);
    let newest = router.callers.last_id();
    must(
        i64::try_from(passes.len()).is_ok_and(|count| count <= cap),
        "more passings-over than count",
    )?;
    must(
        passes.is_sorted() && passes.iter().all(|id| *id <= newest),
        "a caller to come",
    )?;
    router.count_settings(&settings, true);
    let mut queue = Queue::new(name, settings, ladder);
    queue.shield = Shield::after(settings.overtaking_cap, passes);
    queue.skilled |= skilled;
    queue.ready = Ready::in_orders(queue.orders());
    let slot = router.queues.insert_again(id, queue)?;
    must(slot.is_some(), "a queue's id that can't be")?;
    let earlier = router.queue_names.insert(name.to_owned(), id);
    must(earlier.is_none(), "two queues of one name")
}

fn put_break_reason(router: &mut Router, row: &BreakReasonRow) -> Result<()> {
    types::name(row.name)?;
    row.settings.check()?;
    let reason = BreakReason::new(row.name, row.settings);
    let slot = router.breaks.reasons.insert_again(row.id, reason)?;
    must(slot.is_some(), "a break reason's id that can't be")?;
    let is_new = router.breaks.put_reason(row.id, row.name);
    must(is_new, "two break reasons of one name")
}

fn put_resting(router: &mut Router, slot: u32, id: u64, row: &RestingRow) -> Result<()> {
    past(row.since_us, router.now_us)?;
    let on_break = router.agents.get(slot)?.status == Status::OnBreak;
    must(on_break, "a break of an agent who has none")?;
    let reason = router.reason_slot(row.reason)?;
    let settings = &router.breaks.reasons.get(reason)?.settings;
    let passed = settings
        .limit_us(row.since_us)
        .is_some_and(|limit_us| limit_us <= router.now_us);
    must(passed || !row.overdue, "a limit that passed too early")?;
    router.breaks.take_place(reason)?;
    let resting = Resting::since(reason, row.since_us, row.overdue);
    router.breaks.begin(slot, id, resting)?;
    router.agents.get_mut(slot)?.breaks = true;
    Ok(())
}

fn put_break_request(router: &mut Router, row: &BreakRequestRow) -> Result<()> {
    past(row.asked_us, router.now_us)?;
    let slot = router.agent_slot(row.agent)?;
    let reason = router.reason_slot(row.reason)?;
    let agent = router.agents.get_mut(slot)?;
    must(
        agent.status != Status::LoggedOut,
        "a request of an agent who is logged out",
    )?;
    agent.breaks = true;
    let rests = router.breaks.resting.get(&slot);
    must(
        rests.is_none_or(|resting| resting.reason != reason),
        "a request for the break that is",
    )?;
    must(!router.breaks.has_asked(slot), "two requests of one agent")?;
    router.breaks.stand_in_line(Request {
        agent: slot,
        reason,
        asked_us: row.asked_us,
        place: row.place,
    })?;
    Ok(())
}

fn put_steps(router: &mut Router, skills: &[(i64, String)]) -> Result<LadderId> {
    let steps: Vec<(i64, &str)> = skills
        .iter()
        .map(|(after_us, demand)| (*after_us, demand.as_str()))
        .collect();
    let ladder = router.skills.put_steps(&steps);
    Ok(ladder.map_err(RouterError::from)?)
}

fn put_estimator(router: &mut Router, id: u64, bytes: &[u8]) -> Result<()> {
    let slot = router.queue_slot(id)?;
    let queue = router.queues.get_mut(slot)?;
    let found = Estimator::from_bytes(bytes)?;
    must(
        found.waiting() == queue.waiting.len(),
        "callers of whom the estimate doesn't know",
    )?;
    queue.estimator = found;
    Ok(())
}

fn put_agent(router: &mut Router, row: AgentRow) -> Result<u32> {
    let AgentRow {
        id,
        name,
        settings,
        skills,
        status,
        state_since_us,
        idle_since_us,
        served,
        rest,
        hold_us,
        external_calls,
        missed,
        calls_answered,
        talk_us,
        work,
        resting,
        tiers,
    } = row;
    types::name(name)?;
    settings.check()?;
    past(state_since_us, router.now_us)?;
    past(idle_since_us, router.now_us)?;
    range("external_calls", external_calls, 0, MAX_EXTERNAL_CALLS)?;
    missed.check(&COUNTS)?;
    must(talk_us >= 0, "a count below 0")?;
    must(calls_answered <= MAX_ID, "a count out of range")?;
    must(work.is_sound(router.now_us), "work at impossible times")?;
    let skills: Vec<(&str, i64)> = skills
        .iter()
        .map(|(name, level)| (name.as_str(), i64::from(*level)))
        .collect();
    let profile = router.skills.put_profile(&skills);
    let profile = profile.map_err(RouterError::from)?;
    let agent = Agent {
        status,
        served,
        idle_since_us,
        state_since_us,
        external_calls,
        talk_us,
        calls_answered,
        missed,
        work,
        ..Agent::new(name, settings, profile, router.now_us)
    };
    let slot = router.agents.insert_again(id, agent)?;
    let slot = slot.ok_or(Contradiction("an agent's id that can't be"))?;
    let earlier = router.agent_names.insert(name.to_owned(), id);
    must(earlier.is_none(), "two agents of one name")?;
    for until_us in rest.iter().map(|rest| rest.0).chain(hold_us) {
        deadline(until_us)?;
    }
    let rest = rest.map(|(until_us, wrap_up)| Rest {
        timer: router.timers.arm(until_us, Due::Agent(slot)),
        wrap_up,
    });
    let hold = hold_us.map(|until_us| router.timers.arm(until_us, Due::Agent(slot)));
    let mut places = Vec::with_capacity(tiers.len());
    for row in &tiers {
        places.push(tier(router, slot, status, row)?);
    }
    places.sort_unstable_by_key(|tier| tier.queue);
    must(
        places.is_sorted_by(|left, right| left.queue < right.queue),
        "two tiers of one agent in one queue",
    )?;
    let agent = router.agents.get_mut(slot)?;
    agent.rest = rest;
    agent.hold = hold;
    agent.tiers = places.into();
    if let Some(resting) = resting {
        put_resting(router, slot, id, &resting)?;
    }
    Ok(slot)
}

fn tier(router: &mut Router, slot: u32, status: Status, row: &TierRow) -> Result<Tier> {
    let &TierRow {
        queue,
        settings,
        last_offer,
    } = row;
    settings.check()?;
    must(last_offer <= router.offers.last_id(), "an offer to come")?;
    let queue_slot = router.queue_slot(queue)?;
    let queue = router.queues.get_mut(queue_slot)?;
    queue.members.insert(slot);
    queue.staffed += usize::from(status != Status::LoggedOut);
    queue.takers += u32::from(status.takes_calls());
    queue.count_tier(&settings, queue.counts_as_present(status), true);
    Ok(Tier {
        last_offer,
        ..Tier::new(queue_slot, &settings)
    })
}

fn put_caller(router: &mut Router, row: CallerRow) -> Result<u32> {
    let CallerRow {
        id,
        queue,
        entered_us,
        priority,
        base_score_us,
        skills,
        offered_us,
        marker,
        refused,
        preferred,
        ticket: _,
        held,
    } = row;
    types::duration("entered_us", entered_us)?;
    range("priority", priority, -MAX_PRIORITY, MAX_PRIORITY)?;
    range("base_score_us", base_score_us, -MAX_US, MAX_US)?;
    past(offered_us, router.now_us)?;
    let known = router.agents.last_id();
    if let Some((level, position, id)) = marker {
        range("level", i64::from(level), 0, MAX_TIER)?;
        range("position", position, 0, MAX_TIER)?;
        must(id <= known, "an agent to come")?;
    }
    must(refused.len() <= REMEMBERED, "too many refusals")?;
    must(refused.iter().all(|id| *id <= known), "an agent to come")?;
    let preferred = match preferred {
        Some((agent, until_us)) => {
            must(until_us > router.now_us, "a preference of the past")?;
            deadline(until_us)?;
            Some((router.agent_slot(agent)?, until_us))
        }
        None => None,
    };
    let key = CallerKey {
        priority: key_priority(priority),
        since_us: entered_us - base_score_us,
        id,
        slot: 0,
    };
    let queue_slot = router.queue_slot(queue)?;
    if let Some((agent, _)) = preferred {
        must(router.serves(agent, queue_slot)?, "a preference in vain")?;
    }
    let ladder = match skills {
        Some(steps) => Some(put_steps(router, &steps)?),
        None => None,
    };
    let bare = offered_us == 0 && marker.is_none() && refused.is_empty() && preferred.is_none();
    let trail = Trail {
        offers: Vec::new(),
        offered_us,
        marker,
        refused,
        preferred,
    };
    let caller = Caller {
        ladder,
        held,
        trail: (!bare).then(|| Box::new(trail)),
        ..Caller::new(key, entered_us, queue_slot)
    };
    let slot = router.callers.insert_again(id, caller)?;
    let slot = slot.ok_or(Contradiction("a caller's id that can't be"))?;
    router.callers.get_mut(slot)?.key.slot = slot;
    if let Some((agent, _)) = preferred {
        router.agents.get_mut(agent)?.fans.insert(slot);
    }
    Ok(slot)
}

fn put_offer(router: &mut Router, row: &OfferRow) -> Result<()> {
    let &OfferRow {
        id,
        caller,
        agent,
        queue,
        made_us,
        phase,
        withdrawn,
        miss_status,
    } = row;
    past(made_us, router.now_us)?;
    let agent_slot = router.agent_slot(agent)?;
    let caller = caller.map(|id| router.caller_slot(id)).transpose()?;
    if let Phase::Talking { since_us } = phase {
        past(since_us, router.now_us)?;
        must(caller.is_none(), "a caller who waits and talks")?;
    }
    let place = match caller {
        Some(slot) => router.callers.get(slot)?.trail().offers.len(),
        None => 0,
    };
    let offer = Offer {
        caller,
        place,
        agent: agent_slot,
        queue: (router.queues.slot(queue).unwrap_or(u32::MAX), queue),
        made_us,
        phase,
        withdrawn,
        miss_status,
    };
    let slot = router.offers.insert_again(id, offer)?;
    let slot = slot.ok_or(Contradiction("an offer's id that can't be"))?;
    let held = router.agents.get_mut(agent_slot)?.offer.replace(slot);
    must(held.is_none(), "an agent with two offers")?;
    if let Some(caller) = caller {
        let caller = router.callers.get_mut(caller)?;
        caller.trail_mut().offers.push(slot);
        if phase == Phase::Claimed {
            must(!caller.claimed, "a caller claimed twice")?;
            caller.claimed = true;
        }
    }
    Ok(())
}

/// What follows from the facts: the order of calls is that a router at work would need.
fn derive(router: &mut Router, agents: &[u32], callers: &[u32]) -> Result<()> {
    let queues: Vec<u32> = router.queues.by_age().iter().map(|row| row.1).collect();
    for slot in queues {
        router.queues.get_mut(slot)?.last_offered = router.newest_offered(slot)?;
        router.review_thresholds(slot, None)?;
    }
    for &slot in agents {
        let state = router.state_of(router.agents.get(slot)?)?;
        let agent = router.agents.get_mut(slot)?;
        agent.state = state;
        agent.readiness = agent.readiness_in(state);
        router.count_state(state, true);
        router.sync_tiers(slot)?;
    }
    for &slot in callers {
        let caller = router.callers.get(slot)?;
        let queue = router.queues.get_mut(caller.queue)?;
        queue.waiting.insert(caller.key);
        router.refresh_caller(slot)?;
    }
    Ok(())
}
