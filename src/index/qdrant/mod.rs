//! The vector index on a Qdrant server or cluster, for catalogues, replicas or availability beyond one process.
//!
//! A release has a collection of its own, `items__<release>` (after the alias), uploaded once and marked complete; the service asks
//! for the collection of the release that it runs, never for the alias. Distances are plain dot products, so that
//! scores are those of the model. An item's id is its dense index; its outside id is in the payload.
//!
//! Two answers can differ from those of the in-process indexes: the graph misses a few in a hundred items (the
//! recall probe holds it above .95), and among items that tie with the last of a list any may be in it.

mod collection;
mod config;
mod filters;
mod nodes;

pub use config::QdrantConfig;

use super::open::exact;
use super::{IndexError, IndexPoint, IndexQuery, IndexSource, VectorIndex, check};
use async_trait::async_trait;
use collection::Collection;
use filters::{Schema, point_id};
use models::ids::{ItemIx, Ix};
use models::index::probe;
use models::ranking::Scored;
use nodes::Nodes;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::{
    BatchResult, DeletePointsBuilder, PointsIdsList, Query, QueryBatchPointsBuilder, QueryPoints,
    QueryPointsBuilder, ScoredPoint, SearchParamsBuilder,
};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How many probe queries go out in one batch.
const PROBE_BATCH: usize = 10;

/// The collection of one release on the servers.
pub struct Qdrant {
    nodes: Nodes,
    config: QdrantConfig,
    name: String,
    dimensions: usize,
    /// Payload keys with an index; grows by upserts, here and in other replicas.
    schema: RwLock<Arc<Schema>>,
}

impl Qdrant {
    /// Takes up the collection of a release, or makes it: upload, index, probe, mark. Then lets the alias name it.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`] when no node answers, or one is of a version that does not fit;
    /// [`IndexError::Timeout`] when the upload takes longer than configured; [`IndexError::Invalid`] for items that
    /// the servers refuse, a foreign collection of that name, or a recall below the probe's limit.
    pub async fn open(config: &QdrantConfig, source: IndexSource) -> Result<Self, IndexError> {
        let name = collection::name(config, &source.release)?;
        let serving = Nodes::new(config, Duration::from_millis(config.timeout_ms))?;
        serving.check_versions().await?;
        let patience = Duration::from_secs(config.build_timeout_s);
        let deadline = Instant::now() + patience;
        let mut this = Self {
            nodes: Nodes::new(config, patience)?,
            config: config.clone(),
            name,
            dimensions: source.dimensions,
            schema: RwLock::default(),
        };
        if !this.collection(deadline).is_complete(source.dimensions).await? {
            this.build(&source, deadline).await?;
        }
        this.learn(this.collection(deadline).schema().await?);
        this.collection(deadline).take_alias().await?;
        this.nodes = serving;
        Ok(this)
    }

    async fn build(&self, source: &IndexSource, deadline: Instant) -> Result<(), IndexError> {
        let mut schema = Schema::default();
        schema.extend(&source.points)?;
        let collection = self.collection(deadline);
        collection.fill(source.dimensions, &schema, &source.points).await?;
        self.learn(schema);
        self.probe(source.clone(), deadline).await?;
        collection.mark_complete(&source.release).await
    }

    /// Deletes complete collections of other releases than those to keep, and says which. The caller waits until no
    /// service asks for them any more.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`] and [`IndexError::Timeout`]; what was deleted until then is gone.
    pub async fn prune(config: &QdrantConfig, keep: &[&str]) -> Result<Vec<String>, IndexError> {
        let limit = Duration::from_secs(config.build_timeout_s);
        collection::prune(&Nodes::new(config, limit)?, config, keep, Instant::now() + limit).await
    }

    fn collection(&self, deadline: Instant) -> Collection<'_> {
        Collection { name: &self.name, nodes: &self.nodes, config: &self.config, deadline }
    }

    fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.schema.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn learn(&self, schema: Schema) {
        *self.schema.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(schema);
    }

    /// The schema, asked for again where a query names a key that another replica may have added since.
    async fn schema_for(&self, queries: &[IndexQuery], deadline: Instant) -> Result<Arc<Schema>, IndexError> {
        let known = self.schema();
        if !queries.iter().all(|query| known.knows_keys(&query.filter)) {
            self.learn(self.collection(deadline).schema().await?);
        }
        Ok(self.schema())
    }

    /// Refuses a collection whose graph finds too little.
    async fn probe(&self, source: IndexSource, deadline: Instant) -> Result<(), IndexError> {
        let refused = |error: models::Error| IndexError::Invalid(error.to_string());
        let exact = exact(&source).map_err(refused)?;
        let vectors = probe::queries(&exact, super::open::PROBE_SEED);
        let truth = probe::answers(&exact, &vectors).map_err(refused)?;
        let mut found = Vec::with_capacity(vectors.len());
        for vectors in vectors.chunks(PROBE_BATCH) {
            let ask = |vector: &Vec<f32>| IndexQuery {
                vector: vector.clone(),
                n: probe::N,
                filter: Arc::default(),
                exclude: Vec::new(),
            };
            found.extend(self.search(vectors.iter().map(ask).collect(), deadline).await?);
        }
        probe::verdict(probe::recall(&truth, &found)).map(|_| ()).map_err(refused)
    }

    fn request(&self, query: &IndexQuery, schema: &Schema) -> QueryPoints {
        QueryPointsBuilder::new(&self.name)
            .query(Query::new_nearest(query.vector.clone()))
            .limit(query.n as u64)
            .filter(schema.translate(&query.filter, &query.exclude))
            .params(SearchParamsBuilder::default().hnsw_ef(self.config.search_breadth.max(query.n as u64)))
            .build()
    }
}

#[async_trait]
impl VectorIndex for Qdrant {
    fn kind(&self) -> &'static str {
        "qdrant"
    }

    async fn search(
        &self,
        queries: Vec<IndexQuery>,
        deadline: Instant,
    ) -> Result<Vec<Vec<Scored>>, IndexError> {
        check::deadline(deadline)?;
        check::queries(&queries, self.dimensions)?;
        let schema = self.schema_for(&queries, deadline).await?;
        // A server refuses to look for nothing.
        let asked = queries
            .iter()
            .filter(|query| query.n > 0)
            .map(|query| self.request(query, &schema))
            .collect::<Vec<_>>();
        let request = QueryBatchPointsBuilder::new(&self.name, asked);
        let answer = self
            .nodes
            .call(deadline, |client| {
                let request = request.clone();
                async move { client.query_batch(request).await }
            })
            .await?;
        let mut answers = answer.result.into_iter();
        queries.iter().map(|query| if query.n == 0 { Ok(Vec::new()) } else { hits(answers.next()) }).collect()
    }

    async fn upsert(&self, points: Vec<IndexPoint>, deadline: Instant) -> Result<(), IndexError> {
        check::deadline(deadline)?;
        check::points(&points, self.dimensions)?;
        let mut schema = (*self.schema()).clone();
        let collection = self.collection(deadline);
        for (key, kind) in schema.extend(&points)? {
            collection.index_key(&key, kind).await?;
        }
        self.learn(schema);
        collection.upload(&points, true).await
    }

    async fn delete(&self, items: Vec<ItemIx>, deadline: Instant) -> Result<(), IndexError> {
        check::deadline(deadline)?;
        let ids = items.into_iter().map(point_id).collect();
        let request = DeletePointsBuilder::new(&self.name).points(PointsIdsList { ids }).wait(true);
        self.nodes
            .call(deadline, |client| {
                let request = request.clone();
                async move { client.delete_points(request).await }
            })
            .await
            .map(|_| ())
    }

    async fn ready(&self, deadline: Instant) -> Result<(), IndexError> {
        check::deadline(deadline)?;
        if self.collection(deadline).is_complete(self.dimensions).await? {
            return Ok(());
        }
        Err(IndexError::Unavailable(format!("collection `{}` is gone: load the release again", self.name)))
    }
}

/// One answer in our terms and our order.
fn hits(answer: Option<BatchResult>) -> Result<Vec<Scored>, IndexError> {
    let strange = || IndexError::Unavailable("a server answered something else than was asked".into());
    let hit = |point: ScoredPoint| match point.id?.point_id_options? {
        PointIdOptions::Num(number) => {
            Some(Scored { item: ItemIx::at(usize::try_from(number).ok()?), score: point.score })
        }
        PointIdOptions::Uuid(_) => None,
    };
    let points = answer.ok_or_else(strange)?.result;
    let mut hits: Vec<Scored> = points.into_iter().map(hit).collect::<Option<_>>().ok_or_else(strange)?;
    hits.sort_by(Scored::rank_order);
    Ok(hits)
}
