//! Reading a demand.
//!
//! ```text
//! demand     = "any" | either
//! either     = both { "or" both }
//! both       = operand { "and" operand }
//! operand    = { "not" } ( "(" either ")" | name [ sign level ] )
//! sign       = ">=" | ">" | "<=" | "<" | "=" | "!="
//! name       = [A-Za-z0-9_] [A-Za-z0-9_.:-]*     1…64 characters, none of the words above
//! level      = 0…100
//! ```
//!
//! Spaces and tabs separate. Only parentheses recurse, and they are counted.

use super::error::{DemandError, Expected, Found, Problem};
use super::expr::{ALL_LEVELS, Expr, Levels, between};
use super::{MAX_CHARS, MAX_DEPTH, MAX_LEVEL, MAX_NAME, MAX_TERMS};

/// The words that no skill can be named.
const WORDS: [&str; 4] = ["and", "or", "not", "any"];
/// Longer ones first.
const SIGNS: [&str; 8] = [">=", "<=", "!=", ">", "<", "=", "(", ")"];

type Parsed<T> = Result<T, DemandError>;

/// Whether a skill can have this name.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME
        && text.bytes().next().is_some_and(is_first)
        && text.bytes().all(is_inner)
        && !WORDS.contains(&text)
}

const fn is_first(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

const fn is_inner(byte: u8) -> bool {
    is_first(byte) || matches!(byte, b'.' | b':' | b'-')
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    End,
    /// One of the fixed signs and words.
    Sign(&'static str),
    Word(&'a str),
    Other,
}

impl Token<'_> {
    fn found(self) -> Found {
        match self {
            Self::End => Found::End,
            Self::Sign(sign) => Found::Sign(sign),
            Self::Word(word) if word.bytes().all(|byte| byte.is_ascii_digit()) => Found::Number,
            Self::Word(_) => Found::Name,
            Self::Other => Found::Other,
        }
    }
}

/// Read a demand into its canonical tree.
pub(super) fn parse(text: &str) -> Parsed<Expr> {
    if text.chars().nth(MAX_CHARS).is_some() {
        return Err(DemandError {
            column: MAX_CHARS + 1,
            problem: Problem::LongText,
        });
    }
    let mut parser = Parser {
        rest: text,
        column: 1,
        token: Token::End,
        token_column: 1,
        terms: 0,
        depth: 0,
        bare: false,
    };
    parser.step();
    let expr = parser.demand()?;
    Ok(expr)
}

struct Parser<'a> {
    /// What follows the current token.
    rest: &'a str,
    /// Column of `rest`.
    column: usize,
    token: Token<'a>,
    token_column: usize,
    terms: usize,
    depth: usize,
    /// The last operand was a name without a comparison.
    bare: bool,
}

impl<'a> Parser<'a> {
    /// Go to the next token. Everything that a token can be made of is ASCII: bytes are characters.
    fn step(&mut self) {
        let trimmed = self.rest.trim_start_matches([' ', '\t']);
        self.column += self.rest.len() - trimmed.len();
        self.token_column = self.column;
        let (token, length) = Self::token(trimmed);
        self.token = token;
        self.column += length;
        self.rest = trimmed.get(length..).unwrap_or_default();
    }

    fn token(text: &'a str) -> (Token<'a>, usize) {
        let Some(first) = text.bytes().next() else {
            return (Token::End, 0);
        };
        if is_first(first) {
            let length = text.bytes().take_while(|byte| is_inner(*byte)).count();
            let word = text.get(..length).unwrap_or_default();
            let fixed = WORDS.iter().find(|known| **known == word);
            return (
                fixed.map_or(Token::Word(word), |known| Token::Sign(known)),
                length,
            );
        }
        SIGNS
            .iter()
            .find(|sign| text.starts_with(**sign))
            .map_or((Token::Other, 0), |sign| (Token::Sign(sign), sign.len()))
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.token, Token::Sign(known) if known == sign)
    }

    fn accept(&mut self, sign: &str) -> bool {
        let there = self.is(sign);
        if there {
            self.step();
        }
        there
    }

    fn fault<T>(&self, problem: Problem) -> Parsed<T> {
        Err(DemandError {
            column: self.token_column,
            problem,
        })
    }

    fn unexpected<T>(&self, expected: Expected) -> Parsed<T> {
        self.fault(Problem::Syntax {
            expected,
            found: self.token.found(),
        })
    }

    fn demand(&mut self) -> Parsed<Expr> {
        if self.accept("any") {
            return if self.token == Token::End {
                Ok(Expr::all(Vec::new()))
            } else {
                self.unexpected(Expected::End)
            };
        }
        let expr = self.either(Expected::Demand)?;
        if self.token == Token::End {
            Ok(expr)
        } else {
            self.unexpected(self.after())
        }
    }

    /// What can follow an operand here.
    fn after(&self) -> Expected {
        let inside = self.depth > 0;
        if self.bare {
            Expected::AfterName { inside }
        } else {
            Expected::AfterOperand { inside }
        }
    }

    fn either(&mut self, expected: Expected) -> Parsed<Expr> {
        let mut parts = vec![self.both(expected)?];
        while self.accept("or") {
            parts.push(self.both(Expected::Operand)?);
        }
        Ok(Expr::one(parts))
    }

    fn both(&mut self, expected: Expected) -> Parsed<Expr> {
        let mut parts = vec![self.operand(expected)?];
        while self.accept("and") {
            parts.push(self.operand(Expected::Operand)?);
        }
        Ok(Expr::all(parts))
    }

    fn operand(&mut self, mut expected: Expected) -> Parsed<Expr> {
        let mut negated = false;
        while self.accept("not") {
            negated = !negated;
            expected = Expected::Operand;
        }
        let expr = match self.token {
            Token::Sign("(") => self.group()?,
            Token::Word(name) => self.term(name)?,
            _ => return self.unexpected(expected),
        };
        Ok(if negated { expr.negated() } else { expr })
    }

    fn group(&mut self) -> Parsed<Expr> {
        if self.depth == MAX_DEPTH {
            return self.fault(Problem::Deep);
        }
        self.depth += 1;
        self.step();
        let expr = self.either(Expected::Operand)?;
        if !self.is(")") {
            return self.unexpected(self.after());
        }
        self.depth -= 1;
        self.bare = false;
        self.step();
        Ok(expr)
    }

    fn term(&mut self, name: &str) -> Parsed<Expr> {
        if name.len() > MAX_NAME {
            return self.fault(Problem::LongName);
        }
        if self.terms == MAX_TERMS {
            return self.fault(Problem::ManyTerms);
        }
        self.terms += 1;
        self.step();
        let Token::Sign(sign @ (">=" | ">" | "<=" | "<" | "=" | "!=")) = self.token else {
            self.bare = true;
            return Ok(Expr::term(name, between(1, MAX_LEVEL)));
        };
        self.step();
        let level = match self.token {
            Token::Word(word) => level(word),
            _ => None,
        };
        let Some(level) = level else {
            return self.unexpected(Expected::Level);
        };
        self.step();
        self.bare = false;
        Ok(Expr::term(name, compared(sign, level)))
    }
}

/// One to three digits, at most 100.
fn level(word: &str) -> Option<u8> {
    let digits = word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse()
        .ok()
        .filter(|level| digits && *level <= MAX_LEVEL)
}

fn compared(sign: &str, level: u8) -> Levels {
    let least = between(level, MAX_LEVEL);
    let most = between(0, level);
    match sign {
        ">=" => least,
        ">" => ALL_LEVELS ^ most,
        "<=" => most,
        "<" => ALL_LEVELS ^ least,
        "=" => least & most,
        _ => ALL_LEVELS ^ (least & most),
    }
}
