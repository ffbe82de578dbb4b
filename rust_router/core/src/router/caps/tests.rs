//! Protected callers are found without looking at everybody, and are those that looking at everybody finds.

use proptest::prelude::*;

use super::super::tests::{apply, step, three_queues_and_six_agents};
use super::*;
use crate::router::{AgentSettings, Arrival, QueueSettings, Spot, Status, Tier, TierSettings};

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

fn check(router: &Router) -> Result<()> {
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
    fn the_first_protected_caller_is_found(steps in prop::collection::vec(step(), 1..150)) {
        let mut router = three_queues_and_six_agents()?;
        let (mut now, mut seen) = (0, (Vec::new(), Vec::new()));
        for step in &steps {
            let _ = apply(&mut router, step, &mut now, &mut seen);
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
        router.pass_over(&BTreeSet::from([slot]))?;
        let late = router.enqueue(0, 1, Arrival::at(0))?;
        assert!(router.queues.get(slot)?.shield.up_to() < late);
    }
    assert!(protected(&router)?);
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
