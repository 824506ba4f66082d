//! The nodes of a cluster: one client each, and every call goes to a node that answers.
//!
//! A client speaks to one address only and would try a failed call again there, so that failing over is ours. Calls
//! go round the nodes; one that fails is given a rest, during which it is asked only if all others fail too. After
//! the rest a single call finds out whether it is back.

use super::QdrantConfig;
use crate::index::IndexError;
use qdrant_client::{Qdrant, QdrantError};
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tonic::Code;

/// The versions that this client is made for: the minor version of its crate, and one to either side.
const CLIENT_VERSION: (u32, u32) = (1, 20);

/// One client per node.
pub(super) struct Nodes {
    nodes: Vec<Node>,
    /// The longest that a call may take, whatever its caller allows.
    timeout: Duration,
    rest: Duration,
    /// Counts calls, to go round the nodes.
    calls: AtomicUsize,
    /// What moments are measured from.
    start: Instant,
}

struct Node {
    url: String,
    client: Arc<Qdrant>,
    /// Milliseconds after `start` until which the node rests.
    rests_until: AtomicU64,
}

impl Nodes {
    /// Clients for all nodes; nothing is connected yet.
    pub(super) fn new(config: &QdrantConfig, timeout: Duration) -> Result<Self, IndexError> {
        config.check()?;
        let node = |url: &String| {
            // A call that times out is tried once more inside the client: half the time for each.
            let client = Qdrant::from_url(url)
                .timeout(timeout / 2)
                .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
                .api_key(config.api_key.as_ref().map(|key| key.expose_secret().to_string()))
                .skip_compatibility_check()
                .build()
                .map_err(|error| IndexError::Invalid(format!("the address `{url}`: {error}")))?;
            Ok(Node { url: url.clone(), client: Arc::new(client), rests_until: AtomicU64::new(0) })
        };
        Ok(Self {
            nodes: config.urls.iter().map(node).collect::<Result<_, IndexError>>()?,
            timeout,
            rest: Duration::from_millis(config.node_rest_ms),
            calls: AtomicUsize::new(0),
            start: Instant::now(),
        })
    }

    /// Makes a call that may be repeated, on one node after the other until one answers or the time is up.
    pub(super) async fn call<T, F>(
        &self,
        deadline: Instant,
        call: impl Fn(Arc<Qdrant>) -> F,
    ) -> Result<T, IndexError>
    where
        F: Future<Output = Result<T, QdrantError>>,
    {
        let deadline = deadline.min(Instant::now() + self.timeout);
        let mut last = IndexError::Timeout;
        let order = self.order();
        for (tried, node) in order.iter().enumerate() {
            let now = Instant::now();
            if now >= deadline {
                break;
            }
            // An attempt leaves half of the time to those that may follow.
            let others_follow = tried + 1 < order.len();
            let until = if others_follow { now + (deadline - now) / 2 } else { deadline };
            last = match tokio::time::timeout_at(until.into(), call(Arc::clone(&node.client))).await {
                Ok(Ok(answer)) => {
                    node.rests_until.store(0, Ordering::Relaxed);
                    return Ok(answer);
                }
                Ok(Err(error)) => classify(&node.url, &error),
                Err(_) => IndexError::Timeout,
            };
            if matches!(last, IndexError::Invalid(_)) {
                break;
            }
            node.rests_until.store(self.now_ms() + self.rest.as_millis() as u64, Ordering::Relaxed);
        }
        Err(last)
    }

    /// Whether at least one node answers, and none of those that do is of a version that this client is not made for.
    pub(super) async fn check_versions(&self) -> Result<(), IndexError> {
        let mut answered = Err(IndexError::Timeout);
        for node in &self.nodes {
            // Connecting is part of it, and has a limit of its own.
            let limit = node.client.config.connect_timeout + self.timeout;
            match tokio::time::timeout(limit, node.client.health_check()).await {
                Ok(Ok(reply)) => {
                    check_version(&node.url, &reply.version)?;
                    answered = Ok(());
                }
                Ok(Err(error)) if answered.is_err() => answered = Err(classify(&node.url, &error)),
                Ok(Err(_)) | Err(_) => {}
            }
        }
        answered
    }

    /// The nodes in the order in which to ask them: round those that are well, then those that rest.
    fn order(&self) -> Vec<&Node> {
        let (now, first) = (self.now_ms(), self.calls.fetch_add(1, Ordering::Relaxed));
        let round = (0..self.nodes.len()).map(|step| &self.nodes[(first + step) % self.nodes.len()]);
        let (mut order, mut resting): (Vec<_>, Vec<_>) = round.partition(|node| self.is_well(node, now));
        resting.sort_by_key(|node| node.rests_until.load(Ordering::Relaxed));
        order.extend(resting);
        order
    }

    /// A node whose rest is over is well for the one call that finds out; for all others it rests on meanwhile.
    fn is_well(&self, node: &Node, now: u64) -> bool {
        let until = node.rests_until.load(Ordering::Relaxed);
        let next = now + self.rest.as_millis() as u64;
        until == 0
            || (now >= until
                && node
                    .rests_until
                    .compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok())
    }

    fn now_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }
}

/// What a caller can do about a client's error.
fn classify(url: &str, error: &QdrantError) -> IndexError {
    let status = match error {
        QdrantError::ResponseError { status } | QdrantError::ResourceExhaustedError { status, .. } => status,
        QdrantError::ConversionError(reason) => return IndexError::Invalid(reason.clone()),
        other => return IndexError::Unavailable(format!("{url}: {other}")),
    };
    match status.code() {
        Code::InvalidArgument | Code::OutOfRange | Code::AlreadyExists => {
            IndexError::Invalid(status.message().to_string())
        }
        Code::DeadlineExceeded | Code::Cancelled => IndexError::Timeout,
        code => IndexError::Unavailable(format!("{url}: {code}: {}", status.message())),
    }
}

/// Majors must be equal, and minors at most one apart.
fn check_version(url: &str, version: &str) -> Result<(), IndexError> {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let (major, minor) = CLIENT_VERSION;
    match (numbers.next(), numbers.next()) {
        (Some(Ok(its_major)), Some(Ok(its_minor)))
            if its_major == major && its_minor.abs_diff(minor) <= 1 =>
        {
            Ok(())
        }
        _ => Err(IndexError::Unavailable(format!(
            "{url} is Qdrant {version}, but the client is for {major}.{} to {major}.{}",
            minor - 1,
            minor + 1
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(urls: &[&str]) -> Nodes {
        let config = QdrantConfig {
            urls: urls.iter().map(ToString::to_string).collect(),
            node_rest_ms: 60_000,
            ..QdrantConfig::default()
        };
        Nodes::new(&config, Duration::from_millis(400)).unwrap()
    }

    fn refused(url: &str) -> QdrantError {
        QdrantError::from(tonic::Status::unavailable(format!("{url} is down")))
    }

    #[tokio::test]
    async fn a_call_goes_round_the_nodes_and_past_those_that_are_down() {
        let nodes = nodes(&["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"]);
        let asked = std::sync::Mutex::new(Vec::new());
        for _ in 0..5 {
            let soon = Instant::now() + Duration::from_secs(1);
            let answer = nodes.call(soon, |client| {
                let url = client.config.uri.clone();
                asked.lock().unwrap().push(url.chars().last().unwrap());
                std::future::ready(if url.ends_with('2') { Err(refused(&url)) } else { Ok(url) })
            });
            assert!(!answer.await.unwrap().ends_with('2'));
        }
        let asked: String = asked.into_inner().unwrap().into_iter().collect();
        assert_eq!(asked.matches('2').count(), 1, "a node that failed is left to rest: {asked}");
        assert!(asked.contains('1') && asked.contains('3'), "all others share the calls: {asked}");
    }

    #[tokio::test]
    async fn a_hanging_node_leaves_time_for_the_next() {
        let nodes = nodes(&["http://127.0.0.1:1", "http://127.0.0.1:2"]);
        let answer = nodes.call(Instant::now() + Duration::from_millis(300), |client| async move {
            if client.config.uri.ends_with('1') {
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
            Ok(())
        });
        answer.await.unwrap();
    }

    #[tokio::test]
    async fn an_invalid_call_is_not_repeated() {
        let nodes = nodes(&["http://127.0.0.1:1", "http://127.0.0.1:2"]);
        let calls = AtomicUsize::new(0);
        let answer = nodes.call(Instant::now() + Duration::from_secs(1), |_| {
            calls.fetch_add(1, Ordering::Relaxed);
            let refused = QdrantError::from(tonic::Status::invalid_argument("vector size"));
            std::future::ready(Err::<(), _>(refused))
        });
        assert!(matches!(answer.await, Err(IndexError::Invalid(_))));
        assert_eq!(calls.into_inner(), 1);
    }

    #[test]
    fn versions_may_differ_by_one_minor() {
        let cases = [
            ("1.19.2", true),
            ("1.20.0", true),
            ("1.21.0-dev", true),
            ("1.18.0", false),
            ("2.20.0", false),
            ("", false),
        ];
        for (version, fits) in cases {
            assert_eq!(check_version("http://node", version).is_ok(), fits, "{version}");
        }
    }

    #[test]
    fn the_client_version_is_that_of_the_crate() {
        let lock = include_str!("../../../Cargo.lock");
        let (_, rest) = lock.split_once("name = \"qdrant-client\"\nversion = \"").unwrap();
        let (major, minor) = CLIENT_VERSION;
        assert!(rest.starts_with(&format!("{major}.{minor}.")));
    }
}
