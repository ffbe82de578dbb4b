//! Demands as canonical trees: building, printing.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::MAX_LEVEL;

/// A set of levels: bit n stands for level n.
pub(super) type Levels = u128;

/// All levels, 0…100.
pub(super) const ALL_LEVELS: Levels = (1 << (MAX_LEVEL + 1)) - 1;
/// The level of a skill that an agent doesn't have.
pub(super) const ABSENT: Levels = 1;

/// The levels from `low` to `high`, both included; none when `low` is the greater.
pub(super) fn between(low: u8, high: u8) -> Levels {
    let up_to = |level: u8| {
        ALL_LEVELS
            .checked_shr(u32::from(MAX_LEVEL.saturating_sub(level)))
            .unwrap_or(0)
    };
    match low.checked_sub(1) {
        Some(below) => up_to(high) & !up_to(below),
        None => up_to(high),
    }
}

/// A demand in canonical form, which the order of the variants is a part of: negations are in the terms, each
/// skill has one term per node, nodes alternate, operands are sorted and different.
///
/// `All` of nothing is true of everybody, `One` of nothing of nobody; both stand alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Expr {
    Term { skill: Box<str>, levels: Levels },
    All(Vec<Expr>),
    One(Vec<Expr>),
}

impl Expr {
    pub(super) fn term(skill: &str, levels: Levels) -> Self {
        let skill = skill.into();
        Self::Term { skill, levels }.decided()
    }

    pub(super) fn all(parts: Vec<Self>) -> Self {
        Self::join(parts, true)
    }

    pub(super) fn one(parts: Vec<Self>) -> Self {
        Self::join(parts, false)
    }

    /// The canonical form of canonical parts joined by `and` (or else by `or`).
    fn join(mut parts: Vec<Self>, all: bool) -> Self {
        if parts.len() == 1
            && let Some(only) = parts.pop()
        {
            return only.decided();
        }
        let mut terms: BTreeMap<Box<str>, Levels> = BTreeMap::new();
        let mut rest = Vec::new();
        for part in parts {
            let inner = match part {
                Self::All(inner) if all => inner,
                Self::One(inner) if !all => inner,
                other => vec![other],
            };
            for part in inner {
                match part {
                    Self::Term { skill, levels } => {
                        let known = terms
                            .entry(skill)
                            .or_insert(if all { ALL_LEVELS } else { 0 });
                        *known = if all {
                            *known & levels
                        } else {
                            *known | levels
                        };
                    }
                    other => rest.push(other),
                }
            }
        }
        let (neutral, decisive) = if all {
            (ALL_LEVELS, Self::One(Vec::new()))
        } else {
            (0, Self::All(Vec::new()))
        };
        let decided = neutral ^ ALL_LEVELS;
        if rest.contains(&decisive) || terms.values().any(|levels| *levels == decided) {
            return decisive;
        }
        rest.sort_unstable();
        rest.dedup();
        let mut parts: Vec<Self> = terms
            .into_iter()
            .filter(|(_, levels)| *levels != neutral)
            .map(|(skill, levels)| Self::Term { skill, levels })
            .chain(rest)
            .collect();
        match parts.pop() {
            Some(only) if parts.is_empty() => only,
            last => {
                parts.extend(last);
                if all {
                    Self::All(parts)
                } else {
                    Self::One(parts)
                }
            }
        }
    }

    /// A term that all levels meet, or none, as the list that says so.
    fn decided(self) -> Self {
        match self {
            Self::Term {
                levels: ALL_LEVELS, ..
            } => Self::All(Vec::new()),
            Self::Term { levels: 0, .. } => Self::One(Vec::new()),
            other => other,
        }
    }

    pub(super) fn negated(self) -> Self {
        let flip = |parts: Vec<Self>| parts.into_iter().map(Self::negated).collect();
        match self {
            Self::Term { skill, levels } => Self::Term {
                skill,
                levels: levels ^ ALL_LEVELS,
            },
            Self::All(parts) => Self::one(flip(parts)),
            Self::One(parts) => Self::all(flip(parts)),
        }
    }

    pub(super) fn is_everybody(&self) -> bool {
        matches!(self, Self::All(parts) if parts.is_empty())
    }

    pub(super) fn is_nobody(&self) -> bool {
        matches!(self, Self::One(parts) if parts.is_empty())
    }

    /// The text, which gives the same tree when it is read again.
    pub(super) fn print(&self) -> Printed {
        let mut printed = Printed::default();
        if self.is_everybody() {
            printed.text.push_str("any");
        } else {
            printed.expr(self, false);
        }
        printed
    }
}

/// A canonical text and what it would cost to read it.
#[derive(Debug, Default)]
pub(super) struct Printed {
    pub(super) text: String,
    pub(super) terms: usize,
    pub(super) deepest: usize,
    depth: usize,
}

impl Printed {
    fn open(&mut self, wanted: bool) {
        if wanted {
            self.text.push('(');
            self.depth += 1;
            self.deepest = self.deepest.max(self.depth);
        }
    }

    fn close(&mut self, wanted: bool) {
        if wanted {
            self.text.push(')');
            self.depth = self.depth.saturating_sub(1);
        }
    }

    /// `in_all`: an operand of `and`, so that an `or` needs parentheses.
    fn expr(&mut self, expr: &Expr, in_all: bool) {
        match expr {
            Expr::Term { skill, levels } => self.term(skill, *levels, in_all),
            Expr::All(parts) => self.list(parts, " and ", |printed, part| printed.expr(part, true)),
            Expr::One(parts) => {
                self.open(in_all);
                self.list(parts, " or ", |printed, part| printed.expr(part, false));
                self.close(in_all);
            }
        }
    }

    fn list<T>(&mut self, parts: &[T], word: &str, mut each: impl FnMut(&mut Self, &T)) {
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                self.text.push_str(word);
            }
            each(self, part);
        }
    }

    fn term(&mut self, skill: &str, levels: Levels, in_all: bool) {
        let inside = runs(levels);
        let outside = runs(levels ^ ALL_LEVELS);
        let cost = |runs: &[(u8, u8)]| runs.iter().map(|run| run_terms(*run)).sum::<usize>();
        if cost(&inside) <= cost(&outside) {
            let several = in_all && inside.len() > 1;
            self.open(several);
            self.list(&inside, " or ", |printed, run| printed.run(skill, *run));
            self.close(several);
        } else {
            self.list(&outside, " and ", |printed, run| {
                printed.outside(skill, *run);
            });
        }
    }

    /// The levels of one run.
    fn run(&mut self, skill: &str, (low, high): (u8, u8)) {
        match (low, high) {
            (0, 0) => self.one(&format_args!("not {skill}")),
            _ if low == high => self.one(&format_args!("{skill} = {low}")),
            (1, MAX_LEVEL) => self.one(&format_args!("{skill}")),
            (_, MAX_LEVEL) => self.one(&format_args!("{skill} >= {low}")),
            (0, _) => self.one(&format_args!("{skill} <= {high}")),
            _ => {
                self.one(&format_args!("{skill} >= {low}"));
                self.text.push_str(" and ");
                self.one(&format_args!("{skill} <= {high}"));
            }
        }
    }

    /// The levels outside one run, which isn't all of them.
    fn outside(&mut self, skill: &str, (low, high): (u8, u8)) {
        let below = (0, low.saturating_sub(1));
        let above = (high.saturating_add(1), MAX_LEVEL);
        match (low, high) {
            (0, _) => self.run(skill, above),
            (_, MAX_LEVEL) => self.run(skill, below),
            _ if low == high => self.one(&format_args!("{skill} != {low}")),
            _ => {
                self.open(true);
                self.run(skill, below);
                self.text.push_str(" or ");
                self.run(skill, above);
                self.close(true);
            }
        }
    }

    fn one(&mut self, term: &std::fmt::Arguments<'_>) {
        self.terms += 1;
        // Writing to a String can't fail.
        let _ = self.text.write_fmt(*term);
    }
}

/// How many comparisons say a run, or its opposite.
fn run_terms((low, high): (u8, u8)) -> usize {
    if low == high || low == 0 || high == MAX_LEVEL {
        1
    } else {
        2
    }
}

/// The unbroken runs of a set of levels, lowest first.
fn runs(mut levels: Levels) -> Vec<(u8, u8)> {
    let mut out = Vec::new();
    while levels != 0 {
        let low = levels.trailing_zeros();
        let beyond = low + (levels >> low).trailing_ones();
        levels &= Levels::MAX << beyond;
        let level = |bit| u8::try_from(bit).unwrap_or(MAX_LEVEL);
        out.push((level(low), level(beyond - 1)));
    }
    out
}
