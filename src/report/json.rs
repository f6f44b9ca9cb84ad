//! JSON as test tools write it: one document, read element by element, or one value a line.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};

use super::{ReportError, Sink, Time, number};

/// Up to this size a document is read at once, which is faster; above, as a stream.
const AT_ONCE_MAX: u64 = 64 << 20;

/// Text, or what is written where text should be: a number or a truth value as text, nothing for anything
/// else. One odd value must not cost the whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text<'a>(pub(super) Option<Cow<'a, str>>);

impl Text<'_> {
    /// The text, where there is some.
    pub(super) fn get(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }

    /// Whether it is this word.
    pub(super) fn is(&self, word: &str) -> bool {
        self.0.as_deref() == Some(word)
    }
}

/// A figure, written as a number or as text; in whatever unit the format has.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Figure<'a> {
    #[default]
    Absent,
    Number(f64),
    Unreadable(Cow<'a, str>),
}

impl Figure<'_> {
    /// As a time of which so many units make a second.
    pub(super) fn time(&self, units: f64) -> Time<'_> {
        match self {
            Figure::Absent => Time::Absent,
            Figure::Number(figure) => Time::Seconds(figure / units),
            Figure::Unreadable(text) => Time::Unreadable(text),
        }
    }

    /// The number, where it is one.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Figure::Number(figure) => Some(*figure),
            Figure::Absent | Figure::Unreadable(_) => None,
        }
    }
}

/// All times together: of those that are numbers, else the last that is none.
pub(super) fn total<'a>(times: impl Iterator<Item = Time<'a>>) -> Time<'a> {
    times.fold(Time::Absent, |sum, time| match (sum, time) {
        (Time::Seconds(sum), Time::Seconds(more)) => Time::Seconds(sum + more),
        (sum @ Time::Seconds(_), _) | (sum, Time::Absent) => sum,
        (_, time) => time,
    })
}

/// Any scalar, without an error for anything else.
struct Scalar<'a>(Option<Cow<'a, str>>, Option<f64>);

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar<'de>, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Some(Cow::Borrowed(text)), None))
            }
            fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Some(Cow::Owned(text.to_owned())), None))
            }
            fn visit_string<E>(self, text: String) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Some(Cow::Owned(text)), None))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Scalar<'de>, E> {
                Ok(Scalar(None, Some(number as f64)))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Scalar<'de>, E> {
                Ok(Scalar(None, Some(number as f64)))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Scalar<'de>, E> {
                Ok(Scalar(None, Some(number)))
            }
            fn visit_bool<E>(self, truth: bool) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Some(Cow::Borrowed(if truth { "true" } else { "false" })), None))
            }
            fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
                Ok(Scalar(None, None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar<'de>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar(Some(Cow::Borrowed("[…]")), None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar(Some(Cow::Borrowed("{…}")), None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        let Scalar(text, number) = Scalar::deserialize(deserializer)?;
        Ok(Text(text.or_else(|| number.map(|number| Cow::Owned(number.to_string())))))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Figure<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Figure<'a>, D::Error> {
        Ok(match Scalar::deserialize(deserializer)? {
            Scalar(_, Some(number)) if number.is_finite() => Figure::Number(number),
            Scalar(Some(text), _) => match number::seconds(&text) {
                Some(figure) => Figure::Number(figure),
                None if text.trim().is_empty() => Figure::Absent,
                None => Figure::Unreadable(text),
            },
            Scalar(..) => Figure::Absent,
        })
    }
}

/// The part of a visitor of lists and objects that makes the same of every scalar but null.
macro_rules! no_scalar {
    ($value:ty, $made:expr) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }
        fn visit_str<E>(self, _: &str) -> Result<$value, E> {
            Ok($made)
        }
        fn visit_u64<E>(self, _: u64) -> Result<$value, E> {
            Ok($made)
        }
        fn visit_i64<E>(self, _: i64) -> Result<$value, E> {
            Ok($made)
        }
        fn visit_f64<E>(self, _: f64) -> Result<$value, E> {
            Ok($made)
        }
        fn visit_bool<E>(self, _: bool) -> Result<$value, E> {
            Ok($made)
        }
    };
}

/// An object, or `None` where something else stands in its place.
#[derive(Debug)]
pub(super) struct Object<T>(pub(super) Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Object(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<T>, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = Object<T>;
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(Lenient(map)).map(|object| Object(Some(object)))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Object<T>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Object(None))
            }
            no_scalar!(Object<T>, Object(None));
            fn visit_unit<E>(self) -> Result<Object<T>, E> {
                Ok(Object(None))
            }
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}

/// An object in which a key may come again: then the first is taken. By itself serde would refuse the whole
/// document for it.
struct Lenient<A>(A);

impl<'de, A: MapAccess<'de>> Deserializer<'de> for Lenient<A> {
    type Error = A::Error;
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(Fields { map: self.0, fields, seen: 0 })
    }
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self.0)
    }
    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The entries of an object that are fields, each once.
struct Fields<A> {
    map: A,
    fields: &'static [&'static str],
    /// A bit for each of the first 64 fields; nothing here has as many.
    seen: u64,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<A> {
    type Error = A::Error;
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<Text<'de>>()? {
            if let Some(at) = self.fields.iter().position(|field| key.is(field)) {
                let bit = 1_u64.checked_shl(at as u32).unwrap_or(0);
                if self.seen & bit == 0 {
                    self.seen |= bit;
                    return seed.deserialize(self.fields[at].into_deserializer()).map(Some);
                }
            }
            self.map.next_value::<IgnoredAny>()?;
        }
        Ok(None)
    }
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// The objects of a list, read into memory, and how many of its elements are none. What is no list is one
/// of those, null is an empty list.
#[derive(Debug)]
pub(super) struct Objects<T> {
    pub(super) list: Vec<T>,
    odd: usize,
}

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Objects { list: Vec::new(), odd: 0 }
    }
}

impl<T> Objects<T> {
    /// Reports the elements that are no object.
    pub(super) fn warn(&self, sink: &mut dyn Sink) {
        for _ in 0..self.odd {
            sink.warn(None, NO_OBJECT);
        }
    }
}

/// What is reported of an element that should be an object.
pub(super) const NO_OBJECT: &str = "an entry that is no object";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Objects<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Objects<T>, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = Objects<T>;
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Objects<T>, A::Error> {
                let mut objects = Objects::default();
                while let Some(Object(element)) = seq.next_element::<Object<T>>()? {
                    match element {
                        Some(element) => objects.list.push(element),
                        None => objects.odd += 1,
                    }
                }
                Ok(objects)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Objects<T>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Objects { list: Vec::new(), odd: 1 })
            }
            no_scalar!(Objects<T>, Objects { list: Vec::new(), odd: 1 });
            fn visit_unit<E>(self) -> Result<Objects<T>, E> {
                Ok(Objects::default())
            }
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}

/// What a format makes of the elements of a list, one by one.
pub(super) trait Elements {
    /// One element, borrowed from the document where that is possible.
    type Element<'de>: Deserialize<'de>;
    /// Takes the next one.
    fn take(&mut self, element: Self::Element<'_>);
}

/// Reads the elements of a list: of the document itself, or of the list at `key` of an object.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(super) fn list<E: Elements>(
    input: impl BufRead,
    key: Option<&'static str>,
    elements: &mut E,
) -> Result<(), ReportError> {
    document(input, List { keys: key.as_slice(), elements })
}

/// Reads the elements of every list at one of `keys` of an object.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(super) fn lists<E: Elements>(
    input: impl BufRead,
    keys: &[&'static str],
    elements: &mut E,
) -> Result<(), ReportError> {
    document(input, List { keys, elements })
}

/// Reads one document.
///
/// # Errors
/// What is no JSON, or not of the seed's shape, with its line.
pub(super) fn document<S>(mut input: impl BufRead, seed: S) -> Result<(), ReportError>
where
    S: for<'de> DeserializeSeed<'de, Value = ()>,
{
    let mut start = Vec::new();
    let cannot = |err: io::Error| ReportError::new(None, err.to_string());
    input.by_ref().take(AT_ONCE_MAX + 1).read_to_end(&mut start).map_err(cannot)?;
    if start.len() as u64 <= AT_ONCE_MAX {
        // What is no UTF-8 in one name must not cost the others.
        let text = String::from_utf8_lossy(&start);
        let text = numbers_of_python(&text);
        let mut deserializer = serde_json::Deserializer::from_str(text.trim_start_matches('\u{feff}'));
        return seed
            .deserialize(&mut deserializer)
            .and_then(|()| deserializer.end())
            .map_err(|err| broken(&err));
    }
    let mut deserializer = serde_json::Deserializer::from_reader(io::Cursor::new(start).chain(input));
    seed.deserialize(&mut deserializer).and_then(|()| deserializer.end()).map_err(|err| broken(&err))
}

/// The same document with quotes around the words that JSON does not have, but Python writes for figures:
/// they are read as times that are no numbers.
fn numbers_of_python(text: &str) -> Cow<'_, str> {
    const WORDS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];
    // Most often these stand in names, or nowhere.
    if !WORDS[..2].iter().any(|word| text.contains(word)) {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::with_capacity(text.len() + 64);
    let (mut done, mut at) = (0, 0);
    let mut inside = false;
    while at < text.len() {
        match text.as_bytes()[at] {
            b'\\' if inside => at += 1,
            b'"' => inside = !inside,
            b'N' | b'I' | b'-' if !inside => {
                if let Some(word) = WORDS.into_iter().find(|word| text[at..].starts_with(word)) {
                    quoted.extend([&text[done..at], "\"", word, "\""]);
                    done = at + word.len();
                    at = done - 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    quoted.push_str(&text[done..]);
    Cow::Owned(quoted)
}

/// What is wrong with a document, as people say it.
fn broken(err: &serde_json::Error) -> ReportError {
    let message = err.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let line = (err.line() as u64).max(1);
    match err.classify() {
        serde_json::error::Category::Eof => ReportError::new(line, "not JSON: the file ends in the middle"),
        serde_json::error::Category::Data => ReportError::new(line, format!("not of this format: {message}")),
        _ => ReportError::new(line, format!("not JSON: {message}")),
    }
}

/// Without a key the value itself is the list.
struct List<'e, E> {
    keys: &'e [&'static str],
    elements: &'e mut E,
}

impl<'de, E: Elements> DeserializeSeed<'de> for List<'_, E> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.keys.is_empty() {
            deserializer.deserialize_any(self)
        } else {
            deserializer.deserialize_map(self)
        }
    }
}

impl<'de, E: Elements> Visitor<'de> for List<'_, E> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.keys {
            [] => f.write_str("a list"),
            keys => write!(f, "an object with a list `{}`", keys.join("` or `")),
        }
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.keys.is_empty() {
            return Err(A::Error::invalid_type(Unexpected::Map, &self));
        }
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if key.get().is_some_and(|key| self.keys.contains(&key)) {
                map.next_value_seed(List { keys: &[], elements: &mut *self.elements })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element::<E::Element<'de>>()? {
            self.elements.take(element);
        }
        Ok(())
    }
    /// A list that is null is an empty one.
    fn visit_unit<E2>(self) -> Result<(), E2> {
        Ok(())
    }
}

/// Reads a value a line: `each` gets the number of a line from 1, its text, and the value, or `None` where
/// the line is no JSON of this shape. Blank lines are passed over.
///
/// # Errors
/// A line that is too long, and what `each` says.
pub(super) fn lines<E: LineElements>(input: impl BufRead, elements: &mut E) -> Result<(), ReportError> {
    super::lines::each(input, |number, text| {
        let text = text.trim();
        if !text.is_empty() {
            let value = if text.starts_with('{') { serde_json::from_str(text).ok() } else { None };
            elements.take(number, text, value);
        }
        Ok(())
    })
}

/// What a format makes of its lines, one by one.
pub(super) trait LineElements {
    /// One line's value.
    type Element<'de>: Deserialize<'de>;
    /// Takes the next line: its number from 1, its text, and its value, or `None` where it is no JSON of
    /// this shape.
    fn take(&mut self, line: u64, text: &str, value: Option<Self::Element<'_>>);
}

/// A list whose elements are read leniently into memory: what is null or no list is empty.
#[derive(Debug)]
pub(super) struct Many<'de, T>(pub(super) Vec<T>, PhantomData<&'de ()>);

impl<T> Default for Many<'_, T> {
    fn default() -> Self {
        Many(Vec::new(), PhantomData)
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Many<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Many<'a, T>, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = Vec<T>;
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = seq.next_element()? {
                    list.push(element);
                }
                Ok(list)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Vec::new())
            }
            no_scalar!(Vec<T>, Vec::new());
            fn visit_unit<E>(self) -> Result<Vec<T>, E> {
                Ok(Vec::new())
            }
        }
        deserializer.deserialize_any(Any(PhantomData)).map(|list| Many(list, PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_python_are_quoted_where_they_are_values() {
        let check = |text: &str, expect: &str| assert_eq!(numbers_of_python(text), expect, "{text}");
        check(r#"{"a": 1}"#, r#"{"a": 1}"#);
        check(r#"{"ä[NaN]": -1, "b\"NaN": "Infinity"}"#, r#"{"ä[NaN]": -1, "b\"NaN": "Infinity"}"#);
        check(r#"{"a":NaN,"ä": [-Infinity, Infinity]}"#, r#"{"a":"NaN","ä": ["-Infinity", "Infinity"]}"#);
        check("NaN", "\"NaN\"");
        check("Infinity\"\\", "\"Infinity\"\"\\");
    }

    #[test]
    fn what_is_no_list_is_an_empty_one() {
        let check = |text: &str, expect: usize| {
            let many: Many<'_, Text<'_>> = serde_json::from_str(text).unwrap();
            assert_eq!(many.0.len(), expect, "{text}");
        };
        check(r#"["a", 1, null, {}]"#, 4);
        for text in ["null", "{\"a\": [1]}", "\"a\"", "1", "-1", "1.5", "true"] {
            check(text, 0);
        }
    }

    #[test]
    fn times_are_added_up() {
        let (odd, two) = (Time::Unreadable("x"), Time::Seconds(2.0));
        assert_eq!(total([odd, two, Time::Absent, two, odd].into_iter()), Time::Seconds(4.0));
        assert_eq!(total([odd, Time::Absent].into_iter()), odd);
        assert_eq!(total([].into_iter()), Time::Absent);
    }
}
