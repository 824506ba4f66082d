//! One retrain: read, split, search, judge, gate, fit, index, publish.

use crate::config::TrainingConfig;
use crate::fit::{Lists, Taste, fit_lists, fit_taste};
use crate::history::{self, DataReport, History, HistoryError};
use crate::index;
use crate::judge::{Quality, judge};
use crate::progress::Progress;
use crate::publish::{PublishError, publish};
use crate::search::{Trial, search};
use crate::split::{Split, SplitError};
use crate::tables::{self, TableError, TableKind, TableReport};
use chrono::{DateTime, SecondsFormat, Utc};
use models::events::Timestamp;
use models::ials::IalsParams;
use models::ids::Ix;
use models::payload::Payload;
use models::release::{
    FORMAT_VERSION, FileEntry, Files, GRAPH, MANIFEST, Manifest, REPORT, Release, TimeUnit, release_id,
};
use serde::Serialize;
use std::path::PathBuf;

/// The files that training reads.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// History, in one or many files.
    pub history: Vec<PathBuf>,
    /// Attributes of items, if there are any.
    pub items: Option<PathBuf>,
    /// Where rejected rows of the history go, if anywhere.
    pub rejected: Option<PathBuf>,
}

/// How a training is run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The moment of the run: later dates are in the future, and the release is stamped with it.
    pub now: DateTime<Utc>,
    /// Random trials of parameters on the validation window; 0 for the configured ones.
    pub search_trials: usize,
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
    /// The parameters of the factorisation that were judged.
    pub ials: IalsParams,
    /// Every trial of the search, best first; empty without search.
    pub trials: Vec<Trial>,
    /// The table.
    pub quality: Quality,
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
    /// The attributes of items cannot be read.
    #[error(transparent)]
    Items(#[from] TableError),
    /// The history cannot be split.
    #[error(transparent)]
    Split(#[from] SplitError),
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
    let (payloads, items) = payloads(config, inputs, &history)?;
    let split = config.split.split(&history.log)?;
    let evaluation = measure(config, &history, &split, run, progress)?;
    if run.gate == Gate::BeatPopularity && evaluation.quality.loses_to_popularity() {
        return Err(TrainingError::LosesToPopularity(evaluation.quality.into()));
    }
    progress.begin("fit on the whole history", evaluation.ials.sweeps as u64);
    let taste = fit_taste(config, evaluation.ials, &history.log, split.end, progress)?;
    progress.end("");
    progress.begin("lists", 0);
    let lists = fit_lists(config, &history.log, &taste)?;
    progress.end("");
    progress.begin("publish", 0);
    let release = release(history, payloads, taste, lists);
    let mut files = encode(&release, split, &evaluation)?;
    files.extend(index::build(&release, config.seed)?.map(|graph| (GRAPH.to_owned(), graph)));
    let manifest = manifest(config, run, split, &evaluation, (&release, &files))?;
    let path = publish(directory, &manifest, &files)?;
    progress.end(&manifest.id);
    Ok(Trained { data, items, evaluation, manifest, path })
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
    let split = config.split.split(&history.log)?;
    Ok((data, measure(config, &history, &split, run, progress)?))
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
    history: &History,
    split: &Split,
    run: &Run,
    progress: &dyn Progress,
) -> Result<Evaluation, TrainingError> {
    let log = &history.log;
    let trials = match run.search_trials {
        0 => Vec::new(),
        n => search(config, log, (split.validation_start, split.test_start), n, progress)?,
    };
    let ials = trials.first().map_or(config.ials, |best| best.params);
    let quality = judge(config, ials, log, (split.test_start, split.end), progress)?;
    Ok(Evaluation { ials, trials, quality })
}

/// The attributes of every item of the history, empty where the file does not know it.
fn payloads(
    config: &TrainingConfig,
    inputs: &Inputs,
    history: &History,
) -> Result<(Vec<Payload>, Option<TableReport>), TrainingError> {
    let mut payloads = vec![Payload::new(); history.items.len()];
    let Some(path) = &inputs.items else { return Ok((payloads, None)) };
    let (items, report) = tables::read(TableKind::Items, &config.items, path)?;
    for (id, payload) in items {
        if let Some(ix) = history.items.get(&id) {
            payloads[ix.position()] = payload;
        }
    }
    Ok((payloads, Some(report)))
}

fn release(history: History, payloads: Vec<Payload>, taste: Taste, lists: Lists) -> Release {
    Release {
        items: history.items,
        payloads,
        customers: history.customers,
        history: taste.interactions,
        ials: taste.ials,
        popularity: lists.popularity,
        trending: lists.trending,
        complements: lists.complements,
        similar: lists.similar,
    }
}

/// All files of the release but the manifest.
fn encode(release: &Release, split: Split, evaluation: &Evaluation) -> Result<Files, TrainingError> {
    let customer_factors = release.ials.fold_in_all(&release.history, split.end);
    let mut files = release.encode(&customer_factors)?;
    let report = serde_json::to_vec_pretty(evaluation)
        .map_err(|e| models::Error::Unreadable { part: REPORT.into(), reason: e.to_string() })?;
    files.insert(REPORT.into(), report);
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
    let config = TrainingConfig { ials: evaluation.ials, ..config.clone() };
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
