//! Against the obvious: each question worked out anew.

mod matches;
mod texts;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 5] = ["billing", "language:fa", "sales", "trainee", "x.y-z"];

/// A random demand as text, with what it means.
fn demands() -> impl Strategy<Value = String> {
    let sign = prop::sample::select(vec![">=", ">", "<=", "<", "=", "!="]);
    let name = prop::sample::select(NAMES.to_vec());
    let term = prop_oneof![
        name.clone().prop_map(str::to_owned),
        (name, sign, 0u8..=100).prop_map(|(name, sign, level)| format!("{name}{sign} {level}")),
    ];
    term.prop_recursive(5, 24, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            inner.prop_map(|one| format!("not ({one})")),
            (list, any::<bool>()).prop_map(|(parts, all)| {
                let word = if all { ") and (" } else { ") or (" };
                format!("({})", parts.join(word))
            }),
        ]
    })
}

fn skill_sets() -> impl Strategy<Value = Vec<(&'static str, i64)>> {
    prop::collection::btree_map(
        prop::sample::select(NAMES.to_vec()),
        prop_oneof![Just(0i64), 0i64..=5, 0i64..=100],
        0..4,
    )
    .prop_map(|set| set.into_iter().collect())
}

/// The obvious: the tree of the text as written would do too, but the canonical one is tested apart.
fn meets(demand: &Demand, set: &[(&str, i64)]) -> bool {
    let levels: BTreeMap<&str, i64> = set.iter().copied().collect();
    matching::Failing::of(&demand.expr, &|name| {
        u8::try_from(levels.get(name).copied().unwrap_or(0)).unwrap()
    })
    .is_none()
}
