//! A service that does nothing but HTTP: what is the most that any could do on this machine?
//!
//! Like Proffer it is an actix application, reads the body, and answers as many bytes with the same headers. A request
//! that takes it as long as Proffer takes would leave nothing for the recommendation.

use actix_web::dev::Server;
use actix_web::http::KeepAlive;
use actix_web::{App, HttpResponse, HttpServer, web};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// As long as a UUID, and as a usual list of stages.
const REQUEST_ID: &str = "00000000-0000-7000-8000-000000000000";
const SERVER_TIMING: &str = "profile;dur=0.010, index;dur=0.100, total;dur=0.200";

/// Binds an address and returns the service, which runs when it is awaited.
///
/// # Errors
/// [`io::Error`] where the address is taken or not ours.
pub fn bind(answer: Vec<u8>, listen: SocketAddr, workers: usize) -> io::Result<(Server, SocketAddr)> {
    let answer = web::Bytes::from(answer);
    let listener = TcpListener::bind(listen)?;
    let address = listener.local_addr()?;
    let server = HttpServer::new(move || {
        App::new().app_data(web::Data::new(answer.clone())).default_service(web::to(reply))
    })
    .keep_alive(KeepAlive::Timeout(Duration::from_secs(75)))
    .tcp_nodelay(true)
    .workers(workers.max(1))
    .listen(listener)?
    .run();
    Ok((server, address))
}

async fn reply(answer: web::Data<web::Bytes>, _body: web::Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header(("x-request-id", REQUEST_ID))
        .insert_header(("server-timing", SERVER_TIMING))
        .body(web::Bytes::clone(&answer))
}
