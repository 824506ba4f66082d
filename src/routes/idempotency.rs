//! `Idempotency-Key`: the first successful answer to a write is kept for a day and given again.

use super::body::Body;
use crate::auth::Caller;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use crate::store::{Claim, IdempotentRequest, KeptAnswer};
use actix_web::http::StatusCode;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use chrono::{TimeDelta, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// How long an answer is kept.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// The longest key in bytes.
const MAX_KEY_BYTES: usize = 256;

/// Does a write, once per `Idempotency-Key` where the request has one; answers with the work's result as JSON.
///
/// # Errors
/// What the work fails with, after which the key is free again; [`Code::IdempotencyInProgress`],
/// [`Code::IdempotencyKeyReused`] or [`Code::InvalidParameter`] for the key itself.
pub async fn once<T: Serialize>(
    state: &AppState,
    request: &HttpRequest,
    body: &Body,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<HttpResponse, Problem> {
    let Some(keyed) = keyed(request, body)? else { return Ok(HttpResponse::Ok().json(work.await?)) };
    let now = Utc::now();
    // Work cannot outlive its request; twice that time frees the keys of a service that was killed.
    let lease = TimeDelta::from_std(state.config.server.request_timeout() * 2).unwrap_or(KEPT);
    match state.store.claim(keyed.clone(), now, now + lease).await? {
        Claim::Granted => {}
        Claim::Answered(kept) => return replay(kept),
        Claim::Running => {
            return Err(Problem::new(
                Code::IdempotencyInProgress,
                "Repeat the request when the first is answered.",
            ));
        }
        Claim::Reused => {
            return Err(Problem::new(
                Code::IdempotencyKeyReused,
                "Use a new Idempotency-Key for new content.",
            ));
        }
    }
    let done = work.await;
    let answer = match done.and_then(|value| serde_json::to_vec(&value).map_err(|e| Problem::internal(&e))) {
        Ok(body) => KeptAnswer { status: StatusCode::OK.as_u16(), body },
        Err(problem) => {
            state.store.release_claim(keyed).await?;
            return Err(problem);
        }
    };
    state.store.keep_answer(keyed, answer.clone(), now + KEPT).await?;
    Ok(HttpResponse::Ok().content_type("application/json").body(answer.body))
}

fn keyed(request: &HttpRequest, body: &Body) -> Result<Option<IdempotentRequest>, Problem> {
    let Some(key) = request.headers().get("idempotency-key") else { return Ok(None) };
    let key =
        key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= MAX_KEY_BYTES).ok_or_else(|| {
            let detail = format!("Idempotency-Key must be 1 to {MAX_KEY_BYTES} printable ASCII characters.");
            Problem::new(Code::InvalidParameter, detail)
        })?;
    let caller = request.extensions().get::<Caller>().map(|caller| caller.key_id.clone()).unwrap_or_default();
    let mut content = Sha256::new();
    for part in [request.method().as_str().as_bytes(), request.uri().path().as_bytes(), body.bytes()] {
        content.update((part.len() as u64).to_le_bytes());
        content.update(part);
    }
    Ok(Some(IdempotentRequest { caller, key: key.to_owned(), request_sha256: content.finalize().into() }))
}

fn replay(kept: KeptAnswer) -> Result<HttpResponse, Problem> {
    let status = StatusCode::from_u16(kept.status).map_err(|error| Problem::internal(&error))?;
    Ok(HttpResponse::build(status)
        .content_type("application/json")
        .insert_header(("idempotency-replayed", "true"))
        .body(kept.body))
}
