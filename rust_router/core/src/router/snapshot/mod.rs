//! The whole router as bytes, and a router from such bytes.
//!
//! A snapshot holds facts by public ids and nothing that follows from them. So it is the same for two routers
//! that will act alike, whatever their histories did to slots and trees, and a restored router gives the same
//! later decisions and ids.

mod restore;
mod rows;

use rows::Facts;

use super::{Router, RouterError};
use crate::estimate::EstimateError;

/// Begins each snapshot.
const MAGIC: &[u8; 8] = b"CCROUTER";
/// Changes whenever the rows do; no version reads another's.
pub const SNAPSHOT_FORMAT: u32 = 7;
/// Magic and format before the rows, a CRC-32 of everything else behind them.
const HEAD: usize = 12;
const TAIL: usize = 4;

/// Why bytes don't become a router.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Bytes of something else.
    #[error("this is no snapshot of a router")]
    NoSnapshot,
    /// Made by a version that writes another format.
    #[error("the snapshot has format {found}, this version reads format {SNAPSHOT_FORMAT} only")]
    OtherFormat {
        /// The format of the bytes.
        found: u32,
    },
    /// Bits are wrong or missing.
    #[error("the snapshot is damaged: its checksum is wrong")]
    Damaged,
    /// Whole, and yet no state that a router could be in.
    #[error("the snapshot contradicts itself: {0}")]
    Contradiction(&'static str),
    /// Holds an id or a number that a router would refuse.
    #[error("the snapshot contradicts itself: {0}")]
    Refused(#[from] RouterError),
    /// Holds figures of the expected wait that can't be.
    #[error("the snapshot contradicts itself: {0}")]
    BadEstimate(#[from] EstimateError),
}

impl Router {
    /// All facts as bytes, the same for routers that will act alike. Costs O(everything).
    ///
    /// # Errors
    /// `Defect`.
    pub fn snapshot(&self) -> super::Result<Vec<u8>> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(SNAPSHOT_FORMAT.to_le_bytes());
        let mut bytes = postcard::to_extend(&Facts::of(self)?, bytes)
            .map_err(|_| RouterError::Defect("a snapshot that can't be written"))?;
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        Ok(bytes)
    }

    /// A router that goes on where the snapshot was taken. Memory is bounded by the length of the bytes.
    ///
    /// # Errors
    /// `SnapshotError` for whatever isn't the snapshot of a router.
    pub fn restore(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let rows = open(bytes)?;
        let (facts, rest) = postcard::take_from_bytes::<Facts>(rows)
            .map_err(|_| SnapshotError::Contradiction("rows that can't be read"))?;
        if !rest.is_empty() {
            return Err(SnapshotError::Contradiction("bytes behind the rows"));
        }
        restore::rebuild(facts)
    }
}

/// The rows of a sealed snapshot.
fn open(bytes: &[u8]) -> Result<&[u8], SnapshotError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(SnapshotError::NoSnapshot)?;
    let (format, _) = rest.split_first_chunk().ok_or(SnapshotError::Damaged)?;
    let found = u32::from_le_bytes(*format);
    if found != SNAPSHOT_FORMAT {
        return Err(SnapshotError::OtherFormat { found });
    }
    let (sealed, sum) = bytes
        .split_last_chunk::<TAIL>()
        .ok_or(SnapshotError::Damaged)?;
    if crc32fast::hash(sealed) != u32::from_le_bytes(*sum) {
        return Err(SnapshotError::Damaged);
    }
    sealed.get(HEAD..).ok_or(SnapshotError::Damaged)
}

#[cfg(test)]
mod tests;
