//! The errors of skills and demands.

use super::{MAX_CHARS, MAX_DEPTH, MAX_LEVEL, MAX_NAME, MAX_SKILLS, MAX_STEPS, MAX_TERMS};
use crate::router::MAX_US;

/// What could have stood at a place of a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// At the beginning of the text.
    Demand,
    /// Where an operand begins.
    Operand,
    /// After the name of a skill.
    AfterName {
        /// A parenthesis is open.
        inside: bool,
    },
    /// After a whole operand.
    AfterOperand {
        /// A parenthesis is open.
        inside: bool,
    },
    /// After a comparison sign.
    Level,
    /// After `any`.
    End,
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Demand => f.write_str("a skill, `not`, `(` or `any`"),
            Self::Operand => f.write_str("a skill, `not` or `(`"),
            Self::AfterName { inside: true } => f.write_str("a comparison, `and`, `or` or `)`"),
            Self::AfterName { inside: false } => {
                f.write_str("a comparison, `and`, `or` or the end")
            }
            Self::AfterOperand { inside: true } => f.write_str("`and`, `or` or `)`"),
            Self::AfterOperand { inside: false } => f.write_str("`and`, `or` or the end"),
            Self::Level => write!(f, "a level 0…{MAX_LEVEL}"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// What stands at a place of a demand. Never the text itself: it may be anybody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing more.
    End,
    /// One of the signs and words of the language.
    Sign(&'static str),
    /// A word of digits.
    Number,
    /// Another word.
    Name,
    /// Something that no demand has.
    Other,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::End => f.write_str("the end"),
            Self::Sign(sign) => write!(f, "`{sign}`"),
            Self::Number => f.write_str("a number"),
            Self::Name => f.write_str("a name"),
            Self::Other => f.write_str("a character that has no place here"),
        }
    }
}

/// What is wrong with a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Something else should stand here.
    #[error("expected {expected}, found {found}")]
    Syntax {
        /// What could stand here.
        expected: Expected,
        /// What does.
        found: Found,
    },
    /// The name of a skill is too long.
    #[error("the name of a skill has at most {MAX_NAME} characters")]
    LongName,
    /// The text is too long.
    #[error("a demand has at most {MAX_CHARS} characters")]
    LongText,
    /// Too many open parentheses.
    #[error("a demand has at most {MAX_DEPTH} parentheses inside each other")]
    Deep,
    /// Too many terms.
    #[error("a demand names at most {MAX_TERMS} skills")]
    ManyTerms,
    /// Within the limits as written, beyond them in canonical form.
    #[error("this demand is too complicated")]
    Complicated,
    /// True of no agent, whatever the skills.
    #[error("no agent can ever meet this demand")]
    Impossible,
}

/// Why a text is no demand, and where: `column` counts characters from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {problem}")]
pub struct DemandError {
    /// Place of the problem.
    pub column: usize,
    /// The problem.
    pub problem: Problem,
}

/// Why a call could not be carried out. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SkillError {
    /// A text that is no demand.
    #[error(transparent)]
    Demand(#[from] DemandError),
    /// A name that no skill can have.
    #[error(
        "a skill's name has 1…{MAX_NAME} of letters, digits and _ . : -, beginning with a letter, digit or _, \
         and isn't `and`, `or`, `not` or `any`"
    )]
    BadName,
    /// A proficiency outside 0…100.
    #[error("a level must be 0…{MAX_LEVEL}")]
    BadLevel,
    /// One skill named twice for one agent.
    #[error("a skill is named twice")]
    Twice,
    /// Too many skills on one agent.
    #[error("an agent has at most {MAX_SKILLS} skills")]
    ManySkills,
    /// A list of steps that is empty or too long.
    #[error("there must be 1…{MAX_STEPS} steps")]
    BadSteps,
    /// Steps out of order.
    #[error(
        "the first step must begin at 0 and each other one later than the one before, at most {MAX_US}"
    )]
    StepOrder,
    /// Something after `any`.
    #[error("`any` can only be the last step")]
    AfterAny,
    /// No such profile is in use.
    #[error("no profile has this id")]
    UnknownProfile,
    /// No such demand is in use.
    #[error("no demand has this id")]
    UnknownDemand,
    /// No such ladder is in use.
    #[error("no ladder has this id")]
    UnknownLadder,
    /// More than is kept at once.
    #[error("too many {0} at once")]
    Full(&'static str),
}

/// Result of a call about skills.
pub type Result<T> = std::result::Result<T, SkillError>;
