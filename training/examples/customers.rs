//! Studies the customers of a history, and prints what is learned of them without fitting any view of taste.
//!
//! ```text
//! cargo run --release -p training --example customers -- CONFIG|- HISTORY [--customers FILE] [--items FILE] [--table CSV]
//!     [--back DAYS]
//! ```
//!
//! CONFIG is a TOML file whose `[training]` table counts, `-` for the defaults. `--table` writes the rows that the judged
//! classifier is fitted on, calibrated on and judged by, as `models/examples/classify.rs` reads them: for comparisons
//! with other software on the same features. `--back` studies the history as if it had ended so many days earlier.

use models::behaviour::{Behaviour, Categories, FeatureSet, Rhythm};
use models::customers::{Score, Subject};
use models::events::{EventLog, Timestamp};
use models::ids::Ix;
use rayon::prelude::*;
use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;
use training::attributes::Attributes;
use training::config::TrainingConfig;
use training::customers::table::{Look, Question, Sources};
use training::customers::windows::{Windows, horizon, midnight};
use training::customers::{CustomersReport, Studied, study};
use training::history::{self, History};
use training::judge::Data;
use training::tables::{self, TableKind};

#[derive(Default)]
struct Arguments {
    config: PathBuf,
    history: Vec<PathBuf>,
    customers: Option<PathBuf>,
    items: Option<PathBuf>,
    table: Option<PathBuf>,
    back: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = parse()?;
    let config = configured(&arguments.config)?;
    let now = Timestamp(chrono::Utc::now().timestamp());
    let (mut history, _) = history::read(&config.history, &arguments.history, now, |_| (), None)?;
    if arguments.back > 0.0 {
        let log = &history.log;
        let earlier = log.before(end(&history).minus_days(arguments.back)).to_vec();
        history.log = EventLog::new(earlier, log.n_customers, log.n_items);
    }
    let attributes = |kind, config: &_, path: &Option<PathBuf>| match path {
        None => Ok(Vec::new()),
        Some(path) => tables::read(kind, config, path).map(|read| read.0),
    };
    let items = attributes(TableKind::Items, &config.items, &arguments.items)?;
    let customers = attributes(TableKind::Customers, &config.customers, &arguments.customers)?;
    let items = Attributes::new(&config.prior, &history.items, items);
    let customers = Attributes::new(&config.prior, &history.customers, customers);
    let data = Data { log: &history.log, customers: &customers, items: &items };
    if let Some(path) = &arguments.table {
        return write_table(&config, &history, data, path);
    }
    let channels: Vec<String> = history.channels.iter().map(|(_, name)| name.to_owned()).collect();
    let (start, end) = (Instant::now(), end(&history));
    let studied = study(&config.customer_models, data, &channels, end, config.evaluation.bootstrap)?;
    println!("{}", studied.report);
    fits(&studied.report);
    println!("study: {:.1} s for {} customers", start.elapsed().as_secs_f64(), history.customers.len());
    score(&studied, &customers, end);
    Ok(())
}

/// Scores everyone, as training does for a release, and measures.
fn score(studied: &Studied, customers: &Attributes, end: Timestamp) {
    let start = Instant::now();
    let standing = |at: usize| {
        let acts = studied.behaviour.of(Ix::at(at));
        let subject = Subject { acts, declared: customers.rows.of(at), ..Subject::default() };
        Score::of(&studied.models.standing(&subject, end), None)
    };
    let scores: Vec<Score> = (0..studied.behaviour.n_customers()).into_par_iter().map(standing).collect();
    let seconds = start.elapsed().as_secs_f64();
    let scored = scores.iter().filter(|score| score.churn.is_some()).count();
    println!(
        "scoring: {seconds:.2} s, {scored} of {} have a risk; peak memory {}",
        scores.len(),
        peak_memory()
    );
}

/// What Linux says about this process.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "unknown".into(), |peak| peak.trim().to_string())
}

fn fits(report: &CustomersReport) {
    if let Some(value) = report.value.learned() {
        println!("orders: {:?}\nbaskets: {:?}", value.purchases, value.baskets);
    }
}

fn end(history: &History) -> Timestamp {
    Timestamp(history.log.span().map_or(0, |(_, last)| last.0.saturating_add(1)))
}

fn parse() -> Result<Arguments, String> {
    let mut arguments = Arguments::default();
    let mut given = std::env::args().skip(1);
    arguments.config = given.next().ok_or("the first argument is a configuration, or -")?.into();
    while let Some(argument) = given.next() {
        let mut file = || given.next().map(PathBuf::from).ok_or_else(|| format!("{argument} needs a file"));
        match argument.as_str() {
            "--customers" => arguments.customers = Some(file()?),
            "--items" => arguments.items = Some(file()?),
            "--back" => {
                let days = given.next().unwrap_or_default();
                arguments.back = days.parse().map_err(|_| format!("--back needs days, not {days:?}"))?;
            }
            "--table" => arguments.table = Some(file()?),
            _ => arguments.history.push(argument.into()),
        }
    }
    Ok(arguments)
}

fn configured(path: &Path) -> Result<TrainingConfig, Box<dyn Error>> {
    if path == Path::new("-") {
        return Ok(TrainingConfig::default());
    }
    let mut whole: toml::Table = std::fs::read_to_string(path)?.parse()?;
    Ok(whole.remove("training").map_or(Ok(TrainingConfig::default()), toml::Value::try_into)?)
}

/// The rows of the study that is judged, by what they are for.
fn write_table(
    config: &TrainingConfig,
    history: &History,
    data: Data<'_>,
    path: &Path,
) -> Result<(), Box<dyn Error>> {
    let settings = &config.customer_models;
    let categories = Categories::of_items(&data.items.payloads, &settings.category_attribute);
    let behaviour = Behaviour::from_events(data.log.events(), data.log.n_customers, &categories);
    let (first, end) = (data.log.span().map_or(end(history), |(first, _)| first), end(history));
    let horizon_days = horizon(settings.churn.horizon_days, end.days_since(first))?;
    let origin = midnight(end.minus_days(horizon_days));
    let windows = Windows::before(origin, first, horizon_days);
    let rhythm = Rhythm::learn(&behaviour, windows.calibrate, horizon_days)?;
    let features = FeatureSet { rhythm, attributes: data.customers.features.clone() };
    let declared = &data.customers.rows;
    let sources = Sources { behaviour: &behaviour, declared, contracts: None, features: &features };
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    writeln!(out, "fold,label,group,{}", features.names().join(","))?;
    let most = settings.churn.most_customers;
    for question in windows.fit_questions() {
        write_rows(&mut out, "fit", &sources.look(question, most))?;
    }
    write_rows(&mut out, "calibrate", &sources.look(windows.calibration_question(), most))?;
    let judged = Question { origin, horizon_days, known_until: end };
    write_rows(&mut out, "test", &sources.look(judged, usize::MAX))?;
    Ok(out.flush()?)
}

fn write_rows(out: &mut impl Write, fold: &str, looks: &[Look]) -> std::io::Result<()> {
    for look in looks {
        write!(out, "{fold},{},{}", u8::from(look.left), look.customer.0)?;
        look.row.iter().try_for_each(|number| write!(out, ",{number}"))?;
        writeln!(out)?;
    }
    Ok(())
}
