//! One event: an index over its bytes, decoded header by header on demand.

use std::borrow::Cow;
use std::ops::Range;
use std::str;
use std::sync::Arc;

use super::error::EventError;
use super::frame::decimal;
use super::index::{Index, Span};
use super::json;
use super::marks::Marks;
use super::percent;

/// Largest event that is decoded. Offsets fit into 32 bits below it.
pub const MAX_EVENT_BYTES: usize = 64 << 20;

/// How FreeSWITCH writes an empty value (`switch_event.c`).
const EMPTY_VALUE: &[u8] = b"_undef_";

/// Bytes of a header line that give a good first guess of how many lines there are.
const TYPICAL_LINE_BYTES: usize = 40;

/// One FreeSWITCH event. Names are compared exactly; when one occurs twice the first counts, because
/// FreeSWITCH writes its own headers before the channel's variables.
#[derive(Debug)]
pub struct Event {
    buffer: Arc<[u8]>,
    index: Index,
    body: Range<usize>,
    percent_encoded: bool,
}

impl Event {
    /// Decodes `Name: percent-encoded value` lines as in `event plain` or `uuid_dump`.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn from_plain(data: &[u8]) -> Result<Self, EventError> {
        // Checked before the copy.
        if data.len() > MAX_EVENT_BYTES {
            return Err(EventError::TooLong);
        }
        Self::plain_within(Arc::from(data), 0)
    }

    /// Decodes the event that begins at `start` of a frame's buffer and takes the rest of it.
    pub(super) fn plain_within(buffer: Arc<[u8]>, start: usize) -> Result<Self, EventError> {
        let (index, body) = index_plain(&buffer, start)?;
        Ok(Self {
            buffer,
            index,
            body,
            percent_encoded: true,
        })
    }

    /// Decodes one JSON object as in `event json` or `uuid_dump … json`.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn from_json(data: &[u8]) -> Result<Self, EventError> {
        if data.len() > MAX_EVENT_BYTES {
            return Err(EventError::TooLong);
        }
        let (buffer, index, body) = json::read(data)?;
        if index.is_empty() {
            return Err(EventError::Empty);
        }
        Ok(Self {
            buffer: Arc::from(buffer),
            index,
            body,
            percent_encoded: false,
        })
    }

    /// Body of the event, raw; empty when it has none.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.buffer.get(self.body.clone()).unwrap_or_default()
    }

    /// Decoded bytes of a header by exact name.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.index
            .find(&self.buffer, name.as_bytes())
            .map(|span| self.value(span))
    }

    /// Decoded text of a header by exact name; bytes that aren't UTF-8 come out as U+FFFD.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.raw(name).map(text)
    }

    /// Whether there is a header of exactly this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.index.find(&self.buffer, name.as_bytes()).is_some()
    }

    /// All headers decoded, in the order of the wire, repeated ones too.
    pub fn items(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.index.spans().map(|span| {
            let name = self.buffer.get(span.name()).unwrap_or_default();
            (String::from_utf8_lossy(name), text(self.value(span)))
        })
    }

    /// Number of header lines, repeated ones counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Never: an event without headers isn't decoded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `Event-Date-Timestamp`, microseconds by the switch's clock; 0 when absent or not a number.
    #[must_use]
    pub fn timestamp_us(&self) -> i64 {
        self.raw("Event-Date-Timestamp")
            .and_then(|digits| decimal(&digits))
            .and_then(|number| i64::try_from(number).ok())
            .unwrap_or(0)
    }

    fn value(&self, span: Span) -> Cow<'_, [u8]> {
        let value = self.buffer.get(span.value()).unwrap_or_default();
        if !self.percent_encoded {
            Cow::Borrowed(value)
        } else if value == EMPTY_VALUE {
            Cow::Borrowed(b"")
        } else {
            percent::decode(value)
        }
    }
}

fn text(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
    }
}

/// Index of the header lines from `start` on, and where the body is.
fn index_plain(buffer: &[u8], start: usize) -> Result<(Index, Range<usize>), EventError> {
    if buffer.len() > MAX_EVENT_BYTES {
        return Err(EventError::TooLong);
    }
    let mut index = Index::with_capacity(buffer.len() / TYPICAL_LINE_BYTES + 8);
    let mut line_start = start;
    let mut name_end = None;
    let mut body_start = None;
    for at in Marks::new(buffer, start) {
        let line = index.len() + 1;
        match buffer.get(at) {
            // A colon inside a name isn't followed by a space, and one in a value is percent-encoded.
            Some(b':') => {
                let separates = matches!(buffer.get(at + 1), Some(b' ' | b'\n'));
                if name_end.is_none() && at > line_start && separates {
                    name_end = Some(at);
                }
            }
            Some(b'\n') => {
                if at == line_start {
                    body_start = Some(at + 1);
                    break;
                }
                let name_end = name_end.take().ok_or(EventError::BadLine { line })?;
                let value_start = at.min(name_end + 2);
                index.push(buffer, line_start..name_end, value_start..at)?;
                line_start = at + 1;
            }
            _ => return Err(EventError::Nul),
        }
    }
    if body_start.is_none() && line_start < buffer.len() {
        let line = index.len() + 1;
        return Err(EventError::Truncated { line });
    }
    let body = body_start.unwrap_or(buffer.len())..buffer.len();
    let last = index.spans().next_back().ok_or(EventError::Empty)?;
    // FreeSWITCH writes the length of a body right before the blank line; the same name further up is a
    // header that somebody gave to `sendevent`.
    let expected = if buffer.get(last.name()) == Some(b"Content-Length") {
        let digits = buffer.get(last.value()).unwrap_or_default();
        decimal(digits).ok_or(EventError::BadLength)?
    } else {
        0
    };
    if expected != body.len() {
        return Err(EventError::BodyMismatch {
            expected,
            found: body.len(),
        });
    }
    Ok((index, body))
}

#[cfg(test)]
mod tests;
