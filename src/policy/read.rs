//! From the tree of a text to the document, collecting all faults: each section and each rule is read on its own.

use super::document::{Arbitration, ArmSettings, ConsentSettings, PolicyDocument, PressureSettings};
use super::fault::Fault;
use super::source::{Node, Source};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// A document, without what has a fault.
pub(super) struct Reading {
    pub(super) document: PolicyDocument,
    pub(super) faults: Vec<Fault>,
    /// The elements of lists that are left out, so that places of the others can still be told.
    pub(super) left_out: BTreeSet<(String, usize)>,
}

/// Reads a document.
pub(super) fn document(source: &Source) -> Reading {
    let mut reader = Reader { source, faults: Vec::new(), left_out: BTreeSet::new() };
    let top = reader.table("", source.root(), &SECTIONS);
    let document = PolicyDocument {
        name: reader.value("name", top.get("name")),
        description: reader.value("description", top.get("description")),
        time: reader.value("time", top.get("time")),
        consent: reader.consent(top.get("consent")),
        rules: reader.list("rules", top.get("rules")),
        pressure: reader.pressure(top.get("pressure")),
        arbitration: reader.arbitration(top.get("arbitration")),
        propensity: reader.value("propensity", top.get("propensity")),
        exploration: reader.value("exploration", top.get("exploration")),
        contact_points: reader.map("contact_points", top.get("contact_points")),
        arms: reader.arms(top.get("arms")),
        responses: reader.value("responses", top.get("responses")),
    };
    Reading { document, faults: reader.faults, left_out: reader.left_out }
}

const SECTIONS: [&str; 12] = [
    "name",
    "description",
    "time",
    "consent",
    "rules",
    "pressure",
    "arbitration",
    "propensity",
    "exploration",
    "contact_points",
    "arms",
    "responses",
];

/// The parts of a table by key.
struct Table<'n>(BTreeMap<String, &'n Node>);

impl<'n> Table<'n> {
    fn get(&self, key: &str) -> Option<&'n Node> {
        self.0.get(key).copied()
    }
}

struct Reader<'s> {
    source: &'s Source,
    faults: Vec<Fault>,
    left_out: BTreeSet<(String, usize)>,
}

impl<'s> Reader<'s> {
    fn consent(&mut self, node: Option<&'s Node>) -> ConsentSettings {
        let Some(node) = node else { return ConsentSettings::default() };
        let table = self.table("consent", node, &["rules"]);
        ConsentSettings { rules: self.list("consent.rules", table.get("rules")) }
    }

    fn pressure(&mut self, node: Option<&'s Node>) -> PressureSettings {
        let Some(node) = node else { return PressureSettings::default() };
        let table = self.table("pressure", node, &["caps", "hours", "cool_offs"]);
        PressureSettings {
            caps: self.list("pressure.caps", table.get("caps")),
            hours: self.list("pressure.hours", table.get("hours")),
            cool_offs: self.list("pressure.cool_offs", table.get("cool_offs")),
        }
    }

    fn arbitration(&mut self, node: Option<&'s Node>) -> Arbitration {
        let Some(node) = node else { return Arbitration::default() };
        let table = self.table("arbitration", node, &["switches", "retention_weight", "levers", "contexts"]);
        Arbitration {
            switches: self.value("arbitration.switches", table.get("switches")),
            retention_weight: self.value("arbitration.retention_weight", table.get("retention_weight")),
            levers: self.list("arbitration.levers", table.get("levers")),
            contexts: self.list("arbitration.contexts", table.get("contexts")),
        }
    }

    fn arms(&mut self, node: Option<&'s Node>) -> ArmSettings {
        let default = ArmSettings::default();
        let Some(node) = node else { return default };
        let table = self.table("arms", node, &["salt", "unit", "shares"]);
        ArmSettings {
            salt: self.value_or("arms.salt", table.get("salt"), default.salt),
            unit: self.value_or("arms.unit", table.get("unit"), default.unit),
            shares: self.value("arms.shares", table.get("shares")),
        }
    }

    /// The parts of a table whose keys are known here; others are faults.
    fn table(&mut self, path: &str, node: &'s Node, known: &[&str]) -> Table<'s> {
        if !node.is_table() {
            self.fault(path, format!("must be a table with the keys {}", known.join(", ")));
            return Table(BTreeMap::new());
        }
        let mut table = BTreeMap::new();
        for key in node.keys() {
            if known.contains(&key) {
                table.extend(node.get(key).map(|node| (key.to_owned(), node)));
            } else {
                self.fault(&joined(path, key), format!("is not a key here; there are {}", known.join(", ")));
            }
        }
        Table(table)
    }

    fn value<T: DeserializeOwned + Default>(&mut self, path: &str, node: Option<&'s Node>) -> T {
        self.value_or(path, node, T::default())
    }

    fn value_or<T: DeserializeOwned>(&mut self, path: &str, node: Option<&'s Node>, default: T) -> T {
        node.and_then(|node| self.one(path, node)).unwrap_or(default)
    }

    fn one<T: DeserializeOwned>(&mut self, path: &str, node: &'s Node) -> Option<T> {
        match serde_path_to_error::deserialize(node) {
            Ok(value) => Some(value),
            Err(error) => {
                let inner = error.path().to_string();
                let path = if inner == "." { path.to_owned() } else { joined(path, &inner) };
                self.fault(&path, plain(&error.into_inner().to_string()));
                None
            }
        }
    }

    fn list<T: DeserializeOwned>(&mut self, path: &str, node: Option<&'s Node>) -> Vec<T> {
        let Some(node) = node else { return Vec::new() };
        let Some(elements) = node.elements() else {
            self.fault(path, format!("must be a list: [[{path}]] for each"));
            return Vec::new();
        };
        let mut list = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            match self.one(&format!("{path}[{index}]"), element) {
                Some(value) => list.push(value),
                None => _ = self.left_out.insert((path.to_owned(), index)),
            }
        }
        list
    }

    fn map<T: DeserializeOwned>(&mut self, path: &str, node: Option<&'s Node>) -> BTreeMap<String, T> {
        let Some(node) = node else { return BTreeMap::new() };
        if !node.is_table() {
            self.fault(path, format!("must be a table: [{path}.NAME] for each"));
        }
        let keys: Vec<&str> = node.keys().collect();
        let read = |key: &str| Some((key.to_owned(), self.one(&joined(path, key), node.get(key)?)?));
        keys.into_iter().filter_map(read).collect()
    }

    fn fault(&mut self, path: &str, message: String) {
        let line = Some(self.source.line(path));
        self.faults.push(Fault { path: path.to_owned(), line, column: None, message });
    }
}

fn joined(path: &str, key: &str) -> String {
    match (path, key) {
        ("", key) => key.to_owned(),
        (path, key) if key.starts_with('[') => format!("{path}{key}"),
        (path, key) => format!("{path}.{key}"),
    }
}

/// What serde says, without the names of Rust's types.
fn plain(message: &str) -> String {
    let whole = ["u32", "u64", "usize", "i64"].map(|name| format!("expected {name}"));
    let plain =
        whole.iter().fold(message.to_owned(), |text, name| text.replace(name, "expected a whole number"));
    plain.replace("expected f64", "expected a number")
}
