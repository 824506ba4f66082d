//! The in-process indexes behind the trait: a few threads of their own search, the reactor only waits.
//!
//! Every thread takes what is waiting, up to one pass of the exact index, so that under load several queries share
//! a pass over the items. The waiting line is bounded: beyond it the index says at once that it is unavailable.

use super::{IndexError, IndexPoint, IndexQuery, VectorIndex, check};
use async_trait::async_trait;
use models::ids::ItemIx;
use models::index::quantised::QUERIES_PER_PASS;
use models::index::{IndexKind, ItemIndex, Query};
use models::ranking::Scored;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Instant;
use tokio::sync::oneshot;

/// Searches that may wait for a thread.
pub const WAITING_LINE: usize = 4096;

/// Shared by the searching threads and the writers; a release's items, and changes to them.
type Items = Arc<RwLock<Box<dyn ItemIndex>>>;
type Answer = Result<Vec<Vec<Scored>>, IndexError>;

/// An exact or a graph index, with its threads.
pub struct Embedded {
    kind: IndexKind,
    dimensions: usize,
    items: Items,
    waiting: SyncSender<Search>,
    threads: usize,
}

/// Some queries that wait for a thread.
struct Search {
    queries: Vec<IndexQuery>,
    deadline: Instant,
    answer: oneshot::Sender<Answer>,
}

impl Embedded {
    /// Puts an index behind `threads` threads; without a number, one per processor.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`] when the system refuses a thread.
    pub fn new(
        kind: IndexKind,
        index: Box<dyn ItemIndex>,
        threads: Option<NonZeroUsize>,
    ) -> Result<Self, IndexError> {
        let threads =
            threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        let dimensions = index.dimensions();
        let items: Items = Arc::new(RwLock::new(index));
        let (waiting, line) = sync_channel(WAITING_LINE);
        let line = Arc::new(Mutex::new(line));
        for number in 0..threads {
            let (items, line) = (Arc::clone(&items), Arc::clone(&line));
            std::thread::Builder::new()
                .name(format!("index-{number}"))
                .spawn(move || work(&items, &line))
                .map_err(|error| IndexError::Unavailable(format!("no thread for it: {error}")))?;
        }
        Ok(Self { kind, dimensions, items, waiting, threads })
    }

    /// Applies a change on a thread that may block: it waits for the searches under way.
    async fn change(
        &self,
        deadline: Instant,
        change: impl FnOnce(&mut dyn ItemIndex) -> models::Result<()> + Send + 'static,
    ) -> Result<(), IndexError> {
        check::deadline(deadline)?;
        let items = Arc::clone(&self.items);
        let change = tokio::task::spawn_blocking(move || {
            let mut items = items.write().map_err(|_| broken())?;
            change(items.as_mut()).map_err(|error| IndexError::Invalid(error.to_string()))
        });
        match tokio::time::timeout_at(deadline.into(), change).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(broken()),
            Err(_) => Err(IndexError::Timeout),
        }
    }
}

#[async_trait]
impl VectorIndex for Embedded {
    fn kind(&self) -> &'static str {
        match self.kind {
            IndexKind::Exact => "exact",
            IndexKind::Graph => "graph",
        }
    }

    async fn search(&self, queries: Vec<IndexQuery>, deadline: Instant) -> Answer {
        check::deadline(deadline)?;
        check::queries(&queries, self.dimensions)?;
        let mut answers = Vec::new();
        for queries in shares(queries, self.threads) {
            let (answer, later) = oneshot::channel();
            self.waiting.try_send(Search { queries, deadline, answer }).map_err(|error| match error {
                TrySendError::Full(_) => IndexError::Unavailable("too many searches are waiting".into()),
                TrySendError::Disconnected(_) => broken(),
            })?;
            answers.push(later);
        }
        let mut found = Vec::new();
        for answer in answers {
            match tokio::time::timeout_at(deadline.into(), answer).await {
                Ok(Ok(hits)) => found.extend(hits?),
                Ok(Err(_)) => return Err(broken()),
                Err(_) => return Err(IndexError::Timeout),
            }
        }
        Ok(found)
    }

    async fn upsert(&self, points: Vec<IndexPoint>, deadline: Instant) -> Result<(), IndexError> {
        check::points(&points, self.dimensions)?;
        self.change(deadline, move |items| {
            points.iter().try_for_each(|point| items.upsert(point.item, &point.vector, &point.payload))
        })
        .await
    }

    async fn delete(&self, gone: Vec<ItemIx>, deadline: Instant) -> Result<(), IndexError> {
        self.change(deadline, move |items| {
            gone.into_iter().for_each(|item| items.delete(item));
            Ok(())
        })
        .await
    }

    async fn ready(&self, deadline: Instant) -> Result<(), IndexError> {
        check::deadline(deadline)?;
        if self.items.is_poisoned() { Err(broken()) } else { Ok(()) }
    }
}

/// Splits a batch over the threads, in whole passes.
fn shares(queries: Vec<IndexQuery>, threads: usize) -> Vec<Vec<IndexQuery>> {
    let size = queries.len().div_ceil(threads).next_multiple_of(QUERIES_PER_PASS);
    let mut queries = queries.into_iter();
    std::iter::from_fn(|| {
        Some(queries.by_ref().take(size).collect()).filter(|share: &Vec<_>| !share.is_empty())
    })
    .collect()
}

/// What a thread does until the index is dropped.
fn work(items: &Items, line: &Mutex<Receiver<Search>>) {
    while let Some(searches) = next(line) {
        // A panic would be a defect; it must cost these searches only. Their callers see the dropped channel.
        let _ = catch_unwind(AssertUnwindSafe(|| answer(items, searches)));
    }
}

/// Waits for a search, and takes others that wait too as long as they fit in one pass.
fn next(line: &Mutex<Receiver<Search>>) -> Option<Vec<Search>> {
    let line = line.lock().ok()?;
    let mut searches = vec![line.recv().ok()?];
    let mut queries = searches[0].queries.len();
    while queries < QUERIES_PER_PASS
        && let Ok(search) = line.try_recv()
    {
        queries += search.queries.len();
        searches.push(search);
    }
    Some(searches)
}

fn answer(items: &Items, searches: Vec<Search>) {
    let (current, late): (Vec<_>, Vec<_>) =
        searches.into_iter().partition(|search| Instant::now() < search.deadline);
    for search in late {
        search.reply(Err(IndexError::Timeout));
    }
    let Ok(items) = items.read() else {
        return current.into_iter().for_each(|search| search.reply(Err(broken())));
    };
    let queries: Vec<Query<'_>> = current.iter().flat_map(|search| &search.queries).map(borrow).collect();
    // Passes are separate calls so that a long batch stops at its deadline.
    let deadline = current.iter().map(|search| search.deadline).max();
    let mut found = Vec::with_capacity(queries.len());
    for pass in queries.chunks(QUERIES_PER_PASS) {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            break;
        }
        match items.search(pass) {
            Ok(hits) => found.extend(hits),
            Err(error) => {
                let refused = || IndexError::Invalid(error.to_string());
                return current.into_iter().for_each(|search| search.reply(Err(refused())));
            }
        }
    }
    let mut found = found.into_iter();
    for search in current {
        let hits: Vec<_> = found.by_ref().take(search.queries.len()).collect();
        let complete = hits.len() == search.queries.len();
        search.reply(if complete { Ok(hits) } else { Err(IndexError::Timeout) });
    }
}

impl Search {
    /// A caller who has left no longer listens, which is no error.
    fn reply(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }
}

fn borrow(query: &IndexQuery) -> Query<'_> {
    Query { vector: &query.vector, n: query.n, filter: &query.filter, exclude: &query.exclude }
}

fn broken() -> IndexError {
    IndexError::Unavailable("a thread of the index failed: load the release again".into())
}
