//! Queues told fact by fact, where the right answer is known without chance.

use super::*;

const SECOND: i64 = 1_000_000;

/// A queue in which always so many wait, and somebody enters service at equal steps.
struct Steady {
    estimator: Estimator,
    now_us: i64,
    tickets: std::collections::VecDeque<Ticket>,
}

impl Steady {
    fn new(staffed: u32, waiting: u32) -> Self {
        let mut steady = Self {
            estimator: Estimator::new(),
            now_us: 0,
            tickets: std::collections::VecDeque::new(),
        };
        steady.estimator.agents(0, staffed, 0).unwrap();
        for ahead in 0..waiting {
            steady.join(ahead);
        }
        steady
    }

    fn join(&mut self, ahead: u32) {
        let ticket = self.estimator.joined(self.now_us, ahead).unwrap();
        self.tickets.push_back(ticket);
    }

    /// The first is served, another comes.
    fn serve(&mut self, entries: u32, step_s: i64) {
        for _ in 0..entries {
            self.now_us += step_s * SECOND;
            let first = self.tickets.pop_front().unwrap();
            self.estimator.started(self.now_us, &first).unwrap();
            let ahead = u32::try_from(self.tickets.len()).unwrap();
            self.join(ahead);
        }
    }

    /// Mean wait, seconds.
    fn answer(&self, ahead: u32) -> Option<i64> {
        self.estimator
            .estimate(self.now_us, ahead)
            .unwrap()
            .map(|answer| answer.mean_us / SECOND)
    }
}

#[test]
fn who_has_seen_little_says_nothing() {
    let mut steady = Steady::new(10, 5);
    steady.serve(19, 10);
    assert_eq!(steady.answer(5), None);
    steady.serve(1, 10);
    assert_eq!(steady.answer(5), Some(60));
}

#[test]
fn a_new_queue_goes_by_the_handling_time() {
    let mut steady = Steady::new(10, 5);
    for _ in 0..20 {
        steady.estimator.ended(100 * SECOND).unwrap();
    }
    assert_eq!(steady.answer(5), Some(60));
}

#[test]
fn the_handling_time_gives_way_to_what_is_seen() {
    let mut steady = Steady::new(10, 5);
    for _ in 0..400 {
        steady.estimator.ended(50 * SECOND).unwrap();
    }
    steady.serve(40, 10);
    assert_eq!(steady.answer(5), Some(60));
    // Half of each agent's time goes to other queues.
    let shared = steady.estimator.rates().effective_agents;
    assert!((shared - 5.0).abs() < 1e-9, "{shared}");
}

#[test]
fn a_break_of_half_the_agents_doubles_the_answer_at_once() {
    let mut steady = Steady::new(10, 5);
    steady.serve(100, 10);
    let now_us = steady.now_us;
    steady.estimator.agents(now_us, 5, 0).unwrap();
    assert_eq!(steady.answer(5), Some(120));
    steady.estimator.agents(now_us, 0, 0).unwrap();
    assert_eq!(steady.answer(5), None);
    // An hour without anybody teaches nothing.
    steady.now_us += 3600 * SECOND;
    let now_us = steady.now_us;
    steady.estimator.agents(now_us, 10, 0).unwrap();
    assert_eq!(steady.answer(5), Some(60));
}

#[test]
fn time_with_a_free_agent_teaches_nothing() {
    let mut steady = Steady::new(10, 5);
    steady.serve(100, 10);
    let now_us = steady.now_us;
    steady.estimator.agents(now_us, 10, 3).unwrap();
    steady.now_us += 3600 * SECOND;
    let now_us = steady.now_us;
    steady.estimator.agents(now_us, 10, 0).unwrap();
    assert_eq!(steady.answer(5), Some(60));
}

#[test]
fn calls_that_become_twice_as_long_are_seen_step_by_step() {
    let mut steady = Steady::new(10, 5);
    steady.serve(5000, 10);
    for (entries, least) in [(60, 75), (140, 95), (400, 105)] {
        steady.serve(entries, 20);
        let answer = steady.answer(5).unwrap();
        assert!((least..=120).contains(&answer), "{answer}");
    }
}

#[test]
fn agents_who_answer_no_more_are_seen_without_an_entry() {
    let mut steady = Steady::new(10, 5);
    steady.serve(1000, 10);
    steady.now_us += 7200 * SECOND;
    let answer = steady.answer(5).unwrap();
    assert!(answer > 600, "{answer}");
}

#[test]
fn a_chance_hour_does_not_throw_the_long_memory_away() {
    let mut steady = Steady::new(10, 5);
    steady.serve(5000, 10);
    steady.serve(20, 12);
    assert_eq!(steady.answer(5), Some(60));
}

#[test]
fn those_who_give_up_shorten_the_wait_once_they_are_many() {
    let mut few = Steady::new(10, 50);
    few.serve(100, 10);
    let patient = few.answer(49).unwrap();
    assert_eq!(patient, 500);
    let mut many = Steady::new(10, 50);
    // Every fifth leaves: one in 2500 s of waiting.
    for _ in 0..400 {
        many.serve(5, 10);
        let gone = many.tickets.pop_back().unwrap();
        many.estimator.abandoned(many.now_us, &gone).unwrap();
        many.join(49);
    }
    let expected: f64 = (0..50).map(|k| 1.0 / (0.1 + f64::from(k) / 2500.0)).sum();
    let answer = f64::from(i32::try_from(many.answer(49).unwrap()).unwrap());
    assert!(
        (answer / expected - 1.0).abs() < 0.01,
        "{answer} {expected}"
    );
    // One who gave up is no rule.
    let gone = few.tickets.pop_back().unwrap();
    few.estimator.abandoned(few.now_us, &gone).unwrap();
    let seen = 1.0 / (50.0 * 1000.0);
    let believed = few.estimator.rates().abandonment;
    assert!((0.15..0.25).contains(&(believed / seen)), "{believed}");
}

/// By turns so many wait, and somebody enters service at such steps.
fn by_turns(short: (u32, i64), long: (u32, i64)) -> Steady {
    let mut steady = Steady::new(10, short.0);
    for _ in 0..700 {
        steady.serve(5, short.1);
        for ahead in short.0..long.0 {
            steady.join(ahead);
        }
        steady.serve(5, long.1);
        for _ in short.0..long.0 {
            let last = steady.tickets.pop_back().unwrap();
            steady.estimator.left(steady.now_us, &last).unwrap();
        }
    }
    steady
}

#[test]
fn a_long_queue_that_gets_more_of_shared_agents_promises_less_for_each_ahead() {
    let steady = by_turns((5, 15), (15, 10));
    // One of 5 and one of 15 waiting, by the mean rate: 62.5 s and 187.5 s.
    for (ahead, wait) in [(4, 75), (14, 150)] {
        let answer = steady.answer(ahead).unwrap();
        assert!((answer - wait).abs() <= 2, "{answer} {wait}");
    }
    // Nobody has seen how fast it is with more.
    let answer = steady.answer(999).unwrap();
    assert!((6249..=6250).contains(&answer), "{answer}");
}

#[test]
fn a_queue_that_grew_because_agents_were_slow_promises_no_less() {
    let steady = by_turns((5, 10), (15, 15));
    let (near, far) = (steady.answer(4).unwrap(), steady.answer(14).unwrap());
    assert!((near * 3 - far).abs() <= 3, "{near} {far}");
    assert!((60..=65).contains(&near), "{near}");
}

#[test]
fn a_slope_that_chance_may_have_made_is_not_believed() {
    let mut steady = Steady::new(10, 5);
    steady.serve(200, 10);
    for ahead in 5..10 {
        steady.join(ahead);
    }
    steady.serve(4, 9);
    let one = steady.answer(9).unwrap();
    assert!((97..=100).contains(&one), "{one}");
}

#[test]
fn bytes_from_before_lengths_were_kept_are_read_as_if_the_queue_had_never_changed() {
    let mut steady = by_turns((5, 15), (15, 10));
    let mut bytes = steady.estimator.to_bytes();
    bytes.truncate(bytes.len() - 9 * 8 - 2 * 16);
    assert!(Estimator::from_bytes(&bytes).is_err());
    bytes[0] = 2;
    steady.estimator = Estimator::from_bytes(&bytes).unwrap();
    let mean = steady.answer(4).unwrap();
    assert!((61..=64).contains(&mean), "{mean}");
    let again = Estimator::from_bytes(&steady.estimator.to_bytes()).unwrap();
    assert_eq!(again, steady.estimator);
    steady.serve(100, 15);
    assert_eq!(steady.answer(14).unwrap() / 3, steady.answer(4).unwrap());
}

#[test]
fn whoever_was_wrong_is_silent_until_right_again() {
    let mut steady = Steady::new(10, 5);
    steady.serve(200, 10);
    assert!(steady.estimator.score().coverage > 0.9);
    // Newcomers are served first: what was told on joining is far too long.
    for _ in 0..200 {
        steady.now_us += 10 * SECOND;
        let newest = steady.tickets.pop_back().unwrap();
        steady.estimator.started(steady.now_us, &newest).unwrap();
        steady.join(5);
    }
    let score = steady.estimator.score();
    assert!(score.bias > 0.35, "{score:?}");
    assert_eq!(steady.answer(5), None);
    for ticket in std::mem::take(&mut steady.tickets) {
        steady.estimator.left(steady.now_us, &ticket).unwrap();
    }
    for _ in 0..2000 {
        steady.join(0);
        steady.now_us += 60 * SECOND;
        let first = steady.tickets.pop_front().unwrap();
        steady.estimator.started(steady.now_us, &first).unwrap();
        steady.estimator.ended(100 * SECOND).unwrap();
    }
    assert!(steady.answer(0).is_some(), "{:?}", steady.estimator.score());
}

#[test]
fn percentiles_are_in_order_and_all_is_within_range() {
    let mut steady = Steady::new(10, 5);
    steady.serve(100, 10);
    let now_us = steady.now_us;
    for ahead in [0, 1, 7, 100, 1_000_000, u32::MAX] {
        let answer = steady.estimator.estimate(now_us, ahead).unwrap().unwrap();
        assert!(0 < answer.p10_us && answer.p10_us < answer.p50_us);
        assert!(answer.p50_us < answer.p80_us && answer.p80_us < answer.p90_us);
        assert!(answer.p90_us <= MAX_US);
    }
}

#[test]
fn the_range_is_wider_while_the_rate_is_in_doubt() {
    let mut steady = Steady::new(10, 5);
    steady.serve(25, 10);
    let early = steady
        .estimator
        .estimate(steady.now_us, 500)
        .unwrap()
        .unwrap();
    // By chance 573 s, 2.56 × √501 × 10 s; but one fifth of 5010 s is not known.
    assert!(early.p90_us - early.p10_us > 1800 * SECOND, "{early:?}");
    steady.serve(5000, 10);
    let late = steady
        .estimator
        .estimate(steady.now_us, 500)
        .unwrap()
        .unwrap();
    assert!(late.p90_us - late.p10_us < 600 * SECOND, "{late:?}");
}

#[test]
fn nonsense_is_refused_and_changes_nothing() {
    let mut estimator = Estimator::new();
    estimator.agents(5, 1, 0).unwrap();
    let ticket = estimator.joined(5, 0).unwrap();
    let before = estimator.clone();
    for now_us in [-1, MAX_US + 1, i64::MIN, i64::MAX] {
        assert!(estimator.agents(now_us, 3, 3).is_err());
        assert!(estimator.joined(now_us, 0).is_err());
        assert!(estimator.started(now_us, &ticket).is_err());
        assert!(estimator.abandoned(now_us, &ticket).is_err());
        assert!(estimator.left(now_us, &ticket).is_err());
        assert!(estimator.ended(now_us).is_err());
        assert!(estimator.estimate(now_us, 0).is_err());
    }
    assert_eq!(estimator, before);
    estimator.left(5, &ticket).unwrap();
    assert_eq!(
        estimator.started(5, &ticket),
        Err(EstimateError::NobodyWaits)
    );
}

#[test]
fn extremes_give_an_answer_or_none_and_never_a_wrong_number() {
    let mut estimator = Estimator::new();
    estimator.agents(0, u32::MAX, 0).unwrap();
    for step in 0..200 {
        let ticket = estimator
            .joined(if step % 2 == 0 { 0 } else { MAX_US }, u32::MAX)
            .unwrap();
        estimator.started(MAX_US, &ticket).unwrap();
        estimator
            .ended(if step % 3 == 0 { 0 } else { MAX_US })
            .unwrap();
        if let Some(answer) = estimator.estimate(0, u32::MAX).unwrap() {
            assert!(answer.p10_us <= answer.p90_us && answer.p90_us <= MAX_US);
        }
        let score = estimator.score();
        assert!(
            score.bias.is_finite() && score.coverage.is_finite() && score.error_ratio.is_finite()
        );
        assert!(score.relative_error.is_finite());
    }
}

#[test]
fn memory_is_small_and_constant() {
    assert!(size_of::<Estimator>() <= 464, "{}", size_of::<Estimator>());
    assert!(size_of::<Ticket>() <= 24, "{}", size_of::<Ticket>());
}

#[test]
fn erlang_agrees_with_sums_over_the_states() {
    for (agents, load, patience) in [
        (1_u32, 0.5, 1.0),
        (5, 7.0, 2.0),
        (100, 120.0, 0.5),
        (30, 300.0, 0.1),
        (3, 0.01, 9.0),
    ] {
        let theory = Erlang::new(agents, load, 1.0, patience).unwrap();
        let servers = f64::from(agents);
        let mut weight = 1.0;
        let (mut all, mut waits, mut waiting) = (1.0, 0.0, 0.0);
        for state in 1..100_000 {
            let state = f64::from(state);
            weight *= load / (state.min(servers) + (state - servers).max(0.0) * patience);
            all += weight;
            waiting += weight * (state - servers).max(0.0);
            if state >= servers {
                waits += weight;
            }
            if all > 1e250 {
                (weight, all, waits, waiting) = (weight / all, 1.0, waits / all, waiting / all);
            }
            if weight < 1e-18 * all && state > servers + load / patience {
                break;
            }
        }
        assert!(
            (theory.wait_share() / (waits / all) - 1.0).abs() < 1e-9,
            "{agents} {load} {patience}"
        );
        assert!(
            (theory.mean_waiting() / (waiting / all) - 1.0).abs() < 1e-9,
            "{agents} {load} {patience}"
        );
    }
}

#[test]
fn erlang_is_not_afraid_of_size() {
    let huge = Erlang::new(MAX_AGENTS, 1.2e7, 1.0, 1e-9).unwrap();
    assert!((huge.abandon_share() - 1.0 / 6.0).abs() < 1e-6);
    assert!((huge.wait_share() - 1.0).abs() < 1e-9);
    let idle = Erlang::new(MAX_AGENTS, 1.0, 1.0, 1.0).unwrap();
    assert!(idle.wait_share() < 1e-300 && idle.abandon_share() < 1e-300);
    let nearly_patient = Erlang::new(10, 9.0, 1.0, 1e-9).unwrap();
    let patient = Erlang::new(10, 9.0, 1.0, 0.0).unwrap();
    assert!((nearly_patient.wait_share() - patient.wait_share()).abs() < 1e-6);
    assert!((nearly_patient.mean_wait_s() - patient.mean_wait_s()).abs() < 1e-5);
    assert!(
        (nearly_patient.served_within(1.0).unwrap() - patient.served_within(1.0).unwrap()).abs()
            < 1e-6
    );
}
