//! Demands as people write them.

use proptest::prelude::*;

use super::super::*;
use super::{demands, meets, skill_sets};

fn canonical(text: &str) -> String {
    Demand::parse(text).unwrap().to_string()
}

fn message(text: &str) -> String {
    Demand::parse(text).unwrap_err().to_string()
}

#[test]
fn equal_demands_are_written_alike() {
    for (text, expected) in [
        ("any", "any"),
        ("  billing\t", "billing"),
        ("not not billing", "billing"),
        ("billing >= 1", "billing"),
        ("billing > 0 and billing != 0", "billing"),
        ("not billing", "not billing"),
        ("billing = 0", "not billing"),
        ("billing < 001", "not billing"),
        ("sales or billing or sales", "billing or sales"),
        ("(b or a) and (a or b)", "a or b"),
        ("not (a or b >= 3)", "not a and b <= 2"),
        ("a>=3and", ""),
        ("a >= 3 and a <= 7", "a >= 3 and a <= 7"),
        ("not (a >= 3 and a <= 7)", "a <= 2 or a >= 8"),
        ("b and (a < 3 or a > 7)", "(a <= 2 or a >= 8) and b"),
        ("a != 3 and a != 5", "a != 3 and a != 5"),
        ("a or not a", "any"),
        ("a >= 0", "any"),
        ("(c or d) and x and (b or a)", "x and (a or b) and (c or d)"),
        ("a and (b or (c and not c))", "a and b"),
        (
            "language:fa >= 3 and (sales or billing) and not trainee",
            "language:fa >= 3 and not trainee and (billing or sales)",
        ),
    ] {
        if expected.is_empty() {
            assert_eq!(
                message(text),
                "column 4: expected a level 0…100, found a name"
            );
        } else {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }
}

#[test]
fn errors_name_the_column_and_what_is_expected() {
    let long = "a".repeat(65);
    let deep = "(".repeat(33);
    let wide = "a or ".repeat(256) + "a";
    let edge = "é".repeat(5000);
    for (text, expected) in [
        (
            "",
            "column 1: expected a skill, `not`, `(` or `any`, found the end",
        ),
        (
            "and",
            "column 1: expected a skill, `not`, `(` or `any`, found `and`",
        ),
        (
            "not",
            "column 4: expected a skill, `not` or `(`, found the end",
        ),
        (
            "a b",
            "column 3: expected a comparison, `and`, `or` or the end, found a name",
        ),
        (
            "a AND b",
            "column 3: expected a comparison, `and`, `or` or the end, found a name",
        ),
        (
            "(a 7",
            "column 4: expected a comparison, `and`, `or` or `)`, found a number",
        ),
        (
            "(a = 7",
            "column 7: expected `and`, `or` or `)`, found the end",
        ),
        (
            "a = 7)",
            "column 6: expected `and`, `or` or the end, found `)`",
        ),
        (
            "(a) b",
            "column 5: expected `and`, `or` or the end, found a name",
        ),
        ("a == 7", "column 4: expected a level 0…100, found `=`"),
        (
            "a >= 101",
            "column 6: expected a level 0…100, found a number",
        ),
        (
            "a >= -1",
            "column 6: expected a level 0…100, found a character that has no place here",
        ),
        ("a >= nan", "column 6: expected a level 0…100, found a name"),
        ("any and a", "column 5: expected the end, found `and`"),
        (
            "a or any",
            "column 6: expected a skill, `not` or `(`, found `any`",
        ),
        (
            "a\nb",
            "column 2: expected a comparison, `and`, `or` or the end, found a character that has no place here",
        ),
        (
            "زبان",
            "column 1: expected a skill, `not`, `(` or `any`, found a character that has no place here",
        ),
        (
            &long,
            "column 1: the name of a skill has at most 64 characters",
        ),
        (
            &deep,
            "column 33: a demand has at most 32 parentheses inside each other",
        ),
        (&wide, "column 1281: a demand names at most 256 skills"),
        (&edge, "column 4097: a demand has at most 4096 characters"),
        (
            "a and not a",
            "column 1: no agent can ever meet this demand",
        ),
        ("a > 100", "column 1: no agent can ever meet this demand"),
    ] {
        assert_eq!(message(text), expected, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read_as_the_same(text in demands()) {
        if let Ok(demand) = Demand::parse(&text) {
            let again = Demand::parse(demand.as_str());
            prop_assert_eq!(again.as_ref(), Ok(&demand));
        }
    }

    #[test]
    fn opposites_exclude_each_other(text in demands(), set in skill_sets()) {
        let negated = format!("not ({text})");
        match (Demand::parse(&text), Demand::parse(&negated)) {
            (Ok(demand), Ok(negated)) => prop_assert_ne!(meets(&demand, &set), meets(&negated, &set)),
            (Ok(demand), Err(_)) | (Err(_), Ok(demand)) => prop_assert!(meets(&demand, &set)),
            (Err(one), Err(two)) => prop_assert!(false, "{} {}", one, two),
        }
    }

    #[test]
    fn no_text_is_too_much(text in "\\PC{0,40}|[()a= <>!not]{0,60}") {
        if let Err(error) = Demand::parse(&text) {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.column));
        }
    }
}
