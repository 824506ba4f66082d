//! `/openapi.json` and `/docs`: the documentation, made from the routes themselves and served without the Internet.

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// The document without routes; the routes add themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Proffer",
        description = "The next best item or offer for each customer, at every contact point.\n\n\
            Ids are opaque texts of 1 to 256 bytes; in a path they are percent-encoded. Times are RFC 3339. \
            Errors are problem documents (RFC 9457) with a stable `code`. Writes of items and customers honour \
            `Idempotency-Key`; events are idempotent by `event_id`. `X-Request-Id` is echoed, and `Server-Timing` \
            says where the time went. Under `/v1/`, 503 with `Retry-After` may answer any call: `overloaded` when more is \
            asked than can be done, `request_timeout` when there was no answer in time.",
        license(name = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "decisions", description = "What to show, and why"),
        (name = "events", description = "What customers do"),
        (name = "items", description = "What can be shown"),
        (name = "customers", description = "Who it is shown to"),
        (name = "releases", description = "Which training answers"),
        (name = "operations", description = "Is it up, fast and right"),
    ),
    security(("api_key" = [])),
    modifiers(&Security)
)]
struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description = Some("`proffer key create --role admin` makes a key.".into());
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("api_key", SecurityScheme::Http(scheme));
    }
}

/// The document to which routes are added.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Serves the finished document and the pages that show it.
pub(super) fn configure(app: &mut web::ServiceConfig, document: utoipa::openapi::OpenApi) {
    // By default the page would send the document to a validator on the Internet.
    let page = Config::new(["/openapi.json"]).validator_url("none").persist_authorization(true);
    app.service(web::resource("/docs").to(to_the_page))
        .service(SwaggerUi::new("/docs/{_:.*}").url("/openapi.json", document).config(page));
}

async fn to_the_page() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/docs/")).finish()
}
