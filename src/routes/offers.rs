//! Offers: what there is to propose, with one treatment for each channel.

use super::body::Body;
use super::idempotency::once;
use super::ids::{PathId, check_id};
use super::items::{BatchReceipt, check_batch};
use crate::auth::{Permission, Requires};
use crate::offers::Offer;
use crate::problem::{Code, Problem, ProblemDocument};
use crate::state::AppState;
use crate::store::{OfferRecord, Usage};
use crate::telemetry::stage;
use actix_web::{HttpRequest, HttpResponse, delete, get, post, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One offer of a batch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferBody {
    /// The offer's id.
    #[schema(example = "home-insurance")]
    pub offer_id: String,
    /// What it is.
    pub offer: Offer,
}

/// An offer as it is kept, with what was used of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfferView {
    /// The offer's id.
    offer_id: String,
    /// What it is.
    offer: Offer,
    /// When it was last written.
    updated_at: DateTime<Utc>,
    /// What was used of its stock and budget.
    usage: UsageView,
}

/// What was used of an offer.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct UsageView {
    /// Contacts that are reserved and not delivered yet.
    reserved: u64,
    /// Contacts that were delivered, and inbound results.
    delivered: u64,
    /// Acceptances.
    accepted: u64,
    /// Money that contacts cost.
    spent: f64,
    /// Money that reserved contacts will cost.
    committed: f64,
}

impl From<&Usage> for UsageView {
    fn from(usage: &Usage) -> Self {
        Self {
            reserved: usage.reserved,
            delivered: usage.delivered,
            accepted: usage.accepted,
            spent: usage.spent,
            committed: usage.committed,
        }
    }
}

/// All offers.
#[derive(Debug, Serialize, ToSchema)]
pub struct OffersList {
    /// By id.
    offers: Vec<OfferView>,
}

/// Write one offer.
///
/// It may be shown from the next decision on; other processes on the same store see it within a second.
#[utoipa::path(
    tag = "offers",
    params(("id" = String, Path, description = "The offer, percent-encoded", example = "home-insurance")),
    request_body = Offer,
    responses(
        (status = 200, description = "Written", body = BatchReceipt),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json", description = "Not valid"),
    )
)]
#[put("/v1/offers/{id}", wrap = "Requires(Permission::WriteOffers)")]
pub(crate) async fn put_offer(
    state: web::Data<AppState>,
    request: HttpRequest,
    id: PathId,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let offer: Offer = body.json()?;
    offer.check("$")?;
    once(&state, &request, &body, write(&state, vec![(id.0, offer)])).await
}

/// Write many offers: all or none.
#[utoipa::path(
    tag = "offers",
    request_body = Vec<OfferBody>,
    responses(
        (status = 200, description = "All are written", body = BatchReceipt),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json",
            description = "A row is not valid; none is written"),
        (status = 422, body = ProblemDocument, content_type = "application/problem+json",
            description = "Too many rows"),
    )
)]
#[post("/v1/offers:batch", wrap = "Requires(Permission::WriteOffers)")]
pub(crate) async fn post_offers(
    state: web::Data<AppState>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let offers: Vec<OfferBody> = body.json()?;
    check_batch(offers.len(), &state)?;
    for (row, body) in offers.iter().enumerate() {
        check_id(&body.offer_id, "offer_id", &format!("$[{row}]"))?;
        body.offer.check(&format!("$[{row}].offer"))?;
    }
    let offers = offers.into_iter().map(|body| (body.offer_id, body.offer)).collect();
    once(&state, &request, &body, write(&state, offers)).await
}

/// List all offers with what was used of them.
#[utoipa::path(tag = "offers", responses((status = 200, description = "The offers", body = OffersList)))]
#[get("/v1/offers", wrap = "Requires(Permission::ReadOffers)")]
pub(crate) async fn get_offers(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let (offers, usage) = (stage("store", state.store.offers()).await?, state.store.usage().await?);
    let offers = offers.into_iter().map(|record| view(record, &usage)).collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(OffersList { offers }))
}

/// Read one offer with what was used of it.
#[utoipa::path(
    tag = "offers",
    params(("id" = String, Path, description = "The offer, percent-encoded", example = "home-insurance")),
    responses(
        (status = 200, description = "The offer", body = OfferView),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json", description = "No such offer"),
    )
)]
#[get("/v1/offers/{id}", wrap = "Requires(Permission::ReadOffers)")]
pub(crate) async fn get_offer(state: web::Data<AppState>, id: PathId) -> Result<HttpResponse, Problem> {
    let offers = stage("store", state.store.offers()).await?;
    let record = offers.into_iter().find(|record| record.offer_id == id.0).ok_or_else(|| missing(&id.0))?;
    Ok(HttpResponse::Ok().json(view(record, &state.store.usage().await?)?))
}

/// Delete an offer. Decisions that showed it stay on record.
#[utoipa::path(
    tag = "offers",
    params(("id" = String, Path, description = "The offer, percent-encoded", example = "home-insurance")),
    responses(
        (status = 200, description = "Deleted", body = BatchReceipt),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json", description = "No such offer"),
    )
)]
#[delete("/v1/offers/{id}", wrap = "Requires(Permission::WriteOffers)")]
pub(crate) async fn delete_offer(state: web::Data<AppState>, id: PathId) -> Result<HttpResponse, Problem> {
    if !stage("store", state.store.delete_offer(&id.0)).await? {
        return Err(missing(&id.0));
    }
    state.refresh_offers().await?;
    Ok(HttpResponse::Ok().json(BatchReceipt { written: 1 }))
}

/// The problem of an offer that is not there.
pub(super) fn missing(offer_id: &str) -> Problem {
    Problem::new(Code::OfferNotFound, format!("No offer {offer_id:?} is kept; GET /v1/offers lists all."))
}

fn view(record: OfferRecord, usage: &[Usage]) -> Result<OfferView, Problem> {
    let used = usage.iter().find(|usage| usage.offer_id == record.offer_id);
    Ok(OfferView {
        offer: serde_json::from_str(&record.body).map_err(|error| Problem::internal(&error))?,
        offer_id: record.offer_id,
        updated_at: record.updated_at,
        usage: used.map(UsageView::from).unwrap_or_default(),
    })
}

/// Writes offers that are checked; the next decision sees them.
///
/// # Errors
/// Problems of the store.
pub async fn write(state: &AppState, offers: Vec<(String, Offer)>) -> Result<BatchReceipt, Problem> {
    let updated_at = Utc::now();
    let record = |(offer_id, offer): (String, Offer)| -> Result<OfferRecord, Problem> {
        let body = serde_json::to_string(&offer).map_err(|error| Problem::internal(&error))?;
        Ok(OfferRecord { offer_id, body, updated_at })
    };
    let records: Vec<OfferRecord> = offers.into_iter().map(record).collect::<Result<_, _>>()?;
    let written = records.len();
    stage("store", state.store.put_offers(records)).await?;
    state.refresh_offers().await?;
    Ok(BatchReceipt { written })
}
