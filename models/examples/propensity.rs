//! Fits propensities on a table and writes those of the rows kept for the test. Our half of `benches/propensity`.
//!
//! `propensity TABLE PROBABILITIES`: TABLE is CSV with a header; its columns are `fold` (`train` or `test`), `label` (0 or 1:
//! accepted), `customer` and `time` (whole numbers), `offer`, `channel`, `group` (words without commas) and then features,
//! all numbers. PROBABILITIES receives `propensity` (all of it), `pooled` (without what is special to a treatment) and
//! `basis` of the test rows, in their order; the report goes to the output, as JSON.

use models::events::Timestamp;
use models::propensity::{Example, Examples, Propensities, PropensityParams, Treatment};
use serde_json::json;
use std::error::Error;
use std::io::{BufWriter, Write};
use std::time::Instant;
use std::{env, fs};

const KEYS: [&str; 7] = ["fold", "label", "customer", "time", "offer", "channel", "group"];

struct Line {
    treatment: Treatment,
    row: Vec<f32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [table, probabilities] = args.as_slice() else {
        return Err("usage: propensity TABLE PROBABILITIES".into());
    };
    let (train, test) = read(&fs::read_to_string(table)?)?;
    let start = Instant::now();
    let fitted = PropensityParams::default().check()?.fit(&train)?;
    let fit_seconds = start.elapsed().as_secs_f64();
    let propensities = fitted.propensities;
    let start = Instant::now();
    write(&propensities, &test, probabilities)?;
    let report = json!({
        "fit_seconds": fit_seconds,
        "one_row_microseconds": start.elapsed().as_secs_f64() * 1e6 / test.len() as f64,
        "saved_bytes": serde_json::to_vec(&propensities)?.len(),
        "classifier": propensities.pooled().map(|churn| format!("{:?}, {}", churn.kind(), churn.calibration().name())),
        "report": fitted.report,
    });
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}

fn write(propensities: &Propensities, test: &[Line], path: &str) -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::new(fs::File::create(path)?);
    writeln!(out, "propensity,pooled,basis")?;
    for Line { treatment, row } in test {
        let estimate = propensities.predict(treatment, row)?;
        let pooled = propensities.pooled().map_or(Ok(f64::NAN), |churn| churn.probability(row))?;
        writeln!(out, "{},{pooled},{:?}", estimate.probability, propensities.basis(treatment))?;
    }
    Ok(out.flush()?)
}

/// The examples to learn from and the lines to foretell.
fn read(csv: &str) -> Result<(Examples, Vec<Line>), Box<dyn Error>> {
    let mut lines = csv.lines();
    let header: Vec<&str> = lines.next().ok_or("the table is empty")?.split(',').collect();
    let (keys, features) = header.split_at(KEYS.len().min(header.len()));
    if keys != KEYS {
        return Err(format!("the header must begin with {KEYS:?}, but begins with {keys:?}").into());
    }
    let mut train = Examples::new(features.iter().map(|name| (*name).to_owned()).collect())?;
    let mut test = Vec::new();
    for (number, text) in lines.enumerate() {
        let cells: Vec<&str> = text.split(',').collect();
        let [fold, label, customer, time, offer, channel, group, features @ ..] = cells.as_slice() else {
            return Err(format!("row {number} has fewer than {} cells", KEYS.len()).into());
        };
        let words = [offer, channel, group].map(|word| (*word).to_owned());
        let [offer, channel, group] = words;
        let treatment = Treatment { offer, channel, group };
        let row = features.iter().map(|cell| cell.parse()).collect::<Result<Vec<f32>, _>>()?;
        match *fold {
            "test" => test.push(Line { treatment, row }),
            "train" => train.push(&Example {
                treatment: &treatment,
                row: &row,
                accepted: label.parse::<u8>()? == 1,
                at: Timestamp(time.parse()?),
                customer: customer.parse()?,
                weight: 1.0,
            })?,
            other => return Err(format!("row {number}: no fold is called {other}").into()),
        }
    }
    Ok((train, test))
}
