//! Every call that changes a router, once: how it is noted and how it is made again.

use serde::{Deserialize, Serialize};

use super::super::{
    AgentSettings, Arrival, BreakSettings, Fault, Proposal, QueueSettings, Remembered, Result,
    Router, RouterError, Status, TierSettings,
};
use super::{Recorder, replay::Wrong};

/// An argument: what stays in the log of it, and how a call gets it from there.
pub(super) trait Argument<'a>: Serialize {
    type Kept: Deserialize<'a>;

    fn lend(kept: &'a Self::Kept) -> Self;
}

macro_rules! kept_as_they_are {
    ($($type:ty),+) => {
        $(impl Argument<'_> for $type {
            type Kept = Self;

            fn lend(kept: &Self) -> Self {
                *kept
            }
        })+
    };
}

kept_as_they_are!(
    i64,
    u64,
    bool,
    AgentSettings,
    Arrival,
    BreakSettings,
    Fault,
    QueueSettings,
    Remembered,
    Status,
    TierSettings
);

impl<'a> Argument<'a> for &'a str {
    type Kept = &'a str;

    fn lend(kept: &'a &'a str) -> Self {
        kept
    }
}

/// Demands by waited time.
type Steps<'a> = &'a [(i64, &'a str)];

impl<'a> Argument<'a> for Steps<'a> {
    type Kept = Vec<(i64, &'a str)>;

    fn lend(kept: &'a Self::Kept) -> Self {
        kept
    }
}

impl<'a> Argument<'a> for Option<Steps<'a>> {
    type Kept = Option<Vec<(i64, &'a str)>>;

    fn lend(kept: &'a Self::Kept) -> Self {
        kept.as_deref()
    }
}

/// Skills by name.
type Levels<'a> = &'a [(&'a str, i64)];

impl<'a> Argument<'a> for Levels<'a> {
    type Kept = Vec<(&'a str, i64)>;

    fn lend(kept: &'a Self::Kept) -> Self {
        kept
    }
}

/// What a call gives: an answer, or a refusal that changed nothing.
pub(super) trait Outcome {
    type Answer: Serialize + for<'a> Deserialize<'a> + std::fmt::Debug;

    /// The answer; `Err(None)` for a defect, after which the state may be another.
    fn answer(&self) -> std::result::Result<&Self::Answer, Option<&RouterError>>;
}

impl<T: Serialize + for<'a> Deserialize<'a> + std::fmt::Debug> Outcome for Result<T> {
    type Answer = T;

    fn answer(&self) -> std::result::Result<&T, Option<&RouterError>> {
        self.as_ref().map_err(|error| match error {
            RouterError::Defect(_) => None,
            refused => Some(refused),
        })
    }
}

impl Outcome for () {
    type Answer = ();

    fn answer(&self) -> std::result::Result<&(), Option<&RouterError>> {
        Ok(self)
    }
}

/// `decide`, whose answers are looked for by offer.
const DECIDE: u8 = 15;

/// The moment of a noted decision and the reservations that it made; None for other calls.
pub(super) fn decision(tag: u8, noted: &[u8]) -> Option<(i64, Vec<Proposal>)> {
    type Decided = ((i64,), std::result::Result<Vec<Proposal>, ()>);
    if tag != DECIDE {
        return None;
    }
    let ((now_us,), proposals) = postcard::from_bytes::<Decided>(noted).ok()?;
    Some((now_us, proposals.ok()?))
}

macro_rules! calls {
    ($($tag:literal $method:ident ($($argument:ident: $type:ty),*) -> $outcome:ty;)+) => {
        impl<'a> Recorder {
            $(
                #[doc = concat!("`Router::", stringify!($method), "`, noted when it was carried out.")]
                ///
                /// # Errors
                /// The same.
                #[allow(clippy::missing_errors_doc, reason = "one of them can't fail")]
                pub fn $method(&mut self, $($argument: $type),*) -> $outcome {
                    let outcome = self.router.$method($($argument),*);
                    if self.notes.is_some() {
                        self.note($tag, &($($argument,)*), &outcome);
                    }
                    outcome
                }
            )+
        }

        /// Make a noted call again: what it says now must be what follows in the log.
        pub(super) fn perform(router: &mut Router, tag: u8, noted: &[u8]) -> std::result::Result<(), Wrong> {
            match tag {
                $(
                    $tag => {
                        type Kept<'a> = ($(<$type as Argument<'a>>::Kept,)*);
                        let (kept, answer) = postcard::take_from_bytes::<Kept>(noted)
                            .map_err(|_| Wrong::Damaged)?;
                        let ($($argument,)*) = &kept;
                        let outcome = router.$method($(Argument::lend($argument)),*);
                        super::replay::compare(stringify!($method), &outcome, answer)
                    }
                )+
                _ => Err(Wrong::Damaged),
            }
        }
    };
}

calls! {
    0 put_queue(now_us: i64, name: &'a str, settings: QueueSettings) -> Result<u64>;
    1 remove_queue(now_us: i64, queue: u64) -> Result<()>;
    2 put_agent(now_us: i64, name: &'a str, settings: AgentSettings) -> Result<u64>;
    3 remove_agent(now_us: i64, agent: u64) -> Result<()>;
    4 put_tier(now_us: i64, queue: u64, agent: u64, settings: TierSettings) -> Result<()>;
    5 remove_tier(now_us: i64, queue: u64, agent: u64) -> Result<()>;
    6 enqueue(now_us: i64, queue: u64, arrival: Arrival) -> Result<u64>;
    7 set_priority(now_us: i64, caller: u64, priority: i64) -> Result<()>;
    8 set_base_score(now_us: i64, caller: u64, base_score_us: i64) -> Result<()>;
    9 move_caller(now_us: i64, caller: u64, queue: u64, keep_entered: bool) -> Result<Vec<u64>>;
    10 leave(now_us: i64, caller: u64, abandoned: bool) -> Result<Vec<u64>>;
    11 set_status(now_us: i64, agent: u64, status: Status) -> Result<Option<u64>>;
    12 set_wrap_up_end(now_us: i64, agent: u64, end_us: i64) -> Result<()>;
    13 set_ready_at(now_us: i64, agent: u64, ready_at_us: i64) -> Result<()>;
    14 set_external_calls(now_us: i64, agent: u64, count: i64) -> Result<()>;
    15 decide(now_us: i64) -> Result<Vec<Proposal>>;
    16 ringing(now_us: i64, offer: u64) -> Result<()>;
    17 claim(now_us: i64, offer: u64) -> Result<Option<Vec<u64>>>;
    18 bridged(now_us: i64, offer: u64) -> Result<()>;
    19 fail(now_us: i64, offer: u64, fault: Fault) -> Result<Option<Status>>;
    20 finish(now_us: i64, offer: u64) -> Result<()>;
    21 set_timer(deadline_us: i64, token: i64) -> Result<()>;
    22 cancel_timer(token: i64) -> ();
    23 advance(now_us: i64) -> Result<Vec<i64>>;
    24 restore_agent(now_us: i64, agent: u64, was: Remembered) -> Result<()>;
    25 adopt_offer(now_us: i64, caller: u64, agent: u64) -> Result<u64>;
    26 adopt_conversation(now_us: i64, agent: u64, since_us: i64, counted: bool) -> Result<u64>;
    27 hold_caller(now_us: i64, caller: u64, held: bool) -> Result<()>;
    28 put_skilled_queue(now_us: i64, name: &'a str, settings: QueueSettings, skills: Steps<'a>) -> Result<u64>;
    29 put_skilled_agent(now_us: i64, name: &'a str, settings: AgentSettings, skills: Levels<'a>) -> Result<u64>;
    30 enqueue_demanding(now_us: i64, queue: u64, arrival: Arrival, skills: Option<Steps<'a>>) -> Result<u64>;
    31 set_skills(now_us: i64, caller: u64, skills: Option<Steps<'a>>) -> Result<()>;
    32 put_break_reason(now_us: i64, name: &'a str, settings: BreakSettings) -> Result<u64>;
    33 remove_break_reason(now_us: i64, reason: u64) -> Result<()>;
    34 set_break_quota(now_us: i64, quota: i64) -> Result<()>;
    35 request_break(now_us: i64, agent: u64, reason: u64, force: bool, asked_us: i64) -> Result<()>;
    36 withdraw_break(now_us: i64, agent: u64) -> Result<()>;
    37 restore_break(now_us: i64, agent: u64, reason: u64, since_us: i64, overdue: bool) -> Result<()>;
}
