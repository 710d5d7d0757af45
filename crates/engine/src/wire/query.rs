//! The query protocol: a form whose names are paths (`Tags.member.1.Key=team`) in, XML out.

use std::collections::BTreeMap;

use longshore_model::Timestamp;
use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use crate::beside::identity::escape;
use crate::refusal::Refusal;

/// How many parts a name may have: no request is so deep, and what is deeper is not looked at.
const PARTS_LIMIT: usize = 16;

/// A form, or what is under one of its names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Form {
    text: Option<String>,
    members: BTreeMap<String, Form>,
}

impl Form {
    /// Reads a body. Of a name that comes twice the last one counts.
    pub(super) fn parse(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let parts: Vec<&str> = name.split('.').collect();
            if parts.len() <= PARTS_LIMIT {
                let place = parts
                    .into_iter()
                    .fold(&mut form, |place, part| place.members.entry(part.to_owned()).or_default());
                place.text = Some(value.into_owned());
            }
        }
        form
    }

    /// The text under a name; empty when there is none.
    pub(super) fn text(&self, name: &str) -> String {
        self.members.get(name).and_then(|member| member.text.clone()).unwrap_or_default()
    }

    /// The only text of a scalar.
    fn scalar(self) -> Result<String, Error> {
        match self {
            Self { text: Some(text), members } if members.is_empty() => Ok(text),
            _ => Err(Error::custom("Start of structure or map found where not expected.")),
        }
    }

    /// The items of a list in the order of their numbers: ELB's have `member` before the number, EC2's have not.
    fn items(mut self) -> Result<Vec<Self>, Error> {
        let list = self.members.remove("member").unwrap_or(self);
        let is_text = list.text.as_ref().is_some_and(|text| !text.is_empty());
        let numbered =
            list.members.into_iter().map(|(number, item)| Some((number.parse::<u64>().ok()?, item)));
        match numbered.collect::<Option<Vec<_>>>() {
            Some(mut items) if !is_text => {
                items.sort_by_key(|(number, _)| *number);
                Ok(items.into_iter().map(|(_, item)| item).collect())
            }
            _ => Err(Error::custom("Unexpected field type: expected list or null")),
        }
    }

    fn parsed<T: std::str::FromStr>(self, what: &str) -> Result<T, Error> {
        self.scalar()?
            .parse()
            .map_err(|_| Error::custom(format!("STRING_VALUE can not be converted to {what}")))
    }
}

/// Texts become what the request wants of them.
impl<'de> Deserializer<'de> for Form {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_string(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.parsed("a Boolean")?)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_i32(self.parsed("an Integer")?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.scalar()?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(SeqDeserializer::new(self.items()?.into_iter()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.text.as_ref().is_some_and(|text| !text.is_empty()) {
            return Err(Error::custom("Expected null"));
        }
        visitor.visit_map(MapDeserializer::new(self.members.into_iter()))
    }

    forward_to_deserialize_any! {
        i8 i16 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct newtype_struct tuple tuple_struct
        map enum identifier
    }
}

impl IntoDeserializer<'_, Error> for Form {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A form that is none of the request's.
pub(super) fn malformed(error: &Error) -> Refusal {
    Refusal::new("MalformedInput", error.to_string())
}

/// No such action, or not in this version of the API.
pub(super) fn unknown_action(action: &str, version: &str) -> Refusal {
    Refusal::new("InvalidAction", format!("Could not find operation {action} for version {version}"))
}

/// Writes a value as XML: members as elements of their names, items of lists as elements called `item`. The only numbers
/// with a fraction are moments, in seconds.
pub(super) fn write_xml(value: &Value, item: &str, xml: &mut String) {
    let mut element = |name: &str, value: &Value| {
        xml.push_str(&format!("<{name}>"));
        write_xml(value, item, xml);
        xml.push_str(&format!("</{name}>"));
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| element(name, value)),
        Value::Array(items) => items.iter().for_each(|value| element(item, value)),
        Value::String(text) => xml.push_str(&escape(text)),
        Value::Number(number) if number.is_f64() => xml.push_str(&moment(value)),
        Value::Number(number) => xml.push_str(&number.to_string()),
        Value::Bool(flag) => xml.push_str(&flag.to_string()),
        Value::Null => {}
    }
}

fn moment(seconds: &Value) -> String {
    let at = serde_json::from_value::<Timestamp>(seconds.clone()).unwrap_or_default();
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(rename_all = "PascalCase", default)]
    struct Outer {
        name: Option<String>,
        count: Option<i32>,
        is_on: Option<bool>,
        words: Vec<String>,
        inner: Vec<Inner>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(rename_all = "PascalCase", default)]
    struct Inner {
        key: Option<String>,
        values: Vec<String>,
    }

    fn read(body: &str) -> Result<Outer, String> {
        Outer::deserialize(Form::parse(body.as_bytes())).map_err(|error| error.to_string())
    }

    #[test]
    fn paths_become_lists_and_structures() {
        let read = read(
            "Action=A&Name=a+b%26c&Count=-7&IsOn=true&Words.member.10=c&Words.member.2=b&Words.member.1=a\
             &Inner.1.Key=k&Inner.1.Values.1=x&Inner.1.Values.2=y&Unknown.member.1.Of.It=z",
        );
        let inner = Inner { key: Some("k".into()), values: vec!["x".into(), "y".into()] };
        let words = ["a", "b", "c"].map(String::from).to_vec();
        let expected = Outer {
            name: Some("a b&c".into()),
            count: Some(-7),
            is_on: Some(true),
            words,
            inner: vec![inner],
        };
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn an_empty_list_is_an_empty_text() {
        assert_eq!(read("Words=&Inner="), Ok(Outer::default()));
    }

    #[test]
    fn what_does_not_fit_is_said_in_the_words_of_aws() {
        for (body, message) in [
            ("Count=many", "STRING_VALUE can not be converted to an Integer"),
            ("Count=99999999999", "STRING_VALUE can not be converted to an Integer"),
            ("IsOn=yes", "STRING_VALUE can not be converted to a Boolean"),
            ("Name.member.1=a", "Start of structure or map found where not expected."),
            ("Words=a", "Unexpected field type: expected list or null"),
            ("Words.first=a", "Unexpected field type: expected list or null"),
            ("Inner.member.1=a", "Expected null"),
        ] {
            assert_eq!(read(body), Err(message.to_owned()), "{body}");
        }
        let deep = format!("{}=1", vec!["A"; PARTS_LIMIT + 1].join("."));
        assert_eq!(Form::parse(deep.as_bytes()), Form::default());
    }

    #[test]
    fn values_become_xml() {
        let mut xml = String::new();
        let value = json!({"A": ["<", "&"], "B": {"C": true, "D": 7}, "E": [], "At": 2_000_000_000.25});
        write_xml(&value, "member", &mut xml);
        assert_eq!(
            xml,
            "<A><member>&lt;</member><member>&amp;</member></A><At>2033-05-18T03:33:20.250Z</At>\
             <B><C>true</C><D>7</D></B><E></E>"
        );
    }
}
