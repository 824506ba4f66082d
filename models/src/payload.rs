//! An item's attributes, and filters over them.
//!
//! The JSON of both is that of Qdrant, so that one filter means the same in every index:
//! `{"must": [{"key": "category", "match": {"any": ["wine", "beer"]}}, {"key": "price", "range": {"lt": 10}}]}`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Attributes of one item by name: category, brand, price, availability, …
pub type Payload = BTreeMap<String, PayloadValue>;

/// The name under which an index may keep an item's outside id; no attribute may have it.
pub const ID_KEY: &str = "proffer_id";

/// Says why a text is no name of an attribute, as the end of a sentence: no index could filter by it.
pub fn name_fault(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("must not be empty"),
        ID_KEY => Some("must be another, since Proffer itself uses it"),
        name if name.contains(['"', '\\']) => Some("must be without quotes and backslashes"),
        _ => None,
    }
}

/// One attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "an attribute is true, false, a number, a text or a list of texts")]
pub enum PayloadValue {
    /// True or false.
    Flag(bool),
    /// A finite number.
    Number(f64),
    /// A word.
    Text(String),
    /// Several words; a condition holds when it holds for one of them.
    Texts(Vec<String>),
}

/// Conditions that an item must satisfy to be found. An empty filter lets every item pass.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// All of these hold.
    pub must: Vec<Condition>,
    /// At least one of these holds, unless there is none.
    pub should: Vec<Condition>,
    /// None of these holds.
    pub must_not: Vec<Condition>,
}

/// One test of one attribute; an item without the attribute does not pass it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The attribute's name.
    pub key: String,
    /// Equality with a value, or with any of several.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none", default)]
    pub matches: Option<Match>,
    /// A range of numbers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub range: Option<Range>,
}

/// What an attribute must equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// This value.
    Value(PayloadValue),
    /// One of these values.
    Any(Vec<PayloadValue>),
}

/// Bounds of a number; those left out do not bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Range {
    /// Above.
    pub gt: Option<f64>,
    /// At least.
    pub gte: Option<f64>,
    /// Below.
    pub lt: Option<f64>,
    /// At most.
    pub lte: Option<f64>,
}

impl Filter {
    /// Whether every item passes.
    pub fn is_empty(&self) -> bool {
        self.must.is_empty() && self.should.is_empty() && self.must_not.is_empty()
    }

    /// Whether an item with this payload passes: the definition that every index must agree with.
    pub fn accepts(&self, payload: &Payload) -> bool {
        let holds = |condition: &Condition| condition.holds(payload);
        self.must.iter().all(holds)
            && (self.should.is_empty() || self.should.iter().any(holds))
            && !self.must_not.iter().any(holds)
    }
}

impl Condition {
    /// Whether the attribute passes every test that is given.
    pub fn holds(&self, payload: &Payload) -> bool {
        let Some(value) = payload.get(&self.key) else { return false };
        self.matches.as_ref().is_none_or(|m| m.accepts(value)) && self.range.is_none_or(|r| r.accepts(value))
    }
}

impl Match {
    fn accepts(&self, value: &PayloadValue) -> bool {
        let equals = |wanted: &PayloadValue| match (value, wanted) {
            (PayloadValue::Texts(words), PayloadValue::Text(word)) => words.contains(word),
            _ => value == wanted,
        };
        match self {
            Match::Value(wanted) => equals(wanted),
            Match::Any(wanted) => wanted.iter().any(equals),
        }
    }
}

impl Range {
    /// Whether a number lies within the bounds.
    pub fn contains(&self, number: f64) -> bool {
        self.gt.is_none_or(|bound| number > bound)
            && self.gte.is_none_or(|bound| number >= bound)
            && self.lt.is_none_or(|bound| number < bound)
            && self.lte.is_none_or(|bound| number <= bound)
    }

    fn accepts(&self, value: &PayloadValue) -> bool {
        matches!(value, PayloadValue::Number(number) if self.contains(*number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_read_qdrant_json_and_mean_what_it_means() {
        let payload: Payload =
            serde_json::from_str(r#"{"category":"wine","price":8.5,"tags":["red","bio"],"available":true}"#)
                .unwrap();
        let cases = [
            (r#"{}"#, true),
            (r#"{"must":[{"key":"category","match":{"value":"wine"}}]}"#, true),
            (r#"{"must":[{"key":"tags","match":{"any":["bio","white"]}}]}"#, true),
            (r#"{"must":[{"key":"price","range":{"gte":8.5,"lt":9}}]}"#, true),
            (r#"{"must":[{"key":"price","range":{"gt":8.5}}]}"#, false),
            (r#"{"must_not":[{"key":"available","match":{"value":true}}]}"#, false),
            (
                r#"{"should":[{"key":"category","match":{"value":"beer"}},{"key":"price","range":{"lt":10}}]}"#,
                true,
            ),
            (r#"{"must":[{"key":"unknown","match":{"value":1}}]}"#, false),
            (r#"{"must_not":[{"key":"unknown","match":{"value":1}}]}"#, true),
        ];
        for (json, expected) in cases {
            let filter: Filter = serde_json::from_str(json).unwrap();
            assert_eq!(filter.accepts(&payload), expected, "{json}");
        }
        assert!(serde_json::from_str::<Filter>(r#"{"moist":[]}"#).is_err(), "unknown fields are refused");
    }
}
