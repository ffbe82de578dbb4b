//! Skills: what agents can do, what callers demand, and who matches whom.
//!
//! Equal skill sets share one [`ProfileId`], equal demands one [`DemandId`]; a router orders its ready agents by
//! profile and its waiting callers by demand ([`ClassIndex`]). [`Skills`] knows for each demand the profiles that
//! meet it and for each profile the demands that it meets, kept as sets, so a decision compares the heads of
//! matching classes and never looks at anybody else.

mod catalogue;
mod classes;
mod error;
mod expr;
mod filter;
mod ladder;
mod matching;
mod names;
mod parse;
mod pool;
mod rows;
mod set;

pub use catalogue::Skills;
pub use classes::ClassIndex;
pub use error::{DemandError, Expected, Found, Problem, Result, SkillError};
pub use filter::Filter;
pub use ladder::Ladder;
pub use matching::Failing;
pub use set::IdSet;

use expr::Expr;

/// Largest proficiency; 0 is that of an agent who doesn't have the skill.
pub const MAX_LEVEL: u8 = 100;
/// Most characters of a skill's name.
pub const MAX_NAME: usize = 64;
/// Most characters of a demand.
pub const MAX_CHARS: usize = 4096;
/// Most terms of a demand.
pub const MAX_TERMS: usize = 256;
/// Most parentheses inside each other.
pub const MAX_DEPTH: usize = 32;
/// Most steps of a ladder.
pub const MAX_STEPS: usize = 32;
/// Most skills of one agent.
pub const MAX_SKILLS: usize = 100_000;
/// Most names of skills in use at once.
pub const MAX_NAMES: usize = 200_000;
/// Most different profiles in use at once.
pub const MAX_PROFILES: usize = 250_000;
/// Most skills of all profiles in use together.
pub const MAX_ENTRIES: usize = 10_000_000;
/// Most different demands in use at once.
pub const MAX_DEMANDS: usize = 200_000;

/// A different set of skills, for as long as somebody has it. Small and dense; used again afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileId(pub u32);

impl ProfileId {
    /// No skills at all. Always there; never counted.
    pub const NONE: Self = Self(0);
}

/// A different demand, for as long as somebody has it. Small and dense; used again afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DemandId(pub u32);

impl DemandId {
    /// `any`: everybody meets it. Always there; never counted.
    pub const ANY: Self = Self(0);
}

/// A different list of relaxation steps, for as long as somebody has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LadderId(pub u32);

impl LadderId {
    /// `any` from the beginning. Always there; never counted.
    pub const ANY: Self = Self(0);
}

/// A demand that was read and put in canonical form: equal ones are written, compare and hash alike.
///
/// Negations are pushed into the comparisons, comparisons of one skill are merged, operands are sorted and
/// doubles dropped; `Display` gives a text that is read as the same demand. (Demands that mean the same but
/// need distribution or absorption to see it stay different.)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Demand {
    text: Box<str>,
    expr: Expr,
}

impl Demand {
    /// Read a demand. The grammar is in `parse.rs` and, for operators, in `docs/configuration.md`.
    ///
    /// # Errors
    /// With the column and what was expected there; see [`Problem`].
    pub fn parse(text: &str) -> std::result::Result<Self, DemandError> {
        let expr = parse::parse(text)?;
        let whole = |problem| DemandError { column: 1, problem };
        if expr.is_nobody() {
            return Err(whole(Problem::Impossible));
        }
        let printed = expr.print();
        // Whatever is accepted must be accepted again in canonical form: that is what snapshots hold.
        if printed.text.len() > MAX_CHARS
            || printed.terms > MAX_TERMS
            || printed.deepest > MAX_DEPTH
        {
            return Err(whole(Problem::Complicated));
        }
        Ok(Self {
            text: printed.text.into(),
            expr,
        })
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether everybody meets it.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.expr.is_everybody()
    }
}

impl std::fmt::Display for Demand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a skill can have this name.
#[must_use]
pub fn is_skill_name(text: &str) -> bool {
    parse::is_name(text)
}

#[cfg(test)]
mod tests;
