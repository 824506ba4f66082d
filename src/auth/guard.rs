//! The middleware that stands before a route: `wrap = "Requires(Permission::WriteEvents)"`.

use super::{Keys, Permission, Role};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{Error, HttpMessage, ResponseError, web};
use futures_util::future::LocalBoxFuture;
use secrecy::SecretString;
use std::future::{Ready, ready};
use std::rc::Rc;

/// Lets only callers pass whose key has a permission; others get 401 or 403 before the body is read.
#[derive(Clone, Copy, Debug)]
pub struct Requires(pub Permission);

/// Who asks, in the request's extensions behind [`Requires`].
#[derive(Clone, Debug)]
pub struct Caller {
    /// The public part of the key, or `local` when authentication is off.
    pub key_id: String,
    /// What it may do.
    pub role: Role,
}

impl Caller {
    /// The caller when authentication is off, which is possible on the loopback interface only.
    fn local() -> Self {
        Self { key_id: "local".into(), role: Role::Admin }
    }
}

impl<S, B> Transform<S, ServiceRequest> for Requires
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = Guard<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Guard { service: Rc::new(service), permission: self.0 }))
    }
}

/// [`Requires`] around a route.
pub struct Guard<S> {
    service: Rc<S>,
    permission: Permission,
}

impl<S, B> Service<ServiceRequest> for Guard<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (service, permission) = (Rc::clone(&self.service), self.permission);
        Box::pin(async move {
            match admit(&request, permission).await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    service.call(request).await.map(ServiceResponse::map_into_boxed_body)
                }
                Err(problem) => Ok(request.into_response(problem.error_response())),
            }
        })
    }
}

async fn admit(request: &ServiceRequest, permission: Permission) -> Result<Caller, Problem> {
    let state = request
        .app_data::<web::Data<AppState>>()
        .ok_or_else(|| Problem::internal(&"the application state is missing from the application"))?;
    if !state.config.auth.enabled {
        return Ok(Caller::local());
    }
    if permission == Permission::ReadMetrics && is_local(request) {
        return Ok(Caller::local());
    }
    let caller = authenticate(request.headers(), &state.keys).await?;
    if caller.role.may(permission) {
        return Ok(caller);
    }
    let roles: Vec<&str> =
        Role::ALL.into_iter().filter(|role| role.may(permission)).map(Role::word).collect();
    Err(Problem::new(
        Code::Forbidden,
        format!("A key of role {} may not do this; use one of role {}.", caller.role, roles.join(" or ")),
    ))
}

async fn authenticate(headers: &HeaderMap, keys: &Keys) -> Result<Caller, Problem> {
    let text = presented(headers).ok_or_else(|| {
        Problem::new(
            Code::Unauthenticated,
            "Send an API key as \"Authorization: Bearer pf_…\" or \"X-Api-Key: pf_…\"; \"proffer key create\" makes one.",
        )
    })?;
    let record = keys
        .verify(&text)
        .await?
        .ok_or_else(|| Problem::new(Code::Unauthenticated, "The API key is unknown, misspelt or revoked."))?;
    Ok(Caller { key_id: record.key_id, role: record.role })
}

fn presented(headers: &HeaderMap) -> Option<SecretString> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let plain = || headers.get("x-api-key").and_then(|value| value.to_str().ok());
    bearer.or_else(plain).map(SecretString::from)
}

fn is_local(request: &ServiceRequest) -> bool {
    request.peer_addr().is_some_and(|peer| peer.ip().is_loopback())
}
