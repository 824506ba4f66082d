//! What every store must do, whatever it is made of.

mod decisions;
mod offers;
pub(super) mod reservations;

use super::*;
use crate::auth::Role;
use crate::config::Direction;
use chrono::TimeDelta;
use models::events::EventKind;
use models::payload::{Payload, PayloadValue};
use sha2::Digest;
use std::sync::Arc;

/// Ids that break careless code: quotes, SQL, separators, other scripts, and the longest that may be.
fn hostile_ids() -> Vec<String> {
    let mut ids: Vec<String> =
        ["'; DROP TABLE events; --", "a/b\\c", "%2F%00", "été 😀 \u{202e}", "\n\t\"", " ", "$1"]
            .map(String::from)
            .into();
    ids.push("é".repeat(128));
    ids
}

fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 123_456_000).unwrap()
}

fn event(event_id: &str, customer_id: &str, at: i64) -> NewEvent {
    NewEvent {
        event_id: event_id.into(),
        kind: EventKind::Click,
        customer_id: customer_id.into(),
        item_id: "i".into(),
        quantity: 1.0,
        unit_price: None,
        discount: None,
        order_id: None,
        at: Some(moment(at)),
        received_at: moment(at),
        contact_point: None,
        decision_id: None,
    }
}

fn payload(word: &str) -> Payload {
    [("word".to_owned(), PayloadValue::Text(word.into())), ("price".to_owned(), PayloadValue::Number(0.1))]
        .into()
}

/// One customer's ledger from the beginning, as of a second.
async fn ledger(store: &dyn Store, customer_id: &str, household_id: Option<&str>, as_of: i64) -> Ledger {
    let household_id = household_id.map(str::to_owned);
    let (since, as_of) = (moment(0), moment(as_of));
    store
        .ledger(&Subject { customer_id: customer_id.into(), household_id, since, as_of, inbound: 1_000 })
        .await
        .unwrap()
}

/// Reserves a decision if a judge admits it.
async fn reserve(
    store: &dyn Store,
    decision: DecisionRecord,
    admit: impl Fn(&Ledger, &[Usage]) -> bool + Send + Sync + 'static,
) -> Reserved {
    let (customer_id, household_id) = (decision.customer_id.clone(), decision.household_id.clone());
    let subject = Subject { customer_id, household_id, since: moment(0), as_of: decision.at, inbound: 1_000 };
    store.reserve(Reservation { subject, decision, admit: Arc::new(admit) }).await.unwrap()
}

async fn events_since(store: &dyn Store, customer_id: &str, since: i64, limit: u32) -> Vec<StoredEvent> {
    store.record_of(customer_id, "profiling", moment(since), limit).await.unwrap().events
}

async fn ids_since(store: &dyn Store, customer_id: &str, since: i64, limit: u32) -> Vec<String> {
    let events = events_since(store, customer_id, since, limit).await;
    events.into_iter().map(|event| event.event_id).collect()
}

/// Runs all of it on one empty store.
pub(super) async fn check(store: Arc<dyn Store>) {
    events_come_back_as_they_were_given(&*store).await;
    repeated_events_are_recognised(&*store).await;
    a_time_left_to_the_service_stays_the_first_one(&*store).await;
    events_of_a_customer_are_the_latest_oldest_first(&*store).await;
    the_record_of_a_customer_is_what_its_parts_say(&*store).await;
    the_latest_events_come_in_the_order_in_which_they_were_kept(&*store).await;
    customers_are_replaced_and_erased(&*store).await;
    changes_of_stage_are_recorded_once_and_erased(&*store).await;
    items_keep_their_first_position(&*store).await;
    keys_are_listed_and_revoked_once(&*store).await;
    activations_are_listed_newest_first(&*store).await;
    an_idempotency_key_belongs_to_one_request(&*store).await;
    offers::offers_are_replaced_and_deleted_and_every_change_is_a_new_revision(&*store).await;
    offers::a_policy_is_kept_in_versions_and_the_last_published_is_in_force(&*store).await;
    offers::consents_are_only_added_and_the_last_word_counts(&*store).await;
    decisions::decisions_come_back_as_they_were_given(&*store).await;
    decisions::decisions_are_kept_once_and_paged_in_order(&*store).await;
    decisions::a_contact_is_reserved_confirmed_and_counted(&*store).await;
    decisions::a_household_shares_contacts_but_not_responses(&*store).await;
    decisions::responses_are_recognised_and_wait_for_their_decision(&*store).await;
    decisions::silence_settles_what_was_shown(&*store).await;
    decisions::units_are_counted_with_what_they_bought(&*store).await;
    decisions::an_erased_customer_leaves_no_decision_and_holds_no_place(&*store).await;
    concurrent_writers_lose_nothing(store).await;
}

async fn events_come_back_as_they_were_given(store: &dyn Store) {
    for (row, id) in hostile_ids().into_iter().enumerate() {
        let full = NewEvent {
            kind: EVENT_KINDS[row % EVENT_KINDS.len()].0,
            item_id: id.clone(),
            quantity: -0.1,
            unit_price: Some(f64::MIN_POSITIVE),
            discount: Some(0.3),
            order_id: Some(id.clone()),
            contact_point: Some(id.clone()),
            decision_id: Some(id.clone()),
            ..event(&id, &id, 0)
        };
        assert_eq!(store.append_events(vec![full.clone()]).await.unwrap(), [Appended::Stored], "{id:?}");
        assert_eq!(events_since(store, &id, 0, 10).await, [full.stored()], "{id:?}");
    }
    assert_eq!(store.append_events(Vec::new()).await.unwrap(), []);
}

async fn repeated_events_are_recognised(store: &dyn Store) {
    let (a, b, c) = (event("r-a", "r", 1), event("r-b", "r", 2), event("r-c", "r", 3));
    let other_a = NewEvent { quantity: 2.0, ..a.clone() };
    let before = store.count_events().await.unwrap();
    use Appended::{Conflict, Duplicate, Stored};
    let cases = [
        (vec![a.clone(), a.clone(), other_a.clone(), b.clone()], vec![Stored, Duplicate, Conflict, Stored]),
        (vec![c.clone(), a.clone(), other_a.clone()], vec![Stored, Duplicate, Conflict]),
        (vec![other_a, b.clone()], vec![Conflict, Duplicate]),
    ];
    for (events, expected) in cases {
        assert_eq!(store.append_events(events).await.unwrap(), expected);
    }
    assert_eq!(store.count_events().await.unwrap() - before, 3);
    assert_eq!(events_since(store, "r", 0, 10).await, [a.stored(), b.stored(), c.stored()]);
}

async fn a_time_left_to_the_service_stays_the_first_one(store: &dyn Store) {
    let first = NewEvent { at: None, ..event("t", "t", 10) };
    let again = NewEvent { received_at: moment(20), ..first.clone() };
    let elsewhen = NewEvent { at: Some(moment(20)), ..first.clone() };
    assert_eq!(store.append_events(vec![first]).await.unwrap(), [Appended::Stored]);
    assert_eq!(
        store.append_events(vec![again, elsewhen]).await.unwrap(),
        [Appended::Duplicate, Appended::Conflict]
    );
    assert_eq!(store.activity("t").await.unwrap(), Activity { events: 1, last_at: Some(moment(10)) });
}

async fn events_of_a_customer_are_the_latest_oldest_first(store: &dyn Store) {
    // More rows than any statement takes, in a scrambled order.
    let events: Vec<NewEvent> =
        (0..203).map(|row| event(&format!("l-{:03}", (row * 67) % 203), "l", (row * 67) % 203)).collect();
    store.append_events(events).await.unwrap();
    assert_eq!(ids_since(store, "l", 198, 10).await, ["l-198", "l-199", "l-200", "l-201", "l-202"]);
    assert_eq!(ids_since(store, "l", 0, 2).await, ["l-201", "l-202"]);
    assert_eq!(store.activity("l").await.unwrap(), Activity { events: 203, last_at: Some(moment(202)) });
    assert_eq!(store.activity("nobody").await.unwrap(), Activity::default());
}

async fn the_record_of_a_customer_is_what_its_parts_say(store: &dyn Store) {
    let record = async |id: &str, since| store.record_of(id, "profiling", moment(since), 2).await.unwrap();
    for id in hostile_ids() {
        assert_eq!(record(&format!("record {id}"), 0).await, CustomerRecord::default());
    }
    let later = [event("rec-2", "rec", 20), event("rec-3", "rec", 30)];
    let full = NewEvent { unit_price: Some(2.5), order_id: Some("o".into()), ..event("rec-1", "rec", 10) };
    store.append_events(vec![later[1].clone(), full.clone(), later[0].clone()]).await.unwrap();
    let attributes = payload("x");
    let customer =
        Customer { customer_id: "rec".into(), attributes: attributes.clone(), updated_at: moment(5) };
    store.put_customers(vec![customer]).await.unwrap();
    let said = |purpose: &str, status, at| Consent {
        purpose: purpose.into(),
        ..offers::consent("rec", "phone", status, at)
    };
    let lines = vec![
        said("profiling", ConsentStatus::Withdrawn, 9),
        said("profiling", ConsentStatus::Granted, 9),
        said("profiling", ConsentStatus::Refused, 8),
        said("marketing", ConsentStatus::Refused, 99),
    ];
    store.append_consents(lines).await.unwrap();
    let known = record("rec", 0).await;
    assert_eq!((known.attributes, known.consent), (Some(attributes), Some(ConsentStatus::Granted)));
    assert_eq!(known.events, later.clone().map(NewEvent::stored), "the latest, oldest first");
    assert_eq!(record("rec", 30).await.events, [later[1].clone().stored()]);
    let all = store.record_of("rec", "profiling", moment(0), 9).await.unwrap().events;
    assert_eq!(all[0], full.stored());
}

async fn the_latest_events_come_in_the_order_in_which_they_were_kept(store: &dyn Store) {
    store.append_events(vec![event("kept-1", "k1", 90), event("kept-2", "k2", 10)]).await.unwrap();
    store.append_events(vec![event("kept-3", "k1", 50)]).await.unwrap();
    let latest = store.latest_events(2).await.unwrap();
    assert_eq!(latest.iter().map(|event| event.event_id.as_str()).collect::<Vec<_>>(), ["kept-2", "kept-3"]);
}

async fn customers_are_replaced_and_erased(store: &dyn Store) {
    let customer = |id: &str, word: &str| Customer {
        customer_id: id.into(),
        attributes: payload(word),
        updated_at: moment(5),
    };
    for id in hostile_ids() {
        store.put_customers(vec![customer(&id, "old"), customer(&id, &id)]).await.unwrap();
        assert_eq!(store.customer(&id).await.unwrap(), Some(customer(&id, &id)));
    }
    store.append_events(vec![event("e-1", "erase", 0), event("e-2", "erase", 1)]).await.unwrap();
    store.put_customers(vec![customer("erase", "x"), customer("stays", "x")]).await.unwrap();
    let erased = store.erase_customer("erase", moment(7)).await.unwrap();
    assert_eq!((erased.attributes_erased, erased.events_erased, erased.erased_at), (true, 2, moment(7)));
    let active = async |after: &str, limit| store.active_customers(moment(0), after, limit).await.unwrap();
    assert_eq!(active("stay", 1).await, ["stays"]);
    assert!(!active("eras", 100).await.contains(&"erase".to_owned()));
    assert!(
        active("r", 1).await == ["r"] || active("k2", 2).await.contains(&"r".to_owned()),
        "known by events"
    );
    assert_eq!(store.customer("erase").await.unwrap(), None);
    assert_eq!(store.activity("erase").await.unwrap().events, 0);
    assert!(store.customer("stays").await.unwrap().is_some());
    let again = store.erase_customer("erase", moment(8)).await.unwrap();
    assert_eq!((again.attributes_erased, again.events_erased), (false, 0));
    assert_ne!(again.receipt_id, erased.receipt_id);
    let digest = sha2::Sha256::digest("erase").to_vec();
    assert_eq!(store.erased_since(moment(7)).await.unwrap(), [digest.clone(), digest.clone()]);
    assert_eq!(store.erased_since(moment(8)).await.unwrap(), [digest]);
}

async fn changes_of_stage_are_recorded_once_and_erased(store: &dyn Store) {
    let change = |customer: &str, to: &str, at| NewTransition {
        customer_id: customer.into(),
        from: "new".into(),
        to: to.into(),
        reason: "été".into(),
        at: moment(at),
    };
    let (first, second) = (change("s", "inactive", 1), change("s", "lost", 2));
    store.append_transitions(vec![first.clone(), change("other", "lost", 1)]).await.unwrap();
    store.append_transitions(vec![first.clone(), second.clone()]).await.unwrap();
    let of = store.transitions_of("s", 10).await.unwrap();
    assert_eq!(of.iter().map(|kept| &kept.transition).collect::<Vec<_>>(), [&second, &first]);
    assert_eq!(store.transitions_of("s", 1).await.unwrap(), of[..1]);
    let all = store.transitions_after(i64::MIN, 10).await.unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(store.transitions_after(all[1].sequence, 10).await.unwrap(), all[2..]);
    store.erase_customer("s", moment(9)).await.unwrap();
    assert!(store.transitions_of("s", 10).await.unwrap().is_empty());
}

async fn items_keep_their_first_position(store: &dyn Store) {
    let item = |id: &str, word: &str| NewItem { item_id: id.into(), attributes: payload(word) };
    let mut items: Vec<NewItem> = hostile_ids().iter().map(|id| item(id, "first")).collect();
    items.push(item(" ", "second"));
    let written = store.put_items(items.clone(), moment(1)).await.unwrap();
    assert_eq!(written.len(), items.len());
    let listed = store.items_after(i64::MIN, 100).await.unwrap();
    let listed_ids: Vec<&str> = listed.iter().map(|item| item.item_id.as_str()).collect();
    assert_eq!(listed_ids, hostile_ids());
    assert!(listed.is_sorted_by(|a, b| a.position < b.position));
    let blank = store.item(" ").await.unwrap().unwrap();
    assert_eq!((&blank.attributes, blank.updated_at), (&payload("second"), moment(1)));
    assert_eq!(written.last(), Some(&blank));
    let next = store.items_after(listed[2].position, 2).await.unwrap();
    assert_eq!(next, listed[3..5]);
    assert_eq!(store.item("nothing").await.unwrap(), None);
}

async fn keys_are_listed_and_revoked_once(store: &dyn Store) {
    let key = |id: &str, at| KeyRecord {
        key_id: id.into(),
        role: Role::Advisor,
        label: "été".into(),
        secret_sha256: [7; 32],
        created_at: moment(at),
        revoked_at: None,
    };
    store.add_key(key("b", 1)).await.unwrap();
    store.add_key(key("a", 2)).await.unwrap();
    assert_eq!(store.key("a").await.unwrap(), Some(key("a", 2)));
    assert!(store.revoke_key("a", moment(3)).await.unwrap());
    assert!(!store.revoke_key("a", moment(4)).await.unwrap());
    assert!(!store.revoke_key("c", moment(4)).await.unwrap());
    let revoked = KeyRecord { revoked_at: Some(moment(3)), ..key("a", 2) };
    assert_eq!(store.keys().await.unwrap(), [key("b", 1), revoked]);
    let fault = store.add_key(key("a", 9)).await.unwrap_err().fault;
    assert_eq!(fault, Fault::Bug, "a key is never replaced");
}

async fn activations_are_listed_newest_first(store: &dyn Store) {
    let activation = |id: &str, at| Activation { release_id: id.into(), actor: "k".into(), at: moment(at) };
    assert_eq!(store.activations(2).await.unwrap(), []);
    for (id, at) in [("r1", 1), ("r2", 2), ("r1", 3)] {
        store.record_activation(activation(id, at)).await.unwrap();
    }
    assert_eq!(store.activations(2).await.unwrap(), [activation("r1", 3), activation("r2", 2)]);
}

async fn an_idempotency_key_belongs_to_one_request(store: &dyn Store) {
    let request = |caller: &str, digest| IdempotentRequest {
        caller: caller.into(),
        key: "k".into(),
        request_sha256: [digest; 32],
    };
    let (now, minute) = (moment(0), TimeDelta::seconds(60));
    let claim =
        async |caller: &str, digest, at| store.claim(request(caller, digest), at, at + minute).await.unwrap();
    assert_eq!(claim("a", 1, now).await, Claim::Granted);
    assert_eq!(claim("a", 1, now).await, Claim::Running);
    assert_eq!(claim("a", 2, now).await, Claim::Reused);
    assert_eq!(claim("b", 2, now).await, Claim::Granted, "callers do not meet");
    assert_eq!(claim("a", 1, now + minute).await, Claim::Granted, "the first never finished");
    store.release_claim(request("a", 1)).await.unwrap();
    assert_eq!(claim("a", 2, now).await, Claim::Granted, "it was given back");
    let answer = KeptAnswer { status: 200, body: vec![0, 159, 146, 150] };
    store.keep_answer(request("a", 2), answer.clone(), now + minute * 10).await.unwrap();
    assert_eq!(claim("a", 2, now + minute * 9).await, Claim::Answered(answer));
    assert_eq!(claim("a", 1, now + minute * 9).await, Claim::Reused);
    assert_eq!(claim("a", 1, now + minute * 10).await, Claim::Granted, "it expired");
}

async fn concurrent_writers_lose_nothing(store: Arc<dyn Store>) {
    const TASKS: usize = 16;
    const ROUNDS: usize = 25;
    let before = store.count_events().await.unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let customer = format!("w-{task}");
                for round in 0..ROUNDS {
                    let own = event(&format!("w-{task}-{round}"), &customer, round as i64);
                    let shared = event(&format!("w-shared-{round}"), "w-shared", round as i64);
                    let appended = store.append_events(vec![own, shared]).await.unwrap();
                    assert_eq!(appended[0], Appended::Stored);
                    assert_ne!(appended[1], Appended::Conflict);
                    // What was acknowledged is seen at once.
                    assert_eq!(store.activity(&customer).await.unwrap().events, round as u64 + 1);
                    let item = NewItem { item_id: customer.clone(), attributes: payload(&round.to_string()) };
                    store.put_items(vec![item], moment(0)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let expected = (TASKS * ROUNDS + ROUNDS) as u64;
    assert_eq!(store.count_events().await.unwrap() - before, expected);
    let last = store.item("w-3").await.unwrap().unwrap();
    assert_eq!(last.attributes, payload(&(ROUNDS - 1).to_string()));
}
