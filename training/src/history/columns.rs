//! Which column holds what, and where it is in a particular file.

use super::error::HistoryError;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The names of the columns in the files.
///
/// An optional column that is not named here is used under its canonical name where a file has it; one that is
/// named must be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// Who. Default: `customer_id`.
    pub customer_id: String,
    /// With what. Default: `item_id`.
    pub item_id: String,
    /// When. Default: `timestamp` if present, else the history has no times and is split at random.
    pub timestamp: Option<String>,
    /// Units; 1 where empty; negative for a return. Default: `quantity` if present, else every row is one unit.
    pub quantity: Option<String>,
    /// Price of one unit. Default: `unit_price` if present and there is no line total.
    pub unit_price: Option<String>,
    /// Money of the whole line; exclusive with a unit price. A negative total of a positive quantity is a return.
    /// Default: `line_total` if present.
    pub line_total: Option<String>,
    /// The order (basket, invoice), unique within a customer. Default: `order_id` if present, else all that a
    /// customer did on one calendar day (at the stated offset) is one order.
    pub order_id: Option<String>,
    /// What was done; see `event_types`. Default: `event_type` if present, else every row is a purchase.
    pub event_type: Option<String>,
    /// Money taken off the whole line, in the history's currency; the sign does not matter, and an empty cell is no
    /// discount. The price or total is what was paid after it, so the list price of a line is its amount and its
    /// discount together. Default: `discount` if present, else no discount is known.
    pub discount: Option<String>,
    /// Through which channel (shop, web, app, …), as text or whole numbers; the first 254 are told apart. Default:
    /// `channel` if present, else no channel is known.
    pub channel: Option<String>,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            customer_id: "customer_id".into(),
            item_id: "item_id".into(),
            timestamp: None,
            quantity: None,
            unit_price: None,
            line_total: None,
            order_id: None,
            event_type: None,
            discount: None,
            channel: None,
        }
    }
}

/// Where the columns are in one file.
#[derive(Clone, Debug)]
pub(super) struct ColumnMap {
    pub(super) customer: usize,
    pub(super) item: usize,
    /// `None` in a history without times.
    pub(super) timestamp: Option<usize>,
    pub(super) quantity: Option<usize>,
    pub(super) price: Option<(PriceKind, usize)>,
    pub(super) order: Option<usize>,
    pub(super) kind: Option<usize>,
    pub(super) discount: Option<usize>,
    pub(super) channel: Option<usize>,
    /// All names of the file, in order.
    pub(super) names: Vec<String>,
}

/// What a price column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PriceKind {
    Unit,
    Total,
}

impl Columns {
    /// Checks what can be checked before a file is seen.
    pub(super) fn check(&self) -> Result<(), HistoryError> {
        match (&self.unit_price, &self.line_total) {
            (Some(unit), Some(_)) => Err(HistoryError::config(
                "columns.unit_price",
                &unit,
                "be left out when columns.line_total is given",
            )),
            _ => Ok(()),
        }
    }

    /// Finds the columns among the names of a file.
    pub(super) fn locate(&self, names: Vec<String>, file: &Path) -> Result<ColumnMap, HistoryError> {
        let mut finder = Finder { names: &names, missing: Vec::new(), repeated: None };
        let customer = finder.required(&self.customer_id);
        let item = finder.required(&self.item_id);
        let timestamp = finder.optional(self.timestamp.as_deref(), "timestamp");
        let quantity = finder.optional(self.quantity.as_deref(), "quantity");
        let total = match self.unit_price {
            Some(_) => None,
            None => finder.optional(self.line_total.as_deref(), "line_total"),
        };
        let price = match total {
            Some(at) => Some((PriceKind::Total, at)),
            None => finder.optional(self.unit_price.as_deref(), "unit_price").map(|at| (PriceKind::Unit, at)),
        };
        let order = finder.optional(self.order_id.as_deref(), "order_id");
        let kind = finder.optional(self.event_type.as_deref(), "event_type");
        let discount = finder.optional(self.discount.as_deref(), "discount");
        let channel = finder.optional(self.channel.as_deref(), "channel");
        let Finder { missing, repeated, .. } = finder;
        if let Some(column) = repeated {
            return Err(HistoryError::RepeatedColumn { file: file.into(), column });
        }
        if !missing.is_empty() {
            let (missing, found) = (quoted(&missing), quoted(&names));
            return Err(HistoryError::MissingColumns { file: file.into(), missing, found });
        }
        Ok(ColumnMap { customer, item, timestamp, quantity, price, order, kind, discount, channel, names })
    }
}

impl ColumnMap {
    /// The position of every mapped column, each once.
    pub(super) fn mapped(&self) -> Vec<usize> {
        let price = self.price.map(|(_, at)| at);
        let optional =
            [self.timestamp, self.quantity, price, self.order, self.kind, self.discount, self.channel];
        let mut all: Vec<usize> =
            [self.customer, self.item].into_iter().chain(optional.into_iter().flatten()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

struct Finder<'a> {
    names: &'a [String],
    missing: Vec<String>,
    repeated: Option<String>,
}

impl Finder<'_> {
    fn find(&mut self, name: &str) -> Option<usize> {
        let mut matches = self.names.iter().enumerate().filter(|(_, found)| found.as_str() == name);
        let first = matches.next()?.0;
        if matches.next().is_some() {
            self.repeated.get_or_insert_with(|| name.into());
        }
        Some(first)
    }

    fn required(&mut self, name: &str) -> usize {
        self.find(name).unwrap_or_else(|| {
            self.missing.push(name.into());
            0
        })
    }

    fn optional(&mut self, stated: Option<&str>, canonical: &str) -> Option<usize> {
        match stated {
            Some(name) => Some(self.required(name)),
            None => self.find(canonical),
        }
    }
}

/// Names for a message.
pub(crate) fn quoted(names: &[String]) -> String {
    let shown = names.iter().take(50).map(|name| format!("`{}`", super::report::shown(name)));
    shown.collect::<Vec<_>>().join(", ")
}
