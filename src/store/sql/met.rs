//! Of whom the store holds anything.
//!
//! Most customers of a large release have done nothing since it was trained, and to be told so by a database takes longer than
//! all the rest of an answer. So their ids are kept in memory: those of all rows are read once, and each that is written is added
//! before it is. An id too many costs a question to the database, nothing else; one too few must not be.
//!
//! Another process may write to the same file. The writer's connection tells whether one did, since its own commits do not count
//! for it; it is asked every [`LOOK`], and unless it denies that, the database is asked of everyone until all ids were read again.

use super::super::dialect::{Pool, SEES_OTHERS};
use super::customers;
use crate::store::Result;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How often it is looked whether another process wrote: so old may be what is not seen of it.
pub(super) const LOOK: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 1000 });

/// A look that comes later than this finds the database being asked.
const TRUSTED: Duration = Duration::from_millis(2 * LOOK.as_millis() as u64);

/// How long all must be quiet before ids are read again.
const QUIET: Duration = Duration::from_millis(60 * LOOK.as_millis() as u64);

/// Ids read at a time.
const PAGE: u32 = 10_000;

/// With more ids than these, the database is asked: they would take more than about 100 MB.
const MOST: usize = 4_000_000;

/// The customers that the store has met.
#[derive(Default)]
pub(in super::super) struct Met {
    /// The ids' hashes: two of one hash are both met.
    ids: RwLock<HashSet<u64>>,
    hasher: RandomState,
    watch: Mutex<Watch>,
}

#[derive(Default)]
struct Watch {
    /// What the writer's connection says of others' commits; another number after each.
    version: Option<i64>,
    /// How often that changed.
    changes: u64,
    /// All ids up to this change have been read.
    complete: Option<u64>,
    is_reading: bool,
    /// When ids are read again.
    next: Option<Instant>,
    /// Until when absence means something.
    trusted: Option<Instant>,
}

impl Met {
    /// Adds customers, before anything of them is written.
    pub(super) fn add<'a>(&self, ids: impl IntoIterator<Item = &'a str>) {
        if !SEES_OTHERS {
            return;
        }
        let mut met = self.ids.write().unwrap_or_else(PoisonError::into_inner);
        if met.len() <= MOST {
            met.extend(ids.into_iter().map(|id| self.hasher.hash_one(id)));
        }
    }

    /// Whether the store surely holds nothing of a customer, but for what another process wrote just now.
    pub(in super::super) fn is_stranger(&self, customer_id: &str) -> bool {
        if self.watch().trusted.is_none_or(|until| until <= Instant::now()) {
            return false;
        }
        let met = self.ids.read().unwrap_or_else(PoisonError::into_inner);
        met.len() <= MOST && !met.contains(&self.hasher.hash_one(customer_id))
    }

    /// Takes in what the writer's connection says of others' commits, or that it says nothing.
    pub(super) fn looked(self: &Arc<Self>, version: Option<i64>, readers: &Pool) {
        let (mut watch, now) = (self.watch(), Instant::now());
        if version.is_none() || watch.version != version {
            let others_write = version.is_some() && watch.version.is_some();
            let pause = if others_write { QUIET } else { Duration::ZERO };
            watch.changes += 1;
            (watch.version, watch.next, watch.trusted) = (version, Some(now + pause), None);
        } else if watch.complete == Some(watch.changes) {
            watch.trusted = Some(now + TRUSTED);
        } else if !watch.is_reading && watch.next.is_some_and(|next| next <= now) {
            watch.is_reading = true;
            tokio::spawn(Arc::clone(self).read(watch.changes, readers.clone()));
        }
    }

    /// Reads all ids. What another process wrote meanwhile may be missing; [`Self::looked`] sees that it wrote.
    async fn read(self: Arc<Self>, changes: u64, readers: Pool) {
        let read = self.read_all(&readers).await;
        let mut watch = self.watch();
        watch.is_reading = false;
        match read {
            Ok(true) => watch.complete = Some(changes),
            Ok(false) => watch.next = None,
            Err(error) => {
                tracing::warn!(%error, "the ids of customers cannot be read; the database is asked of each");
                watch.next = Some(Instant::now() + QUIET);
            }
        }
    }

    /// Whether all could be kept.
    async fn read_all(&self, readers: &Pool) -> Result<bool> {
        let mut after = String::new();
        loop {
            let page = customers::met(readers, &after, PAGE).await?;
            self.add(page.iter().map(String::as_str));
            if self.ids.read().unwrap_or_else(PoisonError::into_inner).len() > MOST {
                return Ok(false);
            }
            let Some(last) = page.into_iter().next_back() else { return Ok(true) };
            after = last;
        }
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
