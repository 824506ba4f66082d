//! `proffer decisions` and `proffer evaluate-policy`: what the log of decisions says.

use super::ConfigArguments;
use super::output::write_whole;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::offers::log::Body;
use crate::offers::off_policy::{EvaluationReport, evaluate};
use crate::offers::{Book, policy_in_force};
use crate::policy::{NEUTRAL, Policy};
use crate::startup::open_store;
use crate::store::{LoggedDecision, PolicyFormat, ResponseKind};
use anyhow::{Context, bail};
use chrono::Utc;
use clap::Args;
use comfy_table::{Table, presets};
use models::off_policy::{Estimates, Log, Row};
use serde::Deserialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use training::propensity::ShownOffer;

/// Decisions read at a time.
const PAGE: u32 = 1_000;

/// Arguments of `proffer decisions`.
#[derive(Debug, Args)]
pub(super) struct DecisionsArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Where the log goes, one JSON object a line; - for standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// Writes every shown offer whose outcome is known, by an answer or by silence: what `proffer train --decisions` learns from.
pub(super) async fn write(arguments: DecisionsArguments) -> anyhow::Result<()> {
    let config = arguments.config.load()?;
    let store = open_store(&config, Arc::new(Metrics::new()?)).await?;
    let ripe = policy_in_force(&*store).await?.ripe(Utc::now());
    let mut lines = Vec::new();
    let mut after = i64::MIN;
    loop {
        let page = store.decisions_after(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.sequence;
        for shown in page.iter().filter(|logged| logged.decision.at < ripe).flat_map(shown_offers) {
            serde_json::to_writer(&mut lines, &shown)?;
            lines.push(b'\n');
        }
    }
    store.close().await;
    if arguments.output == Path::new("-") {
        return Ok(std::io::stdout().lock().write_all(&lines)?);
    }
    write_whole(&arguments.output, |out| Ok(out.write_all(&lines)?))
}

/// The offers of a decision whose outcome is known, with what their propensities saw.
pub(super) fn shown_offers(logged: &LoggedDecision) -> Vec<ShownOffer> {
    let decision = &logged.decision;
    let Ok(body) = serde_json::from_str::<Body>(&decision.body) else { return Vec::new() };
    let shown = |result: &crate::store::ResultRecord| {
        let own = || logged.responses.iter().filter(|response| response.rank == result.rank);
        if !own().any(|response| response.kind.is_final()) {
            return None;
        }
        let contender = body.contenders.iter().find(|contender| contender.offer_id == result.offer_id)?;
        Some(ShownOffer {
            decision_id: decision.decision_id.clone(),
            rank: result.rank,
            at: decision.at,
            customer_id: decision.customer_id.clone(),
            unit: decision.unit.clone(),
            contact_point: decision.contact_point.clone(),
            channel: decision.channel.clone(),
            arm: decision.arm.clone(),
            offer_id: result.offer_id.clone(),
            group: result.group.clone(),
            probability: result.probability,
            propensity: result.propensity,
            accepted: own().any(|response| response.kind == ResponseKind::Accepted),
            revenue: own().filter_map(|response| response.revenue).sum(),
            feature_names: body.feature_names.clone(),
            features: contender.features.clone()?,
        })
    };
    decision.results.iter().filter_map(shown).collect()
}

/// Arguments of `proffer evaluate-policy`.
#[derive(Debug, Args)]
pub(super) struct EvaluatePolicyArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// A policy (TOML or JSON) to evaluate on the decisions of the store; the neutral one when nothing is given.
    #[arg(long, value_name = "FILE", conflicts_with = "log")]
    policy: Option<PathBuf>,
    /// Evaluates on a CSV file instead: columns reward, probability, new_probability, and optionally group.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Prints JSON instead of tables.
    #[arg(long)]
    json: bool,
}

/// Says what a policy would have brought, or why the log cannot tell.
pub(super) async fn evaluate_policy(arguments: EvaluatePolicyArguments) -> anyhow::Result<()> {
    if let Some(path) = &arguments.log {
        let estimates = of_file(path)?;
        return print(arguments.json, &estimates, || println!("{}", table("reward per row", &estimates)));
    }
    let config = arguments.config.load()?;
    let report = of_store(&config, arguments.policy.as_deref()).await?;
    print(arguments.json, &report, || {
        println!("{} decisions in the log, {} with an outcome.", report.decisions, report.settled);
        println!("{}", table("acceptances per decision", &report.acceptance));
        println!("{}", table("money per decision", &report.revenue));
        report.limits.iter().for_each(|limit| println!("- {limit}"));
    })
}

fn print(json: bool, report: &impl serde::Serialize, text: impl FnOnce()) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(report)?);
    } else {
        text();
    }
    Ok(())
}

async fn of_store(config: &Config, path: Option<&Path>) -> anyhow::Result<EvaluationReport> {
    let policy = read_policy(path)?;
    let store = open_store(config, Arc::new(Metrics::new()?)).await?;
    let draft = Book::new(0, Arc::new(policy), store.offers().await?);
    let report = evaluate(&*store, &draft, config, Utc::now()).await;
    store.close().await;
    report.map_err(|problem| anyhow::anyhow!("{problem}"))
}

fn read_policy(path: Option<&Path>) -> anyhow::Result<Policy> {
    let (text, format, name) = match path {
        None => (NEUTRAL.to_owned(), PolicyFormat::Toml, "the neutral policy".to_owned()),
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let is_json = path.extension().is_some_and(|extension| extension == "json");
            let format = if is_json { PolicyFormat::Json } else { PolicyFormat::Toml };
            (text, format, path.display().to_string())
        }
    };
    match Policy::read(&text, format) {
        Ok(policy) => Ok(policy),
        Err(faults) => {
            let faults: Vec<String> = faults.iter().map(|fault| format!("  {fault}")).collect();
            bail!("{name} is not valid:\n{}", faults.join("\n"))
        }
    }
}

/// A row of a log in a file.
#[derive(Debug, Deserialize)]
struct FileRow {
    reward: f64,
    probability: f64,
    new_probability: f64,
    group: Option<String>,
}

fn of_file(path: &Path) -> anyhow::Result<Estimates> {
    let name = path.display();
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {name}"))?;
    let (mut rows, mut groups) = (Vec::new(), Vec::new());
    for (row, read) in reader.deserialize::<FileRow>().enumerate() {
        let read = read.with_context(|| format!("{name}, row {}", row + 1))?;
        rows.push(Row {
            reward: read.reward,
            logged: read.probability,
            new: read.new_probability,
            foretold: None,
        });
        groups.push(read.group.unwrap_or_else(|| row.to_string()));
    }
    let log = Log::new(rows).and_then(|log| log.grouped_by(groups)).with_context(|| format!("{name}"))?;
    Ok(log.estimates(None)?)
}

fn table(title: &str, estimates: &Estimates) -> String {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["", title, "95 % interval"]);
    let logged = [("as logged", estimates.logging_policy)].into_iter();
    for (name, one) in logged.chain(estimates.by_estimator.iter().map(|(name, one)| (name.code(), *one))) {
        table.add_row([
            name.to_owned(),
            format!("{:.6}", one.value),
            format!("[{:.6}, {:.6}]", one.low, one.high),
        ]);
    }
    let weights = &estimates.weights;
    let mut said = format!(
        "{table}\n{} rows of {} units; effective sample size {:.0}; weights {:.3} on average, {:.1} at most.",
        estimates.rows, estimates.groups, weights.effective_rows, weights.mean, weights.maximum
    );
    for refusal in estimates.verdict.refusals() {
        said.push_str(&format!("\nNo verdict: {refusal}."));
    }
    said
}
