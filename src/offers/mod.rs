//! The next best offer: eligible, allowed, worth it, explained, learned from.
//!
//! Read in this order: [`offer`] and [`book`] (what there is to offer, compiled with the policy), [`situation`] (what is
//! known), [`chain`] (what may be shown), [`score`] (what is best), [`next`] (the decision), then what comes after it:
//! [`responses`], [`experiment`], [`off_policy`], [`trial`].

pub mod book;
pub mod chain;
pub mod experiment;
pub mod facts;
mod keeper;
pub mod log;
pub mod next;
pub mod off_policy;
pub mod offer;
pub mod places;
pub mod reasons;
pub mod responses;
pub mod score;
pub mod situation;
pub mod trial;
mod upkeep;
pub mod why_not;
pub mod wire;

pub use book::{Book, Point};
pub use offer::Offer;
pub use situation::{Situation, Sources};

use crate::metrics::{Cache, Lookups, Metrics};
use crate::policy::{NEUTRAL, Policy};
use crate::releases::Serving;
use crate::store::{DecisionRecord, PolicyFormat, Store, StoreError, Usage};
use arc_swap::ArcSwap;
use chrono::{DateTime, TimeDelta, Utc};
use keeper::Keeper;
use models::propensity::Count;
use places::Places;
use score::LiveCounts;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;

pub use upkeep::keep_up_to_date;

/// Books whose places are kept: the one in force, and drafts that are tried out beside it.
const MOST_PLACES: usize = 4;

/// Reservations expire every few seconds; those that still stand after so long were forgotten.
const OVERDUE_AFTER: TimeDelta = TimeDelta::minutes(1);

/// Why a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The policy in force cannot be read by this program.
    #[error("policy version {version} cannot be read: {}", faults.join("; "))]
    Policy {
        /// Which version.
        version: i64,
        /// What is wrong with it.
        faults: Vec<String>,
    },
}

/// Offers, policies, and what is counted of them while the service runs.
pub struct Offers {
    store: Arc<dyn Store>,
    book: ArcSwap<Book>,
    revision: AtomicI64,
    changing: Mutex<()>,
    places: RwLock<Vec<Arc<Places>>>,
    usage: ArcSwap<HashMap<String, Usage>>,
    live: ArcSwap<LiveCounts>,
    keeper: Keeper,
    metrics: Arc<Metrics>,
    lookups: Lookups,
}

impl Offers {
    /// Reads offers and the policy in force.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn open(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Result<Self, BookError> {
        let book = read_book(&*store).await?;
        let revision = store.revision().await?;
        metrics.know_offers(book.entries.iter().map(|entry| entry.id.as_str()));
        let keeper = Keeper::start(Arc::clone(&store), Arc::clone(&metrics));
        let offers = Self {
            store,
            book: ArcSwap::from_pointee(book),
            // The first look reads again: something may have changed between the two reads.
            revision: AtomicI64::new(revision - 1),
            changing: Mutex::new(()),
            places: RwLock::default(),
            usage: ArcSwap::default(),
            live: ArcSwap::default(),
            keeper,
            lookups: metrics.lookups(Cache::Places),
            metrics,
        };
        offers.count_usage().await?;
        Ok(offers)
    }

    /// The snapshot in force.
    pub fn book(&self) -> Arc<Book> {
        self.book.load_full()
    }

    /// What was used of offers, as of the last count.
    pub fn usage(&self) -> Arc<HashMap<String, Usage>> {
        self.usage.load_full()
    }

    /// How treatments fared lately, as of the last count.
    pub fn live(&self) -> Arc<LiveCounts> {
        self.live.load_full()
    }

    /// Where the offers of a book stand in a release.
    pub fn places(&self, serving: &Serving, book: &Arc<Book>) -> Arc<Places> {
        let kept = self.places.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = self.lookups.counted(kept.iter().find(|places| places.are_of(serving, book))) {
            return Arc::clone(places);
        }
        drop(kept);
        let places = Arc::new(Places::new(serving, book));
        let mut kept = self.places.write().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(MOST_PLACES - 1);
        kept.insert(0, Arc::clone(&places));
        places
    }

    /// Takes over what any process wrote; cheap where nothing was.
    ///
    /// # Errors
    /// [`BookError`]; the snapshot then stays as it is.
    pub async fn refresh(&self) -> Result<(), BookError> {
        let _changing = self.changing.lock().await;
        let revision = self.store.revision().await?;
        if revision != self.revision.load(Ordering::Acquire) {
            let book = read_book(&*self.store).await?;
            for (offer, reason) in &book.skipped {
                tracing::warn!(offer, reason, "an offer cannot be used");
            }
            self.metrics.know_offers(book.entries.iter().map(|entry| entry.id.as_str()));
            self.book.store(Arc::new(book));
            self.revision.store(revision, Ordering::Release);
        }
        Ok(())
    }

    /// Counts what was used of offers.
    ///
    /// # Errors
    /// [`StoreError`]; the counts then stay as they are.
    pub async fn count_usage(&self) -> Result<(), StoreError> {
        let usage = self.store.usage().await?;
        self.usage.store(Arc::new(usage.into_iter().map(|usage| (usage.offer_id.clone(), usage)).collect()));
        Ok(())
    }

    /// Counts what is reserved, for those who watch the service.
    ///
    /// # Errors
    /// [`StoreError`]; the counts then stay as they are.
    pub async fn count_outstanding(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.metrics.outstanding(&self.store.outstanding(now - OVERDUE_AFTER).await?);
        Ok(())
    }

    /// Counts how treatments fared in decisions since a moment (those that propensities were trained on count already)
    /// of which silence has been heard by now.
    ///
    /// # Errors
    /// [`StoreError`]; the counts then stay as they are.
    pub async fn count_treatments(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), StoreError> {
        let counts = self.store.treatment_counts(since, self.book().ripe(now)).await?;
        let mut live = LiveCounts::new();
        for count in counts {
            let settled =
                Count { settled: count.settled, accepted: count.accepted, foretold: count.foretold };
            live.entry(count.channel).or_default().insert(count.offer_id, settled);
        }
        self.live.store(Arc::new(live));
        Ok(())
    }

    /// Keeps a decision soon; waits only where more wait than may.
    pub async fn keep(&self, decision: DecisionRecord) {
        self.keeper.keep(decision).await;
    }

    /// Waits until every decision that was answered is kept.
    pub async fn flush(&self) {
        self.keeper.flush().await;
    }

    /// Keeps what waits, then keeps nothing more.
    pub async fn close(&self) {
        self.keeper.close().await;
    }
}

async fn read_book(store: &dyn Store) -> Result<Book, BookError> {
    let (version, policy) = published(store).await?;
    Ok(Book::new(version, Arc::new(policy), store.offers().await?))
}

/// The policy in force, without offers.
///
/// # Errors
/// [`BookError`].
pub async fn policy_in_force(store: &dyn Store) -> Result<Book, BookError> {
    let (version, policy) = published(store).await?;
    Ok(Book::new(version, Arc::new(policy), Vec::new()))
}

/// The published policy, else the neutral one as version 0.
async fn published(store: &dyn Store) -> Result<(i64, Policy), BookError> {
    let published = store.publications(1).await?.into_iter().next();
    let (version, format, text) = match published {
        Some(published) => match store.policy(published.version).await? {
            Some(record) => (record.version, record.policy.format, record.policy.body),
            None => (0, PolicyFormat::Toml, NEUTRAL.to_owned()),
        },
        None => (0, PolicyFormat::Toml, NEUTRAL.to_owned()),
    };
    let policy = Policy::read(&text, format).map_err(|faults| BookError::Policy {
        version,
        faults: faults.iter().map(ToString::to_string).collect(),
    })?;
    Ok((version, policy))
}
