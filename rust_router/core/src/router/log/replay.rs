//! The same decisions again.

use super::super::snapshot::SnapshotError;
use super::super::{Explanation, Proposal, Router, RouterError};
use super::calls::{Outcome, decision, perform};
use super::{LOG_FORMAT, MAGIC};

/// Magic, format and length of the snapshot.
const HEAD: usize = 20;
/// Bytes of an entry's check.
const SUM: usize = 4;

/// Why a log gives no decisions, or others. Entries are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Bytes of something else.
    #[error("this is no decision log")]
    NoLog,
    /// Made by a version that writes another format.
    #[error("the decision log has format {found}, this version reads format {LOG_FORMAT} only")]
    OtherFormat {
        /// The format of the bytes.
        found: u32,
    },
    /// The state that the log begins with can't be restored.
    #[error("the beginning of the decision log: {0}")]
    Beginning(#[from] SnapshotError),
    /// The log ends within an entry: whoever wrote it was interrupted, or bytes are lost.
    #[error("entry {0} is cut short")]
    Cut(u64),
    /// Bits are wrong or an entry is missing.
    #[error("entry {0} is damaged, or entries before it are missing")]
    Damaged(u64),
    /// A call that was carried out then.
    #[error("entry {entry}, {call}, was carried out and is now refused: {error}")]
    Refused {
        /// Its number.
        entry: u64,
        /// Name of the call.
        call: &'static str,
        /// Why.
        error: RouterError,
    },
    /// The answer is another than the noted one.
    #[error("entry {entry}, {call}, gave {noted} and now gives {found}")]
    Differs {
        /// Its number.
        entry: u64,
        /// Name of the call.
        call: &'static str,
        /// The answer in the log.
        noted: String,
        /// The answer now.
        found: String,
    },
}

impl LogError {
    /// The first entry that can't be made again; None when that isn't an entry's fault.
    #[must_use]
    pub const fn entry(&self) -> Option<u64> {
        match self {
            Self::NoLog | Self::OtherFormat { .. } | Self::Beginning(_) => None,
            Self::Cut(entry)
            | Self::Damaged(entry)
            | Self::Refused { entry, .. }
            | Self::Differs { entry, .. } => Some(*entry),
        }
    }
}

/// What is wrong with an entry whose number the caller knows.
#[derive(Debug)]
pub(super) enum Wrong {
    Cut,
    Damaged,
    Refused(&'static str, RouterError),
    Differs(&'static str, String, String),
}

impl Wrong {
    fn at(self, entry: u64) -> LogError {
        match self {
            Self::Cut => LogError::Cut(entry),
            Self::Damaged => LogError::Damaged(entry),
            Self::Refused(call, error) => LogError::Refused { entry, call, error },
            Self::Differs(call, noted, found) => LogError::Differs {
                entry,
                call,
                noted,
                found,
            },
        }
    }
}

/// The entry that comes next, whole and undamaged.
struct Next<'a> {
    tag: u8,
    /// Arguments and answer.
    noted: &'a [u8],
    /// Of the whole entry.
    length: usize,
    /// After this entry.
    check: crc32fast::Hasher,
}

impl<'a> Next<'a> {
    /// None at the end of the log.
    fn read(rest: &'a [u8], check: &crc32fast::Hasher) -> Result<Option<Self>, Wrong> {
        if rest.is_empty() {
            return Ok(None);
        }
        let (mut length, mut head) = (0_u64, 0);
        loop {
            let byte = *rest.get(head).ok_or(Wrong::Cut)?;
            length |= u64::from(byte & 0x7f) << (7 * head);
            head += 1;
            if byte < 0x80 {
                break;
            }
            if head == 5 {
                return Err(Wrong::Damaged);
            }
        }
        let length = usize::try_from(length).map_err(|_| Wrong::Damaged)?;
        let (body, behind) = rest
            .get(head..)
            .and_then(|rest| rest.split_at_checked(length))
            .ok_or(Wrong::Cut)?;
        let sum = behind.first_chunk::<SUM>().ok_or(Wrong::Cut)?;
        let mut check = check.clone();
        check.update(body);
        if check.clone().finalize().to_le_bytes() != *sum {
            return Err(Wrong::Damaged);
        }
        let (&tag, noted) = body.split_first().ok_or(Wrong::Damaged)?;
        Ok(Some(Self {
            tag,
            noted,
            length: head + length + SUM,
            check,
        }))
    }
}

/// Compare what a call gave with the noted answer.
pub(super) fn compare<O: Outcome>(
    call: &'static str,
    outcome: &O,
    noted: &[u8],
) -> Result<(), Wrong> {
    let answer = match outcome.answer() {
        Ok(answer) => Ok(answer),
        Err(None) => Err(()),
        Err(Some(error)) => return Err(Wrong::Refused(call, error.clone())),
    };
    let found = postcard::to_stdvec(&answer).map_err(|_| Wrong::Damaged)?;
    if found == noted {
        return Ok(());
    }
    let noted: Result<O::Answer, ()> = postcard::from_bytes(noted).map_err(|_| Wrong::Damaged)?;
    Err(Wrong::Differs(call, shown(&noted), shown(&answer)))
}

fn shown(answer: &Result<impl std::fmt::Debug, ()>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(()) => "a defect".to_owned(),
    }
}

/// Makes the decisions of a log again, entry by entry.
#[derive(Debug)]
pub struct Replay {
    router: Router,
    log: Vec<u8>,
    /// Where the next entry begins.
    at: usize,
    entry: u64,
    check: crc32fast::Hasher,
}

impl Replay {
    /// Stand before the first entry of a log.
    ///
    /// # Errors
    /// `NoLog`, `OtherFormat`, `Beginning`.
    pub fn new(log: Vec<u8>) -> Result<Self, LogError> {
        let rest = log.strip_prefix(MAGIC).ok_or(LogError::NoLog)?;
        let damaged = LogError::Beginning(SnapshotError::Damaged);
        let (format, rest) = rest.split_first_chunk().ok_or(damaged.clone())?;
        let found = u32::from_le_bytes(*format);
        if found != LOG_FORMAT {
            return Err(LogError::OtherFormat { found });
        }
        let (length, rest) = rest.split_first_chunk().ok_or(damaged.clone())?;
        let snapshot = usize::try_from(u64::from_le_bytes(*length))
            .ok()
            .and_then(|length| rest.get(..length))
            .ok_or(damaged)?;
        let router = Router::restore(snapshot)?;
        let mut check = crc32fast::Hasher::new();
        check.update(snapshot);
        let at = HEAD + snapshot.len();
        Ok(Self {
            router,
            log,
            at,
            entry: 0,
            check,
        })
    }

    /// Make the next call again; false when there is none.
    ///
    /// # Errors
    /// `Cut`, `Damaged`, `Refused`, `Differs`; the router then stands where that entry left it.
    pub fn step(&mut self) -> Result<bool, LogError> {
        let entry = self.entry + 1;
        let rest = self.log.get(self.at..).unwrap_or_default();
        let Some(next) = Next::read(rest, &self.check).map_err(|wrong| wrong.at(entry))? else {
            return Ok(false);
        };
        perform(&mut self.router, next.tag, next.noted).map_err(|wrong| wrong.at(entry))?;
        self.at += next.length;
        self.check = next.check;
        self.entry = entry;
        Ok(true)
    }

    /// Go on to the decision that made an offer, and explain it: where the caller stood with each agent when the
    /// turn came. None when no decision from here on made it.
    ///
    /// # Errors
    /// As `step`.
    pub fn explain_offer(&mut self, offer: u64) -> Result<Option<Explanation>, LogError> {
        loop {
            let entry = self.entry + 1;
            let rest = self.log.get(self.at..).unwrap_or_default();
            let next = Next::read(rest, &self.check).map_err(|wrong| wrong.at(entry))?;
            let decided = next.and_then(|next| decision(next.tag, next.noted));
            let made = decided.and_then(|(now_us, proposals)| {
                let mut made = proposals.iter().filter(|made| made.offer == offer);
                made.next().map(|made| (now_us, made.caller))
            });
            if let Some((now_us, caller)) = made {
                let found = self.router.explain_decision(now_us, caller);
                return found.map(Some).map_err(|error| LogError::Refused {
                    entry,
                    call: "decide",
                    error,
                });
            }
            if !self.step()? {
                return Ok(None);
            }
        }
    }

    /// The reservations that the entries from here on made, with the moment of each, as noted.
    ///
    /// # Errors
    /// `Cut`, `Damaged`.
    pub fn offers(&self) -> Result<Vec<(i64, Proposal)>, LogError> {
        let (mut entry, mut at, mut check) = (self.entry, self.at, self.check.clone());
        let mut found = Vec::new();
        loop {
            entry += 1;
            let rest = self.log.get(at..).unwrap_or_default();
            let Some(next) = Next::read(rest, &check).map_err(|wrong| wrong.at(entry))? else {
                return Ok(found);
            };
            if let Some((now_us, proposals)) = decision(next.tag, next.noted) {
                found.extend(proposals.into_iter().map(|proposal| (now_us, proposal)));
            }
            at += next.length;
            check = next.check;
        }
    }

    /// Make all calls again, or so many; give how many there were.
    ///
    /// # Errors
    /// As `step`.
    pub fn run(&mut self, entries: Option<u64>) -> Result<u64, LogError> {
        let mut done = 0;
        while entries.is_none_or(|entries| done < entries) && self.step()? {
            done += 1;
        }
        Ok(done)
    }

    /// How many entries were made again so far.
    #[must_use]
    pub const fn entry(&self) -> u64 {
        self.entry
    }

    /// The router where the replay stands.
    #[must_use]
    pub const fn router(&self) -> &Router {
        &self.router
    }
}
