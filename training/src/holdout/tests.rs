use super::*;
use models::ids::OrderIx;

fn event(customer: u32, item: u32, order: u32, at: i64) -> Event {
    Event {
        at: Timestamp(at),
        customer: CustomerIx(customer),
        item: ItemIx(item),
        order: OrderIx(order),
        quantity: 1.0,
        ..Event::default()
    }
}

fn config(customers: usize, strangers: usize) -> TrainingConfig {
    let mut config = TrainingConfig::default();
    (config.blend.customers, config.blend.strangers) = (customers, strangers);
    config
}

fn nobody() -> FeatureRows {
    FeatureRows::from_iter([])
}

#[test]
fn the_last_order_is_held_back_and_what_came_before_it_is_known() {
    // Everyone but the last comes twice before the moment, and once after it.
    let of = |customer: u32| {
        let order = 3 * customer;
        if customer == 24 {
            return vec![event(customer, 1, order, 5)];
        }
        let second = [event(customer, 2, order + 1, 20), event(customer, 3, order + 1, 20)];
        [&[event(customer, 1, order, 10)], &second[..], &[event(customer, 9, order + 2, 40)]].concat()
    };
    let log = EventLog::new((0..25).flat_map(of).collect(), 25, 10);
    let holdout = Holdout::draw(&config(10, 3), &log, Timestamp(30));
    let people = holdout.people(&nobody());
    assert_eq!(people.len(), 10);
    for person in &people {
        assert_eq!(person.basket, [ItemIx(2), ItemIx(3)]);
        assert_eq!(person.interactions.iter().map(|known| known.item).collect::<Vec<_>>(), [ItemIx(1)]);
    }
    let all = Interactions::from_events(log.before(Timestamp(30)), 25, 10, &KindWeights::default());
    let without = holdout.without(&all);
    let unknown: Vec<CustomerIx> = holdout.unknown().collect();
    assert_eq!(unknown.len(), 3);
    assert!(unknown.iter().all(|customer| without.row(*customer).is_empty()), "strangers lose everything");
    assert_eq!(all.cells().len() - without.cells().len(), 10 * 2 + 3 * 3);
    assert_eq!(without.row(CustomerIx(24)).len(), 1, "who came once loses nothing");
    let hidden = log.before(Timestamp(30)).iter().filter(|event| holdout.hides(event)).count();
    assert_eq!(hidden, 10 * 2 + 3 * 3);
    assert!(holdout.strangers(&nobody()).iter().all(|person| person.interactions.is_empty()));
}

#[test]
fn where_customers_come_but_once_a_share_of_their_items_is_drawn() {
    let event = |n: u32| event(n / 5, n % 5, n / 5, i64::from(n / 5));
    let log = EventLog::new((0..100).map(event).collect(), 20, 5);
    let people = Holdout::draw(&config(8, 0), &log, Timestamp(1000)).people(&nobody());
    assert_eq!(people.len(), 8);
    assert!(people.iter().all(|person| (person.interactions.len(), person.basket.len()) == (4, 1)));
}

#[test]
fn without_times_a_share_of_the_items_is_drawn() {
    let log = EventLog::new((0..40).map(|n| event(n / 10, n % 10, n / 10, 7)).collect(), 4, 10);
    let people = Holdout::draw(&config(2, 0), &log, Timestamp(8)).people(&nobody());
    assert_eq!(people.len(), 2);
    for person in people {
        assert_eq!((person.interactions.len(), person.basket.len()), (8, 2));
        assert!(person.basket.iter().all(|item| !person.interactions.iter().any(|i| i.item == *item)));
    }
}

#[test]
fn a_session_is_broken_off_and_the_views_never_saw_it() {
    let visit = |customer: u32, day: u32| {
        let at = i64::from(day) * 86_400 + i64::from(customer);
        (0..4).map(move |n| event(customer, (customer + n) % 10, 100 * customer + day, at + i64::from(n)))
    };
    let log = EventLog::new((0..30).flat_map(|c| visit(c, 1).chain(visit(c, 2))).collect(), 30, 10);
    let config = config(20, 3);
    let holdout = Holdout::draw(&config, &log, Timestamp(10 * 86_400));
    let sessions = holdout.sessions(&config, Timestamp(10 * 86_400), false);
    assert_eq!(sessions.len(), 20, "strangers have no history to go on with");
    for person in &sessions {
        assert!((1..4).contains(&person.session.len()) && person.basket.len() == 1);
        assert_eq!(person.interactions.len(), 4, "what they met again in the session they had before");
    }
    assert_eq!(holdout.sessions(&config, Timestamp(10 * 86_400), true).len(), 23);
}
