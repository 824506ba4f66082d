//! Long work, aside from the threads that answer.

use crate::problem::Problem;
use crate::telemetry::carried;
use std::panic::resume_unwind;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// Does work of a request on a thread of its own, so that nobody's answer waits for it. It is done also when the client has
/// left meanwhile, and keeps the request's place so long.
///
/// # Errors
/// Those of the work. A panic goes on here, where panics of requests are counted.
pub(super) async fn aside<T, W>(work: impl FnOnce() -> W + Send + 'static) -> Result<T, Problem>
where
    T: Send + 'static,
    W: Future<Output = Result<T, Problem>>,
{
    let (reactor, request) = (Handle::current(), carried());
    match spawn_blocking(move || reactor.block_on(request.along(work()))).await {
        Ok(done) => done,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(stopped) => Err(Problem::internal(&stopped)),
        },
    }
}
