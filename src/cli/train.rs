//! `proffer train`, `proffer evaluate` and `proffer validate`: everything that begins with history files.

use super::ConfigArguments;
use super::progress::Shown;
use crate::config::Config;
use crate::telemetry::{self, LogGuard};
use anyhow::{Context, bail};
use chrono::Utc;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;
use training::html::Page;
use training::pipeline::{self, Gate, Inputs, Run};
use training::search::Budget;

/// The files to read.
#[derive(Debug, Args)]
struct InputArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// History files: CSV (plain, gzip, zstd) or Parquet.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    history: Vec<PathBuf>,
    /// Writes the rows that are not used, each with its reason, to a CSV file.
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
}

impl InputArguments {
    fn load(self, attributes: AttributeArguments) -> anyhow::Result<(Config, Inputs, LogGuard)> {
        let config = self.config.load()?;
        let log =
            telemetry::start(&config.log).with_context(|| format!("log.filter {:?}", config.log.filter))?;
        let AttributeArguments { items, customers } = attributes;
        let (history, rejected) = (self.history, self.rejected);
        Ok((config, Inputs { history, items, customers, rejected, ..Inputs::default() }, log))
    }
}

/// Files of attributes.
#[derive(Debug, Default, Args)]
struct AttributeArguments {
    /// Attributes of items: CSV or Parquet with a column item_id.
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    /// Attributes of customers: CSV or Parquet with a column customer_id.
    #[arg(long, value_name = "FILE")]
    customers: Option<PathBuf>,
}

/// Whether and how long to search for parameters.
#[derive(Debug, Args)]
struct SearchArguments {
    /// Searches for better parameters on baskets held back, in at most N trials.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "50")]
    search: Option<usize>,
    /// No trial of a search begins after so many minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 10.0)]
    search_minutes: f64,
}

impl SearchArguments {
    fn budget(&self) -> anyhow::Result<Option<Budget>> {
        let minutes = self.search_minutes;
        let time = Duration::try_from_secs_f64(minutes * 60.0)
            .with_context(|| format!("--search-minutes must be a number of at least 0, but is {minutes}"))?;
        Ok(self.search.filter(|&trials| trials > 0).map(|trials| Budget { trials, time }))
    }
}

/// Arguments of `proffer validate`.
#[derive(Debug, Args)]
pub(super) struct ValidateArguments {
    #[command(flatten)]
    inputs: InputArguments,
}

/// Prints the report on a history; fails where training on it would mislead.
pub(super) fn validate(arguments: ValidateArguments) -> anyhow::Result<()> {
    let (config, inputs, _log) = arguments.inputs.load(AttributeArguments::default())?;
    let (_, report) = pipeline::inspect(&config.training, &inputs, Utc::now(), &Shown::new())?;
    println!("{report}");
    if report.is_trainable() { Ok(()) } else { bail!("training on this history would mislead") }
}

/// Arguments of `proffer train`.
#[derive(Debug, Args)]
pub(super) struct TrainArguments {
    #[command(flatten)]
    inputs: InputArguments,
    #[command(flatten)]
    attributes: AttributeArguments,
    /// Where the release is published; the same as --set releases.dir=…
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// The log of decisions about offers, as `proffer decisions` writes it: who accepts which offer is learned from it.
    #[arg(long, value_name = "FILE")]
    decisions: Option<PathBuf>,
    #[command(flatten)]
    search: SearchArguments,
    /// Publishes the release even if it is worse than recommending what everyone buys.
    #[arg(long)]
    publish_anyway: bool,
}

/// Trains, prints what was read and measured, and publishes a release.
pub(super) fn train(arguments: TrainArguments) -> anyhow::Result<()> {
    let (config, mut inputs, _log) = arguments.inputs.load(arguments.attributes)?;
    inputs.decisions = arguments.decisions;
    let directory = arguments.models.unwrap_or_else(|| config.releases.dir.clone());
    let gate = if arguments.publish_anyway { Gate::Open } else { Gate::BeatPopularity };
    let run = Run { now: Utc::now(), search: arguments.search.budget()?, gate };
    let trained = pipeline::train(&config.training, &inputs, &run, &directory, &Shown::new())?;
    println!("{}", trained.data);
    for (whose, table) in [("items", &trained.items), ("customers", &trained.customers)] {
        if let Some(table) = table {
            println!("Attributes of {whose}:\n{table}");
        }
    }
    println!("{}{}", trained.evaluation.quality, trained.evaluation.customers);
    if let Some(report) = &trained.evaluation.propensity {
        println!("{}", training::report::Propensity(report));
    }
    println!("Published release {} in {}", trained.manifest.id, trained.path.display());
    Ok(())
}

/// Arguments of `proffer evaluate`.
#[derive(Debug, Args)]
pub(super) struct EvaluateArguments {
    #[command(flatten)]
    inputs: InputArguments,
    #[command(flatten)]
    attributes: AttributeArguments,
    #[command(flatten)]
    search: SearchArguments,
    /// Judges by this file of what customers did afterwards, instead of by a part of the history.
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// Also writes the evaluation as a page with charts that needs nothing else.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Also writes the evaluation as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures what a training would give, and publishes nothing.
pub(super) fn evaluate(arguments: EvaluateArguments) -> anyhow::Result<()> {
    let (config, mut inputs, _log) = arguments.inputs.load(arguments.attributes)?;
    inputs.test = arguments.test;
    let run = Run { now: Utc::now(), search: arguments.search.budget()?, gate: Gate::Open };
    let (data, evaluation) = pipeline::evaluate(&config.training, &inputs, &run, &Shown::new())?;
    println!("{data}\n{}{}", evaluation.quality, evaluation.customers);
    if let Some(path) = arguments.html {
        super::output::write_whole(&path, |out| Ok(write!(out, "{}", Page(&evaluation))?))?;
    }
    if let Some(path) = arguments.json {
        let json = serde_json::to_vec_pretty(&evaluation)?;
        super::output::write_whole(&path, |out| Ok(out.write_all(&json)?))?;
    }
    Ok(())
}
