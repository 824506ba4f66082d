//! The release that answers: which one, how old, and how good it was when it was judged.

use super::Metrics;
use super::series::remove;
use chrono::DateTime;
use models::release::{Manifest, REPORT};
use serde_json::Value;
use std::path::Path;

/// A measured figure of a release.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    task: &'static str,
    measure: &'static str,
    model: &'static str,
    value: f64,
}

/// Means with their intervals, in the table of quality.
const WITH_INTERVALS: [&str; 4] = ["recall", "ndcg", "mrr", "hit_rate"];
/// Plain numbers, likewise.
const PLAIN: [&str; 3] = ["coverage", "novelty", "diversity"];
/// Measures of probabilities.
const OF_PROBABILITIES: [&str; 5] = ["auc", "brier", "ece", "log_loss", "lift_at_10_percent"];

/// What a release says of its quality, in its manifest and in its report. What is missing or unreadable is left out: the
/// report is for people, and a release serves without it.
pub fn figures(manifest: &Manifest, directory: &Path) -> Vec<Figure> {
    let mut figures = of_items(&manifest.quality);
    let report = std::fs::read(directory.join(&manifest.id).join(REPORT));
    if let Some(report) = report.ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()) {
        figures.extend(of_churn(&report));
        figures.extend(of_propensity(&report));
    }
    figures
}

/// Recommendation beside popularity, with owned items and without.
fn of_items(quality: &Value) -> Vec<Figure> {
    let mut figures = Vec::new();
    for task in quality["tasks"].as_array().into_iter().flatten() {
        let name = match task["repeats"].as_str() {
            Some("kept") => "all_items",
            Some("removed") => "new_items",
            _ => continue,
        };
        for summary in task["models"].as_array().into_iter().flatten() {
            let model = match summary["model"].as_str() {
                Some("Proffer") => "proffer",
                Some("popularity") => "popularity",
                _ => continue,
            };
            let means = WITH_INTERVALS.iter().map(|measure| (*measure, &summary[measure]["mean"]));
            let plain = PLAIN.iter().map(|measure| (*measure, &summary[measure]));
            figures.extend(means.chain(plain).filter_map(|(measure, value)| {
                Some(Figure { task: name, measure, model, value: value.as_f64()? })
            }));
        }
    }
    figures
}

/// Who leaves: our model is the one that the others are compared with.
fn of_churn(report: &Value) -> Vec<Figure> {
    let models = report.pointer("/customers/churn/learned/models").and_then(Value::as_array);
    let ours = models.into_iter().flatten().find(|model| model["difference"].is_null());
    ours.map_or_else(Vec::new, |model| of_probabilities("churn", &model["quality"]))
}

/// Who accepts which offer.
fn of_propensity(report: &Value) -> Vec<Figure> {
    let quality = report.pointer("/propensity/judged/quality");
    quality.map_or_else(Vec::new, |quality| of_probabilities("propensity", quality))
}

fn of_probabilities(task: &'static str, quality: &Value) -> Vec<Figure> {
    let figure = |measure: &&'static str| {
        let value = quality[*measure]["mean"].as_f64()?;
        Some(Figure { task, measure, model: "proffer", value })
    };
    OF_PROBABILITIES.iter().filter_map(figure).collect()
}

impl Metrics {
    /// Notes which release answers from now on.
    pub fn serves(&self, manifest: &Manifest, index: &str, figures: &[Figure]) {
        let id = manifest.id.as_str();
        self.release_info.with_label_values(&[id, index]).set(1);
        self.release_data_cutoff_timestamp_seconds.with_label_values(&[id]).set(manifest.data_cutoff.0);
        if let Ok(created) = DateTime::parse_from_rfc3339(&manifest.created_at) {
            self.release_created_timestamp_seconds.with_label_values(&[id]).set(created.timestamp());
        }
        for Figure { task, measure, model, value } in figures {
            self.release_quality.with_label_values(&[id, *task, *measure, *model]).set(*value);
        }
        // After the new series are there, so that there is no moment without any.
        let is_gone = |release: &str| release != id;
        remove(&self.release_info, "release", is_gone);
        remove(&self.release_data_cutoff_timestamp_seconds, "release", is_gone);
        remove(&self.release_created_timestamp_seconds, "release", is_gone);
        remove(&self.release_quality, "release", is_gone);
    }
}
