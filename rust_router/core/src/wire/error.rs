//! What can be wrong with bytes from the event socket. No message holds a byte of what was received.

use thiserror::Error;

use super::event::MAX_EVENT_BYTES;
use super::index::MAX_EVENT_HEADERS;

/// The stream broke the framing; nothing after this place can be trusted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("frame {frame} of this connection, header line {line}: {fault}")]
pub struct FrameError {
    /// Number of the frame in its connection, from 1.
    pub frame: u64,
    /// Line of the frame's header block, from 1.
    pub line: usize,
    /// What was wrong there.
    pub fault: FrameFault,
}

/// One way to break the framing.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FrameFault {
    /// A header line without `:`.
    #[error("no colon")]
    NoColon,
    /// An empty name, or one with a space or control character in it.
    #[error("the header name is empty or has a space or control character in it")]
    BadName,
    /// A NUL byte, which a C string can't hold.
    #[error("a NUL byte")]
    Nul,
    /// A `Content-Length` that isn't plain decimal digits.
    #[error("Content-Length is no decimal number")]
    BadLength,
    /// `Content-Length` or `Content-Type` a second time.
    #[error("{0} given twice")]
    Repeated(&'static str),
    /// A body over the limit.
    #[error("Content-Length is over the limit of {0} bytes")]
    BodyTooLong(usize),
    /// A header block over the limit.
    #[error("the header block is over the limit of {0} bytes")]
    HeadTooLong(usize),
    /// Too many header lines.
    #[error("more than {0} header lines")]
    TooManyHeaders(usize),
    /// The block ended without `Content-Type`.
    #[error("the header block ends without Content-Type")]
    NoContentType,
    /// A content type that always has a body came without its length.
    #[error("this content type needs a Content-Length")]
    NoContentLength,
}

/// Bytes that aren't a well-formed event.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum EventError {
    /// A frame that carries no event.
    #[error("the frame's content type is neither text/event-plain nor text/event-json")]
    NotAnEvent,
    /// No header at all.
    #[error("the event has no headers")]
    Empty,
    /// More bytes than any event has.
    #[error("the event is over the limit of {MAX_EVENT_BYTES} bytes")]
    TooLong,
    /// More headers than any event has.
    #[error("the event has more than {MAX_EVENT_HEADERS} headers")]
    TooManyHeaders,
    /// A header line without `: `, or with an empty name.
    #[error("event header line {line} is not `Name: value`")]
    BadLine {
        /// From 1.
        line: usize,
    },
    /// The data ends inside a header line.
    #[error("event header line {line} has no end")]
    Truncated {
        /// From 1.
        line: usize,
    },
    /// A NUL byte among the headers.
    #[error("a NUL byte among the event's headers")]
    Nul,
    /// The inner `Content-Length` isn't plain decimal digits.
    #[error("Content-Length of the event is no decimal number")]
    BadLength,
    /// Not as many bytes after the headers as the inner `Content-Length` says (none when it is absent).
    #[error("the event's body should have {expected} bytes and has {found}")]
    BodyMismatch {
        /// What the headers promise.
        expected: usize,
        /// What is there.
        found: usize,
    },
    /// Not one JSON object of strings and arrays of strings.
    #[error("not a JSON object of strings and arrays of strings, at line {line} column {column}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1, in bytes; 0 at the start of a line.
        column: usize,
    },
}
