//! TOML as a tree.

use super::{Entry, Node, NodeValue, line_at};
use crate::policy::fault::Fault;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Parses a document; all its faults at once.
pub(super) fn parse(text: &str) -> Result<Node, Vec<Fault>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut faults: Vec<Fault> = errors
        .iter()
        .map(|error| {
            let line = error.span().map(|span| line_at(text, span.start));
            Fault { path: String::new(), line, column: None, message: error.message().trim().to_owned() }
        })
        .collect();
    let root = Node { at: 0, value: NodeValue::Table(entries(table.into_inner(), text, &mut faults)) };
    if faults.is_empty() { Ok(root) } else { Err(faults) }
}

fn entries(table: DeTable<'_>, text: &str, faults: &mut Vec<Fault>) -> Vec<Entry> {
    let entries = table.into_iter().map(|(key, value)| Entry {
        at: key.span().start,
        key: key.into_inner().into_owned(),
        value: node(value, text, faults),
    });
    entries.collect()
}

fn node(value: Spanned<DeValue<'_>>, text: &str, faults: &mut Vec<Fault>) -> Node {
    let at = value.span().start;
    let mut refuse = |message: String| {
        faults.push(Fault { path: String::new(), line: Some(line_at(text, at)), column: None, message });
        NodeValue::Null
    };
    let value = match value.into_inner() {
        DeValue::String(text) => NodeValue::Text(text.into_owned()),
        DeValue::Boolean(flag) => NodeValue::Flag(flag),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => NodeValue::Integer(number),
            Err(_) => refuse(format!("{number} is too large a number")),
        },
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => NodeValue::Number(number),
            _ => refuse(format!("{number} is no finite number")),
        },
        DeValue::Datetime(time) => NodeValue::Text(time.to_string()),
        DeValue::Array(array) => {
            NodeValue::List(array.into_iter().map(|value| node(value, text, faults)).collect())
        }
        DeValue::Table(table) => NodeValue::Table(entries(table, text, faults)),
    };
    Node { at, value }
}
