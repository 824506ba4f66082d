//! Pieces put together, in the order of the files, to one history.

use super::History;
use super::config::RowPolicy;
use super::error::HistoryError;
use super::parsed::{Parsed, ParsedRow};
use super::rejected::RejectedFile;
use super::report::{DroppedRows, Example};
use super::rows::Reason;
use models::events::{Event, EventKind, EventLog};
use models::ids::{ChannelIx, CustomerIx, ItemIx, Ix, OrderIx, Vocabulary};
use rayon::slice::ParallelSliceMut;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::path::{Path, PathBuf};

/// A history in the making, and what it cost.
///
/// Memory: 32 bytes an event, 19 to 39 an order, 10 to 21 a row for the detection of duplicates, and the ids; half as
/// much again while a table grows.
#[derive(Debug)]
pub(super) struct Assembly {
    files: Vec<PathBuf>,
    duplicates: RowPolicy,
    customers: Vocabulary<CustomerIx>,
    items: Vocabulary<ItemIx>,
    channels: Vocabulary<ChannelIx>,
    orders: HashMap<u64, OrderIx, BuildHasherDefault<AlreadyHashed>>,
    seen: HashSet<u64, BuildHasherDefault<AlreadyHashed>>,
    events: Vec<Event>,
    rejected: Option<RejectedFile>,
    pub(super) counts: Counts,
}

/// What was read and dropped.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) rows_read: Vec<u64>,
    pub(super) dropped: BTreeMap<Reason, DroppedRows>,
    /// Summed before amounts are rounded to single precision.
    pub(super) sales: f64,
    /// Kept rows of channels beyond those that an index can tell apart.
    pub(super) rows_of_other_channels: u64,
}

impl Assembly {
    pub(super) fn new(
        files: &[PathBuf],
        duplicates: RowPolicy,
        rejected: Option<RejectedFile>,
    ) -> Result<Self, HistoryError> {
        let mut channels = Vocabulary::default();
        // The empty name takes the index that stands for what is not known.
        channels.intern("")?;
        Ok(Self {
            files: files.to_vec(),
            duplicates,
            customers: Vocabulary::default(),
            items: Vocabulary::default(),
            channels,
            orders: HashMap::default(),
            seen: HashSet::default(),
            events: Vec::new(),
            rejected,
            counts: Counts { rows_read: vec![0; files.len()], ..Counts::default() },
        })
    }

    /// Adds the rows of the next piece.
    pub(super) fn absorb(&mut self, file: usize, mut parsed: Parsed) -> Result<(), HistoryError> {
        self.counts.rows_read[file] += parsed.rows_read;
        let path = self.files[file].clone();
        for (reason, dropped) in std::mem::take(&mut parsed.dropped) {
            let first =
                || Example { file: path.clone(), line: dropped.first_line, value: dropped.first_value };
            self.count(reason, dropped.rows, first);
        }
        if let Some(rejected) = &mut self.rejected {
            for row in &parsed.rejected {
                rejected.write(&path, row.line, row.reason, &row.raw)?;
            }
        }
        self.absorb_rows(&path, &parsed)
    }

    fn absorb_rows(&mut self, path: &Path, parsed: &Parsed) -> Result<(), HistoryError> {
        // Only ids of rows that are kept enter the history, in the order of their first row.
        let mut customers = vec![None; parsed.customers.len()];
        let mut items = vec![None; parsed.items.len()];
        let mut channels = vec![None; parsed.channels.len()];
        self.events.reserve(parsed.rows.len());
        for (position, row) in parsed.rows.iter().enumerate() {
            if self.duplicates == RowPolicy::Drop && !self.seen.insert(row.fingerprint) {
                self.drop_duplicate(path, row, parsed.raws.get(position))?;
                continue;
            }
            let ids = row.ids;
            let customer = known(&mut customers[ids.customer.position()], || {
                self.customers.intern(parsed.customers.id(ids.customer).unwrap_or_default())
            })?;
            let item = known(&mut items[ids.item.position()], || {
                self.items.intern(parsed.items.id(ids.item).unwrap_or_default())
            })?;
            let channel = match ids.channel {
                Some(ix) => known(&mut channels[ix.position()], || {
                    channel_index(&mut self.channels, parsed.channels.id(ix).unwrap_or_default())
                })?,
                None => ChannelIx::UNKNOWN,
            };
            if ids.channel.is_some() && channel == ChannelIx::UNKNOWN {
                self.counts.rows_of_other_channels += 1;
            }
            let next_order = OrderIx::at(self.orders.len());
            let order = *self.orders.entry(row.order_key).or_insert(next_order);
            let good = &row.good;
            if good.kind == EventKind::Purchase {
                self.counts.sales += good.amount;
            }
            self.events.push(Event {
                at: row.at,
                customer,
                item,
                order,
                quantity: good.quantity,
                amount: good.amount as f32,
                kind: good.kind,
                discount_percent: good.discount_percent(),
                channel,
            });
        }
        Ok(())
    }

    fn drop_duplicate(
        &mut self,
        path: &Path,
        row: &ParsedRow,
        raw: Option<&String>,
    ) -> Result<(), HistoryError> {
        let first = || Example { file: path.into(), line: row.line, value: String::new() };
        self.count(Reason::Duplicate, 1, first);
        match &mut self.rejected {
            Some(rejected) => {
                rejected.write(path, row.line, Reason::Duplicate, raw.map_or("", String::as_str))
            }
            None => Ok(()),
        }
    }

    fn count(&mut self, reason: Reason, rows: u64, first: impl FnOnce() -> Example) {
        self.counts.dropped.entry(reason).or_insert_with(|| DroppedRows { rows: 0, first: first() }).rows +=
            rows;
    }

    /// How many events there are so far.
    pub(super) fn n_events(&self) -> usize {
        self.events.len()
    }

    /// The history, its events in the order of time whatever the order of the files' lines.
    pub(super) fn finish(self) -> Result<(History, Counts), HistoryError> {
        let Self { customers, items, channels, orders, seen, mut events, rejected, counts, .. } = self;
        let n_orders = orders.len();
        // Freed before the history is sorted and counted.
        drop((orders, seen));
        // Every field is part of the key, so that an unstable sort has one outcome.
        events.par_sort_unstable_by_key(|e| {
            let numbers = (e.quantity.to_bits(), e.amount.to_bits(), e.discount_percent);
            (e.at, e.customer, e.item, e.order, e.kind, numbers, e.channel)
        });
        let log = EventLog::new(events, customers.len(), items.len());
        if let Some(rejected) = rejected {
            rejected.finish()?;
        }
        Ok((History { log, customers, items, channels, n_orders }, counts))
    }
}

/// The index kept from an earlier row of the piece, or a new one.
fn known<I: Copy>(slot: &mut Option<I>, intern: impl FnOnce() -> models::Result<I>) -> models::Result<I> {
    match *slot {
        Some(ix) => Ok(ix),
        None => Ok(*slot.insert(intern()?)),
    }
}

/// The index of a channel: unknown, once there are as many as an index can tell apart.
fn channel_index(channels: &mut Vocabulary<ChannelIx>, name: &str) -> models::Result<ChannelIx> {
    match channels.get(name) {
        Some(ix) => Ok(ix),
        None if channels.len() < ChannelIx::MOST => channels.intern(name),
        None => Ok(ChannelIx::UNKNOWN),
    }
}

/// A hasher for keys that are hashes.
#[derive(Debug, Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
