//! An estimator as bytes, so that a restart doesn't forget what was measured.
//!
//! Little-endian and of fixed length: a version, whole numbers, then floats. What can't have been written by
//! [`Estimator::to_bytes`] is refused.

use super::error::{EstimateError, Result};
use super::estimator::{Estimator, MAX_US, Ticket};

/// Version of the layout, the first byte.
const VERSION: u8 = 3;
/// The one before didn't keep the lengths of the queue, which now come last.
const WITHOUT_LENGTHS: u8 = 2;

/// Takes numbers off the front of bytes.
pub(super) struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk().ok_or(EstimateError::BadBytes)?;
        self.0 = rest;
        Ok(*head)
    }

    fn whole(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn count(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    fn large(&mut self) -> Result<u128> {
        Ok(u128::from_le_bytes(self.take()?))
    }

    fn moment(&mut self) -> Result<i64> {
        let us = i64::from_le_bytes(self.take()?);
        if (0..=MAX_US).contains(&us) {
            Ok(us)
        } else {
            Err(EstimateError::BadBytes)
        }
    }

    /// Any number.
    pub(super) fn number(&mut self) -> Result<f64> {
        let number = f64::from_le_bytes(self.take()?);
        if number.is_finite() {
            Ok(number)
        } else {
            Err(EstimateError::BadBytes)
        }
    }

    /// A sum of what can't be negative.
    pub(super) fn sum(&mut self) -> Result<f64> {
        let number = self.number()?;
        if number >= 0.0 {
            Ok(number)
        } else {
            Err(EstimateError::BadBytes)
        }
    }

    fn short(&mut self) -> Result<f32> {
        let number = f32::from_le_bytes(self.take()?);
        if number.is_finite() && number >= 0.0 {
            Ok(number)
        } else {
            Err(EstimateError::BadBytes)
        }
    }

    fn end(&self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(EstimateError::BadBytes)
        }
    }
}

impl Estimator {
    /// All that was measured.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.now_us.to_le_bytes());
        for number in [
            self.staffed,
            self.free,
            self.waiting,
            self.queued,
            self.unserved,
        ] {
            out.extend(number.to_le_bytes());
        }
        let (answers, judged) = self.judge.numbers();
        for number in [self.entry.open_us, self.abandonment.open_us, answers] {
            out.extend(number.to_le_bytes());
        }
        let numbers = self
            .entry
            .numbers()
            .chain(self.service.numbers())
            .chain(self.abandonment.numbers())
            .chain(judged);
        let lengths = self.entry.lengths();
        for number in numbers.chain(lengths.numbers()) {
            out.extend(number.to_le_bytes());
        }
        out.extend(lengths.open.sum.to_le_bytes());
        out.extend(lengths.open.squares.to_le_bytes());
        out
    }

    /// The estimator that was written.
    ///
    /// # Errors
    /// `BadBytes`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader(bytes);
        let [version] = reader.take()?;
        if !(WITHOUT_LENGTHS..=VERSION).contains(&version) {
            return Err(EstimateError::BadBytes);
        }
        let mut found = Self::new();
        found.now_us = reader.moment()?;
        found.staffed = reader.whole()?;
        found.free = reader.whole()?;
        found.waiting = reader.whole()?;
        found.queued = reader.whole()?;
        found.unserved = reader.whole()?;
        let (entry_us, abandonment_us, answers) =
            (reader.count()?, reader.count()?, reader.count()?);
        found.entry.read(&mut reader)?;
        found.entry.open_us = entry_us;
        found.service.read(&mut reader)?;
        found.abandonment.read(&mut reader)?;
        found.abandonment.open_us = abandonment_us;
        found.judge.read(answers, &mut reader)?;
        if version == WITHOUT_LENGTHS {
            found.entry.lengths_unknown(found.waiting);
        } else {
            let lengths = found.entry.lengths_mut();
            lengths.read(&mut reader)?;
            lengths.open.sum = reader.large()?;
            lengths.open.squares = reader.large()?;
        }
        reader.end()?;
        if found.queued > found.waiting || found.unserved > found.waiting {
            return Err(EstimateError::BadBytes);
        }
        Ok(found)
    }
}

impl Ticket {
    /// Length of what [`Ticket::to_bytes`] gives.
    pub const BYTES: usize = 21;

    /// What the caller was told.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let [mean, variance, spread] =
            [self.mean, self.variance, self.spread].map(f32::to_le_bytes);
        let joined_us = self.joined_us.to_le_bytes();
        let fields = [
            joined_us.as_slice(),
            &mean,
            &variance,
            &spread,
            &[u8::from(self.queued)],
        ];
        let mut out = [0; Self::BYTES];
        for (place, byte) in out.iter_mut().zip(fields.into_iter().flatten()) {
            *place = *byte;
        }
        out
    }

    /// The ticket that was written.
    ///
    /// # Errors
    /// `BadBytes`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader(bytes);
        let found = Self {
            joined_us: reader.moment()?,
            mean: reader.short()?,
            variance: reader.short()?,
            spread: reader.short()?,
            queued: match reader.take()? {
                [0] => false,
                [1] => true,
                _ => return Err(EstimateError::BadBytes),
            },
        };
        reader.end()?;
        Ok(found)
    }
}
