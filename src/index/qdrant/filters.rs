//! Filters and payloads in Qdrant's terms.
//!
//! Every payload key has one type, and an index of that type before its first point arrives. A condition on a key
//! that no item has, or of another type, holds for no item: it becomes the empty set of ids, so that a server never
//! scans unindexed payloads.

use crate::index::{IndexError, IndexPoint};
use models::ids::ItemIx;
use models::payload::{self, ID_KEY, Match, PayloadValue};
use qdrant_client::qdrant::{
    Condition, FieldType, Filter, PayloadSchemaType, PointId, PointStruct, Range, Value,
};
use std::collections::{BTreeMap, HashMap};

/// The type of a payload key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyType {
    Flag,
    Number,
    Words,
}

impl KeyType {
    fn of(value: &PayloadValue) -> Self {
        match value {
            PayloadValue::Flag(_) => Self::Flag,
            PayloadValue::Number(_) => Self::Number,
            PayloadValue::Text(_) | PayloadValue::Texts(_) => Self::Words,
        }
    }

    /// The type of the index that answers conditions on such a key.
    pub(super) fn field_type(self) -> FieldType {
        match self {
            Self::Flag => FieldType::Bool,
            Self::Number => FieldType::Float,
            Self::Words => FieldType::Keyword,
        }
    }

    /// The type for which a server has an index, if it is one of ours.
    pub(super) fn of_schema(data_type: i32) -> Option<Self> {
        match PayloadSchemaType::try_from(data_type) {
            Ok(PayloadSchemaType::Bool) => Some(Self::Flag),
            Ok(PayloadSchemaType::Float) => Some(Self::Number),
            Ok(PayloadSchemaType::Keyword) => Some(Self::Words),
            _ => None,
        }
    }
}

/// The type of every payload key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Schema(pub(super) BTreeMap<String, KeyType>);

impl Schema {
    /// Adds the keys of some points, and says which are new.
    pub(super) fn extend(&mut self, points: &[IndexPoint]) -> Result<Vec<(String, KeyType)>, IndexError> {
        let mut new = Vec::new();
        for point in points {
            for (key, value) in &point.payload {
                let found = KeyType::of(value);
                match self.0.get(key) {
                    Some(known) if *known == found => {}
                    Some(known) => {
                        return Err(IndexError::Invalid(format!(
                            "`{key}` holds {found:?} at one point and elsewhere {known:?}: in Qdrant a payload key has one type"
                        )));
                    }
                    None => {
                        self.0.insert(key.clone(), found);
                        new.push((key.clone(), found));
                    }
                }
            }
        }
        Ok(new)
    }

    /// Whether all keys of a filter are known.
    pub(super) fn knows_keys(&self, filter: &payload::Filter) -> bool {
        let mut conditions = filter.must.iter().chain(&filter.should).chain(&filter.must_not);
        conditions.all(|condition| self.0.contains_key(&condition.key))
    }

    /// A filter in Qdrant's terms, and the items that it must not find.
    pub(super) fn translate(&self, filter: &payload::Filter, exclude: &[ItemIx]) -> Filter {
        let all = |conditions: &[payload::Condition]| conditions.iter().map(|c| self.condition(c)).collect();
        let mut translated = Filter {
            must: all(&filter.must),
            should: all(&filter.should),
            must_not: all(&filter.must_not),
            ..Filter::default()
        };
        if !exclude.is_empty() {
            translated.must_not.push(Condition::has_id(exclude.iter().map(|&item| point_id(item))));
        }
        translated
    }

    fn condition(&self, condition: &payload::Condition) -> Condition {
        let wanted = condition.matches.as_ref().map(|matches| match matches {
            Match::Value(value) => std::slice::from_ref(value),
            Match::Any(values) => values.as_slice(),
        });
        let key = path(&condition.key);
        match (self.0.get(&condition.key), condition.range, wanted) {
            (Some(KeyType::Number), range, wanted) => numbers(&key, range, wanted),
            (Some(KeyType::Words), None, Some(wanted)) => words(&key, wanted),
            (Some(KeyType::Flag), None, Some(wanted)) => flags(&key, wanted),
            _ => nothing(),
        }
    }
}

fn nothing() -> Condition {
    Condition::has_id(Vec::<PointId>::new())
}

fn any(conditions: Vec<Condition>) -> Condition {
    if conditions.is_empty() { nothing() } else { Filter::should(conditions).into() }
}

fn numbers(key: &str, range: Option<payload::Range>, wanted: Option<&[PayloadValue]>) -> Condition {
    let within = range.map(|r| Condition::range(key, Range { gt: r.gt, gte: r.gte, lt: r.lt, lte: r.lte }));
    let equal = wanted.map(|wanted| {
        let numbers = wanted.iter().filter_map(|value| match value {
            PayloadValue::Number(number) => Some(*number),
            _ => None,
        });
        let at = |number| Range { gte: Some(number), lte: Some(number), ..Range::default() };
        any(numbers.map(|number| Condition::range(key, at(number))).collect())
    });
    Filter::must(within.into_iter().chain(equal)).into()
}

fn words(key: &str, wanted: &[PayloadValue]) -> Condition {
    let wanted: Vec<String> = wanted
        .iter()
        .filter_map(|value| match value {
            PayloadValue::Text(word) => Some(word.clone()),
            _ => None,
        })
        .collect();
    if wanted.is_empty() { nothing() } else { Condition::matches(key, wanted) }
}

fn flags(key: &str, wanted: &[PayloadValue]) -> Condition {
    let flags = wanted.iter().filter_map(|value| match value {
        PayloadValue::Flag(flag) => Some(*flag),
        _ => None,
    });
    any(flags.map(|flag| Condition::matches(key, flag)).collect())
}

/// A payload key as a path: quoted, since dots and brackets would otherwise lead into nested values.
pub(super) fn path(key: &str) -> String {
    format!("\"{key}\"")
}

/// The payload key of a path: servers drop quotes that are not needed.
pub(super) fn unquoted(path: &str) -> String {
    path.trim_matches('"').to_string()
}

/// An item's id on a server: its dense index, for a string might collide once hashed.
pub(super) fn point_id(item: ItemIx) -> PointId {
    u64::from(item.0).into()
}

/// An item as a server keeps it.
pub(super) fn point(point: &IndexPoint) -> PointStruct {
    let mut payload: HashMap<String, Value> =
        point.payload.iter().map(|(key, value)| (key.clone(), payload_value(value))).collect();
    payload.insert(ID_KEY.into(), point.id.as_str().into());
    PointStruct::new(point_id(point.item), point.vector.clone(), payload)
}

fn payload_value(value: &PayloadValue) -> Value {
    match value {
        PayloadValue::Flag(flag) => (*flag).into(),
        PayloadValue::Number(number) => (*number).into(),
        PayloadValue::Text(word) => word.as_str().into(),
        PayloadValue::Texts(words) => {
            words.iter().map(|word| Value::from(word.as_str())).collect::<Vec<_>>().into()
        }
    }
}
