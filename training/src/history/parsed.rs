//! What a worker makes of one piece of a file: rows with ids of its own, to be merged in the order of the files.

use super::rows::{GoodRow, RawRow, Reason, Rejection, Rules};
use models::events::Timestamp;
use models::ids::{CustomerIx, ItemIx, Ix, Vocabulary};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Whether the text of rows is needed, because rejected rows are written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raws {
    Keep,
    Forget,
}

/// The rows of one piece. Its vocabularies also hold ids of rows that were dropped; merging takes what it needs.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) customers: Vocabulary<CustomerIx>,
    pub(super) items: Vocabulary<ItemIx>,
    pub(super) channels: Vocabulary<PieceChannelIx>,
    pub(super) rows: Vec<ParsedRow>,
    /// The texts of [`Self::rows`], if they are kept.
    pub(super) raws: Vec<String>,
    pub(super) rows_read: u64,
    pub(super) dropped: BTreeMap<Reason, Dropped>,
    /// Every dropped row, if texts are kept.
    pub(super) rejected: Vec<RejectedRow>,
}

/// One good row, its ids those of its piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct ParsedRow {
    pub(super) at: Timestamp,
    pub(super) good: GoodRow,
    pub(super) ids: PieceIds,
    /// 64 bits that stand for the customer and the order.
    pub(super) order_key: u64,
    /// 64 bits that stand for the whole row: in a billion rows, 0.03 of them are expected to be taken for
    /// duplicates by mistake.
    pub(super) fingerprint: u64,
    pub(super) line: u64,
}

/// Indexes in the vocabularies of a piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct PieceIds {
    pub(super) customer: CustomerIx,
    pub(super) item: ItemIx,
    /// `None` where the row names no channel.
    pub(super) channel: Option<PieceChannelIx>,
}

/// A channel's index inside one piece, which may name more of them than a history tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PieceChannelIx(u32);

impl Ix for PieceChannelIx {
    const MOST: usize = u32::MAX as usize;

    fn at(position: usize) -> Self {
        Self(position as u32)
    }

    fn position(self) -> usize {
        self.0 as usize
    }
}

/// How many rows were dropped for one reason, and the first of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dropped {
    pub(super) rows: u64,
    pub(super) first_line: u64,
    pub(super) first_value: String,
}

/// A dropped row with its text.
#[derive(Clone, Debug)]
pub(super) struct RejectedRow {
    pub(super) line: u64,
    pub(super) reason: Reason,
    pub(super) raw: String,
}

/// Fills a [`Parsed`] row by row.
#[derive(Debug)]
pub(super) struct Parser<'a> {
    rules: &'a Rules,
    raws: Raws,
    parsed: Parsed,
    /// Per id of the piece, whether it is excluded: patterns are matched once per id, not once per row.
    customer_excluded: Vec<bool>,
    item_excluded: Vec<bool>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(rules: &'a Rules, raws: Raws) -> Self {
        let parsed = Parsed {
            customers: Vocabulary::default(),
            items: Vocabulary::default(),
            channels: Vocabulary::default(),
            rows: Vec::new(),
            raws: Vec::new(),
            rows_read: 0,
            dropped: BTreeMap::new(),
            rejected: Vec::new(),
        };
        Self { rules, raws, parsed, customer_excluded: Vec::new(), item_excluded: Vec::new() }
    }

    pub(super) fn finish(self) -> Parsed {
        self.parsed
    }

    /// Takes one row; `raw` gives its text where it is needed.
    pub(super) fn take(
        &mut self,
        line: u64,
        row: Result<RawRow<'_>, Rejection<'_>>,
        raw: impl FnOnce() -> String,
    ) -> models::Result<()> {
        self.parsed.rows_read += 1;
        let identified = row.and_then(|row| self.rules.ids(&row).map(|ids| (row, ids)));
        let judged = match identified {
            Err(rejection) => Err(rejection),
            Ok((row, (customer, item))) => {
                let ids = self.intern(customer, item, row.channel)?;
                self.judge(line, &row, ids)
            }
        };
        match judged {
            Ok(row) => {
                self.parsed.rows.push(row);
                if self.raws == Raws::Keep {
                    self.parsed.raws.push(raw());
                }
            }
            Err(rejection) => self.drop_row(line, &rejection, raw),
        }
        Ok(())
    }

    fn intern(&mut self, customer: &str, item: &str, channel: Option<&str>) -> models::Result<PieceIds> {
        let customer_ix = self.parsed.customers.intern(customer)?;
        if customer_ix.position() == self.customer_excluded.len() {
            self.customer_excluded.push(self.rules.excluded_customers.matches(customer));
        }
        let item_ix = self.parsed.items.intern(item)?;
        if item_ix.position() == self.item_excluded.len() {
            self.item_excluded.push(self.rules.excluded_items.matches(item));
        }
        let channel = channel.map(|channel| self.parsed.channels.intern(channel)).transpose()?;
        Ok(PieceIds { customer: customer_ix, item: item_ix, channel })
    }

    fn judge<'r>(&self, line: u64, row: &RawRow<'r>, ids: PieceIds) -> Result<ParsedRow, Rejection<'r>> {
        if self.item_excluded[ids.item.position()] {
            return Err(Rejection::new(Reason::ExcludedItem, row.item.unwrap_or_default()));
        }
        if self.customer_excluded[ids.customer.position()] {
            return Err(Rejection::new(Reason::ExcludedCustomer, row.customer.unwrap_or_default()));
        }
        let good = self.rules.judge(row)?;
        let mut hasher = DefaultHasher::new();
        row.customer.hash(&mut hasher);
        match row.order {
            Some(order) => order.hash(&mut hasher),
            None => self.rules.time.local_day(good.utc_millis).hash(&mut hasher),
        }
        let order_key = hasher.finish();
        row.item.hash(&mut hasher);
        let numbers = (good.quantity.to_bits(), good.amount.to_bits(), good.discount.to_bits());
        (good.utc_millis, numbers, good.kind, row.channel).hash(&mut hasher);
        let fingerprint = hasher.finish();
        let at = Timestamp(good.utc_millis.div_euclid(1000));
        Ok(ParsedRow { at, good, ids, order_key, fingerprint, line })
    }

    fn drop_row(&mut self, line: u64, rejection: &Rejection<'_>, raw: impl FnOnce() -> String) {
        let dropped = self.parsed.dropped.entry(rejection.reason).or_insert_with(|| Dropped {
            rows: 0,
            first_line: line,
            first_value: super::report::shown(&rejection.value),
        });
        dropped.rows += 1;
        if self.raws == Raws::Keep {
            self.parsed.rejected.push(RejectedRow { line, reason: rejection.reason, raw: raw() });
        }
    }
}
