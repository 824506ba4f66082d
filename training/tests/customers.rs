//! The study of customers on populations whose truth is known, and on histories that no one would wish for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use models::attributes::PriorParams;
use models::customers::{Contract, ContractAttributes, Setting, Subject};
use models::events::{DAY_SECONDS, Event, EventLog, Timestamp};
use models::ids::{CustomerIx, ItemIx, Ix, OrderIx, Vocabulary};
use models::measures::Bootstrap;
use models::payload::{Payload, PayloadValue};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use training::attributes::Attributes;
use training::customers::{CustomersConfig, Studied, study};
use training::judge::Data;

const END: Timestamp = Timestamp(400 * DAY_SECONDS);

fn config() -> CustomersConfig {
    let mut config = CustomersConfig::default();
    config.churn.classifier.trees.most_rounds = 60;
    config.churn.classifier.trees.depths = vec![2];
    config.segments.clusters.resamples = 3;
    config
}

fn attributes(payloads: Vec<Payload>) -> Attributes {
    let mut ids = Vocabulary::<CustomerIx>::default();
    let read = payloads.into_iter().enumerate().map(|(at, payload)| {
        ids.intern(&at.to_string()).unwrap();
        (at.to_string(), payload)
    });
    let read: Vec<(String, Payload)> = read.collect();
    Attributes::new(&PriorParams::default(), &ids, read)
}

fn studied(config: &CustomersConfig, events: Vec<Event>, payloads: Vec<Payload>) -> Studied {
    studied_until(END, config, events, payloads)
}

fn studied_until(
    end: Timestamp,
    config: &CustomersConfig,
    events: Vec<Event>,
    payloads: Vec<Payload>,
) -> Studied {
    let (customers, items) = (attributes(payloads), attributes(vec![Payload::new(); 20]));
    let log = EventLog::new(events, customers.payloads.len(), 20);
    let data = Data { log: &log, customers: &customers, items: &items };
    study(
        config,
        data,
        &[String::new(), "web".into()],
        end,
        Bootstrap { resamples: 50, ..Bootstrap::default() },
    )
    .unwrap()
}

fn purchase(customer: usize, day: f64, order: u32, amount: f32) -> Event {
    Event {
        at: Timestamp((day * DAY_SECONDS as f64) as i64),
        customer: CustomerIx::at(customer),
        item: ItemIx(order % 20),
        order: OrderIx(order),
        quantity: if amount < 0.0 { -1.0 } else { 1.0 },
        amount,
        ..Event::default()
    }
}

/// Customers who buy every so many days until they stop for good; who paid less the time before stops more often.
fn population(n: usize) -> Vec<Event> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
    let (mut events, mut order) = (Vec::new(), 0);
    for customer in 0..n {
        let gap = random.random_range(4.0..40.0);
        let mut day: f64 = random.random_range(0.0..200.0);
        while day < 400.0 {
            order += 1;
            let amount: f32 = random.random_range(5.0..60.0);
            events.push(purchase(customer, day, order, amount));
            if random.random_range(0.0..1.0) < if amount < 20.0 { 0.25 } else { 0.03 } {
                break;
            }
            day += gap * random.random_range(0.5..1.5);
        }
    }
    events
}

#[test]
fn who_does_not_come_back_is_foretold_better_than_by_recency_and_by_a_probability_that_holds() {
    let studied = studied(&config(), population(1_500), vec![Payload::new(); 1_500]);
    let report = studied.report.churn.learned().unwrap();
    assert_eq!((report.setting, report.horizon_days), (Setting::NonContractual, 30.0));
    let (ours, recency) =
        (&report.models[0], report.models.iter().find(|m| m.name == "recency alone").unwrap());
    assert!(recency.difference.unwrap().log_loss.high < 0.0, "{:?} {:?}", ours.quality, recency.quality);
    assert!(ours.quality.ece.mean < 0.04, "{:?}", ours.quality.ece);
    assert!(report.concordance.unwrap() > 0.7, "{:?}", report.concordance);
    let value = studied.report.value.learned().unwrap();
    let total = |of: fn(&training::customers::Foretold) -> f64| {
        value.by_frequency.iter().map(|row| of(row) * row.customers as f64).sum::<f64>()
    };
    let ratio = total(|row| row.came) / total(|row| row.foretold);
    assert!((0.7..1.4).contains(&ratio), "{:?}", value.by_frequency);
}

#[test]
fn contracts_that_close_are_learned_from_their_dates_and_a_closed_one_is_not_at_risk() {
    let mut config = config();
    config.churn.closed_attribute = Some("closed".into());
    config.churn.opened_attribute = Some("opened".into());
    let mut random = Xoshiro256PlusPlus::seed_from_u64(6);
    let date = |day: f64| {
        let at = chrono::DateTime::from_timestamp((day * DAY_SECONDS as f64) as i64, 0).unwrap();
        PayloadValue::Text(at.format("%Y-%m-%d").to_string())
    };
    let (mut events, mut payloads) = (Vec::new(), Vec::new());
    for customer in 0..1_500usize {
        let opened: f64 = random.random_range(0.0..150.0);
        let basic = customer % 2 == 0;
        let life: f64 = -random.random_range(1e-9..1.0f64).ln() * if basic { 120.0 } else { 800.0 };
        let plan = PayloadValue::Text(if basic { "basic" } else { "full" }.into());
        let mut payload = Payload::from([("opened".to_owned(), date(opened)), ("plan".to_owned(), plan)]);
        if opened + life < 400.0 {
            payload.insert("closed".into(), date(opened + life));
        }
        payloads.push(payload);
        events.push(purchase(customer, opened, customer as u32, 10.0));
    }
    let studied = studied(&config, events, payloads.clone());
    let report = studied.report.churn.learned().unwrap();
    assert_eq!(report.setting, Setting::Contractual);
    assert!(report.models[0].quality.auc.mean > 0.65, "{:?}", report.models[0].quality);
    let attributes = ContractAttributes { closed: "closed".into(), opened: Some("opened".into()) };
    let standing = |customer: usize| {
        let contract = attributes.read(&payloads[customer]).unwrap();
        let declared = studied.models.features.attributes.row(&payloads[customer]);
        let subject =
            Subject { acts: studied.behaviour.of(CustomerIx::at(customer)), declared: &declared, contract };
        (studied.models.standing(&subject, END), contract)
    };
    let open = |customer: &usize| standing(*customer).1.closed.is_none();
    let mean_risk = |parity: usize| {
        let risks: Vec<f64> = (parity..1_000)
            .step_by(2)
            .filter(open)
            .map(|c| standing(c).0.churn.unwrap().probability)
            .collect();
        risks.iter().sum::<f64>() / risks.len() as f64
    };
    assert!(mean_risk(0) > 2.0 * mean_risk(1), "{} {}", mean_risk(0), mean_risk(1));
    let (closed, contract) =
        (0..1_500).map(standing).find(|(_, contract)| contract.closed.is_some()).unwrap();
    assert_ne!(contract, Contract::default());
    let counted = &studied.report.segments.learned().unwrap().stages;
    let counted = counted.iter().find(|(stage, _)| stage.code() == "closed").unwrap().1;
    let really = payloads.iter().filter(|payload| payload.contains_key("closed")).count();
    assert_eq!(counted, really, "the report counts closed contracts as closed");
    assert_eq!(closed.stage.code(), "closed");
    assert_eq!(closed.churn.unwrap_err(), models::customers::Refusal::AlreadyClosed);
}

#[test]
fn histories_that_no_one_would_wish_for_are_studied_as_far_as_they_go_and_refused_in_words() {
    let lone = |n: usize| (0..n).map(|c| purchase(c, c as f64 * 400.0 / n as f64, c as u32, 10.0)).collect();
    let at_once = |n: usize| (0..n).map(|c| purchase(c, 5.0, c as u32, 10.0)).collect();
    let short = |n: usize| (0..n).map(|c| purchase(c, (c % 9) as f64, c as u32, 10.0)).collect();
    let returns =
        |n: usize| (0..n).map(|c| purchase(c, c as f64 * 400.0 / n as f64, c as u32, -10.0)).collect();
    let busy = |n: usize| {
        let orders =
            |c: usize| (0..40).map(move |o| purchase(c, 390.0 + o as f64 / 50.0, (c * 40 + o) as u32, 1e15));
        (0..n).flat_map(orders).collect()
    };
    let cases: [(&str, Vec<Event>); 6] = [
        ("one purchase each", lone(300)),
        ("all at the same moment", at_once(300)),
        ("nine days", short(300)),
        ("returns only", returns(300)),
        ("dozens of orders a day, of absurd sums", busy(50)),
        ("nothing", Vec::new()),
    ];
    for (what, events) in cases {
        let studied = studied(&config(), events, vec![Payload::new(); 300]);
        if let Some(reason) = studied.report.churn.refusal() {
            assert!(reason.len() > 10, "{what}: {reason}");
        }
        for (_, acts) in studied.behaviour.rows() {
            let standing = studied.models.standing(&Subject { acts, ..Subject::default() }, END);
            assert!(standing.row.iter().all(|number| number.is_finite()), "{what}: {standing:?}");
            if let Ok(risk) = standing.churn {
                assert!(risk.probability > 0.0 && risk.probability < 1.0, "{what}: {risk:?}");
            }
            if let Ok(worth) = standing.value {
                let money = worth.money.map_or(0.0, |money| money.clv);
                assert!(worth.expected_orders.is_finite() && money.is_finite(), "{what}: {worth:?}");
            }
        }
    }
    let nine_days = Timestamp(9 * DAY_SECONDS);
    let refused = studied_until(nine_days, &config(), short(300), vec![Payload::new(); 300]);
    let reason = refused.report.churn.refusal().unwrap().to_owned();
    assert!(reason.contains("must span at least 36"), "what would suffice is said: {reason}");
}

#[test]
fn of_those_who_refuse_to_be_profiled_nothing_is_kept() {
    let mut payloads = vec![Payload::new(); 500];
    payloads[7].insert("profiling_consent".into(), PayloadValue::Flag(false));
    let studied = studied(&config(), population(500), payloads);
    assert!(studied.behaviour.of(CustomerIx(7)).is_empty());
    assert!(!studied.behaviour.of(CustomerIx(8)).is_empty());
}
