//! JSON as a tree. `serde_json` tells no places, but a raw value is a piece of the text, so its place is known.

use super::{Entry, Node, NodeValue, line_at};
use crate::policy::fault::Fault;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// How deep a document may be; a policy needs six.
const DEEPEST: usize = 16;

/// Parses a document.
pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| Fault {
        path: String::new(),
        line: Some(error.line()),
        column: None,
        message: error.to_string(),
    })?;
    Reader { text }.node(raw.get(), DEEPEST)
}

struct Reader<'t> {
    text: &'t str,
}

impl<'t> Reader<'t> {
    fn node(&self, part: &'t str, depth: usize) -> Result<Node, Fault> {
        let at = part.as_ptr().addr() - self.text.as_ptr().addr();
        if depth == 0 {
            return Err(self.fault(at, format!("the document is more than {DEEPEST} deep")));
        }
        let value = match part.as_bytes().first() {
            Some(b'{') => NodeValue::Table(self.entries(part, at, depth)?),
            Some(b'[') => {
                let parts: Vec<&RawValue> = self.read(part, at)?;
                let nodes = parts.into_iter().map(|part| self.node(part.get(), depth - 1));
                NodeValue::List(nodes.collect::<Result<_, _>>()?)
            }
            Some(b'"') => NodeValue::Text(self.read(part, at)?),
            Some(b't' | b'f') => NodeValue::Flag(self.read(part, at)?),
            Some(b'n') => NodeValue::Null,
            _ => match self.read::<i64>(part, at) {
                Ok(number) => NodeValue::Integer(number),
                Err(_) => NodeValue::Number(self.read(part, at)?),
            },
        };
        Ok(Node { at, value })
    }

    fn entries(&self, part: &'t str, at: usize, depth: usize) -> Result<Vec<Entry>, Fault> {
        let pairs: Pairs<'t> = self.read(part, at)?;
        let mut entries: Vec<Entry> = Vec::with_capacity(pairs.0.len());
        for (key, value) in pairs.0 {
            let value = self.node(value.get(), depth - 1)?;
            if entries.iter().any(|entry| entry.key == key) {
                return Err(self.fault(value.at, format!("the key {key} is there twice")));
            }
            entries.push(Entry { key, at: value.at, value });
        }
        Ok(entries)
    }

    fn read<T: Deserialize<'t>>(&self, part: &'t str, at: usize) -> Result<T, Fault> {
        serde_json::from_str(part).map_err(|error| self.fault(at, error.to_string()))
    }

    fn fault(&self, at: usize, message: String) -> Fault {
        Fault { path: String::new(), line: Some(line_at(self.text, at)), column: None, message }
    }
}

/// The keys and values of an object in their order, also when a key is there twice.
struct Pairs<'t>(Vec<(String, &'t RawValue)>);

impl<'t> Deserialize<'t> for Pairs<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collects;
        impl<'t> Visitor<'t> for Collects {
            type Value = Pairs<'t>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Pairs<'t>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Collects)
    }
}
