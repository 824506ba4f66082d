//! What follows in a session against a slow, obvious twin, and sessions that grow.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop anywhere")]

mod shared;

use models::events::{Event, Timestamp};
use models::ids::{ItemIx, Ix};
use models::ranking::Scored;
use models::sessions::{LiveSessions, SessionParams, Sessions, cut};
use proptest::prelude::*;
use shared::purchase;
use std::collections::{BTreeMap, BTreeSet};

const N_ITEMS: usize = 12;

fn params() -> SessionParams {
    SessionParams { sessions_per_item: 4, neighbours: 5, max_items: 3, idf_weight: 0.5, ..Default::default() }
}

fn items(numbers: &[u32]) -> Vec<ItemIx> {
    numbers.iter().copied().map(ItemIx).collect()
}

fn index(sessions: &[Vec<ItemIx>]) -> Sessions {
    params().check().unwrap().index(sessions.iter().map(Vec::as_slice), N_ITEMS)
}

/// The equation of the module, read aloud: sessions oldest first, each with different items.
fn twin(sessions: &[Vec<ItemIx>], asked: &[ItemIx]) -> BTreeMap<ItemIx, f64> {
    let params = params();
    let sessions: Vec<&Vec<ItemIx>> = sessions.iter().filter(|session| session.len() > 1).collect();
    let mut latest_first: Vec<ItemIx> = Vec::new();
    for item in asked.iter().rev() {
        if !latest_first.contains(item) && latest_first.len() < params.max_items {
            latest_first.push(*item);
        }
    }
    // An item speaks through its most recent sessions only.
    let speaks = |item: &ItemIx, at: usize| {
        let newer = sessions[at + 1..].iter().filter(|session| session.contains(item)).count();
        sessions[at].contains(item) && newer < params.sessions_per_item
    };
    let mut recent: Vec<(usize, f64, usize)> = (0..sessions.len())
        .rev()
        .filter_map(|at| {
            let places: Vec<usize> =
                (0..latest_first.len()).filter(|place| speaks(&latest_first[*place], at)).collect();
            let likeness = places.iter().map(|p| 1.0 - *p as f64 / latest_first.len() as f64).sum();
            places.first().map(|first| (at, likeness, *first))
        })
        .take(params.sessions_per_item)
        .collect();
    recent.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
    recent.truncate(params.neighbours);
    let share = |likeness: f64, place: usize| likeness * (1.0 - place as f64 / (params.max_items + 1) as f64);
    let total: f64 = recent.iter().map(|(_, likeness, place)| share(*likeness, *place)).sum();
    let mut follows = BTreeMap::new();
    for (at, likeness, place) in recent {
        for item in sessions[at].iter().filter(|item| !asked.contains(item)) {
            *follows.entry(*item).or_default() += share(likeness, place) / total;
        }
    }
    for (item, score) in &mut follows {
        let met = sessions.iter().filter(|session| session.contains(item)).count() as f64;
        *score *= 1.0 + f64::from(params.idf_weight) * (sessions.len() as f64 / met).ln();
    }
    follows
}

fn same(found: &[Scored], expected: &BTreeMap<ItemIx, f64>) -> bool {
    found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, (item, score))| {
            found.item == *item && (f64::from(found.score) - score).abs() < 1e-5
        })
}

/// A session of at least so many items.
fn session(least: usize) -> impl Strategy<Value = Vec<ItemIx>> {
    prop::collection::btree_set(0..N_ITEMS as u32, least..5)
        .prop_map(|set: BTreeSet<u32>| set.into_iter().map(ItemIx).collect::<Vec<_>>())
        .prop_shuffle()
}

proptest! {
    #[test]
    fn what_follows_is_what_the_equation_says(
        sessions in prop::collection::vec(session(1), 0..30),
        asked in prop::collection::vec(0..N_ITEMS as u32 + 2, 0..6),
    ) {
        let asked = items(&asked);
        let inside: Vec<ItemIx> = asked.iter().copied().filter(|i| i.position() < N_ITEMS).collect();
        let found = index(&sessions).follow(&asked);
        let expected = twin(&sessions, &inside);
        prop_assert!(same(&found, &expected), "{found:?} {expected:?}");
    }

    #[test]
    fn sessions_that_grew_live_speak_as_those_of_a_release(
        past in prop::collection::vec(session(2), 1..15),
        live in prop::collection::vec(session(2), 0..15),
        asked in prop::collection::vec(0..N_ITEMS as u32, 1..6),
    ) {
        let asked = items(&asked);
        // Rarity is that of the release, so the twin is asked without it.
        let flat = SessionParams { idf_weight: 0.0, ..params() }.check().unwrap();
        let index = |sessions: &[Vec<ItemIx>]| flat.index(sessions.iter().map(Vec::as_slice), N_ITEMS);
        let mut growing = LiveSessions::new(100, params().sessions_per_item);
        for session in &live {
            let number = growing.begin();
            assert!(session.iter().all(|item| growing.add(number, *item)));
        }
        let together = index(&[past.clone(), live].concat()).follow(&asked);
        let found = index(&past).follow_live(&asked, &growing, None);
        let close = |(a, b): (&Scored, &Scored)| a.item == b.item && (a.score - b.score).abs() < 1e-5;
        prop_assert!(found.len() == together.len() && found.iter().zip(&together).all(close));
    }
}

#[test]
fn a_session_does_not_speak_for_itself_and_the_oldest_are_forgotten() {
    let past = index(&[]);
    let mut live = LiveSessions::new(2, 10);
    let (first, second) = (live.begin(), live.begin());
    for (session, item) in [(first, 1), (first, 2), (second, 1), (second, 3)] {
        live.add(session, ItemIx(item));
    }
    let follows = |live: &LiveSessions, own| -> Vec<u32> {
        past.follow_live(&items(&[1]), live, own).iter().map(|scored| scored.item.0).collect()
    };
    assert_eq!(follows(&live, None), [2, 3]);
    assert_eq!(follows(&live, Some(first)), [3]);
    let third = live.begin();
    assert_eq!((live.len(), live.session(first).len()), (2, 0), "the oldest made room");
    live.add(first, ItemIx(9));
    live.add(third, ItemIx(5));
    live.add(third, ItemIx(1));
    assert_eq!(follows(&live, None), [3, 5]);
}

#[test]
fn a_history_is_cut_where_a_customer_pauses() {
    let at = |event: Event, minutes: i64| Event { at: Timestamp(minutes * 60), ..event };
    let events = [
        at(purchase(0, 1, 0), 0),
        at(purchase(1, 1, 0), 5),
        at(purchase(0, 2, 0), 29),
        at(Event { quantity: -1.0, ..purchase(0, 3, 0) }, 30),
        at(purchase(0, 1, 0), 59),
        at(purchase(0, 4, 0), 90),
    ];
    let sessions = cut(&events, 2, 30.0);
    let found: Vec<_> = sessions.iter().map(|s| (s.customer.0, s.items.clone())).collect();
    assert_eq!(found, [(1, items(&[1])), (0, items(&[1, 2])), (0, items(&[4]))]);
}
