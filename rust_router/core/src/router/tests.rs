//! Properties that need a look inside; the rules themselves are tested from Python on both routers.

use proptest::prelude::{
    Just, Strategy as _, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use super::*;

const SECOND: i64 = 1_000_000;

fn plan(strategy: Strategy) -> QueueSettings {
    QueueSettings {
        strategy,
        ..QueueSettings::default()
    }
}

fn centre(strategy: Strategy, agents: usize) -> Result<(Router, u64, Vec<u64>)> {
    let mut router = Router::new(0);
    let queue = router.put_queue(0, "support", plan(strategy))?;
    let mut ids = Vec::new();
    for number in 0..agents {
        let agent = router.put_agent(0, &format!("agent {number}"), AgentSettings::default())?;
        router.put_tier(0, queue, agent, TierSettings::at(1, 1))?;
        router.set_status(0, agent, Status::Available)?;
        ids.push(agent);
    }
    Ok((router, queue, ids))
}

#[test]
fn a_late_timer_cannot_end_the_rest_of_another_agent_in_the_same_slot() -> Result<()> {
    let (mut router, queue, ids) = centre(Strategy::LongestIdleAgent, 1)?;
    let settings = AgentSettings {
        wrap_up_us: 10 * SECOND,
        ..AgentSettings::default()
    };
    router.put_agent(0, "agent 0", settings)?;
    router.enqueue(0, queue, Arrival::at(0))?;
    let offer = router
        .decide(0)?
        .first()
        .map_or(0, |proposal| proposal.offer);
    router.claim(0, offer)?;
    router.bridged(0, offer)?;
    router.finish(0, offer)?;
    router.remove_agent(0, ids.first().copied().unwrap_or_default())?;
    assert_eq!(router.next_deadline_us(), None);
    let next = router.put_agent(0, "agent 1", settings)?;
    assert_eq!(router.agents.slot(next), Some(0), "the slot is used again");
    assert_eq!(router.advance(20 * SECOND)?, Vec::<i64>::new());
    assert_eq!(router.agent(next)?.state, State::LoggedOut);
    Ok(())
}

#[test]
fn thousands_of_wrap_ups_end_in_one_call() -> Result<()> {
    let (mut router, queue, ids) = centre(Strategy::LongestIdleAgent, 5_000)?;
    let settings = AgentSettings {
        wrap_up_us: SECOND,
        ..AgentSettings::default()
    };
    for number in 0..ids.len() {
        router.put_agent(0, &format!("agent {number}"), settings)?;
        router.enqueue(0, queue, Arrival::at(0))?;
    }
    for proposal in router.decide(0)? {
        router.claim(0, proposal.offer)?;
        router.bridged(0, proposal.offer)?;
        router.finish(0, proposal.offer)?;
    }
    assert_eq!(router.can_serve(queue)?, 0);
    assert_eq!(router.advance(SECOND)?, Vec::<i64>::new());
    assert_eq!(router.can_serve(queue)?, 5_000);
    assert_eq!(router.next_deadline_us(), None);
    Ok(())
}

#[test]
fn a_removed_queue_leaves_nothing_that_a_new_one_in_its_slot_could_trip_over() -> Result<()> {
    let (mut router, queue, ids) = centre(Strategy::RingAll, 2)?;
    let caller = router.enqueue(0, queue, Arrival::at(0))?;
    router.leave(0, caller, false)?;
    router.remove_queue(0, queue)?;
    let other = router.put_queue(0, "sales", plan(Strategy::LongestIdleAgent))?;
    assert_eq!(router.queues.slot(other), Some(0));
    assert!(router.decide(1)?.is_empty());
    assert_eq!(router.staffed(other)?, 0);
    router.put_tier(
        1,
        other,
        ids.first().copied().unwrap_or_default(),
        TierSettings::at(1, 1),
    )?;
    router.enqueue(1, other, Arrival::at(1))?;
    assert_eq!(router.decide(1)?.len(), 1);
    Ok(())
}

/// One step of a random history; numbers pick among what there is.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Enqueue(usize, i64),
    Leave(usize),
    Status(usize, usize),
    Decide,
    Claim(usize),
    Bridged(usize),
    Fail(usize, usize),
    Finish(usize),
    Tier(usize, usize, i64),
    RemoveTier(usize, usize),
    Strategy(usize, usize),
    Advance(i64),
    Demanding(usize, usize),
    Demand(usize, usize),
    Profile(usize, usize),
    Queue(usize, usize, i64),
}

const DEMANDS: [&[(i64, &str)]; 4] = [
    &[(0, "fa")],
    &[(0, "fa >= 3"), (2 * SECOND, "fa"), (5 * SECOND, "any")],
    &[(0, "not fa")],
    &[(0, "any")],
];
const PROFILES: [&[(&str, i64)]; 3] = [&[], &[("fa", 1)], &[("fa", 4), ("de", 2)]];

pub(super) fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..3, -2i64..3).prop_map(|(queue, priority)| Step::Enqueue(queue, priority)),
        1 => (0usize..40).prop_map(Step::Leave),
        2 => (0usize..6, 0usize..4).prop_map(|(agent, status)| Step::Status(agent, status)),
        4 => Just(Step::Decide),
        4 => (0usize..40).prop_map(Step::Claim),
        4 => (0usize..40).prop_map(Step::Bridged),
        2 => (0usize..40, 0usize..7).prop_map(|(offer, fault)| Step::Fail(offer, fault)),
        3 => (0usize..40).prop_map(Step::Finish),
        1 => (0usize..3, 0usize..6, 0i64..3).prop_map(|(queue, agent, level)| Step::Tier(queue, agent, level)),
        1 => (0usize..3, 0usize..6).prop_map(|(queue, agent)| Step::RemoveTier(queue, agent)),
        1 => (0usize..3, 0usize..Strategy::ALL.len()).prop_map(|(queue, strategy)| Step::Strategy(queue, strategy)),
        2 => (0i64..8).prop_map(Step::Advance),
        2 => (0usize..3, 0usize..4).prop_map(|(queue, demand)| Step::Demanding(queue, demand)),
        1 => (0usize..40, 0usize..5).prop_map(|(caller, demand)| Step::Demand(caller, demand)),
        1 => (0usize..6, 0usize..3).prop_map(|(agent, profile)| Step::Profile(agent, profile)),
        1 => (0usize..3, 0usize..4, 0i64..4).prop_map(|(queue, demand, bias)| Step::Queue(queue, demand, bias)),
    ]
}

fn staff() -> AgentSettings {
    AgentSettings {
        wrap_up_us: 3 * SECOND,
        limits: Misses {
            no_answer: 2,
            ..Misses::default()
        },
        ..AgentSettings::default()
    }
}

/// Where the random histories begin.
pub(super) fn three_queues_and_six_agents() -> Result<Router> {
    let mut router = Router::new(0);
    let settings = staff();
    for number in 0..3 {
        let settings = plan(Strategy::LongestIdleAgent);
        router.put_queue(0, &format!("queue {number}"), settings)?;
    }
    for number in 0..6 {
        let agent = router.put_agent(0, &format!("agent {number}"), settings)?;
        for queue in 1..=3 {
            router.put_tier(0, queue, agent, TierSettings::at(1, 1))?;
        }
        router.set_status(0, agent, Status::Available)?;
    }
    Ok(router)
}

fn pick<T: Copy>(from: &[T], number: usize) -> Option<T> {
    from.get(number.checked_rem(from.len())?).copied()
}

pub(super) fn apply(
    router: &mut Router,
    step: &Step,
    now: &mut i64,
    seen: &mut (Vec<u64>, Vec<u64>),
) -> Result<()> {
    let (callers, offers) = seen;
    // Ids 1…3 are the queues and 1…6 the agents of the history below.
    let id = |number: &usize| *number as u64 + 1;
    match step {
        Step::Enqueue(queue, priority) => {
            callers.push(router.enqueue(
                *now,
                id(queue),
                Arrival {
                    priority: *priority,
                    // Some would rather have a certain agent.
                    preferred: (*priority > 0).then_some((id(queue), 4 * SECOND)),
                    ..Arrival::at(*now)
                },
            )?);
        }
        Step::Demanding(queue, demand) => {
            let skills = pick(&DEMANDS, *demand);
            callers.push(router.enqueue_demanding(*now, id(queue), Arrival::at(*now), skills)?);
        }
        Step::Demand(number, demand) => {
            if let Some(caller) = pick(callers, *number) {
                router.set_skills(*now, caller, DEMANDS.get(*demand).copied())?;
            }
        }
        Step::Profile(agent, profile) => {
            let skills = pick(&PROFILES, *profile).unwrap_or_default();
            router.put_skilled_agent(*now, &format!("agent {agent}"), staff(), skills)?;
        }
        Step::Queue(queue, demand, bias) => {
            let settings = QueueSettings {
                queue_priority: *bias - 1,
                queue_weight: 1 + *bias,
                service_level_us: (3 - *bias) * SECOND,
                overtaking_cap: (*bias > 0).then_some(*bias - 1),
                ..plan(Strategy::Random)
            };
            let skills = pick(&DEMANDS, *demand).unwrap_or_default();
            router.put_skilled_queue(*now, &format!("queue {queue}"), settings, skills)?;
        }
        Step::Leave(number) => {
            if let Some(caller) = pick(callers, *number) {
                router.leave(*now, caller, *now % 2 == 0)?;
            }
        }
        Step::Status(agent, status) => {
            if let Some(status) = pick(Status::ALL, *status) {
                router.set_status(*now, id(agent), status)?;
            }
        }
        Step::Decide => offers.extend(router.decide(*now)?.iter().map(|proposal| proposal.offer)),
        Step::Claim(number) => {
            if let Some(offer) = pick(offers, *number) {
                router.claim(*now, offer)?;
            }
        }
        Step::Bridged(number) => {
            if let Some(offer) = pick(offers, *number) {
                router.bridged(*now, offer)?;
            }
        }
        Step::Fail(number, fault) => {
            if let (Some(offer), Some(fault)) = (pick(offers, *number), pick(Fault::ALL, *fault)) {
                router.fail(*now, offer, fault)?;
            }
        }
        Step::Finish(number) => {
            if let Some(offer) = pick(offers, *number) {
                router.finish(*now, offer)?;
            }
        }
        Step::Tier(queue, agent, level) => {
            let settings = TierSettings {
                opening_delay_us: (*level % 2) * 2 * SECOND,
                ..TierSettings::at(*level, 1)
            };
            router.put_tier(*now, id(queue), id(agent), settings)?;
        }
        Step::RemoveTier(queue, agent) => router.remove_tier(*now, id(queue), id(agent))?,
        Step::Strategy(queue, strategy) => {
            if let Some(strategy) = pick(Strategy::ALL, *strategy) {
                router.put_queue(*now, &format!("queue {queue}"), plan(strategy))?;
            }
        }
        Step::Advance(seconds) => {
            *now += seconds * SECOND;
            router.advance(*now)?;
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_history_leaves_a_pair_unmatched_or_a_trace_behind(steps in prop::collection::vec(step(), 1..150)) {
        let mut router = three_queues_and_six_agents()?;
        let (mut now, mut seen) = (0, (Vec::new(), Vec::new()));
        for step in &steps {
            if let Err(RouterError::Defect(what)) = apply(&mut router, step, &mut now, &mut seen) {
                prop_assert!(false, "{} after {:?}", what, step);
            }
            if matches!(step, Step::Decide) {
                prop_assert_eq!(router.unmatched()?, 0);
            }
        }
        // All ends: nothing may be left of any call.
        for &caller in &seen.0 {
            let _ = router.leave(now, caller, false);
        }
        for &offer in &seen.1 {
            let _ = router.fail(now, offer, Fault::Withdrawn);
            let _ = router.finish(now, offer);
        }
        router.advance(now + 60 * SECOND)?;
        prop_assert_eq!(router.next_deadline_us(), None);
        for queue in 1..=3 {
            let queue = router.queues.get(router.queue_slot(queue)?)?;
            prop_assert_eq!(queue.waiting.len(), 0);
            prop_assert_eq!(queue.open, 0);
        }
        for agent in 1..=6 {
            prop_assert!(router.agents.get(router.agent_slot(agent)?)?.offer.is_none());
        }
        prop_assert_eq!(router.states.iter().sum::<usize>(), 6);
    }
}

/// The only agent talks with somebody; gives the queue, the agent and the offer.
fn one_who_talks() -> Result<(Router, u64, u64, u64)> {
    let (mut router, queue, ids) = centre(Strategy::LongestIdleAgent, 1)?;
    router.enqueue(0, queue, Arrival::at(0))?;
    let offer = router.decide(0)?.first().map_or(0, |made| made.offer);
    router.claim(0, offer)?;
    router.bridged(0, offer)?;
    Ok((
        router,
        queue,
        ids.first().copied().unwrap_or_default(),
        offer,
    ))
}

#[test]
fn a_freed_agent_is_not_for_callers_who_have_not_waited_long_enough() -> Result<()> {
    let (mut router, queue, agent, offer) = one_who_talks()?;
    let late = TierSettings {
        opening_delay_us: 10 * SECOND,
        ..TierSettings::at(1, 1)
    };
    router.put_tier(0, queue, agent, late)?;
    let young = router.enqueue(SECOND, queue, Arrival::at(SECOND))?;
    router.finish(2 * SECOND, offer)?;
    assert_eq!(router.decide(2 * SECOND)?, []);
    assert_eq!(router.can_serve(queue)?, 1);
    let made = router.decide(11 * SECOND)?;
    assert_eq!(
        made.iter().map(|one| one.caller).collect::<Vec<_>>(),
        [young]
    );
    Ok(())
}

#[test]
fn a_freed_agent_gets_the_caller_who_waited_for_nobody_else() -> Result<()> {
    let (mut router, queue, agent, offer) = one_who_talks()?;
    let loyal = Arrival {
        preferred: Some((agent, 60 * SECOND)),
        ..Arrival::at(SECOND)
    };
    let caller = router.enqueue(SECOND, queue, loyal)?;
    router.enqueue(2 * SECOND, queue, Arrival::at(2 * SECOND))?;
    router.finish(3 * SECOND, offer)?;
    let made = router.decide(3 * SECOND)?;
    assert_eq!(
        made.iter().map(|one| one.caller).collect::<Vec<_>>(),
        [caller]
    );
    Ok(())
}

proptest! {
    #[test]
    fn whoever_has_just_come_is_matched_like_whoever_stands_in_order(
        steps in prop::collection::vec(step(), 1..150)
    ) {
        let (mut left, mut put) = (three_queues_and_six_agents()?, three_queues_and_six_agents()?);
        let (mut now, mut seen) = (0, (Vec::new(), Vec::new()));
        let (mut other_now, mut other_seen) = (0, (Vec::new(), Vec::new()));
        for step in &steps {
            put.put_fresh()?;
            let answer = apply(&mut left, step, &mut now, &mut seen);
            let other = apply(&mut put, step, &mut other_now, &mut other_seen);
            prop_assert_eq!(answer, other);
            prop_assert_eq!(&seen, &other_seen);
            // With what was measured for the expected wait, to the last bit.
            prop_assert!(left.snapshot()? == put.snapshot()?, "after {:?}", step);
            for queue in 1..=3 {
                prop_assert_eq!(left.can_serve(queue)?, put.can_serve(queue)?);
            }
        }
    }
}
