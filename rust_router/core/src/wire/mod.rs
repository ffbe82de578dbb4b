//! FreeSWITCH's event socket, from bytes to events.
//!
//! Three things that are easily mixed up stay apart: the *envelope* of a frame (its own header lines), the
//! *headers* of the event inside, and the *body* of that event. Lines are split before anything is
//! percent-decoded, so nothing that a caller can write becomes a header. Facts are from `mod_event_socket.c`
//! and `switch_event.c` of FreeSWITCH 1.11.1.

mod error;
mod event;
mod frame;
mod index;
mod json;
mod marks;
mod percent;

pub use error::{EventError, FrameError, FrameFault};
pub use event::{Event, MAX_EVENT_BYTES};
pub use frame::{Frame, FrameParser, Limits};
pub use index::MAX_EVENT_HEADERS;
