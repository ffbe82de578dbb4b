//! What an explanation says is what the decision does.

use proptest::prelude::*;

use super::super::tests::{Step, apply, step, three_queues_and_six_agents};
use super::super::{AgentSettings, Arrival, Fault, Proposal, QueueSettings, TierSettings};
use super::*;

/// What each waiting caller would be given.
fn foretold(router: &Router) -> Result<Vec<(u64, u64)>> {
    let mut found = Vec::new();
    for queue in 1..=3 {
        for caller in router.callers(queue)? {
            let told = router.explain(caller)?;
            let eligible = told.candidates.iter().filter(|one| one.reason.is_none());
            found.extend(eligible.take(told.wanted).map(|one| (caller, one.agent)));
        }
    }
    found.sort_unstable();
    Ok(found)
}

proptest! {
    // Each looks at many states, and at every caller and agent in each.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_verdict_is_the_decision(steps in prop::collection::vec(step(), 1..120)) {
        let mut router = three_queues_and_six_agents()?;
        let (mut now_us, mut seen) = (0, (Vec::new(), Vec::new()));
        for step in &steps {
            if !matches!(step, Step::Decide) {
                let _ = apply(&mut router, step, &mut now_us, &mut seen);
                continue;
            }
            let before = router.snapshot()?;
            let told = foretold(&router)?;
            prop_assert_eq!(&router.snapshot()?, &before);
            let proposals = router.decide(router.now_us())?;
            seen.1.extend(proposals.iter().map(|proposal| proposal.offer));
            let mut done: Vec<(u64, u64)> =
                proposals.iter().map(|Proposal { caller, agent, .. }| (*caller, *agent)).collect();
            done.sort_unstable();
            prop_assert_eq!(told, done);
            prop_assert_eq!(foretold(&router)?, Vec::new());
        }
    }
}

/// The reasons of one caller, in the order of the agents.
fn reasons(router: &Router, caller: u64) -> Result<Vec<Option<Reason>>> {
    let mut candidates = router.explain(caller)?.candidates;
    candidates.sort_unstable_by_key(|one| one.agent);
    Ok(candidates.iter().map(|one| one.reason).collect())
}

#[test]
fn a_failed_offer_shows_as_a_delay_and_then_as_a_refusal() -> Result<()> {
    let mut router = Router::new(0);
    let queue = router.put_queue(0, "support", QueueSettings::default())?;
    let settings = AgentSettings {
        busy_delay_us: 5,
        ..AgentSettings::default()
    };
    for name in ["x", "y"] {
        let agent = router.put_agent(0, name, settings)?;
        router.put_tier(0, queue, agent, TierSettings::at(1, 1))?;
        router.set_status(0, agent, Status::Available)?;
    }
    let caller = router.enqueue(1, queue, Arrival::at(1))?;
    let other = router.enqueue(1, queue, Arrival::at(1))?;
    assert_eq!(reasons(&router, caller)?, [None, None]);
    assert_eq!(reasons(&router, other)?, [Some(Reason::OtherCaller), None]);
    assert_eq!(
        router
            .explain(other)?
            .candidates
            .last()
            .map(|one| one.other),
        Some(Some(caller))
    );
    let offer = router
        .decide(1)?
        .first()
        .map_or(0, |proposal| proposal.offer);
    assert_eq!(
        reasons(&router, caller)?,
        [Some(Reason::RingsForCaller), Some(Reason::Reserved)]
    );
    assert_eq!(router.explain(caller)?.closed, Some(Closed::Ringing));
    router.fail(2, offer, Fault::Busy)?;
    assert_eq!(
        reasons(&router, caller)?,
        [Some(Reason::Delay), Some(Reason::Reserved)]
    );
    let told = router.explain(caller)?;
    assert_eq!((told.closed, told.wanted), (None, 1));
    assert_eq!(
        told.candidates.first().and_then(|one| one.until_us),
        Some(7)
    );
    router.advance(7)?;
    let told = router.explain(caller)?;
    assert!(
        told.candidates
            .first()
            .is_some_and(|one| one.refused && one.reason.is_none())
    );
    Ok(())
}
