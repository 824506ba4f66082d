//! Asks a running service what no unit test can: does an answer ever mix two releases, and how soon does an event
//! change the next answer?
//!
//! ```text
//! cargo run --release --example live -- swap  --url http://127.0.0.1:8080 --key pf_… --seconds 60
//! cargo run --release --example live -- event --url http://127.0.0.1:8080 --key pf_… --customers 500
//! cargo run --release --example live -- view  --url http://127.0.0.1:8080 --key pf_… --requests 5000
//! ```
//!
//! `swap` needs two releases: it activates them in turn, every second, under load, and compares every answer with
//! the one that its release gave when nothing else happened. `event` sends a purchase and asks at once. `view` asks for
//! the whole view of one customer after the other, then searches. All exit with 1 when an answer is wrong.

use anyhow::{Context, bail, ensure};
use clap::{Args, Parser};
use reqwest::Client;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[derive(Parser)]
enum Command {
    /// Swaps releases every second under load.
    Swap {
        #[command(flatten)]
        service: Service,
        /// How long.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Requests under way at once.
        #[arg(long, default_value_t = 16)]
        clients: usize,
    },
    /// Sends an event and asks for the changed answer.
    Event {
        #[command(flatten)]
        service: Service,
        /// How many customers, one after the other.
        #[arg(long, default_value_t = 500)]
        customers: usize,
    },
    /// Asks for the view of one customer after the other, one request at a time.
    View {
        #[command(flatten)]
        service: Service,
        /// How many.
        #[arg(long, default_value_t = 5000)]
        requests: usize,
    },
}

#[derive(Args, Clone)]
struct Service {
    /// Where it answers.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A key with the role admin.
    #[arg(long)]
    key: String,
    #[arg(skip)]
    client: Client,
}

impl Service {
    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(&self.key);
        let answer = request.json(body).send().await?;
        let status = answer.status();
        let body = answer.text().await?;
        ensure!(status.is_success(), "{path} answered {status}: {body}");
        Ok(serde_json::from_str(&body)?)
    }

    async fn recommend(&self, customer: usize) -> anyhow::Result<Value> {
        let request = json!({"customer_id": customer.to_string(), "contact_point": "web_home", "n": 10});
        self.post("/v1/recommend", &request).await
    }

    async fn activate(&self, release: &str) -> anyhow::Result<()> {
        self.post(&format!("/v1/releases/{release}/activate"), &json!({})).await.map(|_| ())
    }

    async fn releases(&self) -> anyhow::Result<Vec<String>> {
        let request = self.client.get(format!("{}/v1/releases", self.url)).bearer_auth(&self.key);
        let list: Value = request.send().await?.error_for_status()?.json().await?;
        let ids = list["releases"].as_array().context("no list of releases")?;
        Ok(ids.iter().filter_map(|release| Some(release["id"].as_str()?.to_owned())).collect())
    }
}

/// Customers asked for in turn; the bundled history has these ids.
const CUSTOMERS: usize = 50;

/// The items and scores of an answer, which must be those of its release to the last digit.
fn content(answer: &Value) -> Vec<(String, String)> {
    let results = answer["results"].as_array().into_iter().flatten();
    results.map(|result| (result["id"].to_string(), result["score"].to_string())).collect()
}

type Expected = HashMap<(String, usize), Vec<(String, String)>>;

async fn swap(service: Service, seconds: u64, clients: usize) -> anyhow::Result<()> {
    let releases = service.releases().await?;
    let [a, b, ..] = releases.as_slice() else {
        bail!("two releases are needed, but there are {}: train another one", releases.len())
    };
    let mut expected = Expected::new();
    for release in [a, b] {
        service.activate(release).await?;
        for customer in 1..=CUSTOMERS {
            expected.insert((release.clone(), customer), content(&service.recommend(customer).await?));
        }
    }
    let differing =
        (1..=CUSTOMERS).filter(|&c| expected[&(a.clone(), c)] != expected[&(b.clone(), c)]).count();
    ensure!(differing > CUSTOMERS / 2, "the two releases answer alike, so a mixture could not be seen");
    let (expected, stop) = (Arc::new(expected), Arc::new(AtomicBool::new(false)));
    let counts = Arc::new([const { AtomicU64::new(0) }; 3]);
    let workers: Vec<_> = (0..clients)
        .map(|client| {
            tokio::spawn(ask_on(
                service.clone(),
                client,
                Arc::clone(&expected),
                Arc::clone(&stop),
                Arc::clone(&counts),
            ))
        })
        .collect();
    let mut swaps = 0;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(seconds) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        service.activate([a, b][swaps % 2]).await?;
        swaps += 1;
    }
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await?;
    }
    let [right, failed, mixed] = [0, 1, 2].map(|at| counts[at].load(Ordering::Relaxed));
    println!(
        "{swaps} swaps in {seconds} s under {clients} clients: {right} right answers, {failed} failed, {mixed} mixed"
    );
    ensure!(failed == 0 && mixed == 0 && right > 0, "some answers were wrong");
    Ok(())
}

async fn ask_on(
    service: Service,
    client: usize,
    expected: Arc<Expected>,
    stop: Arc<AtomicBool>,
    counts: Arc<[AtomicU64; 3]>,
) {
    let mut turn = client;
    while !stop.load(Ordering::Relaxed) {
        let customer = turn % CUSTOMERS + 1;
        turn += 1;
        let outcome = match service.recommend(customer).await {
            Err(error) => {
                eprintln!("failed: {error:#}");
                1
            }
            Ok(answer) => {
                let release = answer["release"].as_str().unwrap_or_default().to_owned();
                if expected.get(&(release, customer)) == Some(&content(&answer)) { 0 } else { 2 }
            }
        };
        counts[outcome].fetch_add(1, Ordering::Relaxed);
    }
}

async fn event(service: Service, customers: usize) -> anyhow::Result<()> {
    let (mut event_ms, mut total_ms) = (Vec::new(), Vec::new());
    for customer in 1..=customers {
        let before = service.recommend(customer).await?;
        let bought = before["results"][9]["id"].as_str().context("the answer has fewer than ten items")?;
        let purchase = json!({"type": "purchase", "customer_id": customer.to_string(), "item_id": bought, "quantity": 3});
        let started = Instant::now();
        service.post("/v1/events", &purchase).await?;
        event_ms.push(started.elapsed().as_secs_f64() * 1e3);
        let after = service.recommend(customer).await?;
        total_ms.push(started.elapsed().as_secs_f64() * 1e3);
        ensure!(content(&before) != content(&after), "the answer for customer {customer} did not change");
    }
    print_quantiles("event acknowledged", event_ms);
    print_quantiles("changed answer received", total_ms);
    println!("{customers} of {customers} answers changed");
    Ok(())
}

fn print_quantiles(what: &str, mut ms: Vec<f64>) {
    ms.sort_by(f64::total_cmp);
    let quantile = |q: f64| ms[(q * (ms.len() - 1) as f64) as usize];
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(quantile);
    println!("{what}: p50 {p50:.2} ms, p99 {p99:.2} ms, max {max:.2} ms");
}

/// Customers whose ids a search gives are viewed, each a first time.
async fn view(service: Service, requests: usize) -> anyhow::Result<()> {
    let (mut ids, mut cursor, mut search_ms) = (Vec::new(), Value::Null, Vec::new());
    while ids.len() < requests {
        let started = Instant::now();
        let page = service.post("/v1/customers/search", &json!({"n": 200, "cursor": cursor})).await?;
        search_ms.push(started.elapsed().as_secs_f64() * 1e3);
        let found = page["customers"].as_array().context("no list of customers")?;
        ids.extend(found.iter().filter_map(|customer| Some(customer["customer_id"].as_str()?.to_owned())));
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let (mut view_ms, mut churn_ms) = (Vec::new(), Vec::new());
    for id in ids.iter().take(requests) {
        for (path, times) in [("", &mut view_ms), ("/churn", &mut churn_ms)] {
            let started = Instant::now();
            let request = service.client.get(format!("{}/v1/customers/{id}{path}", service.url));
            let view: Value =
                request.bearer_auth(&service.key).send().await?.error_for_status()?.json().await?;
            times.push(started.elapsed().as_secs_f64() * 1e3);
            ensure!(view["customer_id"] == id.as_str(), "the view of {id} is of someone else: {view}");
        }
    }
    let risky =
        json!({"filter": {"must": [{"key": "risk", "match": {"value": "high"}}]}, "sort": "clv", "n": 100});
    let mut sorted_ms = Vec::new();
    for _ in 0..20 {
        let started = Instant::now();
        service.post("/v1/customers/search", &risky).await?;
        sorted_ms.push(started.elapsed().as_secs_f64() * 1e3);
    }
    print_quantiles("view of a customer", view_ms);
    print_quantiles("risk of a customer, with reasons and curve", churn_ms);
    print_quantiles("a page of 200 customers", search_ms);
    print_quantiles("100 customers by risk, sorted by value", sorted_ms);
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Swap { service, seconds, clients } => swap(service, seconds, clients).await,
        Command::Event { service, customers } => event(service, customers).await,
        Command::View { service, requests } => view(service, requests).await,
    }
}
