//! Measures how many contacts per second a store reserves durably, each judged on the ledger of its customer.
//!
//! `cargo run --release --example reservations -- --set store.path=/tmp/measured.db` or
//! `… --set store.url=postgres://…`; use an empty database.

use chrono::{TimeDelta, Utc};
use clap::Parser;
use proffer::config::{Direction, Sources};
use proffer::metrics::Metrics;
use proffer::startup::open_store;
use proffer::store::{DecisionRecord, Reservation, Reserved, ResultRecord, ResultState, Store, Subject};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Arguments.
#[derive(Debug, Parser)]
struct Arguments {
    /// Settings, such as `store.path=FILE` or `store.url=URL`.
    #[arg(long)]
    set: Vec<String>,
    /// How many decisions to write first.
    #[arg(long, default_value_t = 0)]
    decisions: u32,
    /// How long to measure each number of clients, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let config = Sources { overrides: arguments.set, ..Sources::default() }.load()?;
    let store = open_store(&config, Arc::new(Metrics::new()?)).await?;
    fill(&*store, arguments.decisions).await?;
    println!("a ledger takes {:.0} µs", ledger_seconds(&*store).await? * 1e6);
    for clients in [1, 64] {
        let reserved = measure(&store, clients, Duration::from_secs(arguments.seconds)).await?;
        println!(
            "{clients} clients: {:.0} reservations a second",
            reserved as f64 / arguments.seconds as f64
        );
    }
    store.close().await;
    Ok(())
}

/// Writes decisions of a hundred thousand customers.
async fn fill(store: &dyn Store, decisions: u32) -> anyhow::Result<()> {
    let started = Instant::now();
    for first in (0..decisions).step_by(1000) {
        let batch =
            (first..decisions.min(first + 1000)).map(|row| decision(row % 100_000, ResultState::Shown));
        store.append_decisions(batch.collect()).await?;
    }
    if decisions > 0 {
        println!("{:.0} decisions kept a second", f64::from(decisions) / started.elapsed().as_secs_f64());
    }
    Ok(())
}

async fn ledger_seconds(store: &dyn Store) -> anyhow::Result<f64> {
    const TIMES: u32 = 2_000;
    let started = Instant::now();
    for row in 0..TIMES {
        store.ledger(&subject(&decision(row * 37 % 100_000, ResultState::Shown))).await?;
    }
    Ok(started.elapsed().as_secs_f64() / f64::from(TIMES))
}

async fn measure(store: &Arc<dyn Store>, clients: u32, time: Duration) -> anyhow::Result<u64> {
    let end = Instant::now() + time;
    let clients: Vec<_> = (0..clients)
        .map(|client| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let mut reserved = 0;
                for row in 0.. {
                    if Instant::now() >= end {
                        break;
                    }
                    let decision = decision((client * 7_919 + row * 31) % 100_000, ResultState::Reserved);
                    let subject = subject(&decision);
                    let admit = Arc::new(|ledger: &_, _: &_| judge(ledger));
                    let outcome = store.reserve(Reservation { subject, decision, admit }).await?;
                    reserved += u64::from(outcome == Reserved::Kept);
                }
                anyhow::Ok(reserved)
            })
        })
        .collect();
    let mut reserved = 0;
    for client in clients {
        reserved += client.await??;
    }
    Ok(reserved)
}

fn judge(ledger: &proffer::store::Ledger) -> bool {
    ledger.contacts.len() < 1_000_000
}

fn subject(decision: &DecisionRecord) -> Subject {
    Subject {
        customer_id: decision.customer_id.clone(),
        household_id: decision.household_id.clone(),
        since: decision.at - TimeDelta::days(30),
        as_of: decision.at,
        inbound: 1_000,
    }
}

fn decision(customer: u32, state: ResultState) -> DecisionRecord {
    let at = Utc::now();
    let offer = |rank: u32| ResultRecord {
        rank,
        offer_id: format!("offer-{}", (customer + rank) % 200),
        issue: "loans".into(),
        group: "consumer".into(),
        class: "marketing".into(),
        state,
        probability: 0.9,
        propensity: 0.05,
        cost: 0.4,
    };
    DecisionRecord {
        decision_id: uuid::Uuid::now_v7().to_string(),
        customer_id: format!("c-{customer}"),
        household_id: Some(format!("h-{}", customer / 2)),
        unit: format!("h-{}", customer / 2),
        contact_point: "email".into(),
        channel: "email".into(),
        direction: Direction::Outbound,
        arm: "nba".into(),
        policy_version: 1,
        release: "r".into(),
        at,
        reserved_until: Some(at + TimeDelta::minutes(15)),
        results: (1..=3).map(offer).collect(),
        body: "x".repeat(2_000),
    }
}
