//! The text of a policy, in TOML or JSON, as one tree that knows where everything stands.

mod deserialize;
mod json;
mod toml_text;

use super::fault::Fault;
use crate::store::PolicyFormat;

/// Largest document, in bytes.
const LARGEST: usize = 1 << 20;

/// A parsed text.
#[derive(Clone, Debug)]
pub(super) struct Source {
    text: String,
    root: Node,
}

/// A value, and the byte at which it starts.
#[derive(Clone, Debug)]
pub(super) struct Node {
    at: usize,
    value: NodeValue,
}

#[derive(Clone, Debug)]
pub(super) enum NodeValue {
    Null,
    Flag(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table, with the byte at which it starts.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    key: String,
    at: usize,
    value: Node,
}

impl Source {
    /// Parses a text; what it means is not looked at.
    pub(super) fn parse(text: &str, format: PolicyFormat) -> Result<Self, Vec<Fault>> {
        if text.len() > LARGEST {
            let message = format!("the document has {} bytes, but {LARGEST} are allowed", text.len());
            return Err(vec![Fault { path: String::new(), line: None, column: None, message }]);
        }
        let root = match format {
            PolicyFormat::Toml => toml_text::parse(text)?,
            PolicyFormat::Json => json::parse(text).map_err(|fault| vec![fault])?,
        };
        Ok(Self { text: text.to_owned(), root })
    }

    /// The whole tree.
    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// The line of the deepest part of a path, such as `rules[2].when`, that is there.
    pub(super) fn line(&self, path: &str) -> usize {
        line_at(&self.text, self.root.locate(path).1)
    }

    /// The line of a place inside a text that may have several: only lines of TOML's `'''` texts count.
    pub(super) fn line_within(&self, path: &str, line: usize) -> usize {
        let (node, _) = self.root.locate(path);
        let text = self.text.get(node.at..).unwrap_or_default();
        let body = ["'''", "\"\"\""].into_iter().find_map(|quotes| text.strip_prefix(quotes));
        match body {
            Some(body) if body.starts_with('\n') || body.starts_with("\r\n") => {
                line_at(&self.text, node.at) + line
            }
            Some(_) => line_at(&self.text, node.at) + line - 1,
            None => line_at(&self.text, node.at),
        }
    }
}

impl Node {
    /// A key of a table.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The keys of a table.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries().iter().map(|entry| entry.key.as_str())
    }

    /// The elements of a list; `None` when this is none.
    pub(super) fn elements(&self) -> Option<&[Node]> {
        match &self.value {
            NodeValue::List(nodes) => Some(nodes),
            _ => None,
        }
    }

    /// Whether this is a table.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.value, NodeValue::Table(_))
    }

    fn entries(&self) -> &[Entry] {
        match &self.value {
            NodeValue::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The deepest part of a path that is there, and where its key, else the part itself, starts.
    fn locate(&self, path: &str) -> (&Node, usize) {
        if let Some((index, rest)) = path.strip_prefix('[').and_then(|rest| rest.split_once(']'))
            && let Ok(index) = index.parse::<usize>()
            && let Some(node) = self.elements().and_then(|nodes| nodes.get(index))
        {
            return node.locate(rest);
        }
        let path = path.strip_prefix('.').unwrap_or(path);
        // A key may hold a dot itself, so the longest that fits counts.
        let fits = |entry: &&Entry| {
            path.strip_prefix(entry.key.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        match self.entries().iter().filter(fits).max_by_key(|entry| entry.key.len()) {
            Some(entry) if entry.key.len() == path.len() => (&entry.value, entry.at),
            Some(entry) => entry.value.locate(&path[entry.key.len()..]),
            None => (self, self.at),
        }
    }
}

fn line_at(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}
