//! A small world that models can learn: two tastes that never meet, and its trained releases.

use crate::helpers::App;
use chrono::{TimeZone, Utc};
use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;
use training::config::TrainingConfig;
use training::pipeline::{self, Gate, Inputs, Run};
use training::progress::Silent;

pub(crate) const CUSTOMERS: usize = 80;
const ITEMS_PER_TASTE: usize = 20;

/// Customers with even numbers buy `red…`, the others `blue…`; each skips some, so that there is something to find.
fn history() -> String {
    let mut csv = String::from("customer_id,item_id,timestamp,order_id,unit_price\n");
    for customer in 0..CUSTOMERS {
        let taste = ["red", "blue"][customer % 2];
        for visit in 0..12 {
            let day = 1 + (customer + 2 * visit) % 28;
            let month = 1 + visit / 4;
            for pick in 0..3 {
                let item = (customer / 2 * 7 + visit * 5 + pick * 3) % ITEMS_PER_TASTE;
                writeln!(
                    csv,
                    "c{customer},{taste}{item},2024-{month:02}-{day:02} 10:00:00,{customer}-{visit},{}.5",
                    1 + item % 9
                )
                .unwrap();
            }
        }
    }
    csv
}

fn items() -> String {
    let mut csv = String::from("item_id,name,category,price\n");
    for taste in ["red", "blue"] {
        for item in 0..ITEMS_PER_TASTE {
            writeln!(csv, "{taste}{item},{taste} number {item},{taste},{item}.5").unwrap();
        }
    }
    csv
}

/// Everybody says which colour they like.
fn customers() -> String {
    let mut csv = String::from("customer_id,likes\n");
    for customer in 0..CUSTOMERS {
        writeln!(csv, "c{customer},{}", ["red", "blue"][customer % 2]).unwrap();
    }
    csv
}

/// Writes the world's files into a folder: history and items.
pub(crate) fn write(folder: &Path) -> (PathBuf, PathBuf) {
    std::fs::create_dir_all(folder).unwrap();
    let (history_file, items_file) = (folder.join("history.csv"), folder.join("items.csv"));
    std::fs::write(&history_file, history()).unwrap();
    std::fs::write(&items_file, items()).unwrap();
    (history_file, items_file)
}

/// Trains a release on the world into a folder, and returns its id.
pub(crate) fn train(folder: &Path, factors: usize) -> String {
    let mut config = TrainingConfig::default();
    config.ials.factors = factors;
    train_by(folder, &config)
}

/// The same by any settings.
pub(crate) fn train_by(folder: &Path, config: &TrainingConfig) -> String {
    let (factors, (history_file, items_file)) = (config.ials.factors, write(folder));
    let customers_file = folder.join("customers.csv");
    std::fs::write(&customers_file, customers()).unwrap();
    let inputs = Inputs {
        history: vec![history_file],
        items: Some(items_file),
        customers: Some(customers_file),
        ..Inputs::default()
    };
    let now = Utc.with_ymd_and_hms(2024, 6, 1, 0, 0, u32::try_from(factors).unwrap() % 60).unwrap();
    let run = Run { now, search: None, gate: Gate::Open };
    let trained = pipeline::train(config, &inputs, &run, &folder.join("releases"), &Silent).unwrap();
    trained.manifest.id
}

/// The releases that tests share, in the order of their training; none changes them.
pub(crate) fn releases() -> &'static (TempDir, [String; 2]) {
    static TRAINED: OnceLock<(TempDir, [String; 2])> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let ids = [train(folder.path(), 6), train(folder.path(), 8)];
        (folder, ids)
    })
}

pub(crate) fn releases_folder() -> PathBuf {
    releases().0.path().join("releases")
}

/// An application that answers from the later of the two releases.
pub(crate) async fn start() -> Arc<App> {
    start_in(&releases_folder(), &[]).await
}

pub(crate) async fn start_in(folder: &Path, settings: &[&str]) -> Arc<App> {
    let dir = format!("releases.dir={}", folder.display());
    let settings: Vec<&str> = settings.iter().copied().chain([dir.as_str()]).collect();
    Arc::new(App::start_with(&settings).await)
}

/// The ids of a decision, best first.
pub(crate) fn ids(decision: &Value) -> Vec<String> {
    let results = decision["results"].as_array().unwrap_or_else(|| panic!("no results in {decision}"));
    results.iter().map(|result| result["id"].as_str().unwrap().to_owned()).collect()
}
