//! How values lie in columns: times are microseconds since 1970, enumerations are words, attributes are JSON.

use super::Row;
use crate::store::words::Word;
use chrono::{DateTime, Utc};
use models::payload::Payload;
use sqlx::Row as _;

/// Rows per statement. Few sizes, so that few statements are prepared and all of them stay cached.
const STATEMENT_ROWS: [usize; 4] = [64, 16, 4, 1];

/// A column that holds microseconds since 1970.
pub(super) fn moment(row: &Row, column: &str) -> sqlx::Result<DateTime<Utc>> {
    from_microseconds(column, row.try_get(column)?)
}

/// The same for a column that may be empty.
pub(super) fn maybe_moment(row: &Row, column: &str) -> sqlx::Result<Option<DateTime<Utc>>> {
    let microseconds: Option<i64> = row.try_get(column)?;
    microseconds.map(|microseconds| from_microseconds(column, microseconds)).transpose()
}

/// A column that holds the word of a value.
pub(super) fn word<W: Word>(row: &Row, column: &str) -> sqlx::Result<W> {
    let text: &str = row.try_get(column)?;
    W::from_word(text).ok_or_else(|| sqlx::Error::Decode(format!("{column} holds {text:?}").into()))
}

/// A column that holds a number of things.
pub(super) fn number(row: &Row, column: &str) -> sqlx::Result<u64> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|_| sqlx::Error::Decode(format!("{column} holds {number}").into()))
}

/// A column that holds the rank of a result.
pub(super) fn rank(row: &Row, column: &str) -> sqlx::Result<u32> {
    let rank: i64 = row.try_get(column)?;
    u32::try_from(rank).map_err(|_| sqlx::Error::Decode(format!("{column} holds {rank}").into()))
}

/// The column `attributes`.
pub(super) fn attributes(row: &Row) -> sqlx::Result<Payload> {
    attributes_in(row, "attributes")
}

/// A column that holds attributes.
pub(super) fn attributes_in(row: &Row, column: &str) -> sqlx::Result<Payload> {
    serde_json::from_str(row.try_get(column)?).map_err(|error| {
        // Where, but not what: the error's own words quote the attribute, and end up in the log.
        let (kind, column) = (error.classify(), error.column());
        sqlx::Error::Decode(format!("attributes cannot be read: {kind:?} error at byte {column}").into())
    })
}

/// What goes into the column `attributes`.
pub(super) fn to_json(attributes: &Payload) -> sqlx::Result<String> {
    serde_json::to_string(attributes).map_err(|e| sqlx::Error::Encode(e.into()))
}

/// Cuts rows into chunks of the sizes in [`STATEMENT_ROWS`].
pub(super) fn statement_chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = STATEMENT_ROWS.into_iter().find(|size| *size <= rows.len())?;
        let (chunk, rest) = rows.split_at(size);
        rows = rest;
        Some(chunk)
    })
}

fn from_microseconds(column: &str, microseconds: i64) -> sqlx::Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(microseconds)
        .ok_or_else(|| sqlx::Error::Decode(format!("{column} holds {microseconds}, which is no time").into()))
}
