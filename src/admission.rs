//! More than the service can do is refused at once, before it makes everyone wait.
//!
//! So many requests are worked on at a time; others stand in a line that is bounded in length and in patience. While a place
//! is free now and then, a request may wait through a burst. While none has been free for as long as that, the
//! service is asked for more than it can do, and whoever does not get a turn almost at once is refused: then accepted
//! requests stay quick, where a long line would make all of them slow (Nichols and Jacobson, "Controlling queue delay",
//! 2012; as in Maurer, "Fail at scale", 2015).

use crate::config::ServerConfig;
use crate::metrics::Metrics;
use crate::problem::{Code, Problem};
use actix_web::http::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// Answers under way per processor when the configuration does not say: they wait for index and store now and then.
const ANSWERS_PER_PROCESSOR: usize = 16;

/// Writes under way for each answer: they mostly wait for a commit that they share.
const WRITES_PER_ANSWER: usize = 8;

/// Requests that wait for each that is worked on; more are refused without waiting.
const LINE_PER_PLACE: usize = 8;

/// How much of its patience a request keeps while the service is overloaded.
const OVERLOADED_SHARE: u32 = 20;

/// The routes whose answers only read and compute. With everything that is only read they take the answers' door; all
/// others take the writes', which is the wider one.
const ANSWERS: [&str; 5] =
    ["/v1/recommend", "/v1/cross-sell", "/v1/offers/next", "/v1/customers/search", "/v1/customers:score"];

/// The doors of the service: one for answers, one for writes, so that neither keeps the other out. Whoever watches the
/// service, under other paths than `/v1/`, walks past them.
pub struct Admission {
    answers: Door,
    writes: Door,
    metrics: Arc<Metrics>,
}

/// A door as those who watch it see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// Which door.
    pub door: &'static str,
    /// Requests that may be worked on at once.
    pub places: usize,
    /// Requests that wait for a place.
    pub waiting: usize,
}

struct Door {
    name: &'static str,
    n_places: usize,
    places: Semaphore,
    longest_line: usize,
    patience: Duration,
    waiting: AtomicUsize,
    opened: Instant,
    /// When a place was last free, in microseconds after `opened`.
    free_at: AtomicU64,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// The line is as long as it may be.
    Line,
    /// Its turn did not come in time.
    Patience,
}

impl Admission {
    /// Opens the doors.
    pub fn new(config: &ServerConfig, metrics: Arc<Metrics>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let answers = match config.answers_at_once {
            0 => ANSWERS_PER_PROCESSOR * processors,
            configured => configured,
        };
        let patience = Duration::from_millis(config.patience_ms);
        Self {
            answers: Door::new("answers", answers, patience),
            writes: Door::new("writes", answers * WRITES_PER_ANSWER, patience),
            metrics,
        }
    }

    /// How it looks at the doors now.
    pub fn crowds(&self) -> [Crowd; 2] {
        [&self.answers, &self.writes].map(|door| Crowd {
            door: door.name,
            places: door.n_places,
            waiting: door.waiting.load(Ordering::Relaxed),
        })
    }

    /// Lets a request in, who must keep what it is given until it is answered.
    ///
    /// # Errors
    /// [`Code::Overloaded`].
    pub async fn enter(&self, method: &Method, path: &str) -> Result<Option<SemaphorePermit<'_>>, Problem> {
        if !path.starts_with("/v1/") {
            return Ok(None);
        }
        let reads = *method == Method::GET || ANSWERS.contains(&path);
        let door = if reads { &self.answers } else { &self.writes };
        door.enter().await.map(Some).map_err(|_| {
            self.metrics.shed(door.name);
            Problem::new(
                Code::Overloaded,
                "More is asked than can be done at the moment; repeat the request after a while.",
            )
        })
    }
}

impl Door {
    fn new(name: &'static str, places: usize, patience: Duration) -> Self {
        Self {
            name,
            n_places: places,
            places: Semaphore::new(places),
            longest_line: places * LINE_PER_PLACE,
            patience,
            waiting: AtomicUsize::new(0),
            opened: Instant::now(),
            free_at: AtomicU64::new(0),
        }
    }

    async fn enter(&self) -> Result<SemaphorePermit<'_>, Refused> {
        let now = self.opened.elapsed();
        if let Ok(place) = self.places.try_acquire() {
            // A free place is never given past the line.
            self.free_at.store(now.as_micros() as u64, Ordering::Relaxed);
            return Ok(place);
        }
        let waiting = Waiting::behind(&self.waiting);
        if waiting.number > self.longest_line {
            return Err(Refused::Line);
        }
        match tokio::time::timeout(self.patience_at(now), self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Refused::Patience),
        }
    }

    /// How long a request may wait that comes at a moment after the opening.
    fn patience_at(&self, now: Duration) -> Duration {
        let free_at = Duration::from_micros(self.free_at.load(Ordering::Relaxed));
        let overloaded = now.saturating_sub(free_at) > self.patience;
        if overloaded { self.patience / OVERLOADED_SHARE } else { self.patience }
    }
}

/// A place in the line, also while the client goes away.
struct Waiting<'a> {
    line: &'a AtomicUsize,
    number: usize,
}

impl<'a> Waiting<'a> {
    fn behind(line: &'a AtomicUsize) -> Self {
        Self { line, number: line.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.line.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_burst_waits_but_while_no_place_is_ever_free_hardly_anyone_does() {
        let door = Door::new("answers", 1, PATIENCE);
        let second = Duration::from_secs(1);
        drop(door.enter().await.unwrap());
        assert_eq!(door.patience_at(PATIENCE), PATIENCE, "a request waits through a burst");
        assert_eq!(door.patience_at(PATIENCE + second), PATIENCE / OVERLOADED_SHARE, "overloaded");
        door.free_at.store((3 * PATIENCE).as_micros() as u64, Ordering::Relaxed);
        assert_eq!(door.patience_at(4 * PATIENCE), PATIENCE, "it is over once a place was free");
    }

    #[tokio::test]
    async fn a_place_that_becomes_free_goes_to_the_first_in_line_and_the_line_has_an_end() {
        let door = Arc::new(Door::new("answers", 1, PATIENCE));
        let place = door.enter().await.unwrap();
        let enter = |number: usize| {
            let door = Arc::clone(&door);
            tokio::spawn(async move { door.enter().await.map(|_| number) })
        };
        let mut line = Vec::new();
        for number in 0..LINE_PER_PLACE {
            line.push(enter(number));
            while door.waiting.load(Ordering::Relaxed) <= number {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(door.enter().await.unwrap_err(), Refused::Line);
        drop(place);
        for (number, waiting) in line.into_iter().enumerate() {
            assert_eq!(waiting.await.unwrap(), Ok(number));
        }
        assert_eq!(door.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn whoever_watches_the_service_walks_past_and_writes_do_not_keep_answers_out() {
        let config = ServerConfig {
            answers_at_once: 1,
            patience_ms: 10,
            ..crate::config::Sources::default().load().unwrap().server
        };
        let admission = Admission::new(&config, Arc::new(Metrics::new().unwrap()));
        let _answer = admission.enter(&Method::POST, "/v1/recommend").await.unwrap();
        let refused = admission.enter(&Method::GET, "/v1/customers/c").await.unwrap_err();
        assert_eq!(refused.code(), Code::Overloaded);
        assert_eq!(admission.crowds().map(|crowd| (crowd.places, crowd.waiting)), [(1, 0), (8, 0)]);
        assert!(admission.enter(&Method::GET, "/health/ready").await.unwrap().is_none());
        assert!(admission.enter(&Method::POST, "/v1/events").await.unwrap().is_some());
    }
}
