//! What the caller says about the history files: columns, formats, exclusions, policies, minimums.

use super::columns::Columns;
use super::error::HistoryError;
use models::events::EventKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How to read the history: the `[history]` section of a configuration.
///
/// Everything has a default, so that a file with the canonical columns
/// `customer_id, item_id, timestamp[, quantity, unit_price | line_total, order_id, event_type, discount, channel]`
/// needs none of it.
///
/// Two things are not options: a row without a customer, an item or a time is dropped (and counted), and an id
/// is an opaque text of 1 to 256 bytes that is kept exactly as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HistoryConfig {
    /// Which column of the files holds what. Default: the canonical names.
    pub columns: Columns,
    /// How times are written: `rfc3339`, `epoch_seconds`, `epoch_millis`, or strptime patterns such as
    /// `%d/%m/%Y %H:%M`; tried in this order. Formats that could read one text as two different moments are
    /// refused together. Default: `rfc3339`, `%Y-%m-%d %H:%M:%S`, `%Y-%m-%d`. Parquet columns of a date or
    /// timestamp type need no format.
    pub timestamp_formats: Vec<String>,
    /// The offset from UTC of times that carry none, as `+hh:mm`. Default: `+00:00`.
    pub utc_offset: String,
    /// What separates the fields of CSV files; one ASCII character. Default: `,`.
    pub delimiter: char,
    /// What separates units from decimals in numbers of CSV files: `.` or `,`. Default: `.`.
    pub decimal_separator: char,
    /// The encoding of CSV files; bytes that it does not allow reject their row. Default: `utf-8`.
    pub encoding: Encoding,
    /// Texts that mean "nothing here", besides the empty one: `NULL`, `NA`, … Default: none.
    pub null_values: Vec<String>,
    /// Items and customers that are no products and no customers. Default: none.
    pub exclude: Exclude,
    /// Orders whose id starts with one of these are cancellations: their lines count as returns. Default: none.
    pub return_order_prefixes: Vec<String>,
    /// Returns (negative quantities, cancellations, rows of type `return`): `keep` nets them out of what was
    /// bought, `drop` ignores them. Default: `keep`.
    pub returns: RowPolicy,
    /// Purchases without a price or for nothing, where the history has prices. Default: `keep`.
    pub zero_prices: RowPolicy,
    /// Purchases of no unit (coupons, goods by weight). Default: `keep`.
    pub zero_quantities: RowPolicy,
    /// Rows equal to an earlier one in all mapped columns. `drop` costs 10 to 21 bytes of memory a row; use `keep`
    /// where two equal lines mean two units. Default: `drop`.
    pub duplicates: RowPolicy,
    /// What the values of the event type column mean. Default: `purchase`, `return`, `basket`, `click`, `view`,
    /// `complaint`, each for itself. Without that column every row is a purchase.
    pub event_types: BTreeMap<String, RowKind>,
    /// Rows before this day (placeholders such as 1900-01-01) are dropped. Default: `1990-01-01`.
    pub not_before: chrono::NaiveDate,
    /// Rows later than this many days after now are dropped; leaves room for time zones. Default: 1.
    pub future_days: f64,
    /// What training needs at least. Default: see [`Minimums`].
    pub minimums: Minimums,
}

impl Default for HistoryConfig {
    fn default() -> Self {
        Self {
            columns: Columns::default(),
            timestamp_formats: ["rfc3339", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"].map(String::from).into(),
            utc_offset: "+00:00".into(),
            delimiter: ',',
            decimal_separator: '.',
            encoding: Encoding::Utf8,
            null_values: Vec::new(),
            exclude: Exclude::default(),
            return_order_prefixes: Vec::new(),
            returns: RowPolicy::Keep,
            zero_prices: RowPolicy::Keep,
            zero_quantities: RowPolicy::Keep,
            duplicates: RowPolicy::Drop,
            event_types: RowKind::ALL.map(|(name, kind)| (name.into(), kind)).into(),
            not_before: chrono::NaiveDate::from_ymd_opt(1990, 1, 1).unwrap_or_default(),
            future_days: 1.0,
            minimums: Minimums::default(),
        }
    }
}

/// What becomes of rows of some sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowPolicy {
    /// They are part of the history.
    Keep,
    /// They are left out, and counted.
    Drop,
}

/// How text is stored in CSV files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[serde(rename = "utf-8")]
    Utf8,
    /// Windows-1252, and with it ISO 8859-1, of which it is the superset found in real files.
    #[serde(rename = "windows-1252", alias = "latin1", alias = "iso-8859-1")]
    Windows1252,
}

/// Ids to leave out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exclude {
    /// Item ids, exactly: `["POST", "BANK CHARGES"]`. Default: none.
    pub items: Vec<String>,
    /// Regular expressions that match a whole item id: `["gift_.*", "DCGS.*"]`. Default: none.
    pub item_patterns: Vec<String>,
    /// Customer ids, exactly (the till's own card, test accounts). Default: none.
    pub customers: Vec<String>,
    /// Regular expressions that match a whole customer id. Default: none.
    pub customer_patterns: Vec<String>,
}

/// What a row says was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// Bought.
    Purchase,
    /// Brought back: a purchase of a negative quantity, however the quantity is written.
    Return,
    /// Put in the basket.
    Basket,
    /// Followed a link.
    Click,
    /// Saw the page.
    View,
    /// Complained.
    Complaint,
}

impl RowKind {
    const ALL: [(&'static str, Self); 6] = [
        ("purchase", Self::Purchase),
        ("return", Self::Return),
        ("basket", Self::Basket),
        ("click", Self::Click),
        ("view", Self::View),
        ("complaint", Self::Complaint),
    ];

    /// The kind of event that such a row becomes.
    pub(super) fn event(self) -> EventKind {
        match self {
            Self::Purchase | Self::Return => EventKind::Purchase,
            Self::Basket => EventKind::Basket,
            Self::Click => EventKind::Click,
            Self::View => EventKind::View,
            Self::Complaint => EventKind::Complaint,
        }
    }
}

/// Below these, a model would mislead: the report's verdict names a problem.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Minimums {
    /// Customers. Default: 50.
    pub customers: usize,
    /// Items. Default: 20.
    pub items: usize,
    /// Days from the first to the last event; a time split needs a past and a future. Default: 14.
    pub days: f64,
    /// Share of customers with at least two events, without which nothing links items. Default: 0.05.
    pub repeat_customers_share: f64,
    /// Largest share of rows that may be malformed (ragged, unreadable time or number, …). Default: 0.05.
    pub max_malformed_share: f64,
    /// Largest share of rows that may be dropped in all, for whatever reason. Default: 0.6.
    pub max_dropped_share: f64,
}

impl Default for Minimums {
    fn default() -> Self {
        Self {
            customers: 50,
            items: 20,
            days: 14.0,
            repeat_customers_share: 0.05,
            max_malformed_share: 0.05,
            max_dropped_share: 0.6,
        }
    }
}

impl Minimums {
    /// Checks that shares are shares and bounds are numbers.
    pub(super) fn check(&self) -> Result<(), HistoryError> {
        let shares = [
            ("minimums.repeat_customers_share", self.repeat_customers_share),
            ("minimums.max_malformed_share", self.max_malformed_share),
            ("minimums.max_dropped_share", self.max_dropped_share),
        ];
        for (key, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(HistoryError::config(key, &share, "be a share between 0 and 1"));
            }
        }
        if !(self.days >= 0.0 && self.days.is_finite()) {
            return Err(HistoryError::config("minimums.days", &self.days, "be a number of days, 0 or more"));
        }
        Ok(())
    }
}
