//! More than the service can do is refused at once, before it makes everyone wait.
//!
//! So many requests are worked on at a time; others stand in a line that is bounded in length and in patience. While a place
//! is free now and then, a request may wait through a burst. While none has been free for as long as that, the
//! service is asked for more than it can do, and whoever does not get a turn almost at once is refused: then accepted
//! requests stay quick, where a long line would make all of them slow (Nichols and Jacobson, "Controlling queue delay",
//! 2012; as in Maurer, "Fail at scale", 2015). A place that is free by chance does not end this: nobody may wait for longer
//! than it has been since the last was refused.

use crate::config::Config;
use crate::metrics::Metrics;
use crate::problem::{Code, Problem};
use actix_web::http::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Answers under way per processor when the configuration does not say. They compute; with more at once all of them take
/// longer, and none comes sooner.
const ANSWERS_PER_PROCESSOR: usize = 2;

/// The same where store or index are servers: then answers wait for them most of the time.
const ANSWERS_PER_PROCESSOR_WITH_SERVERS: usize = 16;

/// Writes under way per processor when the configuration does not say: they mostly wait for a commit that they share.
const WRITES_PER_PROCESSOR: usize = 128;

/// Requests that wait at a door; more are refused without waiting.
const LONGEST_LINE: usize = 1024;

/// The part of its patience that a request keeps while the service is overloaded.
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
    places: Arc<Semaphore>,
    longest_line: usize,
    patience: Duration,
    waiting: AtomicUsize,
    opened: Instant,
    /// When a place was last free, in microseconds after `opened`.
    free_at: AtomicU64,
    /// When someone was last refused, likewise; 0 is never.
    refused_at: AtomicU64,
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
    pub fn new(config: &Config, metrics: Arc<Metrics>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let answers = if config.waits_for_servers() {
            ANSWERS_PER_PROCESSOR_WITH_SERVERS
        } else {
            ANSWERS_PER_PROCESSOR
        };
        let open = |name, configured, per_processor| {
            let places = if configured == 0 { per_processor * processors } else { configured };
            Door::new(name, places, LONGEST_LINE, Duration::from_millis(config.server.patience_ms))
        };
        Self {
            answers: open("answers", config.server.answers_at_once, answers),
            writes: open("writes", config.server.writes_at_once, WRITES_PER_PROCESSOR),
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

    /// Lets a request in, who must keep the place that it is given until it is answered or only waits.
    ///
    /// # Errors
    /// [`Code::Overloaded`].
    pub async fn enter(&self, method: &Method, path: &str) -> Result<Option<OwnedSemaphorePermit>, Problem> {
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
    fn new(name: &'static str, places: usize, longest_line: usize, patience: Duration) -> Self {
        Self {
            name,
            n_places: places,
            places: Arc::new(Semaphore::new(places)),
            longest_line,
            patience,
            waiting: AtomicUsize::new(0),
            opened: Instant::now(),
            free_at: AtomicU64::new(0),
            refused_at: AtomicU64::new(0),
        }
    }

    async fn enter(&self) -> Result<OwnedSemaphorePermit, Refused> {
        let came = self.opened.elapsed();
        // Everyone who came to this thread meanwhile comes to the door before anyone goes on: an answer that computes nothing holds
        // its place only while the thread is its own, so that the crowd would stand outside, unseen and with no end.
        tokio::task::yield_now().await;
        let now = self.opened.elapsed();
        if now - came > self.patience_since_refusal(came) {
            return Err(self.refuse());
        }
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            // A free place is never given past the line.
            self.free_at.store(now.as_micros() as u64, Ordering::Relaxed);
            return Ok(place);
        }
        let waiting = Waiting::behind(&self.waiting);
        if waiting.number > self.longest_line {
            return Err(Refused::Line);
        }
        match tokio::time::timeout(self.patience_at(now), Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(self.refuse()),
        }
    }

    /// Whose turn did not come in time.
    fn refuse(&self) -> Refused {
        self.refused_at.fetch_max(self.opened.elapsed().as_micros() as u64, Ordering::Relaxed);
        Refused::Patience
    }

    /// How long a request may wait that comes at a moment after the opening.
    fn patience_at(&self, now: Duration) -> Duration {
        let since = |at: &AtomicU64| now.saturating_sub(Duration::from_micros(at.load(Ordering::Relaxed)));
        if since(&self.free_at) > self.patience {
            return self.patience / OVERLOADED_SHARE;
        }
        self.patience_since_refusal(now)
    }

    /// The same while places are free.
    fn patience_since_refusal(&self, now: Duration) -> Duration {
        match self.refused_at.load(Ordering::Relaxed) {
            0 => self.patience,
            at => {
                let since = now.saturating_sub(Duration::from_micros(at));
                since.clamp(self.patience / OVERLOADED_SHARE, self.patience)
            }
        }
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
        let door = Door::new("answers", 1, 1, PATIENCE);
        let second = Duration::from_secs(1);
        drop(door.enter().await.unwrap());
        assert_eq!(door.patience_at(PATIENCE), PATIENCE, "a request waits through a burst");
        assert_eq!(door.patience_at(PATIENCE + second), PATIENCE / OVERLOADED_SHARE, "overloaded");
        door.free_at.store((3 * PATIENCE).as_micros() as u64, Ordering::Relaxed);
        assert_eq!(door.patience_at(4 * PATIENCE), PATIENCE, "it is over once a place was free");
        door.refused_at.store((3 * PATIENCE).as_micros() as u64, Ordering::Relaxed);
        let after = |since_refused: Duration| door.patience_at(3 * PATIENCE + since_refused);
        assert_eq!(after(second), PATIENCE / OVERLOADED_SHARE, "unless someone was just refused");
        assert_eq!(after(PATIENCE / 2), PATIENCE / 2, "patience comes back");
        assert_eq!(after(PATIENCE), PATIENCE, "in full");
    }

    #[tokio::test]
    async fn who_stood_too_long_before_a_door_whose_places_are_free_is_refused() {
        let door = Arc::new(Door::new("answers", 1, 8, Duration::from_millis(10)));
        let enter = || {
            let door = Arc::clone(&door);
            tokio::spawn(async move { door.enter().await.map(drop) })
        };
        assert_eq!(enter().await.unwrap(), Ok(()));
        let late = enter();
        tokio::spawn(async { std::thread::sleep(Duration::from_millis(50)) });
        assert_eq!(late.await.unwrap(), Err(Refused::Patience));
    }

    #[tokio::test]
    async fn a_place_that_becomes_free_goes_to_the_first_in_line_and_the_line_has_an_end() {
        let door = Arc::new(Door::new("answers", 1, 8, PATIENCE));
        let place = door.enter().await.unwrap();
        let enter = |number: usize| {
            let door = Arc::clone(&door);
            tokio::spawn(async move { door.enter().await.map(|_| number) })
        };
        let mut line = Vec::new();
        for number in 0..8 {
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
        let mut config = crate::config::Sources::default().load().unwrap();
        (config.server.answers_at_once, config.server.writes_at_once) = (1, 8);
        config.server.patience_ms = 10;
        let admission = Admission::new(&config, Arc::new(Metrics::new().unwrap()));
        let _answer = admission.enter(&Method::POST, "/v1/recommend").await.unwrap();
        let refused = admission.enter(&Method::GET, "/v1/customers/c").await.unwrap_err();
        assert_eq!(refused.code(), Code::Overloaded);
        assert_eq!(admission.crowds().map(|crowd| (crowd.places, crowd.waiting)), [(1, 0), (8, 0)]);
        assert!(admission.enter(&Method::GET, "/health/ready").await.unwrap().is_none());
        assert!(admission.enter(&Method::POST, "/v1/events").await.unwrap().is_some());
    }
}
