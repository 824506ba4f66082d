//! What every handler can reach.

use crate::admission::Admission;
use crate::auth::Keys;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::offers::{BookError, Offers};
use crate::patience::Patiences;
use crate::problem::Problem;
use crate::releases::Releases;
use crate::store::{Store, StoredEvent, StoredItem};
use crate::telemetry::Traces;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The parts of a running service; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The effective configuration.
    pub config: Arc<Config>,
    /// Durable state.
    pub store: Arc<dyn Store>,
    /// Counters and histograms.
    pub metrics: Arc<Metrics>,
    /// The releases, and the one that answers.
    pub releases: Arc<Releases>,
    /// The offers and the policy in force.
    pub offers: Arc<Offers>,
    /// The keys that callers present.
    pub keys: Arc<Keys>,
    /// How long parts are waited for that answers can do without.
    pub patience: Arc<Patiences>,
    /// Who may enter.
    pub admission: Arc<Admission>,
    /// Who hears of changes.
    pub changes: Arc<dyn Listener>,
    /// Where spans of requests go, if anywhere.
    pub traces: Option<Arc<Traces>>,
    /// What must work before traffic may come.
    pub readiness: Arc<[Box<dyn Check>]>,
}

impl AppState {
    /// Takes over what was just written of offers and policies, so that the next decision sees it.
    ///
    /// # Errors
    /// Problems of the store.
    pub async fn refresh_offers(&self) -> Result<(), Problem> {
        self.offers.refresh().await.map_err(|error| match error {
            BookError::Store(error) => error.into(),
            BookError::Policy { .. } => Problem::internal(&error),
        })
    }
}

/// Hears of what changed: after the write is durable, before the client is answered.
///
/// So a client that was answered sees its own change in the next answer.
#[async_trait]
pub trait Listener: Send + Sync {
    /// New events were kept, in this order.
    fn events_kept(&self, events: &[StoredEvent]);

    /// A customer's attributes changed.
    fn customer_changed(&self, customer_id: &str);

    /// A customer was erased.
    fn customer_erased(&self, customer_id: &str);

    /// Items were written.
    async fn items_changed(&self, items: &[StoredItem]);
}

/// One thing that must work before traffic may come.
#[async_trait]
pub trait Check: Send + Sync {
    /// Its name in the answer of `/health/ready`.
    fn name(&self) -> &'static str;

    /// Works now, or the reason in words.
    async fn check(&self) -> Result<(), String>;
}

/// The store can read and write.
pub struct StoreCheck(pub Arc<dyn Store>);

#[async_trait]
impl Check for StoreCheck {
    fn name(&self) -> &'static str {
        "store"
    }

    async fn check(&self) -> Result<(), String> {
        self.0.ready().await.map_err(|error| format!("the store {}", error.fault.remedy()))
    }
}

/// A release answers, and its index does too.
pub struct ReleaseCheck(pub Arc<Releases>);

#[async_trait]
impl Check for ReleaseCheck {
    fn name(&self) -> &'static str {
        "release"
    }

    async fn check(&self) -> Result<(), String> {
        let serving = self.0.current().ok_or("no release is loaded; publish one with `proffer train`")?;
        serving.index.ready(Instant::now() + INDEX_PATIENCE).await.map_err(|error| error.to_string())
    }
}

/// How long readiness waits for the index.
const INDEX_PATIENCE: Duration = Duration::from_secs(1);
