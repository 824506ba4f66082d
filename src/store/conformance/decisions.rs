//! Decisions, the ledger, responses, and what silence means.

use super::offers::consent;
use super::*;
use ResponseKind::{Accepted, Clicked, Complaint, Delivered, NoResponse, Refused, Undelivered};

/// A decision with one result for each offer, at a second; outbound where something is reserved.
pub(super) fn decision(id: &str, customer_id: &str, state: ResultState, offers: &[&str]) -> DecisionRecord {
    let result = |(row, offer_id): (usize, &&str)| ResultRecord {
        rank: row as u32 + 1,
        offer_id: (*offer_id).into(),
        issue: "loans".into(),
        group: "g".into(),
        class: "marketing".into(),
        state,
        probability: 0.25,
        propensity: 0.1,
        cost: 0.5,
    };
    let outbound = state != ResultState::Shown;
    DecisionRecord {
        decision_id: id.into(),
        customer_id: customer_id.into(),
        household_id: None,
        unit: customer_id.into(),
        contact_point: "call_centre".into(),
        channel: "phone".into(),
        direction: if outbound { Direction::Outbound } else { Direction::Inbound },
        arm: "nba".into(),
        policy_version: 1,
        release: "r".into(),
        at: moment(100),
        reserved_until: outbound.then(|| moment(160)),
        results: offers.iter().enumerate().map(result).collect(),
        body: "{}".into(),
    }
}

/// A response that the service receives at once.
fn response(id: &str, decision_id: &str, kind: ResponseKind, at: i64) -> NewResponse {
    NewResponse {
        response_id: id.into(),
        decision_id: decision_id.into(),
        rank: 1,
        kind,
        at: moment(at),
        received_at: moment(at),
        revenue: None,
        oldest_decision: moment(0),
    }
}

pub(super) async fn usage_of(store: &dyn Store, offer_id: &str) -> Usage {
    let usage = store.usage().await.unwrap().into_iter().find(|usage| usage.offer_id == offer_id);
    usage.unwrap_or(Usage { offer_id: offer_id.into(), ..Usage::default() })
}

async fn state_of(store: &dyn Store, decision_id: &str) -> ResultState {
    store.decision(decision_id).await.unwrap().unwrap().decision.results[0].state
}

async fn respond(store: &dyn Store, response: NewResponse) -> Responded {
    store.append_responses(vec![response]).await.unwrap()[0]
}

pub(super) async fn decisions_come_back_as_they_were_given(store: &dyn Store) {
    for id in hostile_ids() {
        let mut given = decision(&id, &id, ResultState::Shown, &[&id, "second"]);
        (given.household_id, given.unit, given.contact_point) = (Some(id.clone()), id.clone(), id.clone());
        (given.channel, given.arm, given.release) = (id.clone(), id.clone(), id.clone());
        given.body.clone_from(&id);
        (given.results[0].issue, given.results[0].group) = (id.clone(), id.clone());
        given.results[0].class.clone_from(&id);
        (given.results[1].cost, given.results[1].propensity) = (f64::MIN_POSITIVE, 0.1 + 0.2);
        store.append_decisions(vec![given.clone()]).await.unwrap();
        let answer = response(&id, &id, Clicked, 101);
        assert_eq!(respond(store, answer).await, Responded::Stored, "{id:?}");
        let kept = store.decision(&id).await.unwrap().unwrap();
        assert_eq!((&kept.decision, kept.responses.len()), (&given, 1), "{id:?}");
        assert_eq!(kept.responses[0].response_id, id);
        assert_eq!(store.decisions_of(&id, 9).await.unwrap(), [kept], "{id:?}");
        assert_eq!(ledger(store, &id, Some(&id), 110).await.contacts[0].offer_id, id);
    }
    assert_eq!(store.decision("nothing").await.unwrap(), None);
}

pub(super) async fn decisions_are_kept_once_and_paged_in_order(store: &dyn Store) {
    let control = DecisionRecord { arm: "control".into(), ..decision("p-0", "p", ResultState::Shown, &[]) };
    let many: Vec<DecisionRecord> =
        (1..80).map(|row| decision(&format!("p-{row}"), "p", ResultState::Shown, &["o-p", "o-q"])).collect();
    store.append_decisions(vec![control.clone(), control.clone()]).await.unwrap();
    let first = store.decision("p-0").await.unwrap().unwrap();
    store.append_decisions(many.clone()).await.unwrap();
    let other = DecisionRecord { body: "other".into(), ..many[0].clone() };
    store.append_decisions(vec![other, decision("p-80", "p", ResultState::Shown, &["o-p"])]).await.unwrap();
    let rest = store.decisions_after(first.sequence, 500).await.unwrap();
    assert_eq!(
        rest[..79].iter().map(|kept| &kept.decision).collect::<Vec<_>>(),
        many.iter().collect::<Vec<_>>()
    );
    assert!(rest.is_sorted_by(|a, b| a.sequence < b.sequence));
    assert_eq!(store.decisions_after(rest[9].sequence, 2).await.unwrap(), rest[10..12]);
    let places = store.places_of(&["p-0", "p-1", "nothing"].map(String::from)).await.unwrap();
    let places: Vec<_> =
        places.iter().map(|p| (&*p.decision_id, p.rank, &*p.offer_id, &*p.channel)).collect();
    assert_eq!(places, [("p-1", 1, "o-p", "phone"), ("p-1", 2, "o-q", "phone")]);
    assert_eq!(store.decisions_of("p", 1).await.unwrap()[0].decision.decision_id, "p-80");
    let usage = usage_of(store, "o-p").await;
    assert_eq!((usage.delivered, usage.reserved, usage.spent), (80, 0, 40.0), "each counts once");
}

pub(super) async fn a_contact_is_reserved_confirmed_and_counted(store: &dyn Store) {
    let reserved = |id: &str| decision(id, "k", ResultState::Reserved, &["o-k"]);
    for id in ["k-1", "k-2", "k-3", "k-4"] {
        assert_eq!(reserve(store, reserved(id), |_, _| true).await, Reserved::Kept);
    }
    let outstanding = async |at| {
        let now = store.outstanding(moment(at)).await.unwrap();
        [now.reserved, now.counted, now.overdue]
    };
    assert_eq!((outstanding(159).await, outstanding(160).await), ([4, 4, 0], [4, 4, 4]));
    assert_eq!(reserve(store, reserved("k-5"), |_, _| false).await, Reserved::Overtaken);
    assert_eq!(store.decision("k-5").await.unwrap(), None, "nothing of it is kept");
    assert_eq!(reserve(store, reserved("k-4"), |_, _| false).await, Reserved::Kept, "it is kept already");
    let usage = usage_of(store, "o-k").await;
    assert_eq!((usage.reserved, usage.committed, usage.delivered), (4, 2.0, 0));
    let contacts = ledger(store, "k", None, 110).await.contacts;
    assert_eq!(contacts.len(), 4);
    assert_eq!((contacts[0].state, contacts[0].at), (ResultState::Reserved, moment(100)));
    assert_eq!(ledger(store, "k", None, 160).await.contacts, [], "their time is over");

    respond(store, response("k-r1", "k-1", Delivered, 120)).await;
    respond(store, response("k-r2", "k-2", Undelivered, 121)).await;
    respond(store, response("k-r3", "k-3", Accepted, 122)).await;
    respond(store, response("k-r4", "k-3", Accepted, 123)).await;
    assert_eq!(store.expire(moment(159), 10).await.unwrap(), 0);
    assert_eq!(outstanding(160).await, [1, 1, 1]);
    assert_eq!(store.expire(moment(160), 10).await.unwrap(), 1);
    assert_eq!(outstanding(160).await, [0, 0, 0]);
    let usage = usage_of(store, "o-k").await;
    assert_eq!((usage.reserved, usage.committed, usage.delivered), (0, 0.0, 2));
    assert_eq!((usage.accepted, usage.spent), (1, 1.0), "a result is accepted once");
    let contacts = ledger(store, "k", None, 170).await.contacts;
    let seen: Vec<_> = contacts.iter().map(|contact| (contact.decision_id.as_str(), contact.at)).collect();
    assert_eq!(seen, [("k-1", moment(120)), ("k-3", moment(122))]);

    // What took place took place, however late it is said.
    respond(store, response("k-r5", "k-2", Clicked, 180)).await;
    respond(store, response("k-r6", "k-4", Delivered, 181)).await;
    let usage = usage_of(store, "o-k").await;
    assert_eq!((usage.reserved, usage.committed, usage.delivered, usage.spent), (0, 0.0, 4, 2.0));
    assert_eq!(state_of(store, "k-4").await, ResultState::Delivered);
    let responses = ledger(store, "k", None, 190).await.responses;
    let kinds: Vec<_> = responses.iter().map(|response| response.kind).collect();
    assert_eq!(kinds, [Delivered, Undelivered, Accepted, Accepted, Clicked, Delivered]);
    assert_eq!(responses[0].offer_id, "o-k");
}

pub(super) async fn a_household_shares_contacts_but_not_responses(store: &dyn Store) {
    for (id, customer_id) in [("h-1", "h-a"), ("h-2", "h-b")] {
        let mut given = decision(id, customer_id, ResultState::Delivered, &["o-h"]);
        given.household_id = Some("h".into());
        store.append_decisions(vec![given]).await.unwrap();
        respond(store, response(&format!("r-{id}"), id, Refused, 120)).await;
    }
    store.append_decisions(vec![decision("h-3", "h-c", ResultState::Delivered, &["o-h"])]).await.unwrap();
    let of_a = ledger(store, "h-a", Some("h"), 200).await;
    assert_eq!((of_a.contacts.len(), of_a.responses.len()), (2, 1));
    assert_eq!(ledger(store, "h-a", None, 200).await.contacts.len(), 1);
    let later = Subject {
        customer_id: "h-a".into(),
        household_id: Some("h".into()),
        since: moment(121),
        as_of: moment(200),
        inbound: 1_000,
    };
    assert_eq!(store.ledger(&later).await.unwrap(), Ledger::default());
    for id in ["h-4", "h-5", "h-6"] {
        store.append_decisions(vec![decision(id, "h-a", ResultState::Shown, &["o-h"])]).await.unwrap();
    }
    let few = Subject { since: moment(0), inbound: 2, ..later };
    let contacts = store.ledger(&few).await.unwrap().contacts;
    let of = |wanted: Direction| contacts.iter().filter(move |contact| contact.direction == wanted).count();
    assert_eq!(
        (of(Direction::Outbound), of(Direction::Inbound)),
        (2, 2),
        "contacts all, what a site showed the latest"
    );
}

pub(super) async fn responses_are_recognised_and_wait_for_their_decision(store: &dyn Store) {
    use Responded::{Conflict, Duplicate, NoSuchRank, Stored, TooLate, Waiting};
    let early = response("w-1", "w-late", Accepted, 110);
    assert_eq!(respond(store, early.clone()).await, Waiting);
    assert_eq!(respond(store, early.clone()).await, Duplicate);
    assert!(ledger(store, "w-c", None, 200).await.responses.is_empty());
    let reserved = decision("w-late", "w-c", ResultState::Reserved, &["o-w"]);
    assert_eq!(reserve(store, reserved, |_, _| true).await, Reserved::Kept);
    assert_eq!(state_of(store, "w-late").await, ResultState::Delivered);
    assert_eq!(ledger(store, "w-c", None, 200).await.responses.len(), 1);
    let usage = usage_of(store, "o-w").await;
    assert_eq!((usage.reserved, usage.delivered, usage.accepted), (0, 1, 1));

    let timeless =
        |received| NewResponse { at: moment(received), ..response("w-2", "w-late", Clicked, received) };
    let batch = vec![
        early.clone(),
        NewResponse { revenue: Some(1.0), ..early.clone() },
        timeless(120),
        timeless(130),
        NewResponse { received_at: moment(131), ..timeless(121) },
        NewResponse { rank: 2, ..response("w-3", "w-late", Clicked, 110) },
        NewResponse { oldest_decision: moment(101), ..response("w-4", "w-late", Complaint, 110) },
        NewResponse {
            revenue: Some(3.5),
            oldest_decision: moment(100),
            ..response("w-5", "w-late", Clicked, 110)
        },
    ];
    let expected = [Duplicate, Conflict, Stored, Duplicate, Conflict, NoSuchRank, TooLate, Stored];
    assert_eq!(store.append_responses(batch).await.unwrap(), expected);
    let kept = store.decision("w-late").await.unwrap().unwrap().responses;
    let ids: Vec<&str> = kept.iter().map(|response| response.response_id.as_str()).collect();
    assert_eq!(ids, ["w-1", "w-5", "w-2"], "oldest first, and no others");
    assert_eq!(kept[1].revenue, Some(3.5));
}

pub(super) async fn silence_settles_what_was_shown(store: &dyn Store) {
    let outcome = async |since| {
        let counts = store.treatment_counts(moment(since), moment(1_000_000)).await.unwrap();
        counts.into_iter().find(|count| count.offer_id == "o-s").map(|count| (count.settled, count.accepted))
    };
    for (id, state) in [
        ("s-1", ResultState::Shown),
        ("s-2", ResultState::Delivered),
        ("s-3", ResultState::Released),
        ("s-4", ResultState::Shown),
    ] {
        let given = decision(id, "s-c", state, &["o-s"]);
        store.append_decisions(vec![DecisionRecord { at: moment(50), ..given }]).await.unwrap();
    }
    respond(store, response("s-r1", "s-1", Accepted, 60)).await;
    assert_eq!(outcome(50).await, Some((1, 1)));
    assert_eq!(store.settle(moment(50), moment(70), 10).await.unwrap(), 0);
    assert_eq!(store.settle(moment(51), moment(70), 1).await.unwrap(), 1);
    assert_eq!(store.settle(moment(51), moment(71), 10).await.unwrap(), 1);
    assert_eq!(store.settle(moment(51), moment(72), 10).await.unwrap(), 0);
    assert_eq!(outcome(50).await, Some((3, 1)));
    assert_eq!(outcome(51).await, None);
    let heard = store.decision("s-2").await.unwrap().unwrap().responses;
    assert_eq!(heard.iter().map(|response| response.kind).collect::<Vec<_>>(), [NoResponse]);
    assert_eq!(state_of(store, "s-3").await, ResultState::Released);
    let counts = store.treatment_counts(moment(50), moment(1_000_000)).await.unwrap();
    let count = counts.iter().find(|count| count.offer_id == "o-s").unwrap();
    assert_eq!((count.channel.as_str(), (count.foretold * 10.0).round()), ("phone", 3.0));
}

pub(super) async fn units_are_counted_with_what_they_bought(store: &dyn Store) {
    let unit = |id: &str, customer_id: &str, arm: &str, offers: &[&str], at| DecisionRecord {
        unit: "home".into(),
        arm: arm.into(),
        at: moment(at),
        ..decision(id, customer_id, ResultState::Shown, offers)
    };
    store
        .append_decisions(vec![
            unit("u-1", "u-a", "nba", &["o-u", "o-v"], 10_000),
            unit("u-2", "u-b", "nba", &["o-u"], 10_010),
            unit("u-3", "u-d", "control", &[], 10_000),
            unit("u-4", "u-a", "nba", &["o-u"], 20_000),
        ])
        .await
        .unwrap();
    let revenue = NewResponse { revenue: Some(2.5), ..response("u-r", "u-1", Accepted, 10_020) };
    respond(store, revenue).await;
    let bought = |id: &str, customer_id: &str, quantity, at| NewEvent {
        kind: EventKind::Purchase,
        quantity,
        unit_price: Some(3.0),
        ..event(id, customer_id, at)
    };
    store
        .append_events(vec![
            bought("u-e1", "u-a", 1.0, 9_999),
            bought("u-e2", "u-a", 2.0, 10_005),
            bought("u-e3", "u-b", 3.0, 10_006),
            bought("u-e4", "u-b", -1.0, 10_007),
            bought("u-e5", "u-d", 1.0, 10_008),
            event("u-e6", "u-d", 10_009),
        ])
        .await
        .unwrap();
    let outcomes = store.unit_outcomes(moment(10_000), moment(20_000)).await.unwrap();
    let control = UnitOutcome {
        arm: "control".into(),
        unit: "home".into(),
        decisions: 1,
        results: 0,
        accepted: 0,
        revenue: 0.0,
        purchases: 1,
        spend: 3.0,
    };
    let nba = UnitOutcome {
        arm: "nba".into(),
        decisions: 2,
        results: 3,
        accepted: 1,
        revenue: 2.5,
        purchases: 2,
        spend: 12.0,
        ..control.clone()
    };
    assert_eq!(outcomes, [control, nba]);
}

pub(super) async fn an_erased_customer_leaves_no_decision_and_holds_no_place(store: &dyn Store) {
    let last = reserve(store, decision("x-1", "x", ResultState::Reserved, &["o-x"]), |_, _| true).await;
    assert_eq!(last, Reserved::Kept);
    store.append_decisions(vec![decision("x-2", "x", ResultState::Shown, &["o-x"])]).await.unwrap();
    respond(store, response("x-r", "x-2", Accepted, 120)).await;
    store.append_consents(vec![consent("x", "*", ConsentStatus::Granted, 1)]).await.unwrap();
    let sequence = store.decision("x-2").await.unwrap().unwrap().sequence;
    assert_eq!(store.erase_customer("x", moment(500)).await.unwrap().decisions_erased, 2);
    assert_eq!(store.decisions_of("x", 9).await.unwrap(), []);
    assert_eq!(store.consents_of("x").await.unwrap(), []);
    assert_eq!(ledger(store, "x", None, 110).await, Ledger::default());
    let usage = usage_of(store, "o-x").await;
    assert_eq!((usage.reserved, usage.committed), (0, 0.0), "the reservation holds no place");
    assert_eq!((usage.delivered, usage.accepted, usage.spent), (1, 1, 0.5), "what is spent is spent");
    store.append_decisions(vec![decision("x-3", "y", ResultState::Shown, &["o-x"])]).await.unwrap();
    let next = store.decisions_after(sequence, 9).await.unwrap();
    assert_eq!(next.len(), 1, "a sequence number is never used twice: who pages misses nothing");
}
