//! What contact pressure and consent look at, in one statement: one look into an index for each part, however long the
//! history is.

use super::rows::{moment, word};
use super::{Connection, Row};
use crate::store::{Consent, Contact, Ledger, LedgerResponse, Subject};
use sqlx::Row as _;

/// The latest rows of one kind that are looked at: as many as the largest cap could count.
const MOST: i64 = 10_000;

/// Every decision waits for this, so it is one statement, whose parts share columns; `part` says what a row is. There are
/// four ways into the table of results, each by its index; nobody is in a household without a name.
const STATEMENT: &str = "\
    SELECT 0 AS part, contact_us AS at_us, decision_id AS id, rank AS place, customer_id, household_id, channel, \
    contact_point, direction, offer_id, issue, grp, class, state, CAST(NULL AS TEXT) AS text_version, \
    CAST(NULL AS TEXT) AS proof FROM ( \
        SELECT * FROM decision_results WHERE customer_id = $1 AND contact_us >= $2 AND direction = 'outbound' \
        AND (state IN ('shown', 'delivered') OR (state = 'reserved' AND (expires_us IS NULL OR expires_us > $3))) \
        UNION ALL SELECT * FROM ( \
        SELECT * FROM decision_results WHERE customer_id = $1 AND contact_us >= $2 AND direction = 'inbound' \
        AND state IN ('shown', 'delivered') ORDER BY contact_us DESC, decision_id DESC, rank DESC LIMIT CAST($6 AS BIGINT)) AS own \
        UNION ALL \
        SELECT * FROM decision_results WHERE household_id = $4 AND customer_id <> $1 AND contact_us >= $2 \
        AND direction = 'outbound' \
        AND (state IN ('shown', 'delivered') OR (state = 'reserved' AND (expires_us IS NULL OR expires_us > $3))) \
        UNION ALL SELECT * FROM ( \
        SELECT * FROM decision_results WHERE household_id = $4 AND customer_id <> $1 AND contact_us >= $2 \
        AND direction = 'inbound' AND state IN ('shown', 'delivered') \
        ORDER BY contact_us DESC, decision_id DESC, rank DESC LIMIT CAST($6 AS BIGINT)) AS theirs \
        ORDER BY contact_us DESC, decision_id DESC, rank DESC LIMIT CAST($5 AS BIGINT)) AS contacts \
    UNION ALL SELECT * FROM ( \
        SELECT 1, response.at_us, response.response_id, 0, '', NULL, result.channel, '', '', result.offer_id, \
        result.issue, result.grp, '', response.kind, NULL, NULL \
        FROM responses AS response JOIN decision_results AS result \
        ON result.decision_id = response.decision_id AND result.rank = response.rank \
        WHERE response.customer_id = $1 AND response.at_us >= $2 \
        ORDER BY response.at_us DESC, response.response_id DESC LIMIT CAST($5 AS BIGINT)) AS answers \
    UNION ALL \
        SELECT 2, at_us, '', sequence, customer_id, NULL, channel, source, '', purpose, '', '', '', status, \
        text_version, proof FROM consents AS line WHERE customer_id = $1 AND NOT EXISTS ( \
            SELECT 1 FROM consents AS later WHERE later.customer_id = line.customer_id \
            AND later.purpose = line.purpose AND later.channel = line.channel \
            AND (later.at_us > line.at_us OR (later.at_us = line.at_us AND later.sequence > line.sequence))) \
    ORDER BY part, at_us, id, place";

/// The ledger of one customer, inside a transaction or not.
pub(super) async fn of(connection: &mut Connection, subject: &Subject) -> sqlx::Result<Ledger> {
    let rows = sqlx::query(STATEMENT)
        .bind(&subject.customer_id)
        .bind(subject.since.timestamp_micros())
        .bind(subject.as_of.timestamp_micros())
        .bind(&subject.household_id)
        .bind(MOST)
        .bind(i64::from(subject.inbound))
        .fetch_all(connection)
        .await?;
    let mut ledger = Ledger::default();
    for row in &rows {
        match row.try_get::<i32, _>("part")? {
            0 => ledger.contacts.push(contact(row)?),
            1 => ledger.responses.push(response(row)?),
            _ => ledger.consents.push(consent(row)?),
        }
    }
    Ok(ledger)
}

fn contact(row: &Row) -> sqlx::Result<Contact> {
    Ok(Contact {
        decision_id: row.try_get("id")?,
        customer_id: row.try_get("customer_id")?,
        household_id: row.try_get("household_id")?,
        channel: row.try_get("channel")?,
        contact_point: row.try_get("contact_point")?,
        direction: word(row, "direction")?,
        offer_id: row.try_get("offer_id")?,
        issue: row.try_get("issue")?,
        group: row.try_get("grp")?,
        class: row.try_get("class")?,
        state: word(row, "state")?,
        at: moment(row, "at_us")?,
    })
}

fn response(row: &Row) -> sqlx::Result<LedgerResponse> {
    Ok(LedgerResponse {
        kind: word(row, "state")?,
        at: moment(row, "at_us")?,
        offer_id: row.try_get("offer_id")?,
        issue: row.try_get("issue")?,
        group: row.try_get("grp")?,
        channel: row.try_get("channel")?,
    })
}

/// The source stands where others have their contact point, the purpose where they have their offer.
fn consent(row: &Row) -> sqlx::Result<Consent> {
    Ok(Consent {
        customer_id: row.try_get("customer_id")?,
        purpose: row.try_get("offer_id")?,
        channel: row.try_get("channel")?,
        status: word(row, "state")?,
        source: row.try_get("contact_point")?,
        text_version: row.try_get("text_version")?,
        proof: row.try_get("proof")?,
        at: moment(row, "at_us")?,
    })
}
