//! The decision log: each call that changed a router, with its answer, from which the same decisions come again.
//!
//! ```text
//! log   = "CCDECIDE" format:u32 length:u64 snapshot { entry }
//! entry = length:varint body check:u32
//! body  = call:u8 arguments answer                          postcard
//! ```
//!
//! The check is a CRC-32 over all bodies so far, the snapshot's bytes first: an entry that is damaged, missing or
//! in another place is noticed there. A call that was refused changed nothing and isn't noted.

mod calls;
mod replay;

use std::ops::Deref;

use serde::Serialize;

use super::{BreakNews, Explanation, Result, Router, RouterError, types};
use calls::Outcome;
pub use replay::{LogError, Replay};

const MAGIC: &[u8; 8] = b"CCDECIDE";
/// Changes with the format of snapshots and whenever calls do; no version reads another's.
pub const LOG_FORMAT: u32 = 6;
/// A log that nobody fetches ends here: some million calls.
const MAX_UNFETCHED: usize = 64 << 20;
/// Most bytes of calls to be kept.
const MAX_KEPT: i64 = 1 << 30;

/// A router whose calls may be noted. While none are, a call costs one comparison more.
///
/// What only asks is there by `Deref`; what changes the router goes through here, or it isn't in the log.
#[derive(Debug, Default)]
pub struct Recorder {
    router: Router,
    notes: Option<Box<Notes>>,
}

#[derive(Debug, Default)]
struct Notes {
    /// To be fetched.
    out: Option<Log>,
    /// To be asked.
    kept: Option<Kept>,
    /// Room for a body, kept to save the allocation.
    body: Vec<u8>,
}

/// The latest calls, to explain decisions afterwards: a log that grows, and the one before it.
#[derive(Debug)]
struct Kept {
    /// A log ends when it is so long, or four times as long as its snapshot, so that snapshots are rare.
    length: usize,
    before: Vec<u8>,
    log: Log,
}

/// A log that grows.
#[derive(Debug, Default)]
struct Log {
    bytes: Vec<u8>,
    /// Length of what stands before the first entry.
    begin: usize,
    check: crc32fast::Hasher,
}

impl Log {
    /// A log that begins with the router as it is.
    fn of(router: &Router) -> Result<Self> {
        let snapshot = router.snapshot()?;
        let mut log = Self::default();
        log.bytes.extend(MAGIC);
        log.bytes.extend(LOG_FORMAT.to_le_bytes());
        log.bytes.extend((snapshot.len() as u64).to_le_bytes());
        log.bytes.extend(&snapshot);
        log.check.update(&snapshot);
        log.begin = log.bytes.len();
        Ok(log)
    }

    fn push(&mut self, body: &[u8]) {
        self.check.update(body);
        let mut left = body.len();
        while left >= 0x80 {
            self.bytes.push(left.to_le_bytes()[0] | 0x80);
            left >>= 7;
        }
        self.bytes.push(left.to_le_bytes()[0]);
        self.bytes.extend(body);
        self.bytes
            .extend(self.check.clone().finalize().to_le_bytes());
    }
}

impl From<Router> for Recorder {
    fn from(router: Router) -> Self {
        Self {
            router,
            notes: None,
        }
    }
}

impl Deref for Recorder {
    type Target = Router;

    fn deref(&self) -> &Router {
        &self.router
    }
}

impl Recorder {
    /// Note calls from now on, in a log that begins with a snapshot of now. A log that was being written ends;
    /// what of it wasn't fetched is given.
    ///
    /// # Errors
    /// `Defect`.
    pub fn start_log(&mut self) -> Result<Vec<u8>> {
        let begun = Log::of(&self.router)?;
        let before = self.notes.get_or_insert_default().out.replace(begun);
        Ok(before.map_or_else(Vec::new, |log| log.bytes))
    }

    /// Note no more; give what wasn't fetched.
    pub fn stop_log(&mut self) -> Vec<u8> {
        let Some(notes) = &mut self.notes else {
            return Vec::new();
        };
        let log = notes.out.take();
        if notes.kept.is_none() {
            self.notes = None;
        }
        log.map_or_else(Vec::new, |log| log.bytes)
    }

    /// What was noted since the last time.
    ///
    /// # Errors
    /// `WrongStep` when no log is written: never begun, ended, or so long that it ended itself.
    pub fn fetch_log(&mut self) -> Result<Vec<u8>> {
        let log = self.notes.as_mut().and_then(|notes| notes.out.as_mut());
        match log {
            Some(log) => Ok(std::mem::take(&mut log.bytes)),
            None => Err(RouterError::WrongStep("no decision log is being written")),
        }
    }

    /// `Router::changed_agents`, which no decision depends on.
    pub fn changed_agents(&mut self) -> Vec<u64> {
        self.router.changed_agents()
    }

    /// `Router::break_news`, which no decision depends on.
    pub fn break_news(&mut self) -> Vec<BreakNews> {
        self.router.break_news()
    }

    /// Bytes that wait to be fetched; None when no log is written.
    #[must_use]
    pub fn log_len(&self) -> Option<usize> {
        let log = self.notes.as_ref()?.out.as_ref()?;
        Some(log.bytes.len())
    }

    /// Keep the latest calls, so that their decisions can be explained; 0 keeps none. Held are one to two times
    /// so many bytes of calls, or four to eight times the length of a snapshot when that is more.
    ///
    /// # Errors
    /// `OutOfRange`, `Defect`.
    pub fn keep_decisions(&mut self, length: i64) -> Result<()> {
        types::range("length", length, 0, MAX_KEPT)?;
        let kept = if length > 0 {
            Some(Kept {
                length: usize::try_from(length).unwrap_or(usize::MAX),
                before: Vec::new(),
                log: Log::of(&self.router)?,
            })
        } else {
            None
        };
        let notes = self.notes.get_or_insert_default();
        notes.kept = kept;
        if notes.kept.is_none() && notes.out.is_none() {
            self.notes = None;
        }
        Ok(())
    }

    /// Where the caller stood with each agent when an offer was decided. Makes the kept calls again: some
    /// milliseconds.
    ///
    /// # Errors
    /// `WrongStep` when that decision isn't kept; `Defect`.
    pub fn explain_offer(&self, offer: u64) -> Result<Explanation> {
        let gone = RouterError::WrongStep("the decision that made this offer isn't kept");
        let kept = self.notes.as_ref().and_then(|notes| notes.kept.as_ref());
        let kept = kept.ok_or(gone.clone())?;
        for log in [&kept.log.bytes, &kept.before] {
            if log.is_empty() {
                continue;
            }
            let found = Replay::new(log.clone()).and_then(|mut replay| replay.explain_offer(offer));
            match found {
                Ok(Some(explanation)) => return Ok(explanation),
                Ok(None) => {}
                Err(_) => return Err(RouterError::Defect("kept calls that can't be made again")),
            }
        }
        Err(gone)
    }

    fn note<O: Outcome>(&mut self, tag: u8, arguments: &impl Serialize, outcome: &O) {
        let answer = match outcome.answer() {
            Ok(answer) => Ok(answer),
            Err(None) => Err(()),
            Err(Some(_)) => return,
        };
        let Some(notes) = &mut self.notes else {
            return;
        };
        let mut body = std::mem::take(&mut notes.body);
        body.clear();
        let Ok(body) = postcard::to_extend(&(tag, arguments, answer), body) else {
            // A log with a hole is none.
            self.notes = None;
            return;
        };
        if let Some(log) = &mut notes.out {
            if log.bytes.len() + body.len() < MAX_UNFETCHED {
                log.push(&body);
            } else {
                notes.out = None;
            }
        }
        if let Some(kept) = &mut notes.kept {
            kept.log.push(&body);
            if kept.log.bytes.len() > kept.log.begin + kept.length.max(4 * kept.log.begin) {
                match Log::of(&self.router) {
                    Ok(next) => {
                        kept.before = std::mem::replace(&mut kept.log, next).bytes;
                    }
                    Err(_) => notes.kept = None,
                }
            }
        }
        notes.body = body;
    }
}

#[cfg(test)]
mod tests;
