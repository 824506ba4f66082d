//! Work of many seconds beside answers of milliseconds.

use crate::telemetry::carried;
use rayon::ThreadPoolBuilder;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// How far work beside stands back: with this niceness a thread gets a tenth of what one that answers gets, and all that
/// is left over.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Does work on threads of its own, also what it does in parallel, which leave the processor to those that answer.
///
/// # Errors
/// What stopped it: a panic, or a system that gives no threads.
pub(super) async fn beside<T, W>(work: impl FnOnce() -> W + Send + 'static) -> Result<T, String>
where
    T: Send + 'static,
    W: Future<Output = T>,
{
    let (reactor, request) = (Handle::current(), carried());
    let done = spawn_blocking(move || {
        let pool = ThreadPoolBuilder::new().thread_name(|number| format!("beside-{number}"));
        let pool = pool.start_handler(|_| stand_back()).build().map_err(|error| error.to_string())?;
        Ok(pool.install(|| reactor.block_on(request.along(work()))))
    });
    done.await.map_err(|stopped| stopped.to_string())?
}

/// How long after much was freed the allocator has given it back.
const GIVEN_BACK: Duration = Duration::from_millis(2500);

/// Has the allocator give back on this thread what large work has freed. It does so a second later, on whichever thread asks it
/// for a page, and gigabytes take a tenth of a second: one that answers would stand still so long.
pub(super) fn give_back_memory() {
    let until = Instant::now() + GIVEN_BACK;
    while Instant::now() < until {
        drop(std::hint::black_box(vec![1_u8; 1 << 20]));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Lowers the priority of the thread that calls; where only whole processes have one, nothing is done.
fn stand_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "work beside answers keeps its priority");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_done_beside_leaves_the_processor_to_others_also_in_parallel() {
        let names = beside(|| async {
            let name = || std::thread::current().name().unwrap_or_default().to_owned();
            let (one, other) = rayon::join(name, name);
            #[cfg(target_os = "linux")]
            assert_eq!(rustix::process::getpriority_process(None).unwrap(), NICENESS);
            [one, other]
        });
        assert!(names.await.unwrap().iter().all(|name| name.starts_with("beside-")));
        let stopped = beside(|| async { panic!("it was stopped") });
        assert!(stopped.await.unwrap_err().contains("panic"));
    }
}
