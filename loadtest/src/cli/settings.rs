//! What `run` and `saturate` share: whom to ask, about whom, and with how many connections.

use crate::arrivals::Segment;
use crate::engine::{Pace, Plan};
use crate::http::{Target, ask};
use crate::report::{FORMAT, Measured, Measurement, Report, Settings};
use crate::workload::{IdsSource, Piece, Population, Seed, Workload, limits};
use anyhow::{Context, bail, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Whom to ask.
#[derive(Debug, Args)]
pub(super) struct TargetArguments {
    /// Where the service answers.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A key for it; workloads that swap releases, write offers or erase customers need the role admin.
    #[arg(long, env = "PROFFER_LOADTEST_KEY", hide_env_values = true)]
    key: Option<String>,
}

impl TargetArguments {
    pub(super) fn target(&self) -> anyhow::Result<Target> {
        Ok(Target::new(&self.url, self.key.as_deref())?)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

/// What to ask, about whom, and how.
#[derive(Debug, Args)]
pub(super) struct LoadArguments {
    /// The workload's file.
    #[arg(value_name = "WORKLOAD.toml")]
    workload: PathBuf,
    #[command(flatten)]
    target: TargetArguments,
    /// Customers of the world, instead of the workload's number.
    #[arg(long, value_name = "N")]
    customers: Option<u64>,
    /// A file of customers' ids, one a line, instead of the world's.
    #[arg(long, value_name = "FILE", conflicts_with = "customers")]
    customers_file: Option<PathBuf>,
    /// Items of the world, instead of the workload's number.
    #[arg(long, value_name = "N")]
    items: Option<u64>,
    /// A file of items' ids, one a line, instead of the world's.
    #[arg(long, value_name = "FILE", conflicts_with = "items")]
    items_file: Option<PathBuf>,
    /// Seconds to measure, instead of the workload's.
    #[arg(long, value_name = "S")]
    pub(super) seconds: Option<f64>,
    /// Seconds before that which do not count, instead of the workload's.
    #[arg(long, value_name = "S")]
    warm_up: Option<f64>,
    /// Connections, instead of the workload's number.
    #[arg(long, value_name = "N")]
    connections: Option<usize>,
    /// After so many milliseconds a request has failed, instead of the workload's.
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// Threads of the generator.
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// The same seed asks the same at the same moments; but {uuid} and {unknown_customer} are new each time.
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// The service's process on this machine: its memory and processor time are reported.
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// Writes the results as JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Compares with the results of an earlier run.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
}

/// A workload with a plan but for its pace.
pub(super) struct Load {
    pub(super) workload: Workload,
    pub(super) url: String,
    pub(super) warm_up: f64,
    plan: Plan,
    pid: Option<u32>,
    /// What the next measurement draws from: the caches of the service know what was asked before.
    next_seed: Cell<Seed>,
}

impl LoadArguments {
    /// Reads the workload and asks the service for what it needs.
    pub(super) fn load(&self) -> anyhow::Result<Load> {
        let mut workload = Workload::read(&self.workload)?;
        let load = &mut workload.load;
        load.timeout_ms = self.timeout_ms.unwrap_or(load.timeout_ms);
        load.connections = self.connections.unwrap_or(load.connections);
        limits::check("--connections", load.connections as f64, &limits::CONNECTIONS)?;
        limits::check("--timeout-ms", load.timeout_ms as f64, &limits::TIMEOUT_MS)?;
        ensure!(
            (1..=256).contains(&self.threads),
            "--threads must be from 1 to 256, but is {}",
            self.threads
        );
        let warm_up = self.warm_up.unwrap_or(load.warm_up_seconds);
        limits::check("--warm-up", warm_up, &limits::WARM_UP_SECONDS)?;
        let (connections, timeout) = (load.connections, Duration::from_millis(load.timeout_ms));
        let population = self.population(&workload)?;
        let target = self.target.target()?;
        // A service that is not there, or a wrong key, should not look like a slow service.
        let releases =
            if workload.uses(|piece| *piece == Piece::Release) { releases(&target)? } else { Vec::new() };
        if let Some(pid) = self.pid {
            crate::process::Watch::start(pid)?.stop();
        }
        let seed = Seed { number: self.seed, walk: self.seed, met: 0 };
        Ok(Load {
            url: self.target.url().to_owned(),
            warm_up,
            plan: Plan {
                target,
                requests: workload.requests.clone().into(),
                population: Arc::new(population),
                releases: releases.into(),
                pace: Pace::Closed { lengths: Vec::new() },
                connections,
                threads: self.threads.min(connections),
                timeout,
                seed,
            },
            pid: self.pid,
            next_seed: Cell::new(seed),
            workload,
        })
    }

    /// The report to compare with, read before anything is measured.
    pub(super) fn earlier(&self) -> anyhow::Result<Option<Report>> {
        let Some(path) = &self.compare else { return Ok(None) };
        let text = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let no_result = || format!("{} is no result of proffer-loadtest", path.display());
        let Versioned { format } = serde_json::from_slice(&text).with_context(no_result)?;
        ensure!(
            format == FORMAT,
            "{} has format {format}, but this program compares format {FORMAT}: measure it again",
            path.display()
        );
        Ok(Some(serde_json::from_slice(&text).with_context(no_result)?))
    }

    fn population(&self, workload: &Workload) -> anyhow::Result<Population> {
        let folder = self.workload.parent().unwrap_or(Path::new("."));
        let mut source = workload.population.clone();
        source.customers = changed(source.customers, self.customers, self.customers_file.as_deref())?;
        source.items = changed(source.items, self.items, self.items_file.as_deref())?;
        Ok(Population::open(&source, folder)?)
    }
}

/// As much of a report as every version of it has.
#[derive(Deserialize)]
struct Versioned {
    format: u32,
}

/// A source of ids as the command line wants it.
pub(super) fn changed(
    source: IdsSource,
    count: Option<u64>,
    file: Option<&Path>,
) -> anyhow::Result<IdsSource> {
    match (count, file) {
        // A file on the command line is relative to where one stands.
        (_, Some(file)) => Ok(source.with_file(std::path::absolute(file)?)),
        (Some(count), None) => Ok(source.with_count(count)?),
        (None, None) => Ok(source),
    }
}

/// The releases that can be activated, of which there must be two to alternate between.
fn releases(target: &Target) -> anyhow::Result<Vec<String>> {
    let answer = ask(target, "GET", "/v1/releases", None)?;
    let answer: Value = serde_json::from_slice(&answer).context("GET /v1/releases answered no JSON")?;
    let list = answer["releases"].as_array().map(Vec::as_slice).unwrap_or_default();
    let sound = list.iter().filter(|release| release["error"].is_null());
    let ids: Vec<String> = sound.filter_map(|release| Some(release["id"].as_str()?.to_owned())).collect();
    if ids.len() < 2 {
        bail!(
            "the workload swaps releases and needs two, but the service has {}: train another one, and otherwise, such as \
             with --set training.ials.sweeps=7, since the same training makes the same release",
            ids.len()
        );
    }
    Ok(ids)
}

impl Load {
    /// Carries out one measurement. It draws from a seed of its own, and the walk over fresh customers goes on from
    /// where the one before has ended.
    pub(super) fn measure(&self, pace: Pace, segments: &[Measurement]) -> anyhow::Result<Measured> {
        if let Pace::Open { segments, .. } = &pace {
            self.check_fresh(segments)?;
        }
        let seed = self.next_seed.get();
        let measured = Measured::take(&Plan { pace, seed, ..self.plan.clone() }, segments, self.pid)?;
        self.next_seed.set(Seed { number: seed.number.wrapping_add(1), met: measured.met, ..seed });
        Ok(measured)
    }

    /// How it is asked.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            connections: self.plan.connections,
            threads: self.plan.threads,
            arrivals: None,
            timeout_ms: self.plan.timeout.as_millis() as u64,
            warm_up_seconds: self.warm_up,
            seed: self.plan.seed.number,
        }
    }

    /// Refuses segments that would ask for a fresh customer when all were asked for: they are not fresh any more.
    pub(super) fn check_fresh(&self, segments: &[Segment]) -> anyhow::Result<()> {
        let (count, met) = (self.plan.population.customers.count(), self.next_seed.get().met);
        let due: f64 = segments.iter().map(|segment| segment.rate * segment.length.as_secs_f64()).sum();
        let fresh = due * self.workload.share_of(|piece| *piece == Piece::FreshCustomer);
        ensure!(
            fresh <= count.saturating_sub(met) as f64 || fresh == 0.0,
            "about {fresh:.0} customers would be asked for whom nobody asked before, but there are {count}, and {met} \
             of them were asked for: lower the rate or --seconds, or give more --customers"
        );
        Ok(())
    }
}
