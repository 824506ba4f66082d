//! Customers: their attributes, and their erasure.

use super::body::Body;
use super::idempotency::once;
use super::ids::{PathId, check_attributes, check_id};
use super::items::{AttributesBody, BatchReceipt, check_batch};
use crate::auth::{Permission, Requires};
use crate::problem::{Code, Problem, ProblemDocument};
use crate::state::AppState;
use crate::store::{Customer, Erasure};
use crate::telemetry::stage;
use actix_web::{HttpRequest, HttpResponse, delete, post, put, web};
use chrono::Utc;
use models::payload::Payload;
use serde::Deserialize;
use utoipa::ToSchema;

/// One customer of a batch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerBody {
    /// The customer.
    #[schema(example = "c-17")]
    customer_id: String,
    /// By name: true, false, a number, a text, or a list of texts.
    #[schema(value_type = Object, example = json!({"age_band": "35-44", "household_size": 3}))]
    attributes: Payload,
}

/// Write one customer's attributes.
#[utoipa::path(
    tag = "customers",
    params(("id" = String, Path, description = "The customer, percent-encoded", example = "c-17")),
    request_body = AttributesBody,
    responses(
        (status = 200, description = "Written", body = BatchReceipt),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json", description = "Not valid"),
    )
)]
#[put("/v1/customers/{id}", wrap = "Requires(Permission::WriteCustomers)")]
pub(crate) async fn put_customer(
    state: web::Data<AppState>,
    request: HttpRequest,
    id: PathId,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let AttributesBody { attributes } = body.json()?;
    check_written(&state, &attributes, "$.attributes")?;
    let customers = vec![CustomerBody { customer_id: id.0, attributes }];
    once(&state, &request, &body, write(&state, customers)).await
}

/// Write many customers' attributes: all or none.
#[utoipa::path(
    tag = "customers",
    request_body = Vec<CustomerBody>,
    responses(
        (status = 200, description = "All are written", body = BatchReceipt),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json",
            description = "A row is not valid; none is written"),
        (status = 422, body = ProblemDocument, content_type = "application/problem+json",
            description = "Too many rows"),
    )
)]
#[post("/v1/customers:batch", wrap = "Requires(Permission::WriteCustomers)")]
pub(crate) async fn post_customers(
    state: web::Data<AppState>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let customers: Vec<CustomerBody> = body.json()?;
    check_batch(customers.len(), &state)?;
    for (row, customer) in customers.iter().enumerate() {
        check_id(&customer.customer_id, "customer_id", &format!("$[{row}]"))?;
        check_written(&state, &customer.attributes, &format!("$[{row}].attributes"))?;
    }
    once(&state, &request, &body, write(&state, customers)).await
}

/// Erase a customer.
///
/// Attributes, events and changes of stage are gone from the store when this is answered, and the release, which was
/// trained on them, no longer knows the customer; train the next one on a history without them. The receipt's id stays on record with a digest of the
/// customer's id, so that the erasure can be proved.
#[utoipa::path(
    tag = "customers",
    params(("id" = String, Path, description = "The customer, percent-encoded", example = "c-17")),
    responses((status = 200, description = "The receipt", body = Erasure))
)]
#[delete("/v1/customers/{id}", wrap = "Requires(Permission::EraseCustomers)")]
pub(crate) async fn delete_customer(state: web::Data<AppState>, id: PathId) -> Result<HttpResponse, Problem> {
    // A decision that was just answered must not be kept after its customer is gone.
    state.offers.flush().await;
    let erasure = stage("store", state.store.erase_customer(&id.0, Utc::now())).await?;
    state.changes.customer_erased(&id.0);
    Ok(HttpResponse::Ok().json(erasure))
}

/// Refuses names that no list could be filtered by, and days of contracts that the release could not read: an open
/// contract would be taken for granted.
fn check_written(state: &AppState, attributes: &Payload, place: &str) -> Result<(), Problem> {
    check_attributes(attributes, place)?;
    let Some(serving) = state.releases.current() else { return Ok(()) };
    let churn = serving.release.known.models.churn.learned();
    let Some(contract) = churn.and_then(|churn| churn.contracts.as_ref()) else { return Ok(()) };
    let refused = |fault: String| Problem::new(Code::InvalidField, fault).at(place);
    contract.read(attributes).map(|_| ()).map_err(refused)
}

async fn write(state: &AppState, customers: Vec<CustomerBody>) -> Result<BatchReceipt, Problem> {
    let updated_at = Utc::now();
    let customer = |body: CustomerBody| Customer {
        customer_id: body.customer_id,
        attributes: body.attributes,
        updated_at,
    };
    let customers: Vec<Customer> = customers.into_iter().map(customer).collect();
    stage("store", state.store.put_customers(customers.clone())).await?;
    for customer in &customers {
        state.changes.customer_changed(&customer.customer_id);
    }
    Ok(BatchReceipt { written: customers.len() })
}
