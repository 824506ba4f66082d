//! Items: their attributes, for filters, categories and display.

use super::body::Body;
use super::idempotency::once;
use super::ids::{PathId, check_attributes, check_id};
use crate::auth::{Permission, Requires};
use crate::problem::{Code, Problem, ProblemDocument};
use crate::state::AppState;
use crate::store::{NewItem, StoredItem};
use crate::telemetry::stage;
use actix_web::{HttpRequest, HttpResponse, get, post, put, web};
use chrono::{DateTime, Utc};
use models::payload::Payload;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Attributes to write; they replace what was there.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributesBody {
    /// By name: true, false, a number, a text, or a list of texts.
    #[schema(value_type = Object, example = json!({"category": "wine", "price": 8.5, "available": true}))]
    pub attributes: Payload,
}

/// One item of a batch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemBody {
    /// The item.
    #[schema(example = "wine/red 0.75 l")]
    item_id: String,
    /// By name: true, false, a number, a text, or a list of texts.
    #[schema(value_type = Object, example = json!({"category": "wine", "price": 8.5, "available": true}))]
    attributes: Payload,
}

/// An item as it is kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemView {
    /// The item.
    #[schema(example = "wine/red 0.75 l")]
    item_id: String,
    /// Its attributes.
    #[schema(value_type = Object, example = json!({"category": "wine", "price": 8.5, "available": true}))]
    attributes: Payload,
    /// When it was last written.
    updated_at: DateTime<Utc>,
}

/// How much of a batch was written: all of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchReceipt {
    /// Number of rows.
    #[schema(example = 2)]
    pub written: usize,
}

impl From<StoredItem> for ItemView {
    fn from(item: StoredItem) -> Self {
        Self { item_id: item.item_id, attributes: item.attributes, updated_at: item.updated_at }
    }
}

/// Write one item.
///
/// An item that training has not seen can be found by its attributes at once.
#[utoipa::path(
    tag = "items",
    params(("id" = String, Path, description = "The item, percent-encoded", example = "wine%2Fred")),
    request_body = AttributesBody,
    responses(
        (status = 200, description = "Written", body = ItemView),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json", description = "Not valid"),
    )
)]
#[put("/v1/items/{id}", wrap = "Requires(Permission::WriteItems)")]
pub(crate) async fn put_item(
    state: web::Data<AppState>,
    request: HttpRequest,
    id: PathId,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let AttributesBody { attributes } = body.json()?;
    check_attributes(&attributes, "$.attributes")?;
    let work = async {
        let mut stored = write(&state, vec![NewItem { item_id: id.0, attributes }]).await?;
        stored.pop().map(ItemView::from).ok_or_else(|| Problem::internal(&"the store lost an item"))
    };
    once(&state, &request, &body, work).await
}

/// Write many items: all or none.
#[utoipa::path(
    tag = "items",
    request_body = Vec<ItemBody>,
    responses(
        (status = 200, description = "All are written", body = BatchReceipt),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json",
            description = "A row is not valid; none is written"),
        (status = 422, body = ProblemDocument, content_type = "application/problem+json",
            description = "Too many rows"),
    )
)]
#[post("/v1/items:batch", wrap = "Requires(Permission::WriteItems)")]
pub(crate) async fn post_items(
    state: web::Data<AppState>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let items: Vec<ItemBody> = body.json()?;
    check_batch(items.len(), &state)?;
    for (row, item) in items.iter().enumerate() {
        check_id(&item.item_id, "item_id", &format!("$[{row}]"))?;
        check_attributes(&item.attributes, &format!("$[{row}].attributes"))?;
    }
    let new = |item: ItemBody| NewItem { item_id: item.item_id, attributes: item.attributes };
    let items = items.into_iter().map(new).collect();
    let work = async { Ok(BatchReceipt { written: write(&state, items).await?.len() }) };
    once(&state, &request, &body, work).await
}

/// Read one item.
#[utoipa::path(
    tag = "items",
    params(("id" = String, Path, description = "The item, percent-encoded", example = "wine%2Fred")),
    responses(
        (status = 200, description = "The item", body = ItemView),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json", description = "No such item"),
    )
)]
#[get("/v1/items/{id}", wrap = "Requires(Permission::ReadItems)")]
pub(crate) async fn get_item(state: web::Data<AppState>, id: PathId) -> Result<HttpResponse, Problem> {
    let item = stage("store", state.store.item(&id.0)).await?;
    let missing = || Problem::new(Code::ItemNotFound, format!("No item {:?} was ever written.", id.0));
    Ok(HttpResponse::Ok().json(ItemView::from(item.ok_or_else(missing)?)))
}

/// Refuses a batch with more rows than `server.max_batch`.
pub(super) fn check_batch(rows: usize, state: &AppState) -> Result<(), Problem> {
    let limit = state.config.server.max_batch;
    if rows <= limit {
        return Ok(());
    }
    Err(Problem::new(Code::BatchTooLarge, format!("{rows} rows, but at most {limit} (server.max_batch).")))
}

async fn write(state: &AppState, items: Vec<NewItem>) -> Result<Vec<StoredItem>, Problem> {
    let stored = stage("store", state.store.put_items(items, Utc::now())).await?;
    stage("index", state.changes.items_changed(&stored)).await;
    Ok(stored)
}
