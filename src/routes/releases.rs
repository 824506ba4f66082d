//! Releases: which there are, and which one answers.

use super::ids::PathId;
use crate::auth::{Caller, Permission, Requires};
use crate::problem::{Code, Problem, ProblemDocument};
use crate::releases::{Listed, ReleaseError};
use crate::state::AppState;
use actix_web::{HttpResponse, get, post, web};
use serde::Serialize;
use utoipa::ToSchema;

/// All releases on disk.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReleaseList {
    /// The release that answers.
    current: Option<String>,
    /// The latest training first.
    releases: Vec<ReleaseView>,
}

/// One release.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReleaseView {
    /// Its id.
    id: String,
    /// When it was trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    /// Numbers of customers, items, interactions and factors.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    counts: Option<models::release::Counts>,
    /// The measured quality.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    quality: Option<serde_json::Value>,
    /// Why it cannot be used, if it is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Which release answers now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Activated {
    /// The release that answers from now on.
    current: String,
    /// The release that answered before.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
}

impl From<Listed> for ReleaseView {
    fn from((id, manifest): Listed) -> Self {
        match manifest {
            Ok(manifest) => Self {
                id,
                created_at: Some(manifest.created_at),
                counts: Some(manifest.counts),
                quality: Some(manifest.quality),
                error: None,
            },
            Err(error) => {
                Self { id, created_at: None, counts: None, quality: None, error: Some(error.to_string()) }
            }
        }
    }
}

/// List the releases.
#[utoipa::path(tag = "releases", responses((status = 200, description = "All releases on disk", body = ReleaseList)))]
#[get("/v1/releases", wrap = "Requires(Permission::ReadReleases)")]
pub(super) async fn get_releases(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let releases = state.releases.list().map_err(problem)?.into_iter().map(ReleaseView::from).collect();
    Ok(HttpResponse::Ok().json(ReleaseList { current: current(&state), releases }))
}

/// Let a release answer.
///
/// It is loaded and checked beside the running one, then swapped in; a release that is not sound changes nothing.
#[utoipa::path(
    tag = "releases",
    params(("id" = String, Path, description = "The release", example = "20180101-0a1b2c3d4e")),
    responses(
        (status = 200, description = "It answers from now on", body = Activated),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json", description = "No such release"),
        (status = 422, body = ProblemDocument, content_type = "application/problem+json",
            description = "The release is damaged; the running one goes on"),
    )
)]
#[post("/v1/releases/{id}/activate", wrap = "Requires(Permission::ManageReleases)")]
pub(super) async fn activate(
    state: web::Data<AppState>,
    id: PathId,
    caller: web::ReqData<Caller>,
) -> Result<HttpResponse, Problem> {
    let previous = current(&state);
    let serving = state.releases.activate(&id.0, &caller.key_id).await.map_err(problem)?;
    Ok(HttpResponse::Ok().json(Activated { current: serving.manifest.id.clone(), previous }))
}

/// Go back to the release that answered before.
#[utoipa::path(
    tag = "releases",
    responses(
        (status = 200, description = "It answers from now on", body = Activated),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json",
            description = "There is none to go back to"),
    )
)]
#[post("/v1/releases/rollback", wrap = "Requires(Permission::ManageReleases)")]
pub(super) async fn roll_back(
    state: web::Data<AppState>,
    caller: web::ReqData<Caller>,
) -> Result<HttpResponse, Problem> {
    let previous = current(&state);
    let serving = state.releases.roll_back(&caller.key_id).await.map_err(problem)?;
    Ok(HttpResponse::Ok().json(Activated { current: serving.manifest.id.clone(), previous }))
}

fn current(state: &AppState) -> Option<String> {
    state.releases.current().map(|serving| serving.manifest.id.clone())
}

fn problem(error: ReleaseError) -> Problem {
    match error {
        ReleaseError::Unknown { id, .. } => Problem::new(
            Code::ReleaseNotFound,
            format!("There is no release {id:?}; GET /v1/releases lists them."),
        ),
        ReleaseError::None(_) | ReleaseError::NothingToRollBackTo => {
            Problem::new(Code::ReleaseNotFound, error.to_string())
        }
        ReleaseError::Damaged { .. } => Problem::new(Code::ReleaseDamaged, error.to_string()),
        ReleaseError::Index { .. } => Problem::new(Code::IndexUnavailable, error.to_string()),
        ReleaseError::Store(error) => error.into(),
        ReleaseError::Io { .. } => Problem::internal(&error),
    }
}
