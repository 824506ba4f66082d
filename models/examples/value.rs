//! Fits BG/NBD and Gamma-Gamma on customers and tells the parameters, how likely they are, and the seconds (the best of
//! several fits), as JSON. Our half of `benches/value`.
//!
//! `value SUMMARIES [REPEATS]`, a CSV file with the header `frequency,recency,T,monetary_value`, times in days.

use models::value::{
    BgNbdParams, ClvParams, Fitted, GammaGammaParams, Spend, Summary, Unit, spend_frequency_correlation,
};
use serde_json::{Value, json};
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;
use std::{env, fs};

const HEADER: &str = "frequency,recency,T,monetary_value";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let (path, repeats) = match args.as_slice() {
        [path] => (path, 1),
        [path, repeats] => (path, repeats.parse()?),
        _ => return Err("usage: value SUMMARIES [REPEATS]".into()),
    };
    let customers = read(&fs::read_to_string(path)?)?;
    let spends: Vec<Spend> = customers.iter().filter_map(Summary::spend).collect();

    let (orders, baskets) = (BgNbdParams::default().check()?, GammaGammaParams::default().check()?);
    let (bg_nbd, order_seconds) = timed(repeats, || orders.fit(&customers, Unit::Days))?;
    let (gamma_gamma, basket_seconds) = timed(repeats, || baskets.fit(&spends))?;
    let clv = ClvParams::default().check()?.model(bg_nbd.model, gamma_gamma.model);
    let (total, clv_seconds) = timed(repeats, || {
        let values = customers.iter().map(|customer| black_box(clv.value(customer)).map(|value| value.clv));
        values.sum::<models::Result<f64>>()
    })?;
    let answer = json!({
        "bg_nbd": described(&bg_nbd, order_seconds),
        "gamma_gamma": described(&gamma_gamma, basket_seconds),
        "spend_frequency_correlation": spend_frequency_correlation(&spends),
        "clv": { "total": total, "seconds": clv_seconds },
    });
    println!("{answer:#}");
    Ok(())
}

fn described<M: serde::Serialize>(fitted: &Fitted<M>, seconds: f64) -> Value {
    let mut answer = json!(fitted);
    answer["seconds"] = json!(seconds);
    answer
}

/// The last result, and the seconds of the fastest.
fn timed<T>(repeats: usize, work: impl Fn() -> models::Result<T>) -> Result<(T, f64), Box<dyn Error>> {
    let (mut seconds, mut result) = (f64::INFINITY, None);
    for _ in 0..repeats {
        let start = Instant::now();
        result = Some(work()?);
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    Ok((result.ok_or("REPEATS must be at least 1")?, seconds))
}

fn read(text: &str) -> Result<Vec<Summary>, Box<dyn Error>> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(format!("the header must be {HEADER}").into());
    }
    lines.map(summary).collect()
}

fn summary(line: &str) -> Result<Summary, Box<dyn Error>> {
    let numbers: Vec<f64> = line.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let [frequency, recency, age, value] = numbers[..] else {
        return Err(format!("a line must have {HEADER}, but is {line}").into());
    };
    let frequency = frequency as u32;
    Ok(Summary { frequency, recency, age, unit: Unit::Days, mean_value: (frequency > 0).then_some(value) })
}
