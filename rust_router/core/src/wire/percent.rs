//! Percent-decoding of event values.

use std::borrow::Cow;

use memchr::memchr;

/// Turns each `%XX` into its byte; a `%` without two hexadecimal digits stays as it is.
///
/// FreeSWITCH leaves a `%XX` alone that was in the value already (`switch_utils.c`), so the encoding can't be
/// inverted in every case: what comes out is data, never to be parsed again.
pub(super) fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr(b'%', value) else {
        return Cow::Borrowed(value);
    };
    let (plain, mut rest) = value.split_at(first);
    let mut decoded = Vec::with_capacity(value.len());
    decoded.extend_from_slice(plain);
    loop {
        match rest {
            [b'%', high, low, after @ ..] => {
                if let (Some(high), Some(low)) = (digit(*high), digit(*low)) {
                    decoded.push(high << 4 | low);
                    rest = after;
                } else {
                    decoded.push(b'%');
                    rest = rest.get(1..).unwrap_or_default();
                }
            }
            [byte, after @ ..] => {
                decoded.push(*byte);
                rest = after;
            }
            [] => return Cow::Owned(decoded),
        }
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::decode;
    use proptest::prelude::*;
    use std::borrow::Cow;
    use std::fmt::Write;

    #[test]
    fn a_value_without_percent_is_not_copied() {
        assert!(matches!(
            decode(b"plain value+1"),
            Cow::Borrowed(b"plain value+1")
        ));
    }

    #[test]
    fn both_letter_cases_of_digits_count() {
        assert_eq!(decode(b"%2B%2b%c3%A9").as_ref(), "++\u{e9}".as_bytes());
    }

    #[test]
    fn malformed_sequences_stay() {
        for text in ["%", "%%", "%2", "100%", "%zz", "%0g", "%%%"] {
            assert_eq!(decode(text.as_bytes()).as_ref(), text.as_bytes());
        }
        assert_eq!(decode(b"%%41").as_ref(), b"%A");
        assert_eq!(decode(b"%4%41").as_ref(), b"%4A");
    }

    #[test]
    fn one_pass_only() {
        assert_eq!(decode(b"%2541").as_ref(), b"%41");
    }

    proptest! {
        #[test]
        fn whatever_is_encoded_byte_by_byte_comes_back(bytes: Vec<u8>) {
            let mut encoded = String::new();
            for byte in &bytes {
                write!(encoded, "%{byte:02X}").unwrap();
            }
            let decoded = decode(encoded.as_bytes());
            prop_assert_eq!(decoded.as_ref(), bytes.as_slice());
        }

        #[test]
        fn output_is_never_longer(bytes: Vec<u8>) {
            prop_assert!(decode(&bytes).len() <= bytes.len());
        }
    }
}
