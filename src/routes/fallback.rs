//! Answers for requests that no route takes: 405 where the path exists for other methods, else 404.

use crate::problem::{Code, Problem};
use actix_web::dev::ResourceDef;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::PathItem;

/// Every documented path with its methods.
struct Routes(Vec<(ResourceDef, Vec<&'static str>)>);

/// Answers whatever the routes of a document do not.
pub(super) fn configure(app: &mut web::ServiceConfig, document: &OpenApi) {
    let routes = document.paths.paths.iter();
    let routes = routes.map(|(path, item)| (ResourceDef::new(path.as_str()), methods(item))).collect();
    app.app_data(web::Data::new(Routes(routes))).default_service(web::to(no_route));
}

async fn no_route(request: HttpRequest, routes: web::Data<Routes>) -> Result<HttpResponse, Problem> {
    let path = request.path();
    let known = routes.0.iter().filter(|(route, _)| route.is_match(path));
    let methods: Vec<&str> = known.flat_map(|(_, methods)| methods.iter().copied()).collect();
    if methods.is_empty() {
        return Err(Problem::new(Code::RouteNotFound, "GET /openapi.json or open /docs to see all routes."));
    }
    let allowed = methods.join(", ");
    let problem = Problem::new(Code::MethodNotAllowed, format!("This route knows {allowed}."));
    Err(match HeaderValue::from_str(&allowed) {
        Ok(allowed) => problem.header(ALLOW, allowed),
        Err(_) => problem,
    })
}

fn methods(item: &PathItem) -> Vec<&'static str> {
    let methods = [
        ("GET", item.get.is_some()),
        ("PUT", item.put.is_some()),
        ("POST", item.post.is_some()),
        ("DELETE", item.delete.is_some()),
    ];
    methods.into_iter().filter(|(_, known)| *known).map(|(method, _)| method).collect()
}
