//! How good past answers were.

use super::bytes::Reader;
use super::error::Result;
use super::wait::Moments;

/// Memory of what is shown and of the decision to say nothing, in answers: long enough that a bad hour shows and
/// short enough that it is forgiven.
const MEMORY: f64 = 400.0;
/// Memory of the spread: neighbours in a queue wait alike, so thousands of answers hold only dozens of
/// independent ones.
const SPREAD_MEMORY: f64 = 4000.0;
/// Answers' weight of the belief that chance alone spreads waits.
const SPREAD_DOUBT: f64 = 200.0;
/// One answer counts at most so many times its expected squared error: one lost call must not widen all ranges.
const WORST: f64 = 30.0;

/// Answers that must be judged before the score may silence the estimate: fewer are a handful of neighbours.
const ENOUGH_ANSWERS: f64 = 100.0;
/// Mean error, as a share of the mean wait, above which nothing is said: one minute in three wrong always in
/// the same direction is no estimate.
const WORST_BIAS: f64 = 0.35;
/// Share of waits within the 80 % range below which nothing is said: the range is then a promise not kept.
const WORST_COVERAGE: f64 = 0.5;
/// Root mean square error, in units of what chance explains, above which nothing is said. Handling times of
/// several kinds give up to 1.5.
const WORST_ERROR: f64 = 2.5;

/// Errors of past answers, newest weighing most. All 0 before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    /// All answers judged so far: those given to callers who then waited and were served.
    pub answers: u64,
    /// Mean of (estimate - wait) / mean wait: above 0 the estimates are too long.
    pub bias: f64,
    /// Root mean square of (estimate - wait) / mean wait.
    pub relative_error: f64,
    /// Share of waits within the range that should hold 80 %.
    pub coverage: f64,
    /// Root mean square error in units of what chance explains; 1 when the model is right.
    pub error_ratio: f64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Judge {
    answers: u64,
    weight: f64,
    error: f64,
    square: f64,
    wait: f64,
    inside: f64,
    ratio: f64,
    spread: f64,
    spread_weight: f64,
}

impl Judge {
    pub(super) fn numbers(&self) -> (u64, [f64; 8]) {
        let sums = [
            self.weight,
            self.error,
            self.square,
            self.wait,
            self.inside,
            self.ratio,
            self.spread,
            self.spread_weight,
        ];
        (self.answers, sums)
    }

    pub(super) fn read(&mut self, answers: u64, reader: &mut Reader<'_>) -> Result<()> {
        *self = Self {
            answers,
            weight: reader.sum()?,
            error: reader.number()?,
            square: reader.sum()?,
            wait: reader.sum()?,
            inside: reader.sum()?,
            ratio: reader.sum()?,
            spread: reader.sum()?,
            spread_weight: reader.sum()?,
        };
        Ok(())
    }

    /// Compare an answer, with its range wider by `spread` than chance makes it, with the wait.
    pub(crate) fn note(&mut self, answer: Moments, spread: f64, wait: f64) {
        let error = answer.mean - wait;
        let ratio = (error * error / answer.variance).min(WORST);
        let range = Moments {
            variance: answer.variance * spread,
            ..answer
        };
        self.answers = self.answers.saturating_add(1);
        let keep = 1.0 - 1.0 / MEMORY;
        self.weight = self.weight * keep + 1.0;
        self.error = self.error * keep + error;
        self.square = self.square * keep + error * error;
        self.wait = self.wait * keep + wait;
        self.inside = self.inside * keep + f64::from(u8::from(range.middle_80_holds(wait)));
        self.ratio = self.ratio * keep + ratio;
        let keep = 1.0 - 1.0 / SPREAD_MEMORY;
        self.spread = self.spread * keep + ratio;
        self.spread_weight = self.spread_weight * keep + 1.0;
    }

    /// How many times the variance that chance explains is seen.
    pub(crate) fn spread(&self) -> f64 {
        (self.spread + SPREAD_DOUBT) / (self.spread_weight + SPREAD_DOUBT)
    }

    pub(crate) fn score(&self) -> Score {
        if self.weight <= 0.0 || self.wait <= 0.0 {
            return Score {
                answers: self.answers,
                ..Score::default()
            };
        }
        Score {
            answers: self.answers,
            bias: self.error / self.wait,
            relative_error: (self.square * self.weight).sqrt() / self.wait,
            coverage: self.inside / self.weight,
            error_ratio: (self.ratio / self.weight).sqrt(),
        }
    }

    /// May an answer be given, after those that were?
    pub(crate) fn trusted(&self) -> bool {
        let score = self.score();
        self.weight < ENOUGH_ANSWERS
            || (score.bias.abs() <= WORST_BIAS
                && score.coverage >= WORST_COVERAGE
                && score.error_ratio <= WORST_ERROR)
    }
}
