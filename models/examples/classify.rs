//! Fits the churn classifier on a table and tells, as JSON, how good it is on the rows kept for the test. Our half of
//! `benches/churn`.
//!
//! `classify TABLE [PROBABILITIES]`: TABLE is CSV with a header; its columns are `fold` (`fit`, `calibrate` or `test`),
//! `label` (0 or 1), `group` (a number: rows of one customer share it) and then features, all numbers. PROBABILITIES
//! receives those of the test rows, in their order. `RAYON_NUM_THREADS` sets the threads.

use models::churn::{Churn, ChurnParams, ClassifierKind, Rows};
use models::measures::{BinaryQuality, Bootstrap};
use serde_json::{Map, Value, json};
use std::error::Error;
use std::io::{BufWriter, Write};
use std::time::Instant;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let (table, probabilities) = match args.as_slice() {
        [table] => (table, None),
        [table, probabilities] => (table, Some(probabilities)),
        _ => return Err("usage: classify TABLE [PROBABILITIES]".into()),
    };
    let [fit, calibrate, test] = read(&fs::read_to_string(table)?)?;
    let start = Instant::now();
    let valid = ChurnParams::default().check()?;
    let fitted = valid.fit(&fit.rows()?, &calibrate.rows()?)?;
    let fit_seconds = start.elapsed().as_secs_f64();

    let mut report = Map::new();
    report.insert("fit_seconds".into(), json!(fit_seconds));
    for churn in [Some(&fitted.churn), fitted.rival.as_ref()].into_iter().flatten() {
        report.insert(name(churn).into(), judge(churn, &test)?);
    }
    report.insert("chosen".into(), json!(name(&fitted.churn)));
    report.insert("report".into(), serde_json::to_value(&fitted.report)?);
    println!("{}", serde_json::to_string_pretty(&Value::Object(report))?);
    if let Some(path) = probabilities {
        let mut out = BufWriter::new(fs::File::create(path)?);
        let columns = [Some(&fitted.churn), fitted.rival.as_ref()];
        let columns: Vec<&Churn> = columns.into_iter().flatten().collect();
        writeln!(out, "label,{}", columns.iter().map(|churn| name(churn)).collect::<Vec<_>>().join(","))?;
        let each = columns.iter().map(|churn| churn.probability_batch(&test.values));
        let each = each.collect::<Result<Vec<Vec<f64>>, _>>()?;
        for (row, label) in test.labels.iter().enumerate() {
            write!(out, "{}", u8::from(*label))?;
            for column in &each {
                write!(out, ",{}", column[row])?;
            }
            writeln!(out)?;
        }
        out.flush()?;
    }
    Ok(())
}

fn name(churn: &Churn) -> &'static str {
    match churn.kind() {
        ClassifierKind::Logistic => "logistic",
        ClassifierKind::Trees => "trees",
    }
}

fn judge(churn: &Churn, test: &Table) -> Result<Value, Box<dyn Error>> {
    let start = Instant::now();
    let probabilities = churn.probability_batch(&test.values)?;
    let batch_seconds = start.elapsed().as_secs_f64();
    let n_features = churn.n_features();
    let some: Vec<&[f32]> = test.values.chunks_exact(n_features).take(2000).collect();
    let each = |of: &dyn Fn(&[f32]) -> models::Result<()>| -> Result<f64, Box<dyn Error>> {
        let start = Instant::now();
        some.iter().try_for_each(|row| of(row))?;
        Ok(start.elapsed().as_secs_f64() * 1e6 / some.len() as f64)
    };
    let view = each(&|row| {
        churn.probability(row).map(|p| {
            std::hint::black_box(p);
        })
    })?;
    let explanation = each(&|row| churn.explain(row).map(|e| drop(std::hint::black_box(e))))?;
    Ok(json!({
        "quality": BinaryQuality::of(&test.labels, &probabilities, &Bootstrap::default())?,
        "calibration": churn.calibration().name(),
        "risk_cuts": churn.cuts().cuts(),
        "batch_rows_per_second": test.labels.len() as f64 / batch_seconds,
        "one_row_microseconds": view,
        "explanation_microseconds": explanation,
        "saved_bytes": serde_json::to_vec(churn)?.len(),
    }))
}

#[derive(Default)]
struct Table {
    n_features: usize,
    values: Vec<f32>,
    labels: Vec<bool>,
    groups: Vec<u32>,
}

impl Table {
    fn rows(&self) -> models::Result<Rows<'_>> {
        Rows::new(self.n_features, &self.values, &self.labels)?.with_groups(&self.groups)
    }
}

/// The rows to fit, to calibrate and to test on.
fn read(csv: &str) -> Result<[Table; 3], Box<dyn Error>> {
    let mut tables = <[Table; 3]>::default();
    let mut lines = csv.lines();
    let header = lines.next().ok_or("the table is empty")?;
    let n_features = header.split(',').count().saturating_sub(3);
    if !header.starts_with("fold,label,group,") {
        return Err(format!("the header must begin with fold,label,group, but is {header}").into());
    }
    for (line, text) in lines.enumerate() {
        let cells: Vec<&str> = text.split(',').collect();
        let [fold, label, group, features @ ..] = cells.as_slice() else {
            return Err(format!("row {line} has fewer than 4 cells").into());
        };
        let place = ["fit", "calibrate", "test"].iter().position(|name| name == fold);
        let table = &mut tables[place.ok_or_else(|| format!("row {line}: no fold is called {fold}"))?];
        table.n_features = n_features;
        table.labels.push(label.parse::<u8>()? == 1);
        table.groups.push(group.parse()?);
        for feature in features {
            table.values.push(feature.parse().map_err(|_| format!("row {line}: {feature} is no number"))?);
        }
    }
    Ok(tables)
}
