//! Versions of the policy, and which one was in force when.

use super::rows::{moment, word};
use super::{Connection, Pool, Row, offers};
use crate::store::words::Word;
use crate::store::{NewPolicy, PolicyRecord, Publication, Result};
use sqlx::Row as _;

/// Keeps a draft; gives its version. Numbers have no gaps: they are for people.
pub(super) async fn put(connection: &mut Connection, policy: &NewPolicy) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "INSERT INTO policies (version, format, body, note, actor, written_us) \
         SELECT coalesce(max(version), 0) + 1, $1, $2, $3, $4, $5 FROM policies RETURNING version",
    )
    .bind(policy.format.word())
    .bind(&policy.body)
    .bind(&policy.note)
    .bind(&policy.actor)
    .bind(policy.at.timestamp_micros())
    .fetch_one(connection)
    .await
}

/// Reads one version.
pub(super) async fn one(readers: &Pool, version: i64) -> Result<Option<PolicyRecord>> {
    let row =
        sqlx::query("SELECT version, format, body, note, actor, written_us FROM policies WHERE version = $1")
            .bind(version)
            .fetch_optional(readers)
            .await?;
    Ok(row.as_ref().map(policy).transpose()?)
}

/// Reads the latest versions.
pub(super) async fn latest(readers: &Pool, limit: u32) -> Result<Vec<PolicyRecord>> {
    let rows = sqlx::query(
        "SELECT version, format, body, note, actor, written_us FROM policies ORDER BY version DESC LIMIT CAST($1 AS BIGINT)",
    )
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    Ok(rows.iter().map(policy).collect::<sqlx::Result<_>>()?)
}

/// Puts a version in force.
pub(super) async fn publish(connection: &mut Connection, publication: &Publication) -> sqlx::Result<bool> {
    let published = sqlx::query(
        "INSERT INTO policy_publications (version, actor, at_us) \
         SELECT version, $2, $3 FROM policies WHERE version = $1",
    )
    .bind(publication.version)
    .bind(&publication.actor)
    .bind(publication.at.timestamp_micros())
    .execute(&mut *connection)
    .await?
    .rows_affected();
    if published > 0 {
        offers::revise(connection).await?;
    }
    Ok(published > 0)
}

/// Reads the latest publications.
pub(super) async fn publications(readers: &Pool, limit: u32) -> Result<Vec<Publication>> {
    let rows =
        sqlx::query("SELECT version, actor, at_us FROM policy_publications ORDER BY sequence DESC LIMIT CAST($1 AS BIGINT)")
            .bind(i64::from(limit))
            .fetch_all(readers)
            .await?;
    let publication = |row: &Row| -> sqlx::Result<Publication> {
        Ok(Publication {
            version: row.try_get("version")?,
            actor: row.try_get("actor")?,
            at: moment(row, "at_us")?,
        })
    };
    Ok(rows.iter().map(publication).collect::<sqlx::Result<_>>()?)
}

fn policy(row: &Row) -> sqlx::Result<PolicyRecord> {
    Ok(PolicyRecord {
        version: row.try_get("version")?,
        policy: NewPolicy {
            format: word(row, "format")?,
            body: row.try_get("body")?,
            note: row.try_get("note")?,
            actor: row.try_get("actor")?,
            at: moment(row, "written_us")?,
        },
    })
}
