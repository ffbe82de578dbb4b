//! Events as FreeSWITCH writes them, and as an attacker would.

use super::super::index::MAX_EVENT_HEADERS;
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
