//! HTTP: parse, call, render. One module per resource; what they share is in [`body`], [`ids`] and [`idempotency`].

mod aside;
pub mod body;
pub mod docs;
pub mod idempotency;
pub mod ids;

pub mod consents;
pub mod customers;
pub mod events;
pub mod experiments;
pub mod health;
pub mod insight;
pub mod items;
pub mod next_offers;
pub mod offers;
pub mod policies;
mod recommend;
mod releases;
pub mod responses;
pub mod segments;

mod fallback;

use crate::problem::{Code, Problem};
use actix_web::{ResponseError, web};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

/// Every documented route. Each names its permission with `wrap = "Requires(…)"`; a test holds that.
pub fn configure(app: &mut ServiceConfig<'_>) {
    app.service(recommend::recommend)
        .service(recommend::cross_sell)
        .service(recommend::similar)
        .service(next_offers::post_next)
        .service(next_offers::get_why_not)
        .service(next_offers::get_decision)
        .service(responses::post_responses)
        .service(offers::post_offers)
        .service(offers::get_offers)
        .service(offers::put_offer)
        .service(offers::get_offer)
        .service(offers::delete_offer)
        .service(consents::put_consents)
        .service(consents::get_consents)
        .service(policies::roll_back)
        .service(policies::post_policy)
        .service(policies::get_policies)
        .service(policies::get_policy)
        .service(policies::publish)
        .service(policies::post_trial)
        .service(policies::post_evaluate)
        .service(experiments::get_experiments)
        .service(releases::get_releases)
        .service(releases::activate)
        .service(releases::roll_back)
        .service(events::post_events)
        .service(items::put_item)
        .service(items::post_items)
        .service(items::get_item)
        .service(customers::put_customer)
        .service(customers::post_customers)
        .service(insight::get_customer)
        .service(insight::get_churn)
        .service(segments::score_customers)
        .service(segments::search_customers)
        .service(segments::get_stage_changes)
        .service(customers::delete_customer)
        .service(health::live)
        .service(health::ready)
        .service(health::metrics);
}

/// The routes of a port for metrics alone: whoever reaches it needs no key.
pub fn configure_metrics(app: &mut web::ServiceConfig) {
    let elsewhere =
        "This port serves /metrics, /health/live and /health/ready only; server.listen names the other.";
    app.service(health::open_metrics).service(health::live).service(health::ready).default_service(web::to(
        move || async move { Problem::new(Code::RouteNotFound, elsewhere).error_response() },
    ));
}

/// What stands beside the documented routes: their documentation, and answers for everything else.
pub fn configure_rest(app: &mut web::ServiceConfig, document: OpenApi) {
    app.app_data(web::QueryConfig::default().error_handler(|error, _| {
        Problem::new(Code::InvalidParameter, format!("In the query: {error}.")).into()
    }));
    fallback::configure(app, &document);
    docs::configure(app, document);
}
