//! Where each header of an event is, found by name.

use std::ops::Range;

use super::error::EventError;

/// Most headers in one event; a real one has 50 to 250.
pub const MAX_EVENT_HEADERS: usize = 65_536;

/// Keys that one step of a search compares.
const KEYS_AT_ONCE: usize = 16;

/// Where one header is in the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    name_start: u32,
    name_end: u32,
    value_start: u32,
    value_end: u32,
}

impl Span {
    pub(super) fn name(self) -> Range<usize> {
        self.name_start as usize..self.name_end as usize
    }

    pub(super) fn value(self) -> Range<usize> {
        self.value_start as usize..self.value_end as usize
    }
}

/// Headers in the order of the wire. Searching walks over four bytes a header, which beats hashing all names
/// of an event of which a dozen are read.
#[derive(Debug, Default)]
pub(super) struct Index {
    keys: Vec<u32>,
    spans: Vec<Span>,
}

impl Index {
    pub(super) fn with_capacity(headers: usize) -> Self {
        Self {
            keys: Vec::with_capacity(headers),
            spans: Vec::with_capacity(headers),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Where each header is.
    pub(super) fn spans(&self) -> impl DoubleEndedIterator<Item = Span> {
        self.spans.iter().copied()
    }

    /// Notes a header. `buffer` must be shorter than `MAX_EVENT_BYTES`.
    #[allow(clippy::cast_possible_truncation)] // callers check MAX_EVENT_BYTES
    pub(super) fn push(
        &mut self,
        buffer: &[u8],
        name: Range<usize>,
        value: Range<usize>,
    ) -> Result<(), EventError> {
        if self.spans.len() >= MAX_EVENT_HEADERS {
            return Err(EventError::TooManyHeaders);
        }
        self.keys
            .push(key(buffer.get(name.clone()).unwrap_or_default()));
        self.spans.push(Span {
            name_start: name.start as u32,
            name_end: name.end as u32,
            value_start: value.start as u32,
            value_end: value.end as u32,
        });
        Ok(())
    }

    /// The first header of exactly this name.
    pub(super) fn find(&self, buffer: &[u8], name: &[u8]) -> Option<Span> {
        let wanted = key(name);
        let (blocks, tail) = self.keys.as_chunks::<KEYS_AT_ONCE>();
        let mut spans = self.spans.as_slice();
        for block in blocks {
            let (here, after) = spans.split_at_checked(KEYS_AT_ONCE)?;
            spans = after;
            // No early end: this compiles to a few vector instructions.
            let hits = block.iter().filter(|key| **key == wanted).count();
            if hits > 0
                && let Some(span) = first_of_name(buffer, block, here, wanted, name)
            {
                return Some(span);
            }
        }
        first_of_name(buffer, tail, spans, wanted, name)
    }
}

fn first_of_name(
    buffer: &[u8],
    keys: &[u32],
    spans: &[Span],
    wanted: u32,
    name: &[u8],
) -> Option<Span> {
    keys.iter()
        .zip(spans)
        .filter(|(key, _)| **key == wanted)
        .map(|(_, span)| *span)
        .find(|span| buffer.get(span.name()) == Some(name))
}

/// Length and last three bytes: names of one event share beginnings (`variable_sip_…`), not ends.
fn key(name: &[u8]) -> u32 {
    let [length, ..] = name.len().to_le_bytes();
    match name {
        [.., a, b, c] => u32::from_le_bytes([length, *a, *b, *c]),
        [a, b] => u32::from_le_bytes([length, *a, *b, 0]),
        [a] => u32::from_le_bytes([length, *a, 0, 0]),
        [] => 0,
    }
}
