//! How Qdrant is reached and how a collection is laid out.

use crate::index::IndexError;
use secrecy::SecretString;
use serde::{Deserialize, Serialize, Serializer};

/// The Qdrant servers and the collections on them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QdrantConfig {
    /// The gRPC address of every node, such as `http://10.0.0.5:6334`; `https` for TLS. A query goes to one node,
    /// and to the next when that one is down.
    pub urls: Vec<String>,
    /// The key that the servers ask for; never printed.
    #[serde(serialize_with = "hidden", skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretString>,
    /// Milliseconds that any one call may take, all attempts together, even if the caller would wait longer.
    pub timeout_ms: u64,
    /// Milliseconds that connecting to a node may take.
    pub connect_timeout_ms: u64,
    /// Milliseconds for which a node that failed is asked last.
    pub node_rest_ms: u64,
    /// Copies of each shard; 2 or more survive the loss of a node.
    pub replication_factor: u32,
    /// Shards of a collection; about one per node.
    pub shards: u32,
    /// Links per item in the graph.
    pub links: u64,
    /// Candidates kept while an item is linked.
    pub build_breadth: u64,
    /// Candidates kept while a query walks; filters need more than plain queries.
    pub search_breadth: u64,
    /// Kilobytes of vectors that a filter may leave before a scan of them gives way to the graph.
    pub full_scan_threshold_kb: u64,
    /// Kilobytes of vectors that a segment may hold before it gets a graph.
    pub indexing_threshold_kb: u64,
    /// Points in one upload request.
    pub upload_chunk: usize,
    /// Seconds that the upload of a release and its indexing may take.
    pub build_timeout_s: u64,
    /// The name under which people and other tools find the collection in use, and the beginning of the names of
    /// all collections of this installation. The service itself asks for the collection of its release.
    pub alias: String,
}

/// A secret is never printed, only that there is one.
fn hidden<S: Serializer>(_: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("(hidden)")
}

impl Default for QdrantConfig {
    fn default() -> Self {
        Self {
            urls: vec!["http://127.0.0.1:6334".into()],
            api_key: None,
            timeout_ms: 250,
            connect_timeout_ms: 300,
            node_rest_ms: 2_000,
            replication_factor: 1,
            shards: 1,
            links: 16,
            build_breadth: 128,
            search_breadth: 128,
            full_scan_threshold_kb: 1_000,
            indexing_threshold_kb: 500,
            upload_chunk: 1_000,
            build_timeout_s: 900,
            alias: "items".into(),
        }
    }
}

impl QdrantConfig {
    /// Refuses a configuration that could not work.
    ///
    /// # Errors
    /// [`IndexError::Invalid`] naming the field.
    pub fn check(&self) -> Result<(), IndexError> {
        let refuse = |what: &str| Err(IndexError::Invalid(format!("the Qdrant configuration: {what}")));
        if self.urls.is_empty() {
            return refuse("`urls` names no node");
        }
        let positive = [
            ("timeout_ms", self.timeout_ms),
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("replication_factor", self.replication_factor.into()),
            ("shards", self.shards.into()),
            ("upload_chunk", self.upload_chunk as u64),
            ("build_timeout_s", self.build_timeout_s),
        ];
        match positive.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => refuse(&format!("`{name}` must be at least 1")),
            None => Ok(()),
        }
    }
}
