//! Everything of one customer that answers about items rest on, in one statement: every stranger to the caches waits for it.

use super::rows::{attributes_in, word};
use super::{Pool, events};
use crate::store::CustomerRecord;
use chrono::{DateTime, Utc};
use sqlx::Row as _;

/// The parts share the columns of events; `part` says what a row is. The kind is the attributes, the word of a consent, or
/// the kind of an event.
const STATEMENT: &str = "\
    SELECT 0 AS part, '' AS event_id, attributes AS kind, customer_id, '' AS item_id, \
    CAST(0 AS DOUBLE PRECISION) AS quantity, CAST(NULL AS DOUBLE PRECISION) AS unit_price, \
    CAST(NULL AS TEXT) AS order_id, updated_us AS at_us, CAST(NULL AS DOUBLE PRECISION) AS discount, \
    CAST(NULL AS TEXT) AS contact_point, CAST(NULL AS TEXT) AS decision_id FROM customers WHERE customer_id = $1 \
    UNION ALL SELECT * FROM ( \
        SELECT 1, '', status, customer_id, '', CAST(0 AS DOUBLE PRECISION), CAST(NULL AS DOUBLE PRECISION), \
        CAST(NULL AS TEXT), at_us, CAST(NULL AS DOUBLE PRECISION), CAST(NULL AS TEXT), CAST(NULL AS TEXT) FROM consents \
        WHERE customer_id = $1 AND purpose = $2 ORDER BY at_us DESC, sequence DESC LIMIT 1) AS said \
    UNION ALL SELECT * FROM ( \
        SELECT 2, event_id, kind, customer_id, item_id, quantity, unit_price, order_id, at_us, discount, contact_point, \
        decision_id FROM events WHERE customer_id = $1 AND at_us >= $3 \
        ORDER BY at_us DESC, event_id DESC LIMIT CAST($4 AS BIGINT)) AS latest \
    ORDER BY part, at_us, event_id";

/// The record of a customer.
pub(super) async fn of(
    readers: &Pool,
    (customer_id, purpose): (&str, &str),
    since: DateTime<Utc>,
    limit: u32,
) -> sqlx::Result<CustomerRecord> {
    let rows = sqlx::query(STATEMENT)
        .bind(customer_id)
        .bind(purpose)
        .bind(since.timestamp_micros())
        .bind(i64::from(limit))
        .fetch_all(readers)
        .await?;
    let mut record = CustomerRecord::default();
    for row in &rows {
        match row.try_get::<i32, _>("part")? {
            0 => record.attributes = Some(attributes_in(row, "kind")?),
            1 => record.consent = Some(word(row, "kind")?),
            _ => record.events.push(events::event(row)?),
        }
    }
    Ok(record)
}
