//! One profile against one demand.

use super::expr::{ABSENT, Expr, Levels};

/// A skill and its level, 1…100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Entry {
    pub(super) skill: u32,
    pub(super) level: u8,
}

/// The level of a skill in a sorted list; 0 when it isn't there.
pub(super) fn level_of(entries: &[Entry], skill: u32) -> u8 {
    entries
        .binary_search_by_key(&skill, |entry| entry.skill)
        .ok()
        .and_then(|at| entries.get(at))
        .map_or(0, |entry| entry.level)
}

/// A canonical demand with numbers for names. As deep as the text was: at most `MAX_DEPTH` and a little.
#[derive(Debug)]
pub(super) enum Test {
    Level { skill: u32, levels: Levels },
    All(Box<[Self]>),
    One(Box<[Self]>),
}

impl Test {
    /// `number` gives each name its number.
    pub(super) fn new<E>(
        expr: &Expr,
        number: &mut impl FnMut(&str) -> Result<u32, E>,
    ) -> Result<Self, E> {
        let mut each = |parts: &[Expr]| -> Result<Box<[Self]>, E> {
            parts.iter().map(|part| Self::new(part, number)).collect()
        };
        Ok(match expr {
            Expr::All(parts) => Self::All(each(parts)?),
            Expr::One(parts) => Self::One(each(parts)?),
            Expr::Term { skill, levels } => Self::Level {
                skill: number(skill)?,
                levels: *levels,
            },
        })
    }

    /// Whether a profile meets it.
    pub(super) fn holds(&self, entries: &[Entry]) -> bool {
        match self {
            Self::Level { skill, levels } => levels >> level_of(entries, *skill) & 1 == 1,
            Self::All(parts) => parts.iter().all(|part| part.holds(entries)),
            Self::One(parts) => parts.iter().any(|part| part.holds(entries)),
        }
    }

    /// Call for the skill of each term.
    pub(super) fn each_skill(&self, visit: &mut impl FnMut(u32)) {
        match self {
            Self::Level { skill, .. } => visit(*skill),
            Self::All(parts) | Self::One(parts) => {
                for part in parts {
                    part.each_skill(visit);
                }
            }
        }
    }

    /// How many terms there are.
    pub(super) fn terms(&self) -> usize {
        let mut terms = 0;
        self.each_skill(&mut |_| terms += 1);
        terms
    }

    /// Skills of which each profile that meets this has at least one, the choice that the fewest profiles
    /// have; None when a profile without any skill could meet it. `cost` says how many have a skill.
    pub(super) fn anchor(&self, cost: &impl Fn(u32) -> usize) -> Option<(usize, Vec<u32>)> {
        match self {
            Self::Level { skill, levels } => {
                (levels & ABSENT == 0).then(|| (cost(*skill), vec![*skill]))
            }
            Self::All(parts) => parts
                .iter()
                .filter_map(|part| part.anchor(cost))
                .min_by_key(|(cost, _)| *cost),
            Self::One(parts) => parts.iter().try_fold((0, Vec::new()), |sum, part| {
                let (mut total, mut skills) = sum;
                let (cost, more) = part.anchor(cost)?;
                total += cost;
                skills.extend(more);
                Some((total, skills))
            }),
        }
    }
}

/// The first operand of a demand that a profile doesn't meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// The operand in canonical form: a term, or alternatives none of which is met.
    pub term: String,
    /// The profile's level of the skill when it is a term on one skill.
    pub level: Option<u8>,
}

impl Failing {
    /// None when the profile meets the demand. `level` gives the profile's level of a skill by name.
    pub(super) fn of(expr: &Expr, level: &impl Fn(&str) -> u8) -> Option<Self> {
        let holds = |expr: &Expr| Self::of(expr, level).is_none();
        match expr {
            Expr::Term { skill, levels } => {
                let level = level(skill);
                (levels >> level & 1 == 0).then(|| Self {
                    term: expr.print().text,
                    level: Some(level),
                })
            }
            Expr::All(parts) => parts.iter().find_map(|part| Self::of(part, level)),
            Expr::One(parts) => (!parts.iter().any(holds)).then(|| Self {
                term: expr.print().text,
                level: None,
            }),
        }
    }
}
