//! Decisions: each is kept once, with its results, and meets the responses that came before it.

use super::rows::{maybe_moment, moment, statement_chunks, word};
use super::usage::{self, Changes};
use super::{Connection, Database, Pool, Row, ledger, responses, results};
use crate::store::progress::UsageChange;
use crate::store::words::Word;
use crate::store::{DecisionRecord, LoggedDecision, Reservation, Reserved, Result};
use sqlx::{QueryBuilder, Row as _};
use std::collections::{BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

const COLUMNS: &str = "decision_id, customer_id, household_id, unit, contact_point, channel, direction, arm, \
                       policy_version, release_id, at_us, expires_us, body";

/// Keeps a decision if it is admitted by what is true now. A repetition of one that is kept is kept.
pub(super) async fn reserve(
    connection: &mut Connection,
    reservation: &Reservation,
) -> sqlx::Result<Reserved> {
    let Reservation { subject, decision, admit } = reservation;
    let ledger = ledger::of(connection, subject).await?;
    let offer_ids = decision.results.iter().map(|result| result.offer_id.as_str());
    let usage = usage::of(connection, offer_ids).await?;
    // A judge that panics must not take the writer with it.
    let admitted = catch_unwind(AssertUnwindSafe(|| admit(&ledger, &usage)))
        .map_err(|_| sqlx::Error::Protocol("the judge of a reservation panicked".into()))?;
    if admitted {
        append(connection, std::slice::from_ref(decision)).await?;
        return Ok(Reserved::Kept);
    }
    let kept: Option<i64> = sqlx::query_scalar("SELECT sequence FROM decisions WHERE decision_id = $1")
        .bind(&decision.decision_id)
        .fetch_optional(connection)
        .await?;
    Ok(kept.map_or(Reserved::Overtaken, |_| Reserved::Kept))
}

/// Keeps decisions; one that is there already is left as it is.
pub(super) async fn append(connection: &mut Connection, decisions: &[DecisionRecord]) -> sqlx::Result<()> {
    let mut met = HashSet::new();
    let firsts: Vec<&DecisionRecord> =
        decisions.iter().filter(|decision| met.insert(decision.decision_id.as_str())).collect();
    let mut inserted = HashSet::new();
    for chunk in statement_chunks(&firsts) {
        inserted.extend(insert(connection, chunk).await?);
    }
    let fresh: Vec<&DecisionRecord> =
        firsts.into_iter().filter(|decision| inserted.contains(&decision.decision_id)).collect();
    results::insert(connection, &fresh).await?;
    let mut changes = Changes::new();
    for result in fresh.iter().flat_map(|decision| &decision.results) {
        usage::add(&mut changes, &result.offer_id, UsageChange::of_new(result.state, result.cost));
    }
    responses::link(connection, &fresh, &mut changes).await?;
    usage::change(connection, changes).await
}

/// Deletes one customer's decisions with everything that hangs on them; gives their number.
pub(super) async fn erase(connection: &mut Connection, customer_id: &str) -> sqlx::Result<u64> {
    let mut changes = Changes::new();
    for (offer_id, cost) in results::reserved_of(connection, customer_id).await? {
        // Nobody will ever hear of these contacts.
        usage::add(&mut changes, &offer_id, UsageChange::freed(cost));
    }
    usage::change(connection, changes).await?;
    for statement in [
        "DELETE FROM responses WHERE customer_id = $1",
        "DELETE FROM decision_results WHERE customer_id = $1",
    ] {
        sqlx::query(statement).bind(customer_id).execute(&mut *connection).await?;
    }
    let decisions = sqlx::query("DELETE FROM decisions WHERE customer_id = $1");
    Ok(decisions.bind(customer_id).execute(connection).await?.rows_affected())
}

/// Reads one decision.
pub(super) async fn one(readers: &Pool, decision_id: &str) -> Result<Option<LoggedDecision>> {
    let row = sqlx::query(
        "SELECT sequence, decision_id, customer_id, household_id, unit, contact_point, channel, direction, arm, \
         policy_version, release_id, at_us, expires_us, body FROM decisions WHERE decision_id = $1",
    )
    .bind(decision_id)
    .fetch_optional(readers)
    .await?;
    Ok(complete(readers, row.as_slice()).await?.pop())
}

/// Reads the next decisions after a sequence number, in the order in which they were kept.
pub(super) async fn after(readers: &Pool, sequence: i64, limit: u32) -> Result<Vec<LoggedDecision>> {
    let rows = sqlx::query(
        "SELECT sequence, decision_id, customer_id, household_id, unit, contact_point, channel, direction, arm, \
         policy_version, release_id, at_us, expires_us, body FROM decisions \
         WHERE sequence > $1 ORDER BY sequence LIMIT CAST($2 AS BIGINT)",
    )
    .bind(sequence)
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    complete(readers, &rows).await
}

/// Reads one customer's latest decisions, newest first.
pub(super) async fn of(readers: &Pool, customer_id: &str, limit: u32) -> Result<Vec<LoggedDecision>> {
    let rows = sqlx::query(
        "SELECT sequence, decision_id, customer_id, household_id, unit, contact_point, channel, direction, arm, \
         policy_version, release_id, at_us, expires_us, body FROM decisions \
         WHERE customer_id = $1 ORDER BY at_us DESC, sequence DESC LIMIT CAST($2 AS BIGINT)",
    )
    .bind(customer_id)
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    complete(readers, &rows).await
}

/// Inserts what is new and gives back its ids.
async fn insert(connection: &mut Connection, decisions: &[&DecisionRecord]) -> sqlx::Result<Vec<String>> {
    let mut query = QueryBuilder::<Database>::new(format!("INSERT INTO decisions ({COLUMNS}) "));
    query.push_values(decisions, |mut row, decision| {
        row.push_bind(&decision.decision_id)
            .push_bind(&decision.customer_id)
            .push_bind(&decision.household_id)
            .push_bind(&decision.unit)
            .push_bind(&decision.contact_point)
            .push_bind(&decision.channel)
            .push_bind(decision.direction.word())
            .push_bind(&decision.arm)
            .push_bind(decision.policy_version)
            .push_bind(&decision.release)
            .push_bind(decision.at.timestamp_micros())
            .push_bind(decision.reserved_until.map(|until| until.timestamp_micros()))
            .push_bind(&decision.body);
    });
    query.push(" ON CONFLICT (decision_id) DO NOTHING RETURNING decision_id");
    query.build_query_scalar().fetch_all(connection).await
}

/// Adds results and responses to rows of decisions, which keep their order.
async fn complete(readers: &Pool, rows: &[Row]) -> Result<Vec<LoggedDecision>> {
    let mut decisions = rows.iter().map(decision).collect::<sqlx::Result<Vec<_>>>()?;
    let ids: BTreeSet<&str> = decisions.iter().map(|kept| kept.decision.decision_id.as_str()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let mut connection = readers.acquire().await?;
    let mut results = results::of(&mut connection, &ids).await?;
    let mut responses = responses::of(&mut connection, &ids).await?;
    for kept in &mut decisions {
        let id = &kept.decision.decision_id;
        kept.decision.results = results.remove(id).unwrap_or_default();
        kept.responses = responses.remove(id).unwrap_or_default();
    }
    Ok(decisions)
}

fn decision(row: &Row) -> sqlx::Result<LoggedDecision> {
    let decision = DecisionRecord {
        decision_id: row.try_get("decision_id")?,
        customer_id: row.try_get("customer_id")?,
        household_id: row.try_get("household_id")?,
        unit: row.try_get("unit")?,
        contact_point: row.try_get("contact_point")?,
        channel: row.try_get("channel")?,
        direction: word(row, "direction")?,
        arm: row.try_get("arm")?,
        policy_version: row.try_get("policy_version")?,
        release: row.try_get("release_id")?,
        at: moment(row, "at_us")?,
        reserved_until: maybe_moment(row, "expires_us")?,
        results: Vec::new(),
        body: row.try_get("body")?,
    };
    Ok(LoggedDecision { sequence: row.try_get("sequence")?, decision, responses: Vec::new() })
}
