//! API keys and idempotency keys.

use super::rows::{maybe_moment, moment};
use super::{Connection, Pool, Row};
use crate::auth::UnknownRole;
use crate::store::{Claim, IdempotentRequest, KeptAnswer, KeyRecord, Result};
use chrono::{DateTime, Utc};
use sqlx::Row as _;

/// Keeps a new API key.
pub(super) async fn add(connection: &mut Connection, key: &KeyRecord) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO api_keys (key_id, role, label, secret_sha256, created_us, revoked_us) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&key.key_id)
    .bind(key.role.word())
    .bind(&key.label)
    .bind(key.secret_sha256.to_vec())
    .bind(key.created_at.timestamp_micros())
    .bind(key.revoked_at.map(|at| at.timestamp_micros()))
    .execute(connection)
    .await?;
    Ok(())
}

/// Reads one API key.
pub(super) async fn one(readers: &Pool, key_id: &str) -> Result<Option<KeyRecord>> {
    let row = sqlx::query(
        "SELECT key_id, role, label, secret_sha256, created_us, revoked_us FROM api_keys WHERE key_id = $1",
    )
    .bind(key_id)
    .fetch_optional(readers)
    .await?;
    Ok(row.as_ref().map(record).transpose()?)
}

/// Reads all API keys.
pub(super) async fn all(readers: &Pool) -> Result<Vec<KeyRecord>> {
    let rows = sqlx::query(
        "SELECT key_id, role, label, secret_sha256, created_us, revoked_us FROM api_keys ORDER BY created_us, key_id",
    )
    .fetch_all(readers)
    .await?;
    Ok(rows.iter().map(record).collect::<sqlx::Result<_>>()?)
}

/// Revokes an API key that is not revoked yet.
pub(super) async fn revoke(
    connection: &mut Connection,
    key_id: &str,
    at: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let revoked = sqlx::query("UPDATE api_keys SET revoked_us = $2 WHERE key_id = $1 AND revoked_us IS NULL")
        .bind(key_id)
        .bind(at.timestamp_micros())
        .execute(connection)
        .await?;
    Ok(revoked.rows_affected() > 0)
}

/// Grants an idempotency key, or says what became of it. Expired keys are swept out on the way.
pub(super) async fn claim(
    connection: &mut Connection,
    request: &IdempotentRequest,
    now: DateTime<Utc>,
    lease_ends: DateTime<Utc>,
) -> sqlx::Result<Claim> {
    sqlx::query("DELETE FROM idempotent_requests WHERE expires_us <= $1")
        .bind(now.timestamp_micros())
        .execute(&mut *connection)
        .await?;
    let granted = sqlx::query(
        "INSERT INTO idempotent_requests (caller, key, request_sha256, expires_us) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (caller, key) DO NOTHING",
    )
    .bind(&request.caller)
    .bind(&request.key)
    .bind(request.request_sha256.to_vec())
    .bind(lease_ends.timestamp_micros())
    .execute(&mut *connection)
    .await?;
    if granted.rows_affected() > 0 {
        return Ok(Claim::Granted);
    }
    let row = sqlx::query(
        "SELECT request_sha256, status, body FROM idempotent_requests WHERE caller = $1 AND key = $2",
    )
    .bind(&request.caller)
    .bind(&request.key)
    .fetch_optional(connection)
    .await?;
    // Another process gave the key back a moment ago: whoever asks again gets it.
    let Some(row) = row else { return Ok(Claim::Running) };
    let kept_sha256: Vec<u8> = row.try_get("request_sha256")?;
    let status: Option<i64> = row.try_get("status")?;
    let status = status.map(|status| u16::try_from(status).map_err(|e| sqlx::Error::Decode(e.into())));
    match status.transpose()? {
        _ if kept_sha256 != request.request_sha256 => Ok(Claim::Reused),
        None => Ok(Claim::Running),
        Some(status) => Ok(Claim::Answered(KeptAnswer { status, body: row.try_get("body")? })),
    }
}

/// Keeps the answer of a granted key.
pub(super) async fn keep_answer(
    connection: &mut Connection,
    request: &IdempotentRequest,
    answer: &KeptAnswer,
    expires: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE idempotent_requests SET status = $3, body = $4, expires_us = $5 WHERE caller = $1 AND key = $2",
    )
    .bind(&request.caller)
    .bind(&request.key)
    .bind(i64::from(answer.status))
    .bind(answer.body.as_slice())
    .bind(expires.timestamp_micros())
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives a granted key back.
pub(super) async fn release_claim(
    connection: &mut Connection,
    request: &IdempotentRequest,
) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM idempotent_requests WHERE caller = $1 AND key = $2 AND status IS NULL")
        .bind(&request.caller)
        .bind(&request.key)
        .execute(connection)
        .await?;
    Ok(())
}

fn record(row: &Row) -> sqlx::Result<KeyRecord> {
    let role: &str = row.try_get("role")?;
    let secret: &[u8] = row.try_get("secret_sha256")?;
    Ok(KeyRecord {
        key_id: row.try_get("key_id")?,
        role: role.parse().map_err(|e: UnknownRole| sqlx::Error::Decode(e.into()))?,
        label: row.try_get("label")?,
        secret_sha256: secret.try_into().map_err(|_| sqlx::Error::Decode("a digest has 32 bytes".into()))?,
        created_at: moment(row, "created_us")?,
        revoked_at: maybe_moment(row, "revoked_us")?,
    })
}
