//! Snapshots of random histories, and bytes that somebody has worked on.

use proptest::prelude::*;

use super::super::tests::{Step, apply, step, three_queues_and_six_agents};
use super::super::{Arrival, Phase, Proposal, RouterError};
use super::*;

type Seen = (Vec<u64>, Vec<u64>);

/// A router with a past; the ids that it gave.
fn history(steps: &[Step]) -> (Router, i64, Seen) {
    let mut router = three_queues_and_six_agents().unwrap();
    let (mut now_us, mut seen) = (0, Seen::default());
    for step in steps {
        let _ = apply(&mut router, step, &mut now_us, &mut seen);
    }
    (router, now_us, seen)
}

/// Rows under a true head and checksum.
fn sealed(rows: &[u8]) -> Vec<u8> {
    let mut bytes = [MAGIC.as_slice(), &SNAPSHOT_FORMAT.to_le_bytes(), rows].concat();
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

proptest! {
    #[test]
    fn a_restored_router_goes_on_as_if_nothing_had_happened(
        before in prop::collection::vec(step(), 1..100), after in prop::collection::vec(step(), 1..60),
    ) {
        let (mut router, now_us, seen) = history(&before);
        let bytes = router.snapshot()?;
        let mut restored = Router::restore(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&restored.snapshot()?, &bytes);
        let (mut left, mut right) = ((now_us, seen.clone()), (now_us, seen));
        for step in &after {
            let first = apply(&mut router, step, &mut left.0, &mut left.1);
            prop_assert_eq!(first, apply(&mut restored, step, &mut right.0, &mut right.1));
            prop_assert_eq!(&left, &right);
            prop_assert_eq!(router.next_deadline_us(), restored.next_deadline_us());
        }
        prop_assert_eq!(router.snapshot()?, restored.snapshot()?);
    }

    /// Whoever can make a checksum gets an error, or a router that works: it never panics and never contradicts
    /// itself.
    #[test]
    fn forged_rows_give_an_error_or_a_router(
        before in prop::collection::vec(step(), 1..40),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        after in prop::collection::vec(step(), 1..40),
    ) {
        let (router, mut now_us, mut seen) = history(&before);
        let bytes = router.snapshot()?;
        let mut rows = bytes[HEAD..bytes.len() - TAIL].to_vec();
        for (place, byte) in changes {
            let place = place.index(rows.len());
            rows[place] = byte;
        }
        let Ok(mut forged) = Router::restore(&sealed(&rows)) else { return Ok(()) };
        let again = forged.snapshot()?;
        prop_assert_eq!(Router::restore(&again).and_then(|router| Ok(router.snapshot()?)), Ok(again));
        for step in &after {
            let answer = apply(&mut forged, step, &mut now_us, &mut seen);
            prop_assert!(!matches!(answer, Err(RouterError::Defect(_))), "{:?} after {:?}", answer, step);
        }
    }

    #[test]
    fn noise_is_an_error(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Router::restore(&noise).is_err());
        let _ = Router::restore(&sealed(&noise));
    }
}

/// The rows say how many follow: nothing is set aside for those that don't.
#[test]
fn a_promise_of_many_rows_costs_nothing() {
    let mut rows = vec![0; 8];
    rows.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    let found = Router::restore(&sealed(&rows)).map(|_| ());
    assert!(
        matches!(found, Err(SnapshotError::Contradiction(_))),
        "{found:?}"
    );
}

#[test]
fn what_cannot_be_is_refused() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut router = three_queues_and_six_agents()?;
    let caller = router.enqueue(5, 1, Arrival::at(5))?;
    let Proposal { offer, .. } = router.decide(5)?[0];
    let mut facts = Facts::of(&router)?;
    facts.tokens = vec![(7, 1), (7, 2)];
    assert!(restore::rebuild(facts).is_ok());
    let changes: [fn(&mut Facts); 13] = [
        |facts| facts.now_us = -1,
        |facts| facts.last_ids[1] = 5,
        |facts| facts.last_ids[0] = u64::MAX,
        |facts| facts.queues[1].id = 1,
        |facts| facts.queues[1].name = facts.queues[0].name,
        |facts| facts.agents[0].tiers[0].queue = 9,
        |facts| facts.agents[0].tiers[0].queue = 2,
        |facts| facts.agents[0].idle_since_us = 6,
        |facts| facts.callers[0].preferred = Some((1, 5)),
        |facts| facts.callers[0].marker = Some((1, 1, u64::MAX)),
        |facts| facts.offers[0].phase = Phase::Talking { since_us: 0 },
        |facts| facts.tokens = vec![(8, 1), (7, 2)],
        |facts| facts.tokens = vec![(7, 1), (8, 1)],
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut facts = Facts::of(&router)?;
        change(&mut facts);
        assert!(restore::rebuild(facts).is_err(), "change {number}");
    }
    router.claim(6, offer)?;
    router.leave(6, caller, false)?;
    let bytes = router.snapshot()?;
    assert_eq!(Router::restore(&bytes)?.snapshot()?, bytes);
    Ok(())
}
