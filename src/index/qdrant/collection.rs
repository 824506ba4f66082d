//! The collection of one release: laid out, filled, indexed, and marked complete; and the end of old ones.
//!
//! Every step may be repeated, by this process or by another replica at the same time: both come to the same
//! collection. Only a collection that carries the mark of completeness is ever searched.

use super::QdrantConfig;
use super::filters::{KeyType, Schema, path, point, unquoted};
use super::nodes::Nodes;
use crate::index::{IndexError, IndexPoint};
use qdrant_client::qdrant::{
    CollectionInfo, CollectionStatus, CreateAliasBuilder, CreateCollectionBuilder,
    CreateFieldIndexCollectionBuilder, Distance, HnswConfigDiffBuilder, OptimizersConfigDiffBuilder,
    PayloadSchemaInfo, StrictModeConfigBuilder, UpdateCollectionBuilder, UpsertPointsBuilder,
    VectorParamsBuilder, vectors_config,
};
use qdrant_client::{Qdrant, QdrantError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What stands between the alias and the release in a collection's name.
const SEPARATOR: &str = "__";
/// The metadata key that holds the release of a complete collection.
const COMPLETE: &str = "proffer_release";
/// How often a collection is asked whether it is indexed.
const POLL: Duration = Duration::from_millis(200);

/// A release's collection on the servers.
pub(super) struct Collection<'a> {
    pub(super) name: &'a str,
    pub(super) nodes: &'a Nodes,
    pub(super) config: &'a QdrantConfig,
    pub(super) deadline: Instant,
}

/// The name of a release's collection: `<alias>__<release>`.
///
/// # Errors
/// [`IndexError::Invalid`] for a release whose name cannot be part of a collection's.
pub(super) fn name(config: &QdrantConfig, release: &str) -> Result<String, IndexError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if release.is_empty() || release.len() > 150 || !release.chars().all(plain) {
        return Err(IndexError::Invalid(format!(
            "release `{release}` cannot name a collection: use up to 150 of the characters A-Z a-z 0-9 . _ -"
        )));
    }
    Ok(format!("{}{SEPARATOR}{release}", config.alias))
}

impl Collection<'_> {
    /// Whether the collection is there and complete; one that is there must have vectors of `dimensions`.
    pub(super) async fn is_complete(&self, dimensions: usize) -> Result<bool, IndexError> {
        if !self.exists().await? {
            return Ok(false);
        }
        let info = self.info().await?;
        if self::dimensions(&info) != Some(dimensions as u64) {
            return Err(IndexError::Invalid(format!(
                "collection `{}` holds other vectors than those of {dimensions} dimensions that the release has: delete it",
                self.name
            )));
        }
        Ok(info.config.is_some_and(|config| config.metadata.contains_key(COMPLETE)))
    }

    /// Creates the collection and its payload indexes, uploads the points and waits until they are indexed.
    pub(super) async fn fill(
        &self,
        dimensions: usize,
        schema: &Schema,
        points: &[IndexPoint],
    ) -> Result<(), IndexError> {
        self.create(dimensions).await?;
        for (key, kind) in &schema.0 {
            self.index_key(key, *kind).await?;
        }
        let chunks = points.chunks(self.config.upload_chunk);
        let last = chunks.len().saturating_sub(1);
        for (number, chunk) in chunks.enumerate() {
            self.upload(chunk, number == last).await?;
        }
        self.wait_until_indexed(dimensions, points.len() as u64).await
    }

    /// Creates the collection unless it is there.
    async fn create(&self, dimensions: usize) -> Result<(), IndexError> {
        let config = self.config;
        let request = CreateCollectionBuilder::new(self.name)
            .vectors_config(VectorParamsBuilder::new(dimensions as u64, Distance::Dot))
            .hnsw_config(
                HnswConfigDiffBuilder::default()
                    .m(config.links)
                    .ef_construct(config.build_breadth)
                    .full_scan_threshold(config.full_scan_threshold_kb),
            )
            .optimizers_config(
                OptimizersConfigDiffBuilder::default().indexing_threshold(config.indexing_threshold_kb),
            )
            .strict_mode_config(
                StrictModeConfigBuilder::default().enabled(true).unindexed_filtering_retrieve(false),
            )
            .shard_number(config.shards)
            .replication_factor(config.replication_factor);
        match self
            .call(|client| {
                let request = request.clone();
                async move { client.create_collection(request).await }
            })
            .await
        {
            Ok(_) => Ok(()),
            // Another replica was faster.
            Err(_) if self.exists().await? => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Creates the index of a payload key; one that is there already is left as it is.
    pub(super) async fn index_key(&self, key: &str, kind: KeyType) -> Result<(), IndexError> {
        let request =
            CreateFieldIndexCollectionBuilder::new(self.name, path(key), kind.field_type()).wait(true);
        self.call(|client| {
            let request = request.clone();
            async move { client.create_field_index(request).await }
        })
        .await
        .map(|_| ())
    }

    /// Uploads some points; waiting for the last of several uploads waits for all.
    pub(super) async fn upload(&self, points: &[IndexPoint], wait: bool) -> Result<(), IndexError> {
        let points: Vec<_> = points.iter().map(point).collect();
        let request = UpsertPointsBuilder::new(self.name, points).wait(wait);
        self.call(|client| {
            let request = request.clone();
            async move { client.upsert_points(request).await }
        })
        .await
        .map(|_| ())
    }

    /// A server says that it is done while segments below the threshold have no graph; so the vectors without one
    /// are counted, and only so many are let pass as those segments may hold.
    async fn wait_until_indexed(&self, dimensions: usize, points: u64) -> Result<(), IndexError> {
        let kilobytes = |vectors: u64| vectors * dimensions as u64 * 4 / 1024;
        loop {
            let info = self.info().await?;
            let present = info.points_count.unwrap_or(0);
            let plain = present.saturating_sub(info.indexed_vectors_count.unwrap_or(0));
            let is_done = info.status == CollectionStatus::Green as i32
                && present >= points
                && kilobytes(plain) <= info.segments_count * self.config.indexing_threshold_kb;
            if is_done {
                return Ok(());
            }
            if info.status == CollectionStatus::Red as i32 {
                return Err(IndexError::Unavailable(format!(
                    "collection `{}` is red: see the server's log",
                    self.name
                )));
            }
            if Instant::now() + POLL >= self.deadline {
                return Err(IndexError::Timeout);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Marks the collection as complete: from now on it may be searched.
    pub(super) async fn mark_complete(&self, release: &str) -> Result<(), IndexError> {
        let mark = HashMap::from([(COMPLETE.to_string(), serde_json::Value::from(release))]);
        let request = UpdateCollectionBuilder::new(self.name).metadata(mark);
        self.call(|client| {
            let request = request.clone();
            async move { client.update_collection(request).await }
        })
        .await
        .map(|_| ())
    }

    /// Lets the alias name this collection.
    pub(super) async fn take_alias(&self) -> Result<(), IndexError> {
        let request = CreateAliasBuilder::new(self.name, &self.config.alias);
        self.call(|client| {
            let request = request.clone();
            async move { client.create_alias(request).await }
        })
        .await
        .map(|_| ())
    }

    /// The types of the payload keys that the servers have indexes for.
    pub(super) async fn schema(&self) -> Result<Schema, IndexError> {
        let keys = self.info().await?.payload_schema.into_iter();
        let kind = |(key, info): (String, PayloadSchemaInfo)| {
            Some((unquoted(&key), KeyType::of_schema(info.data_type)?))
        };
        Ok(Schema(keys.filter_map(kind).collect()))
    }

    async fn exists(&self) -> Result<bool, IndexError> {
        self.call(|client| async move { client.collection_exists(self.name).await }).await
    }

    async fn info(&self) -> Result<CollectionInfo, IndexError> {
        let info = self.call(|client| async move { client.collection_info(self.name).await }).await?.result;
        info.ok_or_else(|| {
            IndexError::Unavailable(format!("collection `{}` says nothing of itself", self.name))
        })
    }

    async fn call<T, F>(&self, call: impl Fn(Arc<Qdrant>) -> F) -> Result<T, IndexError>
    where
        F: Future<Output = Result<T, QdrantError>>,
    {
        self.nodes.call(self.deadline, call).await
    }
}

/// The length of a collection's vectors, if it has one kind of vector and compares them by dot product.
fn dimensions(info: &CollectionInfo) -> Option<u64> {
    let vectors = info.config.as_ref()?.params.as_ref()?.vectors_config.as_ref()?;
    match vectors.config.as_ref()? {
        vectors_config::Config::Params(params) if params.distance == Distance::Dot as i32 => {
            Some(params.size)
        }
        _ => None,
    }
}

/// Deletes the collections of ours whose release is not to be kept, and says which. Call it when no service asks for
/// them any more: after a swap and a period of grace. Only collections that carry our mark are touched, so that an
/// upload under way elsewhere goes on.
pub(super) async fn prune(
    nodes: &Nodes,
    config: &QdrantConfig,
    keep: &[&str],
    deadline: Instant,
) -> Result<Vec<String>, IndexError> {
    let listed = nodes.call(deadline, |client| async move { client.list_collections().await }).await?;
    let mut deleted = Vec::new();
    for name in listed.collections.iter().map(|collection| collection.name.as_str()) {
        let release = name.strip_prefix(&config.alias).and_then(|rest| rest.strip_prefix(SEPARATOR));
        let Some(release) = release.filter(|release| !keep.contains(release)) else { continue };
        let collection = Collection { name, nodes, config, deadline };
        if collection.info().await?.config.is_some_and(|config| config.metadata.contains_key(COMPLETE)) {
            collection.call(|client| async move { client.delete_collection(name).await }).await?;
            deleted.push(release.to_string());
        }
    }
    Ok(deleted)
}
