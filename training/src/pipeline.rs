//! One retrain: read, split, search, judge, gate, fit, index, publish.

use crate::attributes::Attributes;
use crate::blend::Lesson;
use crate::config::TrainingConfig;
use crate::customers::score::{Scored, Scoring};
use crate::customers::{self, CustomersReport, Studied};
use crate::fit::{
    Known, Lists, ViewParams, fit_lists, fit_taste, index_vectors, interactions_before, item_prior,
};
use crate::history::{self, DataReport, History, HistoryError};
use crate::html::Page;
use crate::index::{self, Built};
use crate::judge::{Data, Judged, Quality, judge};
use crate::precomputed;
use crate::progress::Progress;
use crate::propensity::{self, LogError};
use crate::publish::{PublishError, publish};
use crate::search::{Budget, Trial, search};
use crate::split::{self, Split, SplitError, SplitKind};
use crate::tables::{self, TableError, TableKind, TableReport};
use chrono::{DateTime, SecondsFormat, Utc};
use models::attributes::{FeatureRows, Prior};
use models::events::{Event, EventLog, Timestamp};
use models::interactions::Interactions;
use models::payload::Payload;
use models::propensity::PropensityReport;
use models::release::{
    CustomerTables, FORMAT_VERSION, FileEntry, Files, GRAPH, MANIFEST, Manifest, REPORT, REPORT_PAGE,
    Release, TimeUnit, release_id,
};
use models::taste::{Blends, Taste};
use ndarray::Array2;
use serde::Serialize;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// The files that training reads.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// History, in one or many files.
    pub history: Vec<PathBuf>,
    /// What customers did afterwards, to judge by instead of a part of the history; only [`evaluate`] reads it.
    pub test: Option<PathBuf>,
    /// Attributes of items, if there are any.
    pub items: Option<PathBuf>,
    /// Attributes of customers, if there are any.
    pub customers: Option<PathBuf>,
    /// The log of decisions about offers, if there is one; only [`train`] reads it.
    pub decisions: Option<PathBuf>,
    /// Where rejected rows of the history go, if anywhere.
    pub rejected: Option<PathBuf>,
}

/// How a training is run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The moment of the run: later dates are in the future, and the release is stamped with it.
    pub now: DateTime<Utc>,
    /// How long to search for parameters; without one the configured ones are taken.
    pub search: Option<Budget>,
    /// What happens when the release is worse than popularity.
    pub gate: Gate,
}

/// Whether quality decides about publishing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    /// A release that loses to popularity is refused.
    #[default]
    BeatPopularity,
    /// Publish whatever was measured.
    Open,
}

/// What a training came to.
#[derive(Debug)]
pub struct Trained {
    /// What was read and dropped.
    pub data: DataReport,
    /// What was read of items, if there is a file of them.
    pub items: Option<TableReport>,
    /// What was read of customers, if there is a file of them.
    pub customers: Option<TableReport>,
    /// What was measured.
    pub evaluation: Evaluation,
    /// The manifest of the release.
    pub manifest: Manifest,
    /// Where it stands.
    pub path: PathBuf,
}

/// What was measured before publishing: the content of `report.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// The parameters of the views that were judged.
    pub params: ViewParams,
    /// How the views are weighed.
    pub blends: Blends,
    /// How well they do, weighed so, on what was held back.
    pub lesson: Lesson,
    /// Every trial of the search, best first; empty without search.
    pub trials: Vec<Trial>,
    /// The table.
    pub quality: Quality,
    /// How well customers are known.
    pub customers: CustomersReport,
    /// How well it is known who accepts which offer; absent without a log of decisions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propensity: Option<PropensityReport>,
}

/// Why a training stopped. Nothing is published then.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Training on this history would mislead.
    #[error("training on this history would mislead:\n{0}")]
    Unfit(Box<DataReport>),
    /// The attributes of items or customers cannot be read.
    #[error(transparent)]
    Attributes(#[from] TableError),
    /// The history cannot be split.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The log of decisions cannot be read.
    #[error(transparent)]
    Decisions(#[from] LogError),
    /// A model cannot be fitted or judged.
    #[error(transparent)]
    Model(#[from] models::Error),
    /// The release is worse than popularity.
    #[error(
        "the release loses to popularity and is not published; search for better parameters (--search 20), or publish it all the same (--publish-anyway)\n{0}"
    )]
    LosesToPopularity(Box<Quality>),
    /// The release cannot be written.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Trains on history files and publishes a release into `directory`.
///
/// # Errors
/// [`TrainingError`]; `directory` then holds what it held before.
pub fn train(
    config: &TrainingConfig,
    inputs: &Inputs,
    run: &Run,
    directory: &std::path::Path,
    progress: &dyn Progress,
) -> Result<Trained, TrainingError> {
    let (history, data) = read(config, inputs, run, progress)?;
    let (attributes, tables) = attributes(config, inputs, &history)?;
    let (log, split) = divided(config, &history.log)?;
    let (mut evaluation, mut studied) =
        measure(config, (attributes.with(&log), &channels(&history)), &split, run, progress)?;
    if run.gate == Gate::BeatPopularity && evaluation.quality.loses_to_popularity() {
        return Err(TrainingError::LosesToPopularity(evaluation.quality.into()));
    }
    progress.begin("fit on the whole history", evaluation.params.ials.sweeps as u64);
    let interactions = interactions_before(config, &history.log, split.end);
    let before = Known {
        log: &history.log,
        interactions: &interactions,
        as_of: split.end,
        customers: &attributes.customers,
        holdout: None,
    };
    let taste = fit_taste(config, &evaluation.params, before, Some(evaluation.blends), progress)?;
    progress.end("");
    progress.begin("lists", 0);
    let lists = fit_lists(config, &history.log, &taste, split.end)?;
    progress.end("");
    progress.begin("score customers", 0);
    let item_prior = placed_items(config, &attributes.items, &taste, &interactions)?;
    let factors = taste.ials.fold_in_all(&interactions, split.end);
    let scoring = Scoring {
        behaviour: &studied.behaviour,
        customers: &attributes.customers,
        interactions: &interactions,
        taste: &taste,
        factors: factors.view(),
        as_of: split.end,
    };
    scoring.learn_profile(&mut studied.models, config.customer_models.profile);
    let scored = scoring.all(&studied.models)?;
    let Both { items, customers } = attributes;
    let known = customer_tables(studied, scored, &customers.payloads)?;
    let about = (customers.rows, known);
    let mut release = release(history, (items.payloads, item_prior), about, (interactions, taste), lists);
    if let Some(learned) = propensities(config, inputs)? {
        release.propensities = Some(learned.released);
        evaluation.propensity = Some(learned.report);
    }
    progress.end("");
    let made = index(config, &release, split.end, progress)?;
    progress.begin("publish", 0);
    let mut files = encode(&release, &factors, &evaluation)?;
    files.extend(made);
    let manifest = manifest(config, run, split, &evaluation, (&release, &files))?;
    let path = publish(directory, &manifest, &files)?;
    progress.end(&manifest.id);
    let Both { items, customers } = tables;
    Ok(Trained { data, items, customers, evaluation, manifest, path })
}

/// The index over the items, as far as a release keeps it, and what it finds for every customer.
fn index(
    config: &TrainingConfig,
    release: &Release,
    as_of: Timestamp,
    progress: &dyn Progress,
) -> Result<Files, TrainingError> {
    progress.begin("index", 0);
    let Built { index, graph } = index::build(release, config.seed)?;
    progress.end("");
    progress.begin("precompute", release.customers.len() as u64);
    let mut files = precomputed::rank(&config.precomputed, release, &*index, as_of, progress)?;
    progress.end("");
    files.extend(graph.map(|graph| (GRAPH.to_owned(), graph)));
    Ok(files)
}

/// Who accepts which offer, where there is a log of decisions.
fn propensities(
    config: &TrainingConfig,
    inputs: &Inputs,
) -> Result<Option<propensity::Learned>, TrainingError> {
    let Some(path) = &inputs.decisions else { return Ok(None) };
    let learned = propensity::learn(&config.propensity, &propensity::read(path)?)?;
    if let Some(outdated) = learned.as_ref().map(|learned| learned.outdated).filter(|outdated| *outdated > 0)
    {
        tracing::warn!(outdated, "decisions from before the service saw what it sees today were left out");
    }
    Ok(learned)
}

/// Something of items, and the same of customers.
struct Both<T> {
    items: T,
    customers: T,
}

impl Both<Attributes> {
    fn with<'a>(&'a self, log: &'a EventLog) -> Data<'a> {
        Data { log, customers: &self.customers, items: &self.items }
    }
}

/// Reads, splits, searches and judges as [`train`] does, and publishes nothing.
///
/// # Errors
/// As [`train`].
pub fn evaluate(
    config: &TrainingConfig,
    inputs: &Inputs,
    run: &Run,
    progress: &dyn Progress,
) -> Result<(DataReport, Evaluation), TrainingError> {
    let (history, data) = read(config, inputs, run, progress)?;
    let (history, (log, split)) = match &inputs.test {
        None => {
            let (log, split) = divided(config, &history.log)?;
            let divided = (Cow::Owned(log.into_owned()), split);
            (history, divided)
        }
        Some(file) => tested(config, history, file, run, progress)?,
    };
    let (attributes, _) = attributes(config, inputs, &history)?;
    let (evaluation, _) =
        measure(config, (attributes.with(&log), &channels(&history)), &split, run, progress)?;
    Ok((data, evaluation))
}

/// The history with its split: in time, or at random where there are no times.
fn divided<'a>(
    config: &TrainingConfig,
    log: &'a EventLog,
) -> Result<(Cow<'a, EventLog>, Split), TrainingError> {
    if log.is_timed() {
        return Ok((Cow::Borrowed(log), config.split.split(log)?));
    }
    let log = split::at_random(log, config.seed);
    let (_, later) = log.span().ok_or(SplitError::Empty)?;
    let end = Timestamp(later.0.saturating_add(1));
    let split = Split { kind: SplitKind::Random, test_start: later, end };
    Ok((Cow::Owned(log), split))
}

/// The history with the events of a test file behind it. Customers whom the history does not know are not judged; items
/// that it does not know are, since a perfect list would hold them.
fn tested(
    config: &TrainingConfig,
    mut history: History,
    file: &Path,
    run: &Run,
    progress: &dyn Progress,
) -> Result<(History, (Cow<'static, EventLog>, Split)), TrainingError> {
    let inputs = Inputs { history: vec![file.to_path_buf()], ..Inputs::default() };
    let (test, _) = inspect(config, &inputs, run.now, progress)?;
    let mut events = Vec::with_capacity(test.log.events().len());
    for event in test.log.events() {
        let customer = test.customers.id(event.customer).and_then(|id| history.customers.get(id));
        let (Some(customer), Some(item)) = (customer, test.items.id(event.item)) else { continue };
        let channel = test.channels.id(event.channel).and_then(|id| history.channels.get(id));
        let (item, channel) = (history.items.intern(item)?, channel.unwrap_or_default());
        events.push(Event { customer, item, channel, ..*event });
    }
    let (log, split) = split::with_test(&history.log, events, history.items.len());
    Ok((history, (Cow::Owned(log), split)))
}

/// Reads a history, whatever its verdict: what `proffer validate` shows.
///
/// # Errors
/// [`HistoryError`] for whatever makes the files as a whole unusable.
pub fn inspect(
    config: &TrainingConfig,
    inputs: &Inputs,
    now: DateTime<Utc>,
    progress: &dyn Progress,
) -> Result<(History, DataReport), HistoryError> {
    progress.begin("read history", 100);
    let percent = |read: history::Progress| 100 * read.bytes_read / read.bytes_total.max(1);
    let now = Timestamp(now.timestamp());
    let read = history::read(
        &config.history,
        &inputs.history,
        now,
        |read| progress.at(percent(read)),
        inputs.rejected.as_deref(),
    )?;
    progress.end(&format!("{} events", read.0.log.events().len()));
    Ok(read)
}

fn read(
    config: &TrainingConfig,
    inputs: &Inputs,
    run: &Run,
    progress: &dyn Progress,
) -> Result<(History, DataReport), TrainingError> {
    let (history, report) = inspect(config, inputs, run.now, progress)?;
    if report.is_trainable() { Ok((history, report)) } else { Err(TrainingError::Unfit(report.into())) }
}

fn measure(
    config: &TrainingConfig,
    (data, channels): (Data<'_>, &[String]),
    split: &Split,
    run: &Run,
    progress: &dyn Progress,
) -> Result<(Evaluation, Studied), TrainingError> {
    let trials = match run.search {
        None => Vec::new(),
        Some(budget) => search(config, data, split.test_start, budget, progress)?,
    };
    let params = trials.first().map_or(ViewParams::of(config), |best| best.params);
    let Judged { quality, blended } = judge(config, &params, data, split, progress)?;
    progress.begin("customers", 0);
    let bootstrap = config.evaluation.bootstrap;
    let studied = customers::study(&config.customer_models, data, channels, split.end, bootstrap)?;
    progress.end("");
    let (blends, lesson) = (blended.taste.blends, blended.lesson);
    let customers = studied.report.clone();
    Ok((Evaluation { params, blends, lesson, trials, quality, customers, propensity: None }, studied))
}

/// The names of the channels of a history, by their indexes.
fn channels(history: &History) -> Vec<String> {
    history.channels.iter().map(|(_, name)| name.to_owned()).collect()
}

/// What a release keeps of customers.
fn customer_tables(
    studied: Studied,
    scored: Scored,
    attributes: &[Payload],
) -> Result<CustomerTables, TrainingError> {
    Ok(CustomerTables {
        behaviour: studied.behaviour,
        models: studied.models,
        scores: scored.scores,
        vectors: scored.vectors,
        attributes: CustomerTables::attribute_texts(attributes)?,
    })
}

/// The attributes of the items and the customers of the history, empty where no file knows them.
fn attributes(
    config: &TrainingConfig,
    inputs: &Inputs,
    history: &History,
) -> Result<(Both<Attributes>, Both<Option<TableReport>>), TrainingError> {
    let read = |kind, config, path: &Option<PathBuf>| match path {
        None => Ok((Vec::new(), None)),
        Some(path) => tables::read(kind, config, path).map(|(rows, report)| (rows, Some(report))),
    };
    let (items, of_items) = read(TableKind::Items, &config.items, &inputs.items)?;
    let (customers, of_customers) = read(TableKind::Customers, &config.customers, &inputs.customers)?;
    let attributes = Both {
        items: Attributes::new(&config.prior, &history.items, items),
        customers: Attributes::new(&config.prior, &history.customers, customers),
    };
    Ok((attributes, Both { items: of_items, customers: of_customers }))
}

/// Where items stand by their attributes; `None` where these tell nothing apart.
fn placed_items(
    config: &TrainingConfig,
    items: &Attributes,
    taste: &Taste,
    interactions: &Interactions,
) -> Result<Option<Prior>, TrainingError> {
    if items.features.is_empty() {
        return Ok(None);
    }
    Ok(Some(item_prior(config, items, &index_vectors(taste), interactions)?))
}

fn release(
    history: History,
    (payloads, item_prior): (Vec<Payload>, Option<Prior>),
    (profiles, known): (FeatureRows, CustomerTables),
    (interactions, taste): (Interactions, Taste),
    lists: Lists,
) -> Release {
    Release {
        items: history.items,
        payloads,
        customers: history.customers,
        profiles,
        known,
        history: interactions,
        taste,
        item_prior,
        propensities: None,
        popularity: lists.popularity,
        trending: lists.trending,
        complements: lists.complements,
        similar: lists.similar,
    }
}

/// All files of the release but the manifest.
fn encode(
    release: &Release,
    customer_factors: &Array2<f32>,
    evaluation: &Evaluation,
) -> Result<Files, TrainingError> {
    let mut files = release.encode(customer_factors)?;
    let report = serde_json::to_vec_pretty(evaluation)
        .map_err(|e| models::Error::Unreadable { part: REPORT.into(), reason: e.to_string() })?;
    files.insert(REPORT.into(), report);
    files.insert(REPORT_PAGE.into(), Page(evaluation).to_string().into_bytes());
    Ok(files)
}

fn manifest(
    config: &TrainingConfig,
    run: &Run,
    split: Split,
    evaluation: &Evaluation,
    (release, files): (&Release, &Files),
) -> Result<Manifest, TrainingError> {
    let json = |part: serde_json::Result<serde_json::Value>| {
        part.map_err(|e| models::Error::Unreadable { part: MANIFEST.into(), reason: e.to_string() })
    };
    let entries = files.iter().map(|(name, bytes)| (name.clone(), FileEntry::of(bytes))).collect();
    let ViewParams { ials, spectral, item_weights } = evaluation.params;
    let config = TrainingConfig { ials, spectral, item_weights, ..config.clone() };
    Ok(Manifest {
        format_version: FORMAT_VERSION,
        id: release_id(split.end, &entries),
        created_at: run.now.to_rfc3339_opts(SecondsFormat::Secs, true),
        data_cutoff: split.end,
        time_unit: TimeUnit::UnixSeconds,
        seed: config.seed,
        event_weights: config.event_weights,
        counts: release.counts(),
        parameters: json(serde_json::to_value(&config))?,
        quality: json(serde_json::to_value(&evaluation.quality))?,
        files: entries,
    })
}
