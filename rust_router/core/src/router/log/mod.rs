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

use super::{Result, Router, RouterError};
use calls::Outcome;
pub use replay::{LogError, Replay};

const MAGIC: &[u8; 8] = b"CCDECIDE";
/// Changes with the format of snapshots and whenever calls do; no version reads another's.
pub const LOG_FORMAT: u32 = 3;
/// A log that nobody fetches ends here: some million calls.
const MAX_UNFETCHED: usize = 64 << 20;

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
    out: Log,
    /// Room for a body, kept to save the allocation.
    body: Vec<u8>,
}

/// A log that grows.
#[derive(Debug, Default)]
struct Log {
    bytes: Vec<u8>,
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
        let rest = self.stop_log();
        self.notes = Some(Box::new(Notes {
            out: begun,
            body: Vec::new(),
        }));
        Ok(rest)
    }

    /// Note no more; give what wasn't fetched.
    pub fn stop_log(&mut self) -> Vec<u8> {
        self.notes
            .take()
            .map_or_else(Vec::new, |notes| notes.out.bytes)
    }

    /// What was noted since the last time.
    ///
    /// # Errors
    /// `WrongStep` when no log is written: never begun, ended, or so long that it ended itself.
    pub fn fetch_log(&mut self) -> Result<Vec<u8>> {
        match &mut self.notes {
            Some(notes) => Ok(std::mem::take(&mut notes.out.bytes)),
            None => Err(RouterError::WrongStep("no decision log is being written")),
        }
    }

    /// Bytes that wait to be fetched; None when no log is written.
    #[must_use]
    pub fn log_len(&self) -> Option<usize> {
        self.notes.as_ref().map(|notes| notes.out.bytes.len())
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
        match postcard::to_extend(&(tag, arguments, answer), body) {
            Ok(body) if notes.out.bytes.len() + body.len() < MAX_UNFETCHED => {
                notes.out.push(&body);
                notes.body = body;
            }
            // A log with a hole is none.
            _ => self.notes = None,
        }
    }
}

#[cfg(test)]
mod tests;
