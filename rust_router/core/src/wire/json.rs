//! `event json`: one object of strings and arrays of strings (`switch_event.c`).

use std::fmt;
use std::ops::Range;

use serde_core::de::{
    DeserializeSeed, Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor,
};

use super::error::EventError;
use super::index::Index;

/// The member in which FreeSWITCH puts the body.
const BODY: &[u8] = b"_body";

/// Reads the object into one buffer of decoded names and values, its index, and where the body is.
pub(super) fn read(data: &[u8]) -> Result<(Vec<u8>, Index, Range<usize>), EventError> {
    let mut object = Object {
        buffer: Vec::with_capacity(data.len()),
        ..Object::default()
    };
    let mut reader = serde_json::Deserializer::from_slice(data);
    let outcome = reader
        .deserialize_map(&mut object)
        .and_then(|()| reader.end());
    if let Some(error) = object.error {
        return Err(error);
    }
    // Only the place: the library's message may quote what was received.
    outcome.map_err(|error| EventError::Json {
        line: error.line(),
        column: error.column(),
    })?;
    Ok((object.buffer, object.index, object.body))
}

#[derive(Default)]
struct Object {
    buffer: Vec<u8>,
    index: Index,
    body: Range<usize>,
    error: Option<EventError>,
}

impl<'de> Visitor<'de> for &mut Object {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        loop {
            let name_start = self.buffer.len();
            if map.next_key_seed(Text(&mut self.buffer))?.is_none() {
                return Ok(());
            }
            let name = name_start..self.buffer.len();
            map.next_value_seed(TextOrArray(&mut self.buffer))?;
            let value = name.end..self.buffer.len();
            if self.buffer.get(name.clone()) == Some(BODY) {
                // FreeSWITCH writes the body last, after any header of that name.
                self.body = value;
            } else if let Err(error) = self.index.push(&self.buffer, name, value) {
                self.error = Some(error);
                return Err(A::Error::custom(""));
            }
        }
    }
}

/// A string, read as bytes: FreeSWITCH passes on bytes that aren't UTF-8, and escapes of half a surrogate
/// pair are no reason to lose an event.
struct Text<'a>(&'a mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = ();

    fn deserialize<D: serde_core::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<(), D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Text<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<(), E> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// A string, or an array of them written in the form of the plain format: `ARRAY::a|:b`.
struct TextOrArray<'a>(&'a mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for TextOrArray<'_> {
    type Value = ();

    fn deserialize<D: serde_core::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<(), D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for TextOrArray<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string or an array of strings")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<(), E> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        self.0.extend_from_slice(b"ARRAY::");
        let mut first = true;
        loop {
            let before = self.0.len();
            if !first {
                self.0.extend_from_slice(b"|:");
            }
            if array.next_element_seed(Text(self.0))?.is_none() {
                self.0.truncate(before);
                return Ok(());
            }
            first = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Event, EventError};
    use proptest::prelude::*;

    fn event(data: &str) -> Result<Event, EventError> {
        Event::from_json(data.as_bytes())
    }

    #[test]
    fn members_are_headers() {
        let event = event(r#"{"Event-Name":"X","A":"1\n2","DP":["a","b"],"E":[],"Content-Length":"2","_body":"hi"}"#).unwrap();
        assert_eq!(event.get("Event-Name").unwrap(), "X");
        assert_eq!(event.get("A").unwrap(), "1\n2");
        assert_eq!(event.get("DP").unwrap(), "ARRAY::a|:b");
        assert_eq!(event.get("E").unwrap(), "ARRAY::");
        assert_eq!(event.get("_body"), None);
        assert_eq!(event.body(), b"hi");
        assert_eq!(event.len(), 5);
    }

    #[test]
    fn values_are_not_percent_decoded() {
        let event = event(r#"{"A":"%41","B":"_undef_"}"#).unwrap();
        assert_eq!(event.get("A").unwrap(), "%41");
        assert_eq!(event.get("B").unwrap(), "_undef_");
    }

    #[test]
    fn the_first_of_two_members_counts_and_the_last_body() {
        let event = event(r#"{"A":"1","_body":"forged","A":"2","_body":"true"}"#).unwrap();
        assert_eq!(event.get("A").unwrap(), "1");
        assert_eq!(event.body(), b"true");
    }

    #[test]
    fn half_a_surrogate_pair_becomes_replacement_characters() {
        let event = event(r#"{"A":"x\ud800y","\udc00":"z"}"#).unwrap();
        assert!(event.get("A").unwrap().contains('\u{fffd}'));
        assert_eq!(event.len(), 2);
    }

    #[test]
    fn bytes_that_are_no_text() {
        let event = Event::from_json(b"{\"A\":\"caf\xe9\"}").unwrap();
        assert_eq!(event.raw("A").unwrap().as_ref(), b"caf\xe9");
    }

    #[test]
    fn anything_else_is_refused_by_place() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let deep_value = format!("{{\"A\":{deep}}}");
        let deep_object = "{\"A\":".repeat(10_000);
        for data in [
            "",
            "x",
            "[]",
            "\"A\"",
            "null",
            "{",
            "{}x",
            r#"{"A":"1"}x"#,
            r#"{"A":"1",}"#,
            r#"{"A":1}"#,
            r#"{"A":NaN}"#,
            r#"{"A":1e999}"#,
            r#"{"A":null}"#,
            r#"{"A":true}"#,
            r#"{"A":{"B":"C"}}"#,
            r#"{"A":["B",["C"]]}"#,
            r#"{"A":["B",1]}"#,
            r#"{"A":"\q"}"#,
            r#"{"A":"\ud8"}"#,
            r#"{1:"A"}"#,
            &deep,
            &deep_value,
            &deep_object,
        ] {
            let error = event(data).unwrap_err();
            assert!(
                matches!(error, EventError::Json { .. }),
                "{error} for {}",
                &data[..data.len().min(20)]
            );
        }
        assert_eq!(event("{}").unwrap_err(), EventError::Empty);
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_event_or_an_error(data: Vec<u8>) {
            let _ = Event::from_json(&data);
        }

        #[test]
        fn nearly_right_bytes_too(text in r#"\{("[A-Za-z]{0,3}(\\u[0-9a-f]{4})?":("x"|[0-9]|\[("y",?){0,2}\]),?){0,4}\}?"#) {
            if let Ok(event) = event(&text) {
                prop_assert_eq!(event.items().count(), event.len());
            }
        }
    }
}
