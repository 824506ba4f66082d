//! Fits a hazard on the spells of a CSV file and ranks those held back; tells concordance and seconds as JSON. Our half of
//! `benches/hazard`.
//!
//! `hazard SPELLS [PARAMS]`: columns `days`, `ended` (0 or 1), then features; rows with 1 in a last column `fold` are held
//! back. PARAMS is JSON, such as `{"bins": 24}`.

use models::hazard::{Hazard, HazardParams, Spell};
use models::measures::{concordance, survival_curve};
use ndarray::Array2;
use std::error::Error;
use std::time::Instant;
use std::{env, fs};

const USAGE: &str = "usage: hazard SPELLS [PARAMS]";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let (path, params) = match args.as_slice() {
        [path] => (path, HazardParams::default()),
        [path, params] => (path, serde_json::from_str(params)?),
        _ => return Err(USAGE.into()),
    };
    let [train, test] = read(&fs::read_to_string(path)?)?;
    let start = Instant::now();
    let fitted = params.check()?.fit(&train.features.view(), &train.spells)?;
    let seconds = start.elapsed().as_secs_f64();
    let told = serde_json::json!({
        "concordance": concordance(&test.risks(&fitted.model)?, &test.spells),
        "concordance_in_training": concordance(&train.risks(&fitted.model)?, &train.spells),
        "log_likelihood": fitted.log_likelihood,
        "mean_curve": test.mean_curve(&fitted.model)?,
        "bins": fitted.model.edges_days().len(),
        "ridge": fitted.model.ridge(),
        "iterations": fitted.iterations,
        "converged": fitted.converged,
        "seconds": seconds,
    });
    println!("{told}");
    Ok(())
}

/// Spells and their features.
struct Part {
    spells: Vec<Spell>,
    features: Array2<f32>,
}

impl Part {
    fn risks(&self, model: &Hazard) -> models::Result<Vec<f64>> {
        self.features.rows().into_iter().map(|row| model.risk(&row.to_vec())).collect()
    }

    /// For the last day of each bin the mean chance to still go on, and the share that did (Kaplan and Meier).
    fn mean_curve(&self, model: &Hazard) -> models::Result<Vec<(f32, f64, f64)>> {
        let curves = self.features.rows().into_iter().map(|row| model.curve(&row.to_vec()));
        let curves = curves.collect::<models::Result<Vec<_>>>()?;
        let seen = survival_curve(&self.spells);
        let point = |days: &f32| {
            let chances: f64 = curves.iter().filter_map(|curve| curve.at(*days)).map(f64::from).sum();
            let share = seen.iter().rev().find(|(end, _)| end <= days).map_or(1.0, |(_, share)| *share);
            (*days, chances / curves.len().max(1) as f64, share)
        };
        Ok(model.edges_days().iter().map(point).collect())
    }
}

/// The spells to fit on and those held back.
fn read(csv: &str) -> Result<[Part; 2], Box<dyn Error>> {
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().ok_or("no header")?.split(',').collect();
    let ["days", "ended", others @ ..] = names.as_slice() else {
        return Err("the first columns must be days and ended".into());
    };
    let with_fold = others.last() == Some(&"fold");
    let n_features = others.len() - usize::from(with_fold);
    let mut parts = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    for line in lines.filter(|line| !line.is_empty()) {
        let numbers = line.split(',').map(str::parse::<f32>).collect::<Result<Vec<f32>, _>>()?;
        if numbers.len() != names.len() {
            return Err(format!("a line has {} columns instead of {}", numbers.len(), names.len()).into());
        }
        let held_back = with_fold && numbers[names.len() - 1] == 1.0;
        let (spells, features) = &mut parts[usize::from(held_back)];
        spells.push(Spell { days: numbers[0], ended: numbers[1] == 1.0 });
        features.extend_from_slice(&numbers[2..2 + n_features]);
    }
    let [train, test] = parts.map(|(spells, features)| {
        let features = Array2::from_shape_vec((spells.len(), n_features), features)?;
        Ok::<Part, ndarray::ShapeError>(Part { spells, features })
    });
    Ok([train?, test?])
}
