//! The same for reservations of contacts, on the store itself: after each kill every acknowledged one is there exactly
//! once, the counters agree with the rows, and all of them expire.

use anyhow::{Context, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use proffer::config::{Direction, Sources};
use proffer::metrics::Metrics;
use proffer::startup::open_store;
use proffer::store::{
    DecisionRecord, LoggedDecision, Reservation, Reserved, ResultRecord, ResultState, Store, Subject,
};
use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Tasks that reserve at once.
const CLIENTS: u32 = 16;

/// Kills a process that reserves, again and again; gives how many acknowledged reservations there were.
pub(crate) async fn kill_again_and_again(rounds: u32, set: &[String]) -> anyhow::Result<usize> {
    let mut acknowledged = 0;
    let mut seen = i64::MIN;
    for round in 1..=rounds {
        let pause = Duration::from_millis(20 + u64::from(round) * 37 % 180);
        let settings = set.to_vec();
        let heard = tokio::task::spawn_blocking(move || kill_in_the_middle(&settings, pause)).await??;
        acknowledged += heard.len();
        seen = verify(&*open(set).await?, &heard, seen).await?;
    }
    Ok(acknowledged)
}

/// Reserves until it is killed, and says on its output what was acknowledged.
pub(crate) async fn reserve_for_ever(set: &[String]) -> anyhow::Result<()> {
    let store = open(set).await?;
    let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(reserve(Arc::clone(&store)))).collect();
    for client in clients {
        client.await??;
    }
    Ok(())
}

async fn open(set: &[String]) -> anyhow::Result<Arc<dyn Store>> {
    let config = Sources { overrides: set.to_vec(), ..Sources::default() }.load()?;
    Ok(open_store(&config, Arc::new(Metrics::new()?)).await?)
}

async fn reserve(store: Arc<dyn Store>) -> anyhow::Result<()> {
    loop {
        let decision = decision();
        let id = decision.decision_id.clone();
        let subject = Subject {
            customer_id: decision.customer_id.clone(),
            household_id: None,
            since: decision.at - TimeDelta::seconds(1),
            as_of: decision.at,
            inbound: 1_000,
        };
        let outcome = store.reserve(Reservation { subject, decision, admit: Arc::new(|_, _| true) }).await?;
        ensure!(outcome == Reserved::Kept, "a reservation that nothing forbids was refused");
        println!("{id}");
    }
}

fn kill_in_the_middle(set: &[String], pause: Duration) -> anyhow::Result<Vec<String>> {
    let mut child = Command::new(std::env::current_exe()?);
    child.arg("--reserve").args(set.iter().map(|setting| format!("--set={setting}")));
    let mut child = child.stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let mut acknowledged = vec![lines.next().context("nothing was acknowledged")??];
    let killer = std::thread::spawn(move || {
        std::thread::sleep(pause);
        child.kill().and_then(|()| child.wait())
    });
    // A line that the kill cut short was not acknowledged to anyone.
    acknowledged.extend(lines.map_while(Result::ok).filter(|line| line.len() == 36));
    killer.join().map_err(|_| anyhow::anyhow!("the killer died"))??;
    Ok(acknowledged)
}

/// Looks at everything since the last round; gives the last sequence number.
async fn verify(store: &dyn Store, acknowledged: &[String], seen: i64) -> anyhow::Result<i64> {
    // A server may still be committing what the killed process sent; whoever writes waits for that.
    store.expire(DateTime::UNIX_EPOCH, 1).await?;
    let mut last = seen;
    let mut kept: Vec<LoggedDecision> = Vec::new();
    loop {
        let page = store.decisions_after(last, 1_000).await?;
        let Some(newest) = page.last() else { break };
        last = newest.sequence;
        kept.extend(page);
    }
    let ids: HashSet<&str> = kept.iter().map(|kept| kept.decision.decision_id.as_str()).collect();
    ensure!(ids.len() == kept.len(), "a decision is there twice");
    let lost: Vec<_> = acknowledged.iter().filter(|id| !ids.contains(id.as_str())).collect();
    ensure!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let whole = |kept: &LoggedDecision| {
        let results = &kept.decision.results;
        results.len() == 2 && results.iter().all(|result| result.state == ResultState::Reserved)
    };
    ensure!(kept.iter().all(whole), "a reservation is there in part");
    let reserved = async || anyhow::Ok(store.usage().await?.iter().map(|usage| usage.reserved).sum::<u64>());
    ensure!(reserved().await? == 2 * kept.len() as u64, "the counters disagree with the rows");
    let expired = store.expire(Utc::now() + TimeDelta::hours(1), u32::MAX).await?;
    ensure!(expired == 2 * kept.len() as u64 && reserved().await? == 0, "not all of them expired");
    store.close().await;
    Ok(last)
}

fn decision() -> DecisionRecord {
    let at = Utc::now();
    let id = uuid::Uuid::now_v7().to_string();
    let offer = |rank: u32| ResultRecord {
        rank,
        offer_id: format!("offer-{rank}"),
        issue: "loans".into(),
        group: "consumer".into(),
        class: "marketing".into(),
        state: ResultState::Reserved,
        probability: 1.0,
        propensity: 0.1,
        cost: 0.5,
    };
    DecisionRecord {
        customer_id: format!("c-{}", at.timestamp_subsec_micros() % 500),
        decision_id: id,
        household_id: None,
        unit: "u".into(),
        contact_point: "email".into(),
        channel: "email".into(),
        direction: Direction::Outbound,
        arm: "nba".into(),
        policy_version: 1,
        release: "r".into(),
        at,
        reserved_until: Some(at + TimeDelta::minutes(15)),
        results: vec![offer(1), offer(2)],
        body: "{}".into(),
    }
}
