//! One event: an index over its bytes, decoded header by header on demand.

use std::borrow::Cow;
use std::ops::Range;
use std::str;
use std::sync::Arc;

use wide::u8x16;

use super::error::EventError;
use super::frame::decimal;
use super::json;
use super::percent;

/// Largest event that is decoded. Offsets fit into 32 bits below it.
pub const MAX_EVENT_BYTES: usize = 64 << 20;

/// Most headers in one event; a real one has 50 to 250.
pub const MAX_EVENT_HEADERS: usize = 65_536;

/// How FreeSWITCH writes an empty value (`switch_event.c`).
const EMPTY_VALUE: &[u8] = b"_undef_";

/// Bytes of a header line that give a good first guess of how many lines there are.
const TYPICAL_LINE_BYTES: usize = 40;

/// Keys that one step of a search compares.
const KEYS_AT_ONCE: usize = 16;

/// Bytes that one step of [`Marks`] looks at: one bit of its mask for each.
const BLOCK: usize = 64;

/// Where one header is in the buffer.
#[derive(Clone, Copy, Debug)]
struct Span {
    name_start: u32,
    name_end: u32,
    value_start: u32,
    value_end: u32,
}

impl Span {
    fn name(self) -> Range<usize> {
        self.name_start as usize..self.name_end as usize
    }

    fn value(self) -> Range<usize> {
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
    fn with_capacity(headers: usize) -> Self {
        Self {
            keys: Vec::with_capacity(headers),
            spans: Vec::with_capacity(headers),
        }
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

    fn find(&self, buffer: &[u8], name: &[u8]) -> Option<Span> {
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
        if index.spans.is_empty() {
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
        self.index.spans.iter().map(|span| {
            let name = self.buffer.get(span.name()).unwrap_or_default();
            (String::from_utf8_lossy(name), text(self.value(*span)))
        })
    }

    /// Number of header lines, repeated ones counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.spans.len()
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
        let line = index.spans.len() + 1;
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
        let line = index.spans.len() + 1;
        return Err(EventError::Truncated { line });
    }
    let body = body_start.unwrap_or(buffer.len())..buffer.len();
    let last = index.spans.last().ok_or(EventError::Empty)?;
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

/// Positions of all line feeds, colons and NUL bytes from a place on. An event has two of them in 40 bytes:
/// a search for each would cost three times as much as looking at 64 bytes at once.
struct Marks<'a> {
    unread: &'a [u8],
    /// Position of the first byte that `mask` is about.
    block: usize,
    /// Where `unread` begins.
    next: usize,
    /// Marks not given yet, one bit a byte.
    mask: u64,
}

impl<'a> Marks<'a> {
    fn new(buffer: &'a [u8], start: usize) -> Self {
        Self {
            unread: buffer.get(start..).unwrap_or_default(),
            block: start,
            next: start,
            mask: 0,
        }
    }
}

impl Iterator for Marks<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.mask == 0 {
            self.block = self.next;
            if let Some((block, unread)) = self.unread.split_first_chunk() {
                self.mask = marks(block);
                self.unread = unread;
                self.next += BLOCK;
            } else {
                if self.unread.is_empty() {
                    return None;
                }
                // Padded with a byte that is no mark.
                let mut block = [b' '; BLOCK];
                for (to, from) in block.iter_mut().zip(self.unread) {
                    *to = *from;
                }
                self.mask = marks(&block);
                self.next += self.unread.len();
                self.unread = &[];
            }
        }
        let at = self.block + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(at)
    }
}

/// One bit for each byte that is a line feed, a colon or NUL.
fn marks(block: &[u8; BLOCK]) -> u64 {
    let (line_feed, colon, nul) = (u8x16::splat(b'\n'), u8x16::splat(b':'), u8x16::splat(b'\0'));
    let (lanes, _) = block.as_chunks::<16>();
    lanes.iter().rev().fold(0, |mask, lane| {
        let lane = u8x16::new(*lane);
        let found = lane.simd_eq(line_feed) | lane.simd_eq(colon) | lane.simd_eq(nul);
        mask << 16 | u64::from(found.to_bitmask())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn get(data: &[u8], name: &str) -> Option<String> {
        Event::from_plain(data)
            .unwrap()
            .get(name)
            .map(Cow::into_owned)
    }

    #[test]
    fn an_encoded_newline_stays_in_its_value() {
        let data = b"Event-Name: CHANNEL_PARK\nCaller-Caller-ID-Name: Evil%0AUnique-ID%3A%206666\nUnique-ID: 1\n\n";
        let event = Event::from_plain(data).unwrap();
        assert_eq!(event.get("Unique-ID").unwrap(), "1");
        assert_eq!(
            event.get("Caller-Caller-ID-Name").unwrap(),
            "Evil\nUnique-ID: 6666"
        );
        assert_eq!(event.len(), 3);
    }

    #[test]
    fn the_first_of_two_counts() {
        assert_eq!(get(b"A: 1\nA: 2\n\n", "A").unwrap(), "1");
    }

    #[test]
    fn names_are_exact() {
        let event = Event::from_plain(b"Unique-ID: 1\nX: 2\nYZ: 3\n\n").unwrap();
        assert!(event.contains("X") && event.contains("YZ"));
        for name in [
            "unique-id",
            "Unique-I",
            "nique-ID",
            "",
            "Y",
            "Unique-ID: 1",
            "Xnique-ID",
        ] {
            assert_eq!(event.get(name), None, "{name}");
        }
    }

    #[test]
    fn the_empty_value_of_freeswitch_is_empty() {
        assert_eq!(
            get(b"A: _undef_\nB: %5Fundef_\nC:\nD: \n\n", "A").unwrap(),
            ""
        );
        assert_eq!(
            get(b"A: _undef_\nB: %5Fundef_\nC:\nD: \n\n", "B").unwrap(),
            "_undef_"
        );
        assert_eq!(
            get(b"A: _undef_\nB: %5Fundef_\nC:\nD: \n\n", "C").unwrap(),
            ""
        );
        assert_eq!(
            get(b"A: _undef_\nB: %5Fundef_\nC:\nD: \n\n", "D").unwrap(),
            ""
        );
    }

    #[test]
    fn arrays_are_one_value() {
        assert_eq!(
            get(b"DP: ARRAY%3A%3Aqueue_vip%7C%3Avip\n\n", "DP").unwrap(),
            "ARRAY::queue_vip|:vip"
        );
    }

    #[test]
    fn a_colon_belongs_to_the_name_unless_a_space_follows() {
        assert_eq!(get(b"variable_a:b: c\n\n", "variable_a:b").unwrap(), "c");
        assert_eq!(get(b"variable_a:b: c\n\n", "variable_a"), None);
        assert_eq!(get(b"A: b: c\n\n", "A").unwrap(), "b: c");
    }

    #[test]
    fn the_body_is_what_the_last_header_promises() {
        let event = Event::from_plain(b"A: 1\nContent-Length: 7\n\nB: 2\n\n\0").unwrap();
        assert_eq!(event.body(), b"B: 2\n\n\0");
        assert_eq!(event.get("B"), None);
        let given = Event::from_plain(b"Content-Length: 99\nA: 1\n\n").unwrap();
        assert_eq!(given.body(), b"");
    }

    #[test]
    fn each_fault_has_its_name() {
        use EventError as E;
        let cases: &[(&[u8], EventError)] = &[
            (b"", E::Empty),
            (b"\n", E::Empty),
            (b"\nA: 1\n\n", E::Empty),
            (b"A: 1\nB\n\n", E::BadLine { line: 2 }),
            (b"A: 1\n: 2\n\n", E::BadLine { line: 2 }),
            (b"A:1\n\n", E::BadLine { line: 1 }),
            (b"A: 1\nB: 2", E::Truncated { line: 2 }),
            (b"A: \0\n\n", E::Nul),
            (
                b"A: 1\n\nB",
                E::BodyMismatch {
                    expected: 0,
                    found: 1,
                },
            ),
            (
                b"Content-Length: 3\n\nab",
                E::BodyMismatch {
                    expected: 3,
                    found: 2,
                },
            ),
            (
                b"Content-Length: 3\n\nabcd",
                E::BodyMismatch {
                    expected: 3,
                    found: 4,
                },
            ),
            (b"Content-Length: 3", E::Truncated { line: 1 }),
            (b"Content-Length: -3\n\nabc", E::BadLength),
        ];
        for (data, error) in cases {
            assert_eq!(
                Event::from_plain(data).err(),
                Some(*error),
                "{}",
                String::from_utf8_lossy(data)
            );
        }
    }

    #[test]
    fn too_many_headers_are_refused() {
        let mut data = b"A: 1\n".repeat(MAX_EVENT_HEADERS);
        assert_eq!(Event::from_plain(&data).unwrap().len(), MAX_EVENT_HEADERS);
        data.extend_from_slice(b"A: 1\n");
        assert_eq!(
            Event::from_plain(&data).err(),
            Some(EventError::TooManyHeaders)
        );
    }

    #[test]
    fn timestamps_are_numbers_or_nothing() {
        let at = |data: &[u8]| Event::from_plain(data).unwrap().timestamp_us();
        assert_eq!(
            at(b"Event-Date-Timestamp: 1795293366028761\n\n"),
            1_795_293_366_028_761
        );
        assert_eq!(at(b"Event-Date-Timestamp: soon\n\n"), 0);
        assert_eq!(at(b"Event-Date-Timestamp: 99999999999999999999999\n\n"), 0);
        assert_eq!(at(b"A: 1\n\n"), 0);
    }

    #[test]
    fn bytes_that_are_no_text() {
        let event = Event::from_plain(b"A: caf\xe9\nB: caf%E9\nC: %ED%A0%80\n\n").unwrap();
        assert_eq!(event.get("A").unwrap(), "caf\u{fffd}");
        assert_eq!(event.get("B").unwrap(), "caf\u{fffd}");
        assert_eq!(event.raw("B").unwrap().as_ref(), b"caf\xe9");
        assert!(event.get("C").unwrap().contains('\u{fffd}'));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_event_or_an_error(data: Vec<u8>) {
            if let Ok(event) = Event::from_plain(&data) {
                prop_assert_eq!(event.items().count(), event.len());
            }
        }

        #[test]
        fn what_is_written_is_read(headers in prop::collection::vec(("[A-Za-z_:-]{1,20}", ".{0,30}"), 1..40)) {
            let mut data = Vec::new();
            for (name, value) in &headers {
                data.extend_from_slice(name.as_bytes());
                data.extend_from_slice(b": ");
                for byte in value.bytes() {
                    data.extend_from_slice(format!("%{byte:02X}").as_bytes());
                }
                data.push(b'\n');
            }
            data.push(b'\n');
            let event = Event::from_plain(&data).unwrap();
            let items: Vec<_> = event.items().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
            prop_assert_eq!(&items, &headers);
            for (name, _) in &headers {
                let first = headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
                let found = event.get(name);
                prop_assert_eq!(found.as_deref(), first);
            }
        }
    }
}
