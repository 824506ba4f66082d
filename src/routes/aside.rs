//! Long work, aside from the threads that answer.

use crate::problem::Problem;
use actix_web::web;
use tokio::runtime::Handle;

/// Does work on a thread of its own, so that nobody's answer waits for it.
///
/// # Errors
/// Those of the work.
pub(super) async fn aside<T, W>(work: impl FnOnce() -> W + Send + 'static) -> Result<T, Problem>
where
    T: Send + 'static,
    W: Future<Output = Result<T, Problem>>,
{
    let reactor = Handle::current();
    let done = web::block(move || reactor.block_on(work())).await;
    done.map_err(|error| Problem::internal(&error))?
}
