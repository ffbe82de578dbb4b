//! Who matches whom, kept as sets, against each question worked out anew.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use proptest::prelude::*;

use super::super::*;
use super::{demands, meets, skill_sets};

#[test]
fn a_profile_is_shared_and_counted() -> Result<()> {
    let mut skills = Skills::new();
    let before = skills.sizes();
    let one = skills.put_profile(&[("billing", 3), ("sales", 0)])?;
    let two = skills.put_profile(&[("billing", 3)])?;
    assert_eq!(one, two);
    assert_eq!(skills.profile(one)?, [("billing", 3)]);
    skills.drop_profile(one)?;
    assert!(skills.profile(one).is_ok());
    skills.drop_profile(one)?;
    assert_eq!(skills.drop_profile(one), Err(SkillError::UnknownProfile));
    assert_eq!(skills.sizes(), before);
    assert_eq!(skills.put_profile(&[])?, ProfileId::NONE);
    for bad in [
        [("billing", 101), ("a", 1)],
        [("billing", -1), ("a", 1)],
        [("billing", 1), ("billing", 1)],
        [("billing", 1), ("not", 1)],
        [("billing", 1), ("", 1)],
        [("billing", 1), ("é", 1)],
    ] {
        assert!(skills.put_profile(&bad).is_err());
        assert_eq!(skills.sizes(), before);
    }
    Ok(())
}

#[test]
fn a_hundred_thousand_skills_on_one_agent() -> Result<()> {
    let names: Vec<String> = (0..=MAX_SKILLS).map(|n| format!("skill:{n}")).collect();
    let all: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 50)).collect();
    let mut skills = Skills::new();
    let before = skills.sizes();
    assert_eq!(skills.put_profile(&all), Err(SkillError::ManySkills));
    let many = skills.put_profile(&all[..MAX_SKILLS])?;
    let demand = skills.put_demand("skill:99999 > 49 and not skill:100000")?;
    assert!(skills.matches(many, demand));
    skills.drop_profile(many)?;
    assert_eq!(skills.matching_profiles(demand)?, []);
    assert_eq!(skills.sizes()[1], before[1]);
    Ok(())
}

#[test]
fn a_ladder_steps_down_and_ends() -> Result<()> {
    let mut skills = Skills::new();
    let strict = Demand::parse("billing >= 50").unwrap();
    let mild = Demand::parse("billing").unwrap();
    let any = Demand::parse("any").unwrap();
    let id = skills.put_ladder(&[(0, &strict), (10, &mild), (15, &mild), (20, &any)])?;
    let ladder = skills.ladder(id)?;
    let names: Vec<(i64, String, Option<i64>)> = [-5, 0, 9, 10, 19, 20, i64::MAX]
        .into_iter()
        .map(|waited| {
            let now = skills.demand(ladder.current(waited)).unwrap().to_string();
            (waited, now, ladder.next_step_us(waited))
        })
        .collect();
    let expected = [
        (-5, "billing >= 50", Some(10)),
        (0, "billing >= 50", Some(10)),
        (9, "billing >= 50", Some(10)),
        (10, "billing", Some(20)),
        (19, "billing", Some(20)),
        (20, "any", None),
        (i64::MAX, "any", None),
    ];
    assert_eq!(
        names,
        expected.map(|(waited, now, next)| (waited, now.to_owned(), next))
    );
    assert_eq!(
        skills.put_ladder(&[(0, &strict), (10, &mild), (20, &any)])?,
        id
    );
    skills.drop_ladder(id)?;
    skills.drop_ladder(id)?;
    assert_eq!(skills.ladder(id), Err(SkillError::UnknownLadder));
    assert_eq!(
        skills.demand(DemandId(1)).unwrap_err(),
        SkillError::UnknownDemand
    );
    for (steps, error) in [
        (vec![], SkillError::BadSteps),
        (vec![(1, &mild)], SkillError::StepOrder),
        (vec![(0, &mild), (0, &any)], SkillError::StepOrder),
        (vec![(0, &mild), (i64::MAX, &any)], SkillError::StepOrder),
        (vec![(0, &any), (1, &mild)], SkillError::AfterAny),
    ] {
        assert_eq!(skills.put_ladder(&steps), Err(error));
    }
    Ok(())
}

#[test]
fn idle_demands_are_bounded_and_found_again() -> Result<()> {
    let mut skills = Skills::new();
    for number in 0..1000 {
        let id = skills.put_demand(&format!("skill:{number}"))?;
        skills.drop_demand(id)?;
    }
    assert_eq!(skills.sizes()[2], 5);
    assert_eq!(skills.sizes()[0], 4);
    let id = skills.put_demand("skill:999")?;
    assert_eq!(skills.demand(id)?.as_str(), "skill:999");
    Ok(())
}

#[test]
fn a_dense_set_may_get_holes_and_become_sparse() {
    let other: IdSet = (0..640).collect();
    let mut set = other.clone();
    for id in 64..128 {
        assert!(set.remove(id));
    }
    let mut common = Vec::new();
    set.each_common(&other, |id| common.push(id));
    assert!(common.into_iter().eq((0..64).chain(128..640)));
    for id in (0..64).chain(128..635) {
        assert!(set.remove(id));
    }
    assert!(set.iter().eq(635..640));
    assert!(set.bytes() < 100);
}

#[derive(Debug, Clone)]
enum Step {
    Profile(Vec<(&'static str, i64)>),
    Demand(String),
    DropProfile(prop::sample::Index),
    DropDemand(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        skill_sets().prop_map(Step::Profile),
        demands().prop_map(Step::Demand),
        any::<prop::sample::Index>().prop_map(Step::DropProfile),
        any::<prop::sample::Index>().prop_map(Step::DropDemand),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Both directions, whatever the order of coming and going, with room and without.
    #[test]
    fn matches_are_those_of_the_demand(steps in steps(), budget in prop_oneof![Just(0usize), 0usize..500, Just(1usize << 20)]) {
        let mut skills = Skills::with_budget(budget);
        let mut sets = Vec::new();
        let mut wants = Vec::new();
        for step in steps {
            match step {
                Step::Profile(set) => sets.push((skills.put_profile(&set).unwrap(), set)),
                Step::Demand(text) => if let Ok(demand) = Demand::parse(&text) {
                    wants.push((skills.put_demand(&text).unwrap(), demand));
                },
                Step::DropProfile(at) => if !sets.is_empty() {
                    skills.drop_profile(sets.swap_remove(at.index(sets.len())).0).unwrap();
                },
                Step::DropDemand(at) => if !wants.is_empty() {
                    skills.drop_demand(wants.swap_remove(at.index(wants.len())).0).unwrap();
                },
            }
            prop_assert!(budget == 0 || skills.memo_bytes() <= budget + 1024);
        }
        for (profile, set) in &sets {
            let mut expected = BTreeSet::from([DemandId::ANY]);
            for (id, demand) in &wants {
                let holds = meets(demand, set);
                prop_assert_eq!(skills.matches(*profile, *id), holds);
                prop_assert_eq!(skills.profiles_for(*id).test(profile.0), holds);
                prop_assert_eq!(skills.demands_for(*profile).test(id.0), holds);
                prop_assert_eq!(skills.explain(*profile, *id).unwrap().is_none(), holds);
                prop_assert_eq!(skills.matching_profiles(*id).unwrap().contains(profile), holds);
                if holds {
                    expected.insert(*id);
                }
            }
            prop_assert_eq!(skills.matching_demands(*profile).unwrap(), Vec::from_iter(expected));
        }
        let mut waiting = ClassIndex::default();
        for (place, (id, _)) in wants.iter().enumerate() {
            waiting.insert(place, id.0);
        }
        for (profile, set) in &sets {
            let first = wants.iter().position(|(_, demand)| meets(demand, set));
            let best = waiting.best(&skills.demands_for(*profile));
            prop_assert_eq!(best.map(|(place, _)| place), first);
            let odd = (0..wants.len()).find(|at| at % 2 == 1 && meets(&wants[*at].1, set));
            let best = waiting.best_from(&skills.demands_for(*profile), Bound::Unbounded, |at| at % 2 == 1);
            prop_assert_eq!(best.map(|(place, _)| place), odd);
        }
        let before = skills.sizes();
        prop_assert!(before[1] <= sets.len() + 1);
        for (id, _) in sets { skills.drop_profile(id).unwrap(); }
        for (id, _) in wants { skills.drop_demand(id).unwrap(); }
        prop_assert_eq!(skills.sizes()[1], 1);
    }

    #[test]
    fn a_set_is_a_set(ids in prop::collection::vec((any::<bool>(), prop_oneof![0u32..200, 0u32..100_000]), 0..600), others in prop::collection::btree_set(0u32..300, 0..200)) {
        let mut set = IdSet::default();
        let mut truth = BTreeSet::new();
        for (add, id) in ids {
            if add {
                prop_assert_eq!(set.insert(id), truth.insert(id));
            } else {
                prop_assert_eq!(set.remove(id), truth.remove(&id));
            }
        }
        prop_assert_eq!(set.len(), truth.len());
        prop_assert!(set.iter().eq(truth.iter().copied()));
        let other: IdSet = others.iter().copied().collect();
        let both: Vec<u32> = truth.intersection(&others).copied().collect();
        for (one, two) in [(&set, &other), (&other, &set)] {
            let mut common = Vec::new();
            one.each_common(two, |id| common.push(id));
            prop_assert_eq!(&common, &both);
        }
        let mut words = vec![0; 100_000 / 64 + 1];
        set.add_to(&mut words);
        prop_assert!(IdSet::from_words(words).iter().eq(truth.iter().copied()));
    }

    /// Few classes and many, one item each and many, from a place on and with refusals.
    #[test]
    fn the_best_is_the_first_that_matches(
        sets in prop::collection::vec(skill_sets(), 1..20),
        text in demands(),
        items in prop::collection::vec((any::<bool>(), 0u16..1000, any::<prop::sample::Index>()), 0..900),
        from in 0u16..1000,
        odd in any::<bool>(),
    ) {
        prop_assume!(Demand::parse(&text).is_ok());
        let mut skills = Skills::new();
        let profiles: Vec<ProfileId> = sets.iter().map(|set| skills.put_profile(set).unwrap()).collect();
        let demand = skills.put_demand(&text).unwrap();
        let mut index = ClassIndex::default();
        let mut truth = BTreeMap::new();
        for (add, key, class) in items {
            let class = profiles[class.index(profiles.len())];
            if add {
                index.insert(key, class.0);
                truth.insert(key, class.0);
            } else {
                prop_assert_eq!(index.remove(&key), truth.remove(&key));
            }
        }
        prop_assert!(index.iter().eq(truth.iter().map(|(key, class)| (*key, *class))));
        let filter = skills.profiles_for(demand);
        let matching = |key: &u16| skills.matches(ProfileId(truth[key]), demand);
        prop_assert_eq!(index.best(&filter), truth.iter().map(|(k, c)| (*k, *c)).find(|(k, _)| matching(k)));
        let accept = |key: &u16| !odd || key % 2 == 1;
        prop_assert_eq!(
            index.best_from(&filter, Bound::Excluded(&from), accept),
            truth.range(from + 1..).map(|(k, c)| (*k, *c)).find(|(k, _)| matching(k) && accept(k))
        );
    }
}
