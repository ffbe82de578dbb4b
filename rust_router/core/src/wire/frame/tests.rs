//! Frames whole and in pieces, and each fault by its name.

use super::*;
use proptest::prelude::*;

fn faults(stream: &[u8]) -> Option<FrameFault> {
    FrameParser::default()
        .feed(stream)
        .err()
        .map(|error| error.fault)
}

fn summary(frames: &[Frame]) -> Vec<(String, Vec<u8>)> {
    frames
        .iter()
        .map(|frame| (frame.content_type().into_owned(), frame.body().to_vec()))
        .collect()
}

const STREAM: &[u8] = b"Content-Type: auth/request\n\nContent-Type: command/reply\r\nReply-Text: +OK accepted\r\n\r\n\
    Content-Length: 5\nContent-Type: api/response\n\n\n\na:bContent-Length: 21\nContent-Type: text/event-plain\n\nEvent-Name: HEARTBEAT";

#[test]
fn envelope_and_body_are_apart() {
    let frames = FrameParser::default().feed(STREAM).unwrap();
    assert_eq!(
        summary(&frames),
        [
            ("auth/request".to_owned(), vec![]),
            ("command/reply".to_owned(), vec![]),
            ("api/response".to_owned(), b"\n\na:b".to_vec()),
            (
                "text/event-plain".to_owned(),
                b"Event-Name: HEARTBEAT".to_vec()
            ),
        ]
    );
    assert_eq!(
        frames[1].header("reply-TEXT"),
        Some(b"+OK accepted".as_slice())
    );
    assert_eq!(frames[1].header("Reply"), None);
    assert_eq!(frames[2].header("a"), None, "a body is no header");
}

#[test]
fn pending_bytes_are_those_of_the_unfinished_frame() {
    let mut parser = FrameParser::default();
    parser.feed(b"Content-Type: a\n\nContent-").unwrap();
    assert_eq!(parser.pending_bytes(), 8);
    assert_eq!(parser.feed(b"Type: b\n\n").unwrap().len(), 1);
    assert_eq!(parser.pending_bytes(), 0);
}

#[test]
fn each_fault_has_its_name() {
    use FrameFault as F;
    let cases: &[(&[u8], FrameFault)] = &[
        (b"Content-Type\n", F::NoColon),
        (b"-ERR no reply\n", F::NoColon),
        (b": x\n", F::BadName),
        (b" folded: x\n", F::BadName),
        (b"Content-Length : 5\n", F::BadName),
        (b"A: \0\n", F::Nul),
        (b"Content-Length: -1\n", F::BadLength),
        (b"Content-Length: +1\n", F::BadLength),
        (b"Content-Length: abc\n", F::BadLength),
        (b"Content-Length: \n", F::BadLength),
        (b"Content-Length: 5 \n", F::BadLength),
        (b"Content-Length: 0x10\n", F::BadLength),
        (
            b"Content-Length: 9223372036854775808\n",
            F::BodyTooLong(16 << 20),
        ),
        (
            b"Content-Length: 99999999999999999999999999999\n",
            F::BodyTooLong(16 << 20),
        ),
        (b"Content-Length: 16777217\n", F::BodyTooLong(16 << 20)),
        (
            b"Content-Length: 5\ncontent-length: 5\n",
            F::Repeated("Content-Length"),
        ),
        (
            b"Content-Type: a\nCONTENT-TYPE: a\n",
            F::Repeated("Content-Type"),
        ),
        (b"\n", F::NoContentType),
        (b"A: b\n\n", F::NoContentType),
        (b"Content-Type: \n\n", F::NoContentType),
        (b"Content-Type: api/response\n\n", F::NoContentLength),
        (b"Content-Type: text/event-plain\n\n", F::NoContentLength),
    ];
    for (stream, fault) in cases {
        assert_eq!(
            faults(stream),
            Some(*fault),
            "{}",
            String::from_utf8_lossy(stream)
        );
    }
}

#[test]
fn an_endless_line_ends_at_the_limit() {
    let mut parser = FrameParser::new(Limits {
        header_bytes: 100,
        ..Limits::default()
    });
    assert!(parser.feed(&[b'a'; 100]).unwrap().is_empty());
    let error = parser.feed(b"a").unwrap_err();
    assert_eq!(error.fault, FrameFault::HeadTooLong(100));
    assert_eq!(
        parser.feed(b"Content-Type: a\n\n").unwrap_err(),
        error,
        "no way back"
    );
    assert_eq!(parser.pending_bytes(), 0);
}

#[test]
fn too_many_lines_are_refused_at_the_first_too_many() {
    let mut parser = FrameParser::new(Limits {
        headers: 3,
        ..Limits::default()
    });
    let error = parser
        .feed(b"Content-Type: a\nB: b\nC: c\nD: d\n")
        .unwrap_err();
    assert_eq!(
        error,
        FrameError {
            frame: 1,
            line: 4,
            fault: FrameFault::TooManyHeaders(3)
        }
    );
}

#[test]
fn a_body_of_exactly_the_limit_passes() {
    let mut parser = FrameParser::new(Limits {
        body_bytes: 4,
        ..Limits::default()
    });
    let frames = parser
        .feed(b"Content-Length: 0004\nContent-Type: x\n\nabcd")
        .unwrap();
    assert_eq!(frames[0].body(), b"abcd");
}

proptest! {
    #[test]
    fn cuts_make_no_difference(cuts in prop::collection::vec(0..STREAM.len(), 0..40)) {
        let mut cuts = cuts;
        cuts.push(STREAM.len());
        cuts.sort_unstable();
        let mut parser = FrameParser::default();
        let mut frames = Vec::new();
        let mut from = 0;
        for cut in cuts {
            frames.extend(parser.feed(&STREAM[from..cut]).unwrap());
            from = cut;
        }
        let whole = FrameParser::default().feed(STREAM).unwrap();
        prop_assert_eq!(summary(&frames), summary(&whole));
    }

    #[test]
    fn any_bytes_end_in_frames_or_an_error(pieces: Vec<Vec<u8>>) {
        let mut parser = FrameParser::default();
        let mut broken = false;
        for piece in pieces {
            let outcome = parser.feed(&piece);
            prop_assert!(!broken || outcome.is_err());
            broken = outcome.is_err();
        }
    }

    #[test]
    fn nearly_right_bytes_too(text in "(Content-(Type|Length)?: ?(text/event-plain|[0-9]{1,3}|\0)?\r?\n?){1,8}\n.{0,20}") {
        if let Ok(frames) = FrameParser::default().feed(text.as_bytes()) {
            for frame in frames {
                let _ = frame.event();
            }
        }
    }
}
