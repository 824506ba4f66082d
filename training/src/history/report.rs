//! What was read, kept and dropped, and whether a model trained on it would mislead.

use super::History;
use super::assembly::Counts;
use super::config::Minimums;
use super::rows::Reason;
use super::sale_terms::{self, ChannelLines, Discounts};
use super::verdict;
use chrono::{DateTime, SecondsFormat};
use models::events::{Event, EventKind};
use models::ids::{ItemIx, Ix};
use rayon::slice::ParallelSliceMut;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;

/// The data quality report of a history. Its [`Display`](fmt::Display) is a table for people.
#[derive(Clone, Debug, Serialize)]
pub struct DataReport {
    /// Rows read from each file.
    pub files: Vec<FileRows>,
    /// Rows read in all, headers not counted.
    pub rows_read: u64,
    /// Rows that became events.
    pub rows_kept: u64,
    /// Rows that did not, by reason.
    pub rows_dropped: BTreeMap<Reason, DroppedRows>,
    /// The first and the last event; `None` without events.
    pub span: Option<Span>,
    /// Different customers with at least one event.
    pub customers: usize,
    /// Customers with at least two events.
    pub repeat_customers: usize,
    /// Different items with at least one event.
    pub items: usize,
    /// Different orders.
    pub orders: usize,
    /// Events by kind; returns are purchases of a negative quantity.
    pub events: BTreeMap<EventKind, u64>,
    /// What came back.
    pub returns: Returns,
    /// Different pairs of a customer and an item.
    pub pairs: u64,
    /// Pairs as a share of all possible ones.
    pub density: f64,
    /// Money of all purchases net of returns, in the history's currency; 0 without prices.
    pub sales: f64,
    /// Lines of which something was taken off; `None` where there is none.
    pub discounts: Option<Discounts>,
    /// The known channels, those with the most events first; empty where none is known.
    pub channels: Vec<ChannelLines>,
    /// Events of channels beyond the first 254, which count as of no known channel.
    pub lines_of_other_channels: u64,
    /// The item with the most events.
    pub top_item: Option<TopItem>,
    /// Why training on this history would mislead; empty when it may be trained on.
    pub problems: Vec<Finding>,
    /// What should be looked at.
    pub warnings: Vec<Finding>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileRows {
    /// Its path as given.
    pub file: PathBuf,
    /// Rows read from it.
    pub rows_read: u64,
}

/// Rows dropped for one reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DroppedRows {
    /// How many.
    pub rows: u64,
    /// The first of them.
    pub first: Example,
}

/// A row to look at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Example {
    /// In which file.
    pub file: PathBuf,
    /// On which line, counted from 1 with the header; for Parquet the row, counted from 1.
    pub line: u64,
    /// The value to blame, escaped and shortened.
    pub value: String,
}

/// From the first to the last event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Span {
    /// RFC 3339, UTC.
    pub first: String,
    /// RFC 3339, UTC.
    pub last: String,
    /// The days between them.
    pub days: f64,
}

/// Purchases of a negative quantity.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Returns {
    /// How many rows.
    pub rows: u64,
    /// How many units came back.
    pub units: f64,
    /// Pairs of a customer and an item of which no unit is left.
    pub pairs_cancelled: u64,
}

/// The item with the most events.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopItem {
    /// Its id.
    pub id: String,
    /// Its share of all events.
    pub share: f64,
}

/// Something to mend.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// A stable name for machines.
    pub code: &'static str,
    /// What was found, with the number.
    pub found: String,
    /// What would suffice.
    pub remedy: String,
}

impl DataReport {
    /// Whether a model trained on this history would tell the truth about it.
    pub fn is_trainable(&self) -> bool {
        self.problems.is_empty()
    }

    /// Rows dropped for any reason.
    pub fn total_dropped(&self) -> u64 {
        self.rows_dropped.values().map(|dropped| dropped.rows).sum()
    }

    pub(super) fn new(files: &[PathBuf], history: &History, counts: Counts, minimums: &Minimums) -> Self {
        let events = history.log.events();
        let (customers, items) = (history.customers.len(), history.items.len());
        let files = files.iter().cloned().zip(&counts.rows_read);
        let mut report = Self {
            files: files.map(|(file, &rows_read)| FileRows { file, rows_read }).collect(),
            rows_read: counts.rows_read.iter().sum(),
            rows_kept: events.len() as u64,
            rows_dropped: counts.dropped,
            span: history.log.span().map(|(first, last)| Span {
                first: rfc3339(first.0),
                last: rfc3339(last.0),
                days: last.days_since(first),
            }),
            customers,
            repeat_customers: 0,
            items,
            orders: history.n_orders,
            events: BTreeMap::new(),
            returns: returns(events),
            pairs: count_pairs(events),
            density: 0.0,
            sales: counts.sales,
            discounts: sale_terms::discounts(events),
            channels: sale_terms::channels(history),
            lines_of_other_channels: counts.rows_of_other_channels,
            top_item: None,
            problems: Vec::new(),
            warnings: Vec::new(),
        };
        report.density = report.pairs as f64 / (customers as f64 * items as f64).max(1.0);
        report.count_events(history);
        verdict::judge(&mut report, minimums);
        report
    }

    fn count_events(&mut self, history: &History) {
        let mut of_customer = vec![0u32; self.customers];
        let mut of_item = vec![0u64; self.items];
        for event in history.log.events() {
            of_customer[event.customer.position()] += 1;
            of_item[event.item.position()] += 1;
            *self.events.entry(event.kind).or_default() += 1;
        }
        self.repeat_customers = of_customer.iter().filter(|&&n| n >= 2).count();
        // The lower index first among equals, as everywhere.
        let top = of_item.iter().enumerate().max_by_key(|&(position, &n)| (n, std::cmp::Reverse(position)));
        self.top_item = top.and_then(|(position, &n)| {
            let id = history.items.id(ItemIx::at(position))?;
            Some(TopItem { id: id.into(), share: n as f64 / self.rows_kept.max(1) as f64 })
        });
    }
}

fn pair(event: &Event) -> u64 {
    u64::from(event.customer.0) << 32 | u64::from(event.item.0)
}

fn count_pairs(events: &[Event]) -> u64 {
    let mut pairs: Vec<u64> = events.iter().map(pair).collect();
    pairs.par_sort_unstable();
    pairs.chunk_by(|a, b| a == b).count() as u64
}

fn returns(events: &[Event]) -> Returns {
    let mut returns = Returns::default();
    let mut left = HashMap::<u64, f64>::new();
    for event in events.iter().filter(|event| event.quantity < 0.0) {
        returns.rows += 1;
        returns.units -= f64::from(event.quantity);
        left.insert(pair(event), 0.0);
    }
    if left.is_empty() {
        return returns;
    }
    for event in events.iter().filter(|event| event.kind == EventKind::Purchase) {
        if let Some(units) = left.get_mut(&pair(event)) {
            *units += f64::from(event.quantity);
        }
    }
    returns.pairs_cancelled = left.values().filter(|&&units| units <= 0.0).count() as u64;
    returns
}

/// A moment for people and JSON.
pub(super) fn rfc3339(seconds: i64) -> String {
    match DateTime::from_timestamp(seconds, 0) {
        Some(moment) => moment.to_rfc3339_opts(SecondsFormat::Secs, true),
        None => format!("{seconds} seconds since 1970"),
    }
}

/// A value for a message: control characters escaped, at most 60 characters.
pub(crate) fn shown(value: &str) -> String {
    const LONGEST: usize = 60;
    let escaped = value.chars().flat_map(char::escape_debug);
    let mut shown: String = escaped.take(LONGEST + 1).collect();
    if shown.chars().count() > LONGEST {
        shown.pop();
        shown.push('…');
    }
    shown
}

impl fmt::Display for DataReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: &str| writeln!(f, "{name:<22}{value:>16}");
        line("rows read", &grouped(self.rows_read))?;
        line("rows kept", &grouped(self.rows_kept))?;
        line("rows dropped", &grouped(self.total_dropped()))?;
        line("customers", &grouped(self.customers as u64))?;
        line("  with 2 events or more", &grouped(self.repeat_customers as u64))?;
        line("items", &grouped(self.items as u64))?;
        line("orders", &grouped(self.orders as u64))?;
        for (kind, n) in &self.events {
            line(&format!("events: {}", format!("{kind:?}").to_lowercase()), &grouped(*n))?;
        }
        line("returns", &grouped(self.returns.rows))?;
        line("pairs cancelled", &grouped(self.returns.pairs_cancelled))?;
        line("customer-item pairs", &grouped(self.pairs))?;
        line("density", &format!("{:.4} %", self.density * 100.0))?;
        line("net sales", &format!("{:.2}", self.sales))?;
        for (name, share) in sale_terms::table(self.discounts.as_ref(), &self.channels) {
            line(&name, &format!("{:.1} %", share * 100.0))?;
        }
        if let Some(span) = &self.span {
            match span.days {
                0.0 => writeln!(f, "without times")?,
                days => writeln!(f, "from {} to {} ({days:.1} days)", span.first, span.last)?,
            }
        }
        self.write_dropped(f)?;
        for (title, findings) in [("warning", &self.warnings), ("PROBLEM", &self.problems)] {
            for finding in findings {
                writeln!(f, "{title}: {}; {} [{}]", finding.found, finding.remedy, finding.code)?;
            }
        }
        match self.is_trainable() {
            true => write!(f, "This history can be trained on."),
            false => write!(f, "This history should not be trained on: see the problems above."),
        }
    }
}

impl DataReport {
    fn write_dropped(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (reason, dropped) in &self.rows_dropped {
            writeln!(
                f,
                "dropped, {:<20}{:>9}   first: {}",
                reason.code(),
                grouped(dropped.rows),
                dropped.first
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file.display(), self.line)?;
        match self.value.as_str() {
            "" => Ok(()),
            value => write!(f, ": {value}"),
        }
    }
}

/// 1469307 as 1,469,307.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
