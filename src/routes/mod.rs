//! HTTP: parse, call, render. One module per resource; what they share is in [`body`], [`ids`] and [`idempotency`].

pub mod body;
pub mod docs;
pub mod idempotency;
pub mod ids;

pub mod customers;
pub mod events;
pub mod health;
pub mod insight;
pub mod items;
mod recommend;
mod releases;
pub mod segments;

mod fallback;

use crate::problem::{Code, Problem};
use actix_web::web;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

/// Every documented route. Each names its permission with `wrap = "Requires(…)"`; a test holds that.
pub fn configure(app: &mut ServiceConfig<'_>) {
    app.service(recommend::recommend)
        .service(recommend::cross_sell)
        .service(recommend::similar)
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

/// What stands beside the documented routes: their documentation, and answers for everything else.
pub fn configure_rest(app: &mut web::ServiceConfig, document: OpenApi) {
    app.app_data(web::QueryConfig::default().error_handler(|error, _| {
        Problem::new(Code::InvalidParameter, format!("In the query: {error}.")).into()
    }));
    fallback::configure(app, &document);
    docs::configure(app, document);
}
