//! `proffer simulate`: policies decide in a world whose truth is known.

use super::ConfigArguments;
use super::decisions::shown_offers;
use super::progress::Shown;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::offers::Book;
use crate::offers::log::Body;
use crate::offers::off_policy::first_offers;
use crate::policy::Policy;
use crate::releases::{Releases, Serving};
use crate::simulation::{
    Calibration, Chances, Contest, Contestant, EstimatorError, Play, Played, Settings, calibration, contest,
    estimator_errors, offer_id, policy,
};
use crate::store::{LoggedDecision, PolicyFormat, Store};
use crate::{startup, telemetry};
use anyhow::Context;
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use clap::Args;
use comfy_table::{Table, presets};
use models::propensity::{Propensities, PropensityParams};
use models::world::{World, WorldParams};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use training::config::TrainingConfig;
use training::pipeline::{self, Gate, Inputs, Run};
use training::propensity::learn;

/// Arguments of `proffer simulate`.
#[derive(Debug, Args)]
pub(super) struct SimulateArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Customers of the world.
    #[arg(long, default_value_t = 600)]
    customers: usize,
    /// Offers of the world.
    #[arg(long, default_value_t = 15)]
    offers: usize,
    /// Days that are played.
    #[arg(long, default_value_t = 90)]
    days: u32,
    /// Worlds, each with its own customers and offers; their customers are judged together.
    #[arg(long, default_value_t = 1)]
    worlds: usize,
    /// The seed of the first world, and of everything in it; the next worlds have the next seeds. The same seed gives the
    /// same report.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints JSON instead of tables.
    #[arg(long)]
    json: bool,
}

/// Everything that is reported.
#[derive(Serialize)]
struct Report {
    contest: Vec<Contest>,
    calibration: Vec<Calibration>,
    estimators: Vec<EstimatorError>,
}

/// Days between two trainings of propensities.
const LEARN_EVERY: u32 = 10;

/// Makes the worlds, trains on the history of each, lets every contestant play in it, and prints what each lost.
pub(super) async fn run(mut arguments: SimulateArguments) -> anyhow::Result<()> {
    let loaded = std::mem::take(&mut arguments.config);
    let (mut seasons, mut log) = (Vec::with_capacity(arguments.worlds), None);
    for world in 0..arguments.worlds.max(1) {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let config = config(loaded.clone(), folder.path())?;
        if log.is_none() {
            log = Some(telemetry::start(&config.log)?);
        }
        let seed = arguments.seed + world as u64;
        seasons.push(season(&arguments, seed, &config, folder.path())?);
    }
    let played = seasons.iter().map(|season| &season.played);
    let logged: Vec<_> = seasons.iter().map(|season| (&season.played, &season.chances)).collect();
    let report = Report {
        contest: contest(&played.collect::<Vec<_>>(), arguments.customers, arguments.days)?,
        calibration: seasons
            .iter()
            .flat_map(|season| {
                let full = &season.played[&Contestant::Full];
                calibration(full, season.seed, arguments.days / 2, arguments.offers)
            })
            .collect(),
        estimators: estimator_errors(&logged, arguments.customers)?,
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", tables(&report)?);
    }
    Ok(())
}

/// What happened in one world.
struct Season {
    seed: u64,
    played: BTreeMap<Contestant, Played>,
    chances: Chances,
}

fn season(
    arguments: &SimulateArguments,
    seed: u64,
    config: &Config,
    folder: &Path,
) -> anyhow::Result<Season> {
    let params = WorldParams {
        customers: arguments.customers,
        offers: arguments.offers,
        seed,
        ..WorldParams::default()
    };
    let world = params.check()?.make();
    // Far ahead, so that no clock of this machine is in the way; a Monday.
    let start = Utc.with_ymd_and_hms(2100, 1, 4, 0, 0, 0).single().unwrap_or_default();
    let history = start - TimeDelta::days(i64::from(world.params().history_days));
    train(config, &world, history, start, folder)?;
    let days = arguments.days;
    let settings = Settings { start, days, visits: 0.25, mails: 0.1, learn_every: LEARN_EVERY, seed };
    let plays = |contestant: Contestant| {
        eprintln!("world {seed}: {} plays {days} days …", contestant.name());
        super::block_on(alone(config, folder, (&world, &settings), contestant))
    };
    // They have nothing in common but the world, so they play side by side.
    let outcomes = std::thread::scope(|scope| {
        let threads = Contestant::ALL.map(|contestant| (contestant, scope.spawn(move || plays(contestant))));
        threads.map(|(contestant, thread)| {
            (contestant, thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
        })
    });
    let (mut played, mut log) = (BTreeMap::new(), Vec::new());
    for (contestant, outcome) in outcomes {
        let (outcome, decisions) = outcome?;
        played.insert(contestant, outcome);
        if contestant == Contestant::EpsilonGreedy {
            log = decisions;
        }
    }
    Ok(Season { seed, played, chances: chances(config, &world, &log)? })
}

/// One contestant's play of a world, with what it decided.
async fn alone(
    config: &Config,
    folder: &Path,
    (world, settings): (&World, &Settings),
    contestant: Contestant,
) -> anyhow::Result<(Played, Vec<LoggedDecision>)> {
    let (config, serving, store) = arena(config, folder, contestant).await?;
    let play = Play {
        world,
        serving,
        config: &config,
        store: Arc::clone(&store),
        settings,
        learn: &|log| learned(&config.training.propensity, log),
    };
    let played = play.play(&policy(contestant)).await.map_err(|problem| anyhow::anyhow!("{problem}"))?;
    let judged_by = contestant == Contestant::EpsilonGreedy;
    let decisions = if judged_by { all_decisions(&*store).await? } else { Vec::new() };
    store.close().await;
    Ok((played, decisions))
}

/// The configuration, with a store and releases that go with the folder.
fn config(mut arguments: ConfigArguments, folder: &Path) -> anyhow::Result<Config> {
    arguments.overrides.extend([
        "store.url=".to_owned(),
        format!("store.path={}", folder.join("simulation.db").display()),
        format!("releases.dir={}", folder.join("releases").display()),
        "customers.as_of=data".to_owned(),
        // Nobody waits for an answer, and one that is given up would end everything.
        "store.read_deadline_ms=60000".to_owned(),
        "training.ials.factors=16".to_owned(),
        "training.spectral.factors=16".to_owned(),
        "log.filter=warn".to_owned(),
    ]);
    Ok(arguments.load()?)
}

/// Writes the world's history and trains a release on it, as a firm would.
fn train(
    config: &Config,
    world: &World,
    first: DateTime<Utc>,
    now: DateTime<Utc>,
    folder: &Path,
) -> anyhow::Result<()> {
    let mut history = String::from("customer_id,item_id,timestamp,order_id,quantity,unit_price\n");
    for bought in world.purchases() {
        let at = first + TimeDelta::seconds((bought.day * 86_400.0) as i64);
        let (customer, item, price) = (bought.customer, bought.item, bought.price);
        writeln!(
            history,
            "customer-{customer},item-{item},{},{customer}-{},1,{price}",
            at.format("%Y-%m-%d %H:%M:%S"),
            at.timestamp()
        )?;
    }
    let mut items = String::from("item_id,category\n");
    for item in 0..world.params().tastes * world.params().items_per_taste {
        writeln!(items, "item-{item},taste-{}", item / world.params().items_per_taste)?;
    }
    let (history_file, items_file) = (folder.join("history.csv"), folder.join("items.csv"));
    std::fs::write(&history_file, history)?;
    std::fs::write(&items_file, items)?;
    let inputs = Inputs { history: vec![history_file], items: Some(items_file), ..Inputs::default() };
    let training: &TrainingConfig = &config.training;
    let run = Run { now, search: None, gate: Gate::Open };
    pipeline::train(training, &inputs, &run, &config.releases.dir, &Shown::new())?;
    Ok(())
}

/// A store of its own for each contestant, and the release.
async fn arena(
    config: &Config,
    folder: &Path,
    contestant: Contestant,
) -> anyhow::Result<(Config, Arc<Serving>, Arc<dyn Store>)> {
    let mut config = config.clone();
    config.store.path = folder.join(format!("{contestant:?}.db"));
    let metrics = Arc::new(Metrics::new()?);
    let store = startup::open_store(&config, Arc::clone(&metrics)).await?;
    let releases = Arc::new(Releases::new(Arc::new(config.clone()), Arc::clone(&store), metrics));
    let serving = releases.activate_last().await?;
    Ok((config, serving, store))
}

/// What training makes of the log.
fn learned(params: &PropensityParams, log: &[LoggedDecision]) -> Option<Propensities> {
    let shown: Vec<_> = log.iter().flat_map(shown_offers).collect();
    let learned = learn(params, &shown).ok().flatten()?;
    Some(learned.released.propensities)
}

async fn all_decisions(store: &dyn Store) -> anyhow::Result<Vec<LoggedDecision>> {
    let mut log: Vec<LoggedDecision> = Vec::new();
    loop {
        let after = log.last().map_or(i64::MIN, |logged| logged.sequence);
        let page = store.decisions_after(after, 1_000).await?;
        if page.is_empty() {
            return Ok(log);
        }
        log.extend(page);
    }
}

/// The chances with which another policy would have shown offers first in the decisions of the policy that explores by ε:
/// one that looks at propensity alone and explores four times as much.
fn chances(config: &Config, world: &World, log: &[LoggedDecision]) -> anyhow::Result<Chances> {
    let text = format!(
        "{NEUTRAL_NAME}\n[arbitration.switches]\nvalue = false\n[exploration]\nmethod = \"epsilon_greedy\"\nepsilon = 0.2\nfloor = 0.01\n"
    );
    let policy = Policy::read(&text, PolicyFormat::Toml).map_err(|faults| {
        anyhow::anyhow!("{}", faults.first().map(ToString::to_string).unwrap_or_default())
    })?;
    let records =
        crate::simulation::offers(world, DateTime::UNIX_EPOCH).into_iter().map(|(offer_id, offer)| {
            crate::store::OfferRecord {
                offer_id,
                body: serde_json::to_string(&offer).unwrap_or_default(),
                updated_at: DateTime::UNIX_EPOCH,
            }
        });
    let draft = Book::new(0, Arc::new(policy), records.collect());
    let number: HashMap<String, usize> =
        (0..world.offers().len()).map(|offer| (offer_id(offer), offer)).collect();
    let mut chances = Chances::new();
    for one in log {
        let decision = &one.decision;
        let Some(first) = decision.results.first() else { continue };
        let Ok(body) = serde_json::from_str::<Body>(&decision.body) else { continue };
        let policy = first_offers(&body, (&decision.contact_point, &decision.decision_id), &draft, config);
        let policy =
            policy.into_iter().filter_map(|(offer, chance)| Some((*number.get(&offer)?, chance))).collect();
        chances.insert(decision.decision_id.clone(), (first.probability, policy));
    }
    Ok(chances)
}

const NEUTRAL_NAME: &str = "name = \"draft\"";

fn tables(report: &Report) -> anyhow::Result<String> {
    let mut said = String::new();
    let table = |header: &[&str]| {
        let mut table = Table::new();
        table.load_preset(presets::ASCII_MARKDOWN);
        table.set_header(header);
        table
    };
    let mut regret = table(&[
        "policy",
        "regret per decision",
        "first third",
        "second",
        "last",
        "earned",
        "best allowed",
        "behind the full policy, per customer",
        "e-mails over the cap",
        "customers lost",
    ]);
    let interval =
        |one: &models::measures::Interval| format!("{:.3} [{:.3}, {:.3}]", one.mean, one.low, one.high);
    for one in &report.contest {
        let regret_of = &one.regret;
        let mut row = vec![one.name.to_owned(), interval(&regret_of.all)];
        row.extend(regret_of.thirds.iter().map(interval));
        row.extend([format!("{:.3}", regret_of.earned), format!("{:.3}", regret_of.best)]);
        row.push(one.behind_full.as_ref().map_or_else(String::new, interval));
        row.extend([regret_of.over_cap.to_string(), regret_of.left.to_string()]);
        regret.add_row(row);
    }
    writeln!(said, "{regret}\n\nPropensities of the full policy in the second half:\n")?;
    let mut calibrated = table(&["offer", "shown", "accepted", "foretold / observed"]);
    for one in report.calibration.iter().filter(|one| one.shown > 0) {
        calibrated.add_row([
            format!("{} of world {}", one.offer, one.world),
            one.shown.to_string(),
            one.accepted.to_string(),
            format!("{:.3}", one.ratio),
        ]);
    }
    writeln!(
        said,
        "{calibrated}\n\nEstimates of another policy from the ε-greedy policy's log, in acceptances per decision:\n"
    )?;
    let mut errors = table(&["estimator", "estimate", "truth", "interval holds it"]);
    for one in &report.estimators {
        let estimate = format!("{:.4} [{:.4}, {:.4}]", one.value, one.low, one.high);
        errors.add_row([
            one.estimator.to_owned(),
            estimate,
            format!("{:.4}", one.truth),
            one.covers.to_string(),
        ]);
    }
    writeln!(said, "{errors}")?;
    Ok(said)
}
