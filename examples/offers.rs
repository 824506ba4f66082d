//! How quickly are offers decided? Writes offers to a running service, then asks for the next best ones at a constant
//! rate, whatever becomes of the answers (open loop); each latency counts from the moment at which the request was due.
//!
//! ```text
//! cargo run --release --example offers -- --url http://127.0.0.1:8080 --key pf_… --offers 500 --rate 1000 --seconds 30
//! ```

use anyhow::ensure;
use clap::Parser;
use hdrhistogram::Histogram;
use reqwest::Client;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

#[derive(Parser, Clone)]
struct Arguments {
    /// Where the service answers.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A key with the role admin.
    #[arg(long)]
    key: String,
    /// Offers to write; 0 leaves them as they are.
    #[arg(long, default_value_t = 500)]
    offers: usize,
    /// The contact point.
    #[arg(long, default_value = "web_home")]
    contact_point: String,
    /// Offers of an answer.
    #[arg(long, default_value_t = 3)]
    n: usize,
    /// Requests a second.
    #[arg(long, default_value_t = 1000.0)]
    rate: f64,
    /// For how long.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Requests of the first seconds that do not count.
    #[arg(long, default_value_t = 5)]
    warm_up: u64,
    /// Customers asked for in turn; the bundled history has these ids.
    #[arg(long, default_value_t = 2469)]
    customers: usize,
}

/// Offers with rules, levers' groups and promoted items, as a retailer would have them.
fn offers(n: usize) -> Value {
    const RULES: [&str; 3] = [
        "history.orders >= 1",
        "history.orders >= 5 && history.return_share < 0.5",
        "has(churn.probability)",
    ];
    let treatments = ["web", "email", "branch"].map(|channel| json!({ "channel": channel }));
    let offer = |at: usize| {
        json!({ "offer_id": format!("load-{at}"), "offer": {
            "name": format!("Offer {at}"), "issue": "sales", "group": format!("group-{}", at % 20),
            "value": 5.0 + (at % 17) as f64, "cost": 0.01,
            "items": (0..5).map(|item| (820_000 + (at * 37 + item * 911) % 300_000).to_string()).collect::<Vec<_>>(),
            "eligibility": RULES[at % RULES.len()], "treatments": treatments,
        } })
    };
    (0..n).map(offer).collect()
}

struct Counts {
    answered: AtomicU64,
    failed: AtomicU64,
    empty: AtomicU64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let client = Client::builder().no_proxy().pool_max_idle_per_host(1024).build()?;
    if arguments.offers > 0 {
        let request = client.post(format!("{}/v1/offers:batch", arguments.url)).bearer_auth(&arguments.key);
        let answer = request.json(&offers(arguments.offers)).send().await?;
        ensure!(answer.status().is_success(), "offers were not written: {}", answer.text().await?);
    }
    let counts =
        Arc::new(Counts { answered: AtomicU64::new(0), failed: AtomicU64::new(0), empty: AtomicU64::new(0) });
    let latencies = Arc::new(Mutex::new(Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?));
    let gap = Duration::from_secs_f64(1.0 / arguments.rate);
    let started = Instant::now();
    let total = (arguments.rate * arguments.seconds as f64) as u64;
    let mut running = tokio::task::JoinSet::new();
    for at in 0..total {
        let due = started + gap.mul_f64(at as f64);
        tokio::time::sleep_until(due.into()).await;
        let (arguments, client) = (arguments.clone(), client.clone());
        let (counts, latencies) = (Arc::clone(&counts), Arc::clone(&latencies));
        running.spawn(async move { ask(&arguments, &client, at, due, (&counts, &latencies)).await });
        while running.try_join_next().is_some() {}
    }
    running.join_all().await;
    let took = started.elapsed().as_secs_f64();
    let latencies = latencies.lock().await;
    let ms = |quantile: f64| latencies.value_at_quantile(quantile) as f64 / 1e3;
    let [answered, failed, empty] =
        [&counts.answered, &counts.failed, &counts.empty].map(|count| count.load(Ordering::Relaxed));
    println!(
        "{answered} answered, {failed} failed, {empty} without an offer in {took:.1} s ({:.0} a second)",
        answered as f64 / took
    );
    println!(
        "latency from the due moment in ms: p50 {:.2}, p90 {:.2}, p99 {:.2}, p99.9 {:.2}, most {:.2}",
        ms(0.5),
        ms(0.9),
        ms(0.99),
        ms(0.999),
        latencies.max() as f64 / 1e3
    );
    ensure!(failed == 0, "{failed} requests failed");
    Ok(())
}

async fn ask(
    arguments: &Arguments,
    client: &Client,
    at: u64,
    due: Instant,
    (counts, latencies): (&Counts, &Mutex<Histogram<u64>>),
) {
    let customer = 1 + (at as usize * 7919) % arguments.customers;
    let body = json!({ "customer_id": customer.to_string(), "contact_point": arguments.contact_point,
        "n": arguments.n, "explain": true });
    let request = client.post(format!("{}/v1/offers/next", arguments.url)).bearer_auth(&arguments.key);
    let answer = async { request.json(&body).send().await?.error_for_status()?.json::<Value>().await };
    match answer.await {
        Ok(answer) => {
            counts.answered.fetch_add(1, Ordering::Relaxed);
            let none = answer["results"].as_array().is_none_or(Vec::is_empty);
            counts.empty.fetch_add(u64::from(none), Ordering::Relaxed);
        }
        Err(_) => {
            counts.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
    if at as f64 >= arguments.rate * arguments.warm_up as f64 {
        let _ = latencies.lock().await.record(due.elapsed().as_micros() as u64);
    }
}
