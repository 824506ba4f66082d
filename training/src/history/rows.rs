//! One row: what was written, and whether it becomes an event or is dropped, and why.

use super::columns::PriceKind;
use super::config::{Encoding, HistoryConfig, RowKind, RowPolicy};
use super::error::HistoryError;
use super::time::TimestampParser;
use models::events::{EventKind, Timestamp};
use regex::RegexSet;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

/// The longest id, in bytes.
const MAX_ID_BYTES: usize = 256;
/// The largest quantity, price or discount in size; beyond it lies only damage.
const MAX_NUMBER: f64 = 1e9;

/// Why a row was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// More or fewer fields than the header.
    Ragged,
    /// Bytes that the stated encoding does not allow.
    BadEncoding,
    /// The header again, as in files put together.
    RepeatedHeader,
    /// A time that no stated format reads.
    BadTimestamp,
    /// A quantity, price or discount that is no finite number below a billion.
    BadNumber,
    /// An event type that the configuration does not know.
    UnknownEventType,
    /// An id, or the name of a channel, of more than 256 bytes.
    IdTooLong,
    /// No customer.
    MissingCustomer,
    /// No item.
    MissingItem,
    /// No time.
    MissingTimestamp,
    /// An item that the configuration excludes.
    ExcludedItem,
    /// A customer that the configuration excludes.
    ExcludedCustomer,
    /// Before the stated first day.
    TooOld,
    /// Later than now.
    Future,
    /// Nothing was paid, and the configuration drops such rows.
    ZeroPrice,
    /// A negative price of one unit.
    NegativePrice,
    /// No unit, and the configuration drops such rows.
    ZeroQuantity,
    /// A return, and the configuration drops returns.
    Return,
    /// Equal to an earlier row.
    Duplicate,
}

impl Reason {
    /// Whether the row is damaged, as opposed to sound but unwanted.
    pub fn is_malformed(self) -> bool {
        self <= Self::IdTooLong && self != Self::RepeatedHeader
    }

    /// The reason as reports for machines name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ragged => "ragged",
            Self::BadEncoding => "bad_encoding",
            Self::RepeatedHeader => "repeated_header",
            Self::BadTimestamp => "bad_timestamp",
            Self::BadNumber => "bad_number",
            Self::UnknownEventType => "unknown_event_type",
            Self::IdTooLong => "id_too_long",
            Self::MissingCustomer => "missing_customer",
            Self::MissingItem => "missing_item",
            Self::MissingTimestamp => "missing_timestamp",
            Self::ExcludedItem => "excluded_item",
            Self::ExcludedCustomer => "excluded_customer",
            Self::TooOld => "too_old",
            Self::Future => "future",
            Self::ZeroPrice => "zero_price",
            Self::NegativePrice => "negative_price",
            Self::ZeroQuantity => "zero_quantity",
            Self::Return => "return",
            Self::Duplicate => "duplicate",
        }
    }
}

/// The mapped fields of one row, as they are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawRow<'a> {
    pub(super) customer: Option<&'a str>,
    pub(super) item: Option<&'a str>,
    pub(super) at: RawTime<'a>,
    pub(super) quantity: RawNumber<'a>,
    pub(super) price: RawNumber<'a>,
    /// What `price` is; `None` when the file has no prices.
    pub(super) price_kind: Option<PriceKind>,
    pub(super) order: Option<&'a str>,
    /// The inner option is an empty cell, the outer a file without event types.
    pub(super) kind: Option<Option<&'a str>>,
    pub(super) discount: RawNumber<'a>,
    pub(super) channel: Option<&'a str>,
}

/// A time as text, or as a typed column holds it.
#[derive(Clone, Copy, Debug)]
pub(super) enum RawTime<'a> {
    Missing,
    /// The history has no times at all.
    Untimed,
    Text(&'a str),
    UtcMillis(i64),
}

/// A number as text, or as a typed column holds it.
#[derive(Clone, Copy, Debug)]
pub(super) enum RawNumber<'a> {
    Missing,
    Text(&'a str),
    Value(f64),
}

/// A row that is good, but whose ids have not been judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct GoodRow {
    pub(super) utc_millis: i64,
    pub(super) quantity: f32,
    pub(super) amount: f64,
    pub(super) kind: EventKind,
    /// Money taken off the line, never negative.
    pub(super) discount: f64,
}

impl GoodRow {
    /// The share of the list price, `|amount| + discount`, that was taken off, in whole per cent.
    pub(super) fn discount_percent(&self) -> u8 {
        let list = self.amount.abs() + self.discount;
        if list > 0.0 { (100.0 * self.discount / list).round() as u8 } else { 0 }
    }
}

/// A row that is dropped.
#[derive(Clone, Debug)]
pub(super) struct Rejection<'a> {
    pub(super) reason: Reason,
    /// The value that is to blame.
    pub(super) value: Cow<'a, str>,
}

impl<'a> Rejection<'a> {
    pub(super) fn new(reason: Reason, value: impl Into<Cow<'a, str>>) -> Self {
        Self { reason, value: value.into() }
    }
}

/// A configuration that has been checked and compiled.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) time: TimestampParser,
    pub(super) delimiter: u8,
    pub(super) encoding: Encoding,
    pub(super) excluded_items: IdFilter,
    pub(super) excluded_customers: IdFilter,
    decimal_comma: bool,
    null_values: HashSet<String>,
    return_prefixes: Vec<String>,
    returns: RowPolicy,
    zero_prices: RowPolicy,
    zero_quantities: RowPolicy,
    event_types: BTreeMap<String, RowKind>,
    earliest_millis: i64,
    latest_millis: i64,
}

impl Rules {
    /// Checks a configuration against the moment that counts as now.
    pub(super) fn new(config: &HistoryConfig, now: Timestamp) -> Result<Self, HistoryError> {
        config.columns.check()?;
        config.minimums.check()?;
        let delimiter = u8::try_from(config.delimiter)
            .ok()
            .filter(|byte| byte.is_ascii() && !b"\"\r\n".contains(byte))
            .ok_or_else(|| {
                let expected = "be one ASCII character that is neither a quote nor a line end";
                HistoryError::config("delimiter", &config.delimiter.escape_debug(), expected)
            })?;
        if !['.', ','].contains(&config.decimal_separator) {
            return Err(HistoryError::config(
                "decimal_separator",
                &config.decimal_separator,
                "be `.` or `,`",
            ));
        }
        if !(0.0..=36_500.0).contains(&config.future_days) {
            return Err(HistoryError::config(
                "future_days",
                &config.future_days,
                "be between 0 and 36500 days",
            ));
        }
        if config.return_order_prefixes.iter().any(String::is_empty) {
            let expected = "name prefixes of at least one character";
            return Err(HistoryError::config("return_order_prefixes", &"an empty text", expected));
        }
        let exclude = &config.exclude;
        let midnight = config.not_before.and_time(chrono::NaiveTime::MIN).and_utc();
        Ok(Self {
            time: TimestampParser::new(&config.timestamp_formats, &config.utc_offset)?,
            delimiter,
            encoding: config.encoding,
            excluded_items: IdFilter::new("exclude.item_patterns", &exclude.items, &exclude.item_patterns)?,
            excluded_customers: IdFilter::new(
                "exclude.customer_patterns",
                &exclude.customers,
                &exclude.customer_patterns,
            )?,
            decimal_comma: config.decimal_separator == ',',
            null_values: config.null_values.iter().cloned().collect(),
            return_prefixes: config.return_order_prefixes.clone(),
            returns: config.returns,
            zero_prices: config.zero_prices,
            zero_quantities: config.zero_quantities,
            event_types: config.event_types.clone(),
            earliest_millis: midnight.timestamp_millis(),
            latest_millis: now
                .0
                .saturating_mul(1000)
                .saturating_add((config.future_days * 86_400_000.0) as i64),
        })
    }

    /// The text of a field, unless it means that there is none.
    pub(super) fn present<'a>(&self, text: &'a str) -> Option<&'a str> {
        let absent = text.trim_ascii().is_empty() || self.null_values.contains(text);
        (!absent).then_some(text)
    }

    /// The ids of a row, if it has them.
    pub(super) fn ids<'a>(&self, row: &RawRow<'a>) -> Result<(&'a str, &'a str), Rejection<'a>> {
        let customer = row.customer.ok_or(Rejection::new(Reason::MissingCustomer, ""))?;
        let item = row.item.ok_or(Rejection::new(Reason::MissingItem, ""))?;
        let mut names = [customer, item].into_iter().chain(row.order).chain(row.channel);
        match names.find(|name| name.len() > MAX_ID_BYTES) {
            Some(id) => Err(Rejection::new(Reason::IdTooLong, id)),
            None => Ok((customer, item)),
        }
    }

    /// What a row with good ids says, if it can be used.
    pub(super) fn judge<'a>(&self, row: &RawRow<'a>) -> Result<GoodRow, Rejection<'a>> {
        let utc_millis = self.moment(row.at)?;
        let kind = self.kind(row.kind)?;
        let (quantity, amount) = self.quantity_and_amount(row, kind)?;
        let discount = self.number(row.discount)?.unwrap_or(0.0).abs();
        Ok(GoodRow { utc_millis, quantity: quantity as f32, amount, kind: kind.event(), discount })
    }

    fn moment<'a>(&self, at: RawTime<'a>) -> Result<i64, Rejection<'a>> {
        let (millis, shown) = match at {
            RawTime::Missing => return Err(Rejection::new(Reason::MissingTimestamp, "")),
            RawTime::Untimed => return Ok(0),
            RawTime::Text(text) => {
                let millis = self.time.millis(text).ok_or(Rejection::new(Reason::BadTimestamp, text))?;
                (millis, Cow::Borrowed(text))
            }
            RawTime::UtcMillis(millis) => (millis, Cow::Borrowed("")),
        };
        let reason = if millis < self.earliest_millis {
            Reason::TooOld
        } else if millis > self.latest_millis {
            Reason::Future
        } else {
            return Ok(millis);
        };
        let shown =
            if shown.is_empty() { super::report::rfc3339(millis.div_euclid(1000)).into() } else { shown };
        Err(Rejection::new(reason, shown))
    }

    fn kind<'a>(&self, kind: Option<Option<&'a str>>) -> Result<RowKind, Rejection<'a>> {
        let Some(cell) = kind else { return Ok(RowKind::Purchase) };
        let text = cell.unwrap_or_default();
        self.event_types.get(text).copied().ok_or(Rejection::new(Reason::UnknownEventType, text))
    }

    /// Units and money of the line, both negative for a return.
    fn quantity_and_amount<'a>(&self, row: &RawRow<'a>, kind: RowKind) -> Result<(f64, f64), Rejection<'a>> {
        let quantity = self.number(row.quantity)?;
        let price = self.number(row.price)?;
        let unsigned = quantity.unwrap_or(1.0);
        let total = match row.price_kind {
            Some(PriceKind::Unit) => price.unwrap_or(0.0) * unsigned.abs(),
            _ => price.unwrap_or(0.0),
        };
        if row.price_kind == Some(PriceKind::Unit) && total < 0.0 {
            return Err(Rejection::new(Reason::NegativePrice, shown_number(row.price)));
        }
        let bought = matches!(kind, RowKind::Purchase | RowKind::Return);
        let is_return = bought
            && (kind == RowKind::Return
                || unsigned < 0.0
                || total < 0.0
                || row
                    .order
                    .is_some_and(|id| self.return_prefixes.iter().any(|p| id.starts_with(p.as_str()))));
        let refusal = if is_return && self.returns == RowPolicy::Drop {
            Some((Reason::Return, row.quantity))
        } else if bought && total == 0.0 && row.price_kind.is_some() && self.zero_prices == RowPolicy::Drop {
            Some((Reason::ZeroPrice, row.price))
        } else if bought && unsigned == 0.0 && self.zero_quantities == RowPolicy::Drop {
            Some((Reason::ZeroQuantity, row.quantity))
        } else {
            None
        };
        match refusal {
            Some((reason, value)) => Err(Rejection::new(reason, shown_number(value))),
            None => {
                // A return takes something back even where no unit is given.
                let units = if is_return && unsigned == 0.0 { 1.0 } else { unsigned.abs() };
                let sign = if is_return { -1.0 } else { 1.0 };
                Ok((sign * units, sign * total.abs()))
            }
        }
    }

    fn number<'a>(&self, number: RawNumber<'a>) -> Result<Option<f64>, Rejection<'a>> {
        let value = match number {
            RawNumber::Missing => return Ok(None),
            RawNumber::Value(value) => Some(value),
            RawNumber::Text(text) if self.decimal_comma => text.trim_ascii().replace(',', ".").parse().ok(),
            RawNumber::Text(text) => text.trim_ascii().parse().ok(),
        };
        match value.filter(|value: &f64| value.abs() <= MAX_NUMBER) {
            Some(value) => Ok(Some(value)),
            None => Err(Rejection::new(Reason::BadNumber, shown_number(number))),
        }
    }
}

fn shown_number(number: RawNumber<'_>) -> Cow<'_, str> {
    match number {
        RawNumber::Missing => Cow::Borrowed(""),
        RawNumber::Text(text) => Cow::Borrowed(text),
        RawNumber::Value(value) => Cow::Owned(value.to_string()),
    }
}

/// Ids that are left out.
#[derive(Debug)]
pub(super) struct IdFilter {
    exact: HashSet<String>,
    patterns: RegexSet,
}

impl IdFilter {
    fn new(key: &'static str, exact: &[String], patterns: &[String]) -> Result<Self, HistoryError> {
        for pattern in patterns {
            if let Err(error) = regex::Regex::new(pattern) {
                let expected = format!("hold regular expressions: {error}");
                return Err(HistoryError::config(key, &format!("`{pattern}`"), expected));
            }
        }
        let whole = patterns.iter().map(|pattern| format!("^(?:{pattern})$"));
        let patterns = RegexSet::new(whole)
            .map_err(|error| HistoryError::config(key, &patterns.len(), format!("be fewer: {error}")))?;
        Ok(Self { exact: exact.iter().cloned().collect(), patterns })
    }

    pub(super) fn matches(&self, id: &str) -> bool {
        self.exact.contains(id) || (!self.patterns.is_empty() && self.patterns.is_match(id))
    }
}
