//! The configuration of the service: `proffer.example.toml` compiled in as defaults, then the user's file, the
//! environment, and the command line.
//!
//! Unknown keys are errors, and every value is checked on start, all at once, with its key path.

mod contact_points;
mod load;
mod log;
mod traces;

pub use contact_points::{ContactPoint, Direction, Fallback, Repeats};
pub use load::{ConfigError, Sources};
pub use log::{LogConfig, LogFormat, LoggedRequests};
pub use traces::TracesConfig;

use crate::index::{IndexChoice, IndexConfig};
use secrecy::{ExposeSecret, SecretString};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use training::config::TrainingConfig;

/// Everything that can be set. The keys are explained in `proffer.example.toml`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How the service listens and what it accepts.
    pub server: ServerConfig,
    /// What it logs.
    pub log: LogConfig,
    /// Where it sends traces.
    pub traces: TracesConfig,
    /// Where durable state is.
    pub store: StoreConfig,
    /// Where releases are.
    pub releases: ReleasesConfig,
    /// What customers' attributes mean, and from when customers are seen.
    pub customers: CustomersConfig,
    /// What the catalogue's attributes mean.
    pub catalogue: CatalogueConfig,
    /// Which vector index serves.
    pub index: IndexConfig,
    /// Whether callers need keys.
    pub auth: AuthConfig,
    /// What is kept in memory.
    pub cache: CacheConfig,
    /// How history is read, models are fitted and quality is measured; only the command line uses it.
    #[serde(default)]
    pub training: TrainingConfig,
    /// Where decisions are shown, by name.
    pub contact_points: BTreeMap<String, ContactPoint>,
}

/// Section `[server]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Address and port of metrics alone, without a key; none keeps them on the main port only.
    #[serde(deserialize_with = "address_or_none", serialize_with = "address_or_empty")]
    pub metrics_listen: Option<SocketAddr>,
    /// Threads that answer; 0 is one per core.
    pub workers: usize,
    /// Largest body.
    pub max_body_bytes: usize,
    /// Most rows of a batch.
    pub max_batch: usize,
    /// Most items of an answer.
    pub max_n: usize,
    /// Answers worked on at once; 0 is two per processor, and sixteen where store or index are servers.
    pub answers_at_once: usize,
    /// Writes worked on at once; 0 is 128 per processor.
    pub writes_at_once: usize,
    /// How long a request may wait for its turn.
    pub patience_ms: u64,
    /// Time to receive a request's head.
    pub header_timeout_ms: u64,
    /// Time to answer.
    pub request_timeout_ms: u64,
    /// Time to change the release that answers.
    pub activation_timeout_ms: u64,
    /// Life of an idle connection.
    pub keep_alive_s: u64,
    /// Time for requests in flight when stopping.
    pub shutdown_grace_s: u64,
}

/// Section `[store]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// The SQLite file, unless `url` names a server.
    pub path: PathBuf,
    /// The PostgreSQL server; empty for SQLite. Never printed.
    #[serde(serialize_with = "hidden")]
    pub url: SecretString,
    /// Patience with another process's lock.
    pub busy_timeout_ms: u64,
    /// Patience of a decision with one read.
    pub read_deadline_ms: u64,
    /// Connections that read.
    pub readers: u32,
    /// Writes that may wait.
    pub queue: usize,
}

/// Section `[releases]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReleasesConfig {
    /// Their folder.
    pub dir: PathBuf,
}

/// Section `[catalogue]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueConfig {
    /// The item attribute that holds the category.
    pub category_attribute: String,
}

/// Section `[customers]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CustomersConfig {
    /// From when customers are seen.
    pub as_of: AsOf,
    /// Local time less UTC, in minutes: parts of the day and of the week are local.
    pub utc_offset_minutes: i64,
    /// The attribute that names a customer's household.
    pub household_attribute: String,
    /// The attribute that declares the preferred channel.
    pub channel_attribute: String,
    /// The attribute that declares the preferred moment.
    pub moment_attribute: String,
}

/// From when customers are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AsOf {
    /// From now: who was silent since the release grows silent.
    Now,
    /// From the end of the release's data, or a customer's own latest event: for histories that ended long ago.
    Data,
}

/// Section `[auth]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether callers need keys.
    pub enabled: bool,
}

/// Section `[cache]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CacheConfig {
    /// Customers' states kept.
    pub customers: u64,
    /// Their longest life.
    pub ttl_s: u64,
    /// Megabytes of recommendations kept; 0 keeps none.
    pub answers_mb: u64,
}

impl StoreConfig {
    /// Patience of a decision with one read.
    pub fn read_deadline(&self) -> Duration {
        Duration::from_millis(self.read_deadline_ms)
    }

    /// Whether the state is on a PostgreSQL server.
    pub fn is_on_a_server(&self) -> bool {
        !self.url.expose_secret().is_empty()
    }

    /// Where the state is, in words that hold no secret.
    pub fn place(&self) -> String {
        if self.is_on_a_server() { "store.url".into() } else { self.path.display().to_string() }
    }

    /// Whether the URL is one of PostgreSQL, or none.
    fn has_a_usable_url(&self) -> bool {
        let url = self.url.expose_secret();
        url.is_empty() || ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme))
    }
}

/// An address, or nothing for the empty text.
fn address_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let expected = |_| D::Error::custom(format!("{text:?} is neither empty nor an address with its port"));
    text.parse().map(Some).map_err(expected)
}

/// TOML has no word for nothing.
fn address_or_empty<S: Serializer>(address: &Option<SocketAddr>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&address.map(|address| address.to_string()).unwrap_or_default())
}

/// A secret is never printed, only that there is one.
fn hidden<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if secret.expose_secret().is_empty() { "" } else { "(hidden)" })
}

impl ServerConfig {
    /// Time to answer.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// Time to change the release that answers.
    pub fn activation_timeout(&self) -> Duration {
        Duration::from_millis(self.activation_timeout_ms)
    }
}

impl Config {
    /// Whether an answer waits for other machines.
    pub fn waits_for_servers(&self) -> bool {
        self.store.is_on_a_server() || self.index.kind == IndexChoice::Qdrant
    }

    /// The effective configuration as TOML, with secrets hidden.
    ///
    /// # Errors
    /// [`ConfigError`] when it cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string_pretty(self).map_err(|e| ConfigError::Unprintable(e.to_string()))
    }

    /// Every value that is out of range, as lines with its key path.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut require = |holds: bool, key: &str, value: &dyn std::fmt::Debug, expected: &str| {
            if !holds {
                faults.push(format!("{key} must be {expected}, but is {value:?}"));
            }
        };
        let server = &self.server;
        let between = |value: u64, low: u64, high: u64| (low..=high).contains(&value);
        let sizes = [
            ("server.max_body_bytes", server.max_body_bytes as u64, 1024, 1 << 30),
            ("server.max_batch", server.max_batch as u64, 1, 100_000),
            ("server.max_n", server.max_n as u64, 1, 10_000),
            ("server.patience_ms", server.patience_ms, 1, 600_000),
            ("server.header_timeout_ms", server.header_timeout_ms, 10, 600_000),
            ("server.request_timeout_ms", server.request_timeout_ms, 10, 600_000),
            ("server.activation_timeout_ms", server.activation_timeout_ms, 10, 3_600_000),
            ("server.keep_alive_s", server.keep_alive_s, 1, 3600),
            ("server.shutdown_grace_s", server.shutdown_grace_s, 1, 3600),
            ("log.slow_ms", self.log.slow_ms, 1, 600_000),
            ("log.queue", self.log.queue as u64, 1, 1_000_000),
            ("store.busy_timeout_ms", self.store.busy_timeout_ms, 1, 600_000),
            ("store.read_deadline_ms", self.store.read_deadline_ms, 1, 600_000),
            ("store.readers", u64::from(self.store.readers), 1, 256),
            ("store.queue", self.store.queue as u64, 1, 1_000_000),
            ("index.deadline_ms", self.index.deadline_ms, 1, 60_000),
            ("cache.customers", self.cache.customers, 1, 1_000_000_000),
            ("cache.answers_mb", self.cache.answers_mb, 0, 1 << 20),
            ("cache.ttl_s", self.cache.ttl_s, 1, 86_400),
        ];
        for (key, value, low, high) in sizes {
            require(between(value, low, high), key, &value, &format!("from {low} to {high}"));
        }
        for (key, at_once) in [
            ("server.answers_at_once", server.answers_at_once),
            ("server.writes_at_once", server.writes_at_once),
        ] {
            require(at_once <= 100_000, key, &at_once, "from 0 to 100000");
        }
        require(server.workers <= 1024, "server.workers", &server.workers, "from 0 to 1024");
        let usable = self.store.has_a_usable_url();
        require(usable, "store.url", &"(hidden)", "empty or postgres://user:password@host/database");
        let weights = &self.training.event_weights;
        for (name, weight) in [
            ("purchase", weights.purchase),
            ("basket", weights.basket),
            ("click", weights.click),
            ("view", weights.view),
        ] {
            let key = format!("training.event_weights.{name}");
            require((0.0..=100.0).contains(&weight), &key, &weight, "from 0 to 100");
        }
        let customers = &self.customers;
        let offset = customers.utc_offset_minutes;
        require(offset.abs() <= 840, "customers.utc_offset_minutes", &offset, "from -840 to 840");
        for (key, attribute) in [
            ("customers.household_attribute", &customers.household_attribute),
            ("customers.channel_attribute", &customers.channel_attribute),
            ("customers.moment_attribute", &customers.moment_attribute),
        ] {
            require(!attribute.is_empty(), key, attribute, "an attribute's name");
        }
        let attribute = &self.catalogue.category_attribute;
        require(!attribute.is_empty(), "catalogue.category_attribute", attribute, "an attribute's name");
        if self.index.kind == IndexChoice::Qdrant
            && let Err(error) = self.index.qdrant.check()
        {
            require(false, "index.qdrant", &error.to_string(), "usable");
        }
        faults.extend(self.traces.faults());
        for (name, contact_point) in &self.contact_points {
            faults.extend(contact_point.faults(name));
        }
        faults
    }
}

#[cfg(test)]
mod tests;
