//! Logs of a short day, and logs that somebody has worked on.

use proptest::prelude::*;

use super::super::{AgentSettings, Arrival, Fault, QueueSettings, Status, TierSettings};
use super::*;

/// A log with one call of most kinds; the router at its end.
fn a_day() -> (Vec<u8>, Router) {
    let mut recorder = Recorder::from(Router::new(3));
    let queue = recorder
        .put_queue(1, "support", QueueSettings::default())
        .unwrap();
    assert_eq!(recorder.start_log(), Ok(Vec::new()));
    let agent = recorder
        .put_agent(2, "x", AgentSettings::default())
        .unwrap();
    recorder
        .put_tier(2, queue, agent, TierSettings::at(1, 1))
        .unwrap();
    recorder.set_status(2, agent, Status::Available).unwrap();
    recorder.set_timer(9, 7).unwrap();
    recorder.set_timer(9, 8).unwrap();
    recorder.cancel_timer(8);
    let mut log = recorder.fetch_log().unwrap();
    recorder.enqueue(3, queue, Arrival::at(3)).unwrap();
    let offer = recorder.decide(3).unwrap()[0].offer;
    recorder.ringing(4, offer).unwrap();
    recorder.fail(5, offer, Fault::NoAnswer).unwrap();
    assert!(recorder.claim(5, offer).is_err());
    let offer = recorder.decide(6).unwrap()[0].offer;
    recorder.claim(7, offer).unwrap();
    recorder.bridged(8, offer).unwrap();
    recorder.advance(10).unwrap();
    recorder.finish(11, offer).unwrap();
    log.extend(recorder.stop_log());
    (log, recorder.router)
}

const ENTRIES: u64 = 15;

/// Where each entry of a log begins, and its body.
fn bodies(log: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let replay = Replay::new(log.to_vec()).unwrap();
    let (mut bodies, mut at) = (Vec::new(), 20 + replay.router().snapshot().unwrap().len());
    let head = log[..at].to_vec();
    while at < log.len() {
        let length = usize::from(log[at]);
        assert!(length < 0x80);
        bodies.push(log[at + 1..=at + length].to_vec());
        at += length + 5;
    }
    (head, bodies)
}

/// Bodies under true checks.
fn sealed(head: &[u8], bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut log = Log::default();
    log.bytes.extend(head);
    log.check.update(&head[20..]);
    for body in bodies {
        log.push(body);
    }
    log.bytes
}

#[test]
fn a_day_comes_out_again() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let (log, router) = a_day();
    let mut replay = Replay::new(log.clone())?;
    assert_eq!(replay.run(Some(4))?, 4);
    assert_eq!(replay.run(None)?, ENTRIES - 4);
    assert_eq!(replay.run(None)?, 0);
    assert_eq!(replay.entry(), ENTRIES);
    assert_eq!(replay.router().snapshot()?, router.snapshot()?);
    let (head, bodies) = bodies(&log);
    assert_eq!(sealed(&head, &bodies), log);
    Ok(())
}

#[test]
fn a_new_log_begins_where_the_old_one_ends() -> std::result::Result<(), Box<dyn std::error::Error>>
{
    let mut recorder = Recorder::default();
    assert_eq!(recorder.log_len(), None);
    assert!(recorder.fetch_log().is_err());
    recorder.start_log()?;
    let mut first = recorder.fetch_log()?;
    let name = "long ".repeat(100);
    recorder.put_queue(1, &name, QueueSettings::default())?;
    first.extend(recorder.start_log()?);
    recorder.put_agent(2, "x", AgentSettings::default())?;
    let second = recorder.fetch_log()?;
    assert_eq!(recorder.log_len(), Some(0));
    let mut replay = Replay::new(first)?;
    assert_eq!(replay.run(None)?, 1);
    let middle = replay.router().snapshot()?;
    let mut replay = Replay::new(second)?;
    assert_eq!(replay.router().snapshot()?, middle);
    assert_eq!(replay.run(None)?, 1);
    assert_eq!(replay.router().snapshot()?, recorder.snapshot()?);
    Ok(())
}

#[test]
fn a_log_that_nobody_fetches_ends_itself() -> Result<()> {
    let mut recorder = Recorder::default();
    recorder.start_log()?;
    let name = "x".repeat(10_000);
    for number in 0..6_800_i64 {
        recorder.put_queue(number, &name, QueueSettings::default())?;
    }
    assert_eq!(recorder.log_len(), None);
    assert!(recorder.fetch_log().is_err());
    Ok(())
}

#[test]
fn every_cut_and_every_wrong_bit_is_noticed_where_it_is() {
    let (log, _) = a_day();
    let (head, bodies) = bodies(&log);
    for end in 0..head.len() {
        assert!(Replay::new(log[..end].to_vec()).is_err());
    }
    let mut ends: Vec<usize> = vec![head.len()];
    for body in &bodies {
        ends.push(ends.last().unwrap() + body.len() + 5);
    }
    for end in head.len()..log.len() {
        let found = Replay::new(log[..end].to_vec()).and_then(|mut replay| replay.run(None));
        let whole = ends.partition_point(|at| *at <= end) as u64 - 1;
        if ends.contains(&end) {
            assert_eq!(found, Ok(whole));
        } else {
            assert_eq!(found, Err(LogError::Cut(whole + 1)));
        }
    }
    for place in 0..log.len() {
        let mut wrong = log.clone();
        wrong[place] ^= 4;
        let error = Replay::new(wrong)
            .and_then(|mut replay| replay.run(None))
            .unwrap_err();
        let entry = ends.partition_point(|at| *at <= place) as u64;
        assert_eq!(
            error.entry(),
            (entry > 0).then_some(entry),
            "{place} {error}"
        );
    }
}

#[test]
fn a_missing_entry_is_noticed_at_the_next() {
    let (log, _) = a_day();
    let (head, bodies) = bodies(&log);
    let gone = head.len() + bodies[0].len() + 5;
    let torn = [&log[..head.len()], &log[gone..]].concat();
    let error = Replay::new(torn).and_then(|mut replay| replay.run(None));
    assert_eq!(error, Err(LogError::Damaged(1)));
}

#[test]
fn another_decision_is_named() {
    let (log, _) = a_day();
    let (head, mut bodies) = bodies(&log);
    // decide: tag, moment, Ok, one proposal, and then offer, caller, agent, queue.
    let place = bodies.iter().position(|body| body[0] == 15).unwrap();
    let body = bodies[place].clone();
    assert_eq!(body[2..], [0, 1, 1, 1, 1, 1]);
    bodies[place][6] = 4;
    let error = Replay::new(sealed(&head, &bodies)).and_then(|mut replay| replay.run(None));
    let text = error.unwrap_err().to_string();
    assert!(
        text.starts_with("entry 8, decide, gave [Proposal { offer: 1, caller: 1, agent: 4"),
        "{text}"
    );
    assert!(
        text.contains("now gives [Proposal { offer: 1, caller: 1, agent: 1"),
        "{text}"
    );
    // A call that is refused now.
    bodies[place] = vec![0, 0, 0];
    let error = Replay::new(sealed(&head, &bodies)).and_then(|mut replay| replay.run(None));
    assert_eq!(error, Err(LogError::Damaged(8)));
    bodies[place] = vec![20, 2, 9, 0];
    let error = Replay::new(sealed(&head, &bodies)).and_then(|mut replay| replay.run(None));
    let text = error.unwrap_err().to_string();
    assert_eq!(
        text,
        "entry 8, finish, was carried out and is now refused: no open offer has id 9"
    );
}

#[test]
fn logs_of_others_say_so() {
    let (log, _) = a_day();
    let other = [&log[..8], &[9, 0, 0, 0], &log[12..]].concat();
    assert_eq!(
        Replay::new(other).err(),
        Some(LogError::OtherFormat { found: 9 })
    );
    assert_eq!(Replay::new(b"PNG".to_vec()).err(), Some(LogError::NoLog));
}

proptest! {
    /// Whoever can make a check gets an error or a router: never a panic.
    #[test]
    fn forged_entries_give_an_error_or_a_router(
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (log, _) = a_day();
        let (head, mut bodies) = bodies(&log);
        for (entry, place, byte) in changes {
            let entry = entry.index(bodies.len());
            let place = place.index(bodies[entry].len());
            bodies[entry][place] = byte;
        }
        let mut replay = Replay::new(sealed(&head, &bodies)).unwrap();
        let _ = replay.run(None);
        let bytes = replay.router().snapshot()?;
        prop_assert!(Router::restore(&bytes).is_ok());
    }
}
