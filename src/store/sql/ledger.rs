//! What contact pressure and consent look at: one look into an index for each part, however long the history is.

use super::rows::{moment, word};
use super::{Connection, Row, consents};
use crate::store::{Contact, Ledger, LedgerResponse, Subject};
use sqlx::Row as _;

/// The latest rows of one kind that are looked at: as many as the largest cap could count.
const MOST: i64 = 10_000;

/// The ledger of one customer, inside a transaction or not.
pub(super) async fn of(connection: &mut Connection, subject: &Subject) -> sqlx::Result<Ledger> {
    Ok(Ledger {
        contacts: contacts(connection, subject).await?,
        responses: responses(connection, subject).await?,
        consents: consents::in_force(connection, &subject.customer_id).await?,
    })
}

async fn contacts(connection: &mut Connection, subject: &Subject) -> sqlx::Result<Vec<Contact>> {
    // Four ways into the table, each by its index; nobody is in a household without a name.
    let rows = sqlx::query(
        "SELECT decision_id, rank, customer_id, household_id, channel, contact_point, direction, offer_id, issue, grp, \
         class, state, contact_us FROM decision_results \
         WHERE customer_id = $1 AND contact_us >= $2 AND direction = 'outbound' AND (state IN ('shown', 'delivered') \
         OR (state = 'reserved' AND (expires_us IS NULL OR expires_us > $3))) \
         UNION ALL SELECT * FROM ( \
         SELECT decision_id, rank, customer_id, household_id, channel, contact_point, direction, offer_id, issue, grp, \
         class, state, contact_us FROM decision_results \
         WHERE customer_id = $1 AND contact_us >= $2 AND direction = 'inbound' AND state IN ('shown', 'delivered') \
         ORDER BY contact_us DESC, decision_id DESC, rank DESC LIMIT $6) AS own \
         UNION ALL \
         SELECT decision_id, rank, customer_id, household_id, channel, contact_point, direction, offer_id, issue, grp, \
         class, state, contact_us FROM decision_results \
         WHERE household_id = $4 AND customer_id <> $1 AND contact_us >= $2 AND direction = 'outbound' \
         AND (state IN ('shown', 'delivered') OR (state = 'reserved' AND (expires_us IS NULL OR expires_us > $3))) \
         UNION ALL SELECT * FROM ( \
         SELECT decision_id, rank, customer_id, household_id, channel, contact_point, direction, offer_id, issue, grp, \
         class, state, contact_us FROM decision_results \
         WHERE household_id = $4 AND customer_id <> $1 AND contact_us >= $2 AND direction = 'inbound' \
         AND state IN ('shown', 'delivered') ORDER BY contact_us DESC, decision_id DESC, rank DESC LIMIT $6) AS theirs \
         ORDER BY contact_us DESC, decision_id DESC, rank DESC LIMIT $5",
    )
    .bind(&subject.customer_id)
    .bind(subject.since.timestamp_micros())
    .bind(subject.as_of.timestamp_micros())
    .bind(&subject.household_id)
    .bind(MOST)
    .bind(i64::from(subject.inbound))
    .fetch_all(connection)
    .await?;
    rows.iter().rev().map(contact).collect()
}

async fn responses(connection: &mut Connection, subject: &Subject) -> sqlx::Result<Vec<LedgerResponse>> {
    let rows = sqlx::query(
        "SELECT response.kind, response.at_us, result.offer_id, result.issue, result.grp, result.channel \
         FROM responses AS response JOIN decision_results AS result \
         ON result.decision_id = response.decision_id AND result.rank = response.rank \
         WHERE response.customer_id = $1 AND response.at_us >= $2 \
         ORDER BY response.at_us DESC, response.response_id DESC LIMIT $3",
    )
    .bind(&subject.customer_id)
    .bind(subject.since.timestamp_micros())
    .bind(MOST)
    .fetch_all(connection)
    .await?;
    rows.iter().rev().map(response).collect()
}

fn contact(row: &Row) -> sqlx::Result<Contact> {
    Ok(Contact {
        decision_id: row.try_get("decision_id")?,
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
        at: moment(row, "contact_us")?,
    })
}

fn response(row: &Row) -> sqlx::Result<LedgerResponse> {
    Ok(LedgerResponse {
        kind: word(row, "kind")?,
        at: moment(row, "at_us")?,
        offer_id: row.try_get("offer_id")?,
        issue: row.try_get("issue")?,
        group: row.try_get("grp")?,
        channel: row.try_get("channel")?,
    })
}
