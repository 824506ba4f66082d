//! Reservations that race each other: through one store, and through two that were opened on the same database.

use super::decisions::{decision, usage_of};
use super::*;

/// Reservations at once in each race.
const RACERS: usize = 64;

/// What each race lets through.
const CAP: usize = 4;

/// Runs all races; the stores may be the same.
pub(in crate::store) async fn check(stores: [Arc<dyn Store>; 2]) {
    races_on_one_customer_keep_the_cap(&stores).await;
    races_in_one_household_keep_the_cap(&stores).await;
    races_for_a_stock_keep_it(&stores).await;
    pages_of_decisions_miss_nothing_while_both_write(&stores).await;
}

async fn races_on_one_customer_keep_the_cap(stores: &[Arc<dyn Store>; 2]) {
    let race = format!("race-{}", uuid::Uuid::now_v7());
    let outbound = |row: usize| reserved(&race, row, &race, None);
    let kept = run(stores, outbound, |ledger, _| ledger.contacts.len() < CAP).await;
    assert_eq!(kept, CAP);
    assert_eq!(ledger(&*stores[1], &race, None, 110).await.contacts.len(), CAP);
    assert_eq!(usage_of(&*stores[0], &race).await.reserved, CAP as u64);
}

async fn races_in_one_household_keep_the_cap(stores: &[Arc<dyn Store>; 2]) {
    let race = format!("race-{}", uuid::Uuid::now_v7());
    let outbound = |row: usize| reserved(&race, row, &format!("{race}-{row}"), Some(&race));
    let kept = run(stores, outbound, |ledger, _| ledger.contacts.len() < CAP).await;
    assert_eq!(kept, CAP);
    assert_eq!(ledger(&*stores[1], "someone else", Some(&race), 110).await.contacts.len(), CAP);
}

async fn races_for_a_stock_keep_it(stores: &[Arc<dyn Store>; 2]) {
    let race = format!("race-{}", uuid::Uuid::now_v7());
    let outbound = |row: usize| reserved(&race, row, &format!("{race}-{row}"), None);
    let in_stock = |_: &Ledger, usage: &[Usage]| usage.iter().all(|used| used.reserved < CAP as u64);
    assert_eq!(run(stores, outbound, in_stock).await, CAP);
    let usage = usage_of(&*stores[0], &race).await;
    assert_eq!((usage.reserved, usage.committed), (CAP as u64, CAP as f64 * 0.5));
}

/// Two writers give sequence numbers; a reader that always goes on from the last number it saw sees every decision.
async fn pages_of_decisions_miss_nothing_while_both_write(stores: &[Arc<dyn Store>; 2]) {
    const EACH: usize = 40;
    let race = format!("race-{}", uuid::Uuid::now_v7());
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (store, race) = (Arc::clone(&stores[writer % 2]), race.clone());
            tokio::spawn(async move {
                for row in 0..EACH {
                    let id = format!("{race}-{writer}-{row}");
                    store
                        .append_decisions(vec![decision(&id, &race, ResultState::Shown, &[&race])])
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    let (mut seen, mut last) = (0, i64::MIN);
    loop {
        let done = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let page = stores[0].decisions_after(last, 50).await.unwrap();
        seen += page.iter().filter(|kept| kept.decision.customer_id == race).count();
        match page.last() {
            Some(kept) => last = kept.sequence,
            None if done => break,
            None => tokio::task::yield_now().await,
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(seen, 8 * EACH);
}

fn reserved(race: &str, row: usize, customer_id: &str, household_id: Option<&str>) -> DecisionRecord {
    let decision_id = format!("{race}-d-{row}");
    let household_id = household_id.map(str::to_owned);
    DecisionRecord { household_id, ..decision(&decision_id, customer_id, ResultState::Reserved, &[race]) }
}

/// Lets all racers go at once, through the stores in turn; gives how many were kept.
async fn run(
    stores: &[Arc<dyn Store>; 2],
    outbound: impl Fn(usize) -> DecisionRecord,
    admit: impl Fn(&Ledger, &[Usage]) -> bool + Copy + Send + Sync + 'static,
) -> usize {
    let racers: Vec<_> = (0..RACERS)
        .map(|row| {
            let (store, decision) = (Arc::clone(&stores[row % 2]), outbound(row));
            tokio::spawn(async move { reserve(&*store, decision, admit).await })
        })
        .collect();
    let mut kept = 0;
    for racer in racers {
        kept += usize::from(racer.await.unwrap() == Reserved::Kept);
    }
    kept
}
