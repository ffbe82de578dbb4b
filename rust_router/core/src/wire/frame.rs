//! Cutting the byte stream of one connection into frames.

use std::borrow::Cow;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use memchr::memchr;

use super::error::{EventError, FrameError, FrameFault};
use super::event::Event;

/// Above this an emptied buffer is given back, so that one huge frame doesn't hold memory for ever.
const KEPT_BUFFER_BYTES: usize = 1 << 20;

/// Content types that `mod_event_socket.c` always sends with a length. Without one the body would be read as
/// the next frame's headers.
const NEEDS_LENGTH: [&[u8]; 3] = [b"api/response", b"log/data", b"text/rude-rejection"];

/// Bounds of one frame.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the header block with its blank line.
    pub header_bytes: usize,
    /// Bytes of the body.
    pub body_bytes: usize,
    /// Lines of the header block.
    pub headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 256 << 10,
            body_bytes: 16 << 20,
            headers: 4096,
        }
    }
}

/// One frame: envelope headers and body in one shared buffer.
#[derive(Clone, Debug)]
pub struct Frame {
    buffer: Arc<[u8]>,
    content_type: Range<usize>,
    body_start: usize,
}

impl Frame {
    /// Value of `Content-Type`; bytes that aren't UTF-8 come out as U+FFFD.
    #[must_use]
    pub fn content_type(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.content_type_bytes())
    }

    fn content_type_bytes(&self) -> &[u8] {
        self.buffer
            .get(self.content_type.clone())
            .unwrap_or_default()
    }

    /// The bytes after the header block.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.buffer.get(self.body_start..).unwrap_or_default()
    }

    /// First envelope header of that name, letter case ignored, as it came.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let head = self.buffer.get(..self.body_start).unwrap_or_default();
        head.split(|byte| *byte == b'\n').find_map(|line| {
            let (found, value) = split_header(without_cr(line))?;
            found.eq_ignore_ascii_case(name.as_bytes()).then_some(value)
        })
    }

    /// The event in the body; it shares this frame's buffer.
    ///
    /// # Errors
    /// [`EventError::NotAnEvent`] for other content types, else what is wrong with the body.
    pub fn event(&self) -> Result<Event, EventError> {
        match self.content_type_bytes() {
            b"text/event-plain" => Event::plain_within(Arc::clone(&self.buffer), self.body_start),
            b"text/event-json" => Event::from_json(self.body()),
            _ => Err(EventError::NotAnEvent),
        }
    }
}

/// Takes bytes in any pieces and gives the frames that they complete. One parser serves one connection.
#[derive(Debug, Default)]
pub struct FrameParser {
    limits: Limits,
    /// Bytes of the unfinished frame only.
    pending: Vec<u8>,
    current: Progress,
    frames_done: u64,
    failed: Option<FrameError>,
}

impl FrameParser {
    /// A parser at the start of a connection.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Bytes held that don't make a whole frame yet.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// Takes the next bytes of the stream and gives the frames that are whole now, in order. Each byte is
    /// looked at once, however the stream is cut.
    ///
    /// # Errors
    /// Once the framing is broken, this and each later call.
    pub fn feed(&mut self, data: &[u8]) -> Result<Vec<Frame>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut frames = Vec::new();
        let outcome = if self.pending.is_empty() {
            self.cut(data, &mut frames).map(|used| {
                self.pending
                    .extend_from_slice(data.get(used..).unwrap_or_default());
            })
        } else {
            let mut held = mem::take(&mut self.pending);
            held.extend_from_slice(data);
            self.cut(&held, &mut frames).map(|used| {
                held.drain(..used);
                if held.is_empty() && held.capacity() > KEPT_BUFFER_BYTES {
                    held = Vec::new();
                }
                self.pending = held;
            })
        };
        if let Err(error) = outcome {
            self.failed = Some(error);
            self.pending = Vec::new();
            return Err(error);
        }
        Ok(frames)
    }

    /// Cuts whole frames off the front of `bytes`; gives how many bytes they took.
    fn cut(&mut self, bytes: &[u8], frames: &mut Vec<Frame>) -> Result<usize, FrameError> {
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let whole = self
                .current
                .step(rest, self.limits)
                .map_err(|fault| FrameError {
                    frame: self.frames_done + 1,
                    line: self.current.lines + 1,
                    fault,
                })?;
            let Some((head, body)) = whole else { break };
            let end = head + body;
            let done = mem::take(&mut self.current);
            frames.push(Frame {
                buffer: Arc::from(rest.get(..end).unwrap_or_default()),
                content_type: done.content_type.unwrap_or_default(),
                body_start: head,
            });
            self.frames_done += 1;
            used += end;
        }
        Ok(used)
    }
}

/// How far the unfinished frame has been read. Offsets count from its first byte.
#[derive(Debug, Default)]
struct Progress {
    /// Bytes known to hold no further line end.
    scanned: usize,
    line_start: usize,
    lines: usize,
    content_type: Option<Range<usize>>,
    content_length: Option<usize>,
    /// Length of the header block, once its blank line has come.
    head: Option<usize>,
}

impl Progress {
    /// Reads on in `bytes`, which begins where the frame does. Gives lengths of head and body when whole.
    fn step(&mut self, bytes: &[u8], limits: Limits) -> Result<Option<(usize, usize)>, FrameFault> {
        let head = match self.head {
            Some(head) => head,
            None => match self.read_head(bytes, limits)? {
                Some(head) => head,
                None => return Ok(None),
            },
        };
        let body = self.content_length.unwrap_or(0);
        Ok((bytes.len() - head >= body).then_some((head, body)))
    }

    fn read_head(&mut self, bytes: &[u8], limits: Limits) -> Result<Option<usize>, FrameFault> {
        loop {
            let unread = bytes.get(self.scanned..).unwrap_or_default();
            let Some(length) = memchr(b'\n', unread) else {
                if bytes.len() > limits.header_bytes {
                    return Err(FrameFault::HeadTooLong(limits.header_bytes));
                }
                self.scanned = bytes.len();
                return Ok(None);
            };
            let line_end = self.scanned + length;
            let next = line_end + 1;
            if next > limits.header_bytes {
                return Err(FrameFault::HeadTooLong(limits.header_bytes));
            }
            let line = without_cr(bytes.get(self.line_start..line_end).unwrap_or_default());
            if line.is_empty() {
                self.check_head(bytes)?;
                self.head = Some(next);
                return Ok(self.head);
            }
            self.read_line(line, limits)?;
            self.lines += 1;
            self.line_start = next;
            self.scanned = next;
        }
    }

    fn read_line(&mut self, line: &[u8], limits: Limits) -> Result<(), FrameFault> {
        if self.lines >= limits.headers {
            return Err(FrameFault::TooManyHeaders(limits.headers));
        }
        if memchr(0, line).is_some() {
            return Err(FrameFault::Nul);
        }
        let (name, value) = split_header(line).ok_or(FrameFault::NoColon)?;
        // A folded line or `Content-Length : 5` must not pass as something else than it means.
        if name.is_empty() || name.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
            return Err(FrameFault::BadName);
        }
        if name.eq_ignore_ascii_case(b"Content-Length") {
            let length = decimal(value).ok_or(FrameFault::BadLength)?;
            if self.content_length.is_some() {
                return Err(FrameFault::Repeated("Content-Length"));
            }
            if length > limits.body_bytes {
                return Err(FrameFault::BodyTooLong(limits.body_bytes));
            }
            self.content_length = Some(length);
        } else if name.eq_ignore_ascii_case(b"Content-Type") {
            if self.content_type.is_some() {
                return Err(FrameFault::Repeated("Content-Type"));
            }
            let end = self.line_start + line.len();
            self.content_type = Some(end - value.len()..end);
        }
        Ok(())
    }

    fn check_head(&self, bytes: &[u8]) -> Result<(), FrameFault> {
        let content_type = self
            .content_type
            .clone()
            .and_then(|range| bytes.get(range))
            .filter(|value| !value.is_empty())
            .ok_or(FrameFault::NoContentType)?;
        let needs_length =
            NEEDS_LENGTH.contains(&content_type) || content_type.starts_with(b"text/event-");
        if needs_length && self.content_length.is_none() {
            return Err(FrameFault::NoContentLength);
        }
        Ok(())
    }
}

/// Digits only: no sign, no space inside. Numbers that don't fit come out as the largest, over any limit.
pub(super) fn decimal(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_usize, |number, digit| {
        digit.is_ascii_digit().then(|| {
            number
                .saturating_mul(10)
                .saturating_add(usize::from(digit - b'0'))
        })
    })
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Name and value around the first colon; spaces and tabs around the value aren't part of it.
fn split_header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr(b':', line)?;
    let (name, value) = line.split_at(colon);
    let mut value = value.get(1..).unwrap_or_default();
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    Some((name, value))
}

#[cfg(test)]
mod tests;
