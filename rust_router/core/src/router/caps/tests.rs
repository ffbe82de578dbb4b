//! Protected callers are found without looking at everybody, and are those that looking at everybody finds.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::tests::{Step, apply, step, three_queues_and_six_agents};
use super::*;
use crate::router::{
    AgentSettings, Arrival, Proposal, QueueSettings, RouterError, Spot, Status, Tier, TierSettings,
};

/// The first protected caller of a queue whom an agent may take, found the slow way.
fn by_looking_at_everybody(
    router: &Router,
    queue: &Queue,
    agent: u32,
    tier: &Tier,
) -> Result<Option<CallerKey>> {
    let waits: Vec<i64> = queue
        .open_stages()
        .map(|(_, waited_us)| waited_us)
        .collect();
    for key in queue.waiting.iter() {
        let Spot::Stage(stage, demand) = router.callers.get(key.slot)?.spot else {
            continue;
        };
        let waited_us = waits.get(stage).copied().unwrap_or(0);
        let opened =
            tier.opening_delay_us <= waited_us && tier.level <= queue.opening(waited_us).level;
        let protected = key.id <= queue.shield.up_to();
        if protected && opened && router.meets(agent, demand)? {
            return Ok(Some(*key));
        }
    }
    Ok(None)
}

/// The first protected caller whom an agent may take, found the slow way.
fn limit_by_looking_at_everybody(router: &Router, slot: u32) -> Result<Option<CallerKey>> {
    let agent = router.agents.get(slot)?;
    let mut all = Vec::new();
    for tier in &agent.tiers {
        let queue = router.queues.get(tier.queue)?;
        if queue.takes(agent.readiness) {
            all.extend(by_looking_at_everybody(router, queue, slot, tier)?);
        }
    }
    for key in &agent.wanted {
        let caller = router.callers.get(key.slot)?;
        if router.may_serve(agent, caller.queue)? && router.is_protected(caller)? {
            all.push(*key);
        }
    }
    Ok(all.into_iter().min())
}

/// What a decision does by its definition: all callers in order, from the first again after each protected one.
fn decided_by_walking(router: &mut Router) -> Result<Vec<Proposal>> {
    let mut made = Vec::new();
    loop {
        let mut callers = Vec::new();
        for id in 1..=3 {
            let slot = router.queue_slot(id)?;
            for key in router.queues.get(slot)?.waiting.iter() {
                callers.push(router.rank_of(*key, slot)?);
            }
        }
        callers.sort_unstable();
        let mut again = false;
        for rank in callers {
            let caller = router.callers.get(rank.key.slot)?;
            let (open, protected) = (caller.spot != Spot::None, router.is_protected(caller)?);
            let before = made.len();
            if open {
                router.serve(rank.key.slot, &mut made)?;
            }
            if protected && made.len() > before {
                again = true;
                break;
            }
        }
        if !again {
            return Ok(made);
        }
    }
}

/// Decide; it has to give what walking gives, and what every third caller was told before.
fn check_decision(router: &mut Router, now: i64) -> Result<Vec<u64>> {
    router.advance(now)?;
    let (mut asked, mut foretold) = (BTreeSet::new(), BTreeSet::new());
    let turn = router.offers.last_id() % 3;
    for id in 1..=3 {
        for key in router.queues.get(router.queue_slot(id)?)?.waiting.iter() {
            if key.id % 3 != turn {
                continue;
            }
            asked.insert(key.id);
            let found = router.explain(key.id)?;
            let had = found.candidates.iter().filter(|one| one.reason.is_none());
            foretold.extend(had.take(found.wanted).map(|one| (key.id, one.agent)));
        }
    }
    let snapshot = router.snapshot()?;
    let mut copy = Router::restore(&snapshot).map_err(|_| RouterError::Defect("no copy"))?;
    copy.put_fresh()?;
    let expected = decided_by_walking(&mut copy)?;
    let made = router.decide(now)?;
    assert_eq!(made, expected);
    let theirs = made.iter().filter(|made| asked.contains(&made.caller));
    let pairs: BTreeSet<_> = theirs.map(|made| (made.caller, made.agent)).collect();
    assert_eq!(pairs, foretold);
    Ok(made.iter().map(|made| made.offer).collect())
}

/// Steps in which several wait and several are free at once.
fn busy() -> impl proptest::strategy::Strategy<Value = Step> {
    let open = (0usize..3).prop_map(|queue| Step::Enqueue(queue, 0));
    let ended = (0usize..12, 0usize..7).prop_map(|(offer, fault)| Step::Fail(offer, fault));
    let back = (0usize..6).prop_map(|agent| Step::Status(agent, 0));
    prop_oneof![2 => open, 2 => ended, 1 => back, 1 => Just(Step::Advance(1)), 5 => step()]
}

fn check(router: &Router) -> Result<()> {
    for id in 1..=6 {
        let slot = router.agent_slot(id)?;
        assert_eq!(
            router.limit(router.agents.get(slot)?)?,
            limit_by_looking_at_everybody(router, slot)?
        );
    }
    for id in 1..=3 {
        let queue_slot = router.queue_slot(id)?;
        let queue = router.queues.get(queue_slot)?;
        for id in 1..=6 {
            let slot = router.agent_slot(id)?;
            let agent = router.agents.get(slot)?;
            if let Some(tier) = agent.tier(queue_slot) {
                let demands = router.skills.demands_for(agent.profile);
                assert_eq!(
                    queue.protected_for(tier, &demands),
                    by_looking_at_everybody(router, queue, slot, tier)?
                );
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn capped_decisions_are_those_of_looking_at_everybody(
        queues in prop::collection::vec((0usize..4, 1i64..4), 3),
        steps in prop::collection::vec(busy(), 1..150),
    ) {
        let mut router = three_queues_and_six_agents()?;
        let (mut now, mut seen) = (0, (Vec::new(), Vec::new()));
        for (queue, &(demand, bias)) in queues.iter().enumerate() {
            apply(&mut router, &Step::Queue(queue, demand, bias), &mut now, &mut seen)?;
        }
        for step in &steps {
            if matches!(step, Step::Decide) && router.is_capped() {
                seen.1.extend(check_decision(&mut router, now)?);
            } else {
                let _ = apply(&mut router, step, &mut now, &mut seen);
            }
            router.put_fresh()?;
            check(&router)?;
        }
    }
}

#[test]
fn whoever_came_before_the_last_passing_over_but_one_is_protected() -> Result<()> {
    let mut router = three_queues_and_six_agents()?;
    let settings = QueueSettings {
        queue_priority: -1,
        overtaking_cap: Some(2),
        ..QueueSettings::default()
    };
    router.put_queue(0, "queue 0", settings)?;
    let first = router.enqueue(0, 1, Arrival::at(0))?;
    let slot = router.queue_slot(1)?;
    let protected = |router: &Router| Result::Ok(router.queues.get(slot)?.shield.up_to() >= first);
    for _ in 0..2 {
        assert!(!protected(&router)?);
        router.pass_over(&[slot])?;
        assert!(router.queues.get(slot)?.shield.passes().len() <= 2);
        let late = router.enqueue(0, 1, Arrival::at(0))?;
        assert!(router.queues.get(slot)?.shield.up_to() < late);
    }
    assert!(protected(&router)?);
    router.pass_over(&[slot])?;
    let kept = router.queues.get(slot)?.shield.passes();
    assert_eq!(kept.len(), 2, "older ones never count again");
    check(&router)
}

#[test]
fn an_agent_freed_by_the_end_of_a_talk_passes_queues_over_too() -> Result<()> {
    let mut router = Router::new(0);
    let urgent = QueueSettings {
        queue_priority: 1,
        ..QueueSettings::default()
    };
    let capped = QueueSettings {
        overtaking_cap: Some(1),
        ..QueueSettings::default()
    };
    let sales = router.put_queue(0, "sales", urgent)?;
    let support = router.put_queue(0, "support", capped)?;
    let agent = router.put_agent(0, "ann", AgentSettings::default())?;
    for queue in [sales, support] {
        router.put_tier(0, queue, agent, TierSettings::at(1, 1))?;
    }
    router.set_status(0, agent, Status::Available)?;
    router.enqueue(0, sales, Arrival::at(0))?;
    let offer = router.decide(0)?.first().map_or(0, |made| made.offer);
    router.claim(0, offer)?;
    router.bridged(0, offer)?;
    let user = router.enqueue(0, support, Arrival::at(0))?;
    let buyer = router.enqueue(0, sales, Arrival::at(0))?;
    router.finish(1, offer)?;
    let made = router.decide(1)?;
    assert_eq!(made.first().map(|made| made.caller), Some(buyer));
    let slot = router.queue_slot(support)?;
    assert!(router.queues.get(slot)?.shield.up_to() >= user);
    Ok(())
}

#[test]
fn who_is_protected_by_a_decision_is_so_for_the_rest_of_it() -> Result<()> {
    let mut router = Router::new(0);
    let mut put = |name, queue_priority, overtaking_cap| {
        let settings = QueueSettings {
            queue_priority,
            overtaking_cap,
            ..QueueSettings::default()
        };
        router.put_queue(0, name, settings)
    };
    let support = put("support", 0, Some(1))?;
    let parts = put("parts", 1, Some(0))?;
    let leases = put("leases", 2, None)?;
    let sales = put("sales", 3, None)?;
    let trade = put("trade", 4, None)?;
    // Three, so that queues are walked, and Ann's limit is asked for before anybody is served.
    let serve = [
        ("ann", vec![support, parts, leases, trade]),
        ("bob", vec![support, sales]),
        ("cid", vec![sales]),
    ];
    for (name, queues) in serve {
        let agent = router.put_agent(0, name, AgentSettings::default())?;
        for queue in queues {
            router.put_tier(0, queue, agent, TierSettings::at(1, 1))?;
        }
    }
    let user = router.enqueue(0, support, Arrival::at(0))?;
    let tenant = router.enqueue(0, leases, Arrival::at(0))?;
    router.enqueue(0, parts, Arrival::at(0))?;
    let buyer = router.enqueue(0, sales, Arrival::at(0))?;
    router.enqueue(0, trade, Arrival::at(0))?;
    for agent in 1..=3 {
        router.set_status(0, agent, Status::Available)?;
    }
    // Trade has to wait for parts, whose callers are always protected: the tenant has not. Then Bob goes to the buyer,
    // and from now on the tenant has to wait for the user.
    assert!(user < tenant);
    let made = router.decide(0)?;
    let served: Vec<u64> = made.iter().map(|made| made.caller).collect();
    assert_eq!(served, [buyer, user]);
    Ok(())
}
