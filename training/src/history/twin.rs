//! The slow, obvious twin: one thread, one row after the other, nothing clever. The real reader must agree with
//! it on any content, for any size of piece and any number of workers.

use super::{HistoryConfig, HistoryError, Plan, Reason, read};
use models::events::{Event, EventKind, EventLog, Timestamp};
use models::ids::{ChannelIx, CustomerIx, ItemIx, Ix, OrderIx, Vocabulary};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;

const NOW: Timestamp = Timestamp(1_700_000_000);
const HEADER: [&str; 7] =
    ["customer_id", "order_id", "timestamp", "item_id", "quantity", "discount", "channel"];

/// Events, ids of customers, of items and of channels, and what was dropped.
type Outcome = (Vec<Event>, [Vec<String>; 3], BTreeMap<Reason, u64>);

fn slow(text: &[u8]) -> Outcome {
    let mut customers = Vocabulary::<CustomerIx>::default();
    let mut items = Vocabulary::<ItemIx>::default();
    let mut channels = Vocabulary::<ChannelIx>::default();
    channels.intern("").unwrap();
    let mut orders = HashMap::new();
    let mut seen = HashSet::new();
    let mut events = Vec::new();
    let mut dropped = BTreeMap::new();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    for record in reader.byte_records().skip(1) {
        let fields: Vec<_> = record.unwrap().iter().map(|f| String::from_utf8(f.to_vec()).unwrap()).collect();
        let judged = (|| {
            let [customer, order, at, item, quantity, discount, channel] =
                <[String; 7]>::try_from(fields.clone()).map_err(|_| Reason::Ragged)?;
            if customer.trim_ascii().is_empty() {
                return Err(Reason::MissingCustomer);
            }
            if item.trim_ascii().is_empty() {
                return Err(Reason::MissingItem);
            }
            if at.trim_ascii().is_empty() {
                return Err(Reason::MissingTimestamp);
            }
            let at: i64 = at.trim_ascii().parse().map_err(|_| Reason::BadTimestamp)?;
            if at < 631_152_000 {
                return Err(Reason::TooOld);
            }
            let quantity = match quantity.trim_ascii() {
                "" => 1.0,
                quantity => quantity.parse::<f32>().map_err(|_| Reason::BadNumber)?,
            };
            let discount = match discount.trim_ascii() {
                "" => 0,
                discount => discount.parse::<i32>().map_err(|_| Reason::BadNumber)?.abs(),
            };
            let channel = if channel.trim_ascii().is_empty() { String::new() } else { channel };
            let order = match order.trim_ascii() {
                "" => format!("day {}", at / 86_400),
                _ => format!("order {order}"),
            };
            let ids = (customer, order, item, channel);
            if !seen.insert((ids.clone(), at, quantity.to_bits(), discount)) {
                return Err(Reason::Duplicate);
            }
            Ok((ids, Timestamp(at), quantity, discount))
        })();
        match judged {
            Err(reason) => *dropped.entry(reason).or_default() += 1,
            Ok(((customer, order, item, channel), at, quantity, discount)) => {
                let n_orders = orders.len();
                let order = *orders.entry((customer.clone(), order)).or_insert(OrderIx::at(n_orders));
                let customer = customers.intern(&customer).unwrap();
                let item = items.intern(&item).unwrap();
                let (kind, channel) = (EventKind::Purchase, channels.intern(&channel).unwrap());
                // Nothing is paid in these files, so that any discount is the whole price.
                let discount_percent = if discount > 0 { 100 } else { 0 };
                events.push(Event {
                    at,
                    customer,
                    item,
                    order,
                    quantity,
                    amount: 0.0,
                    kind,
                    discount_percent,
                    channel,
                });
            }
        }
    }
    events.sort_by_key(|e| (e.order, e.quantity.to_bits(), e.discount_percent, e.channel));
    let log = EventLog::new(events, customers.len(), items.len());
    (log.events().to_vec(), [ids(&customers), ids(&items), ids(&channels)], dropped)
}

fn ids<I: Ix>(vocabulary: &Vocabulary<I>) -> Vec<String> {
    vocabulary.iter().map(|(_, id)| id.to_string()).collect()
}

fn fast(text: &[u8], plan: &Plan) -> Result<Outcome, HistoryError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    let config = HistoryConfig { timestamp_formats: vec!["epoch_seconds".into()], ..Default::default() };
    let (history, report) = plan.read(&config, &[file.path().into()], NOW, |_| {})?;
    let ids = [ids(&history.customers), ids(&history.items), ids(&history.channels)];
    let dropped = report.rows_dropped.iter().map(|(reason, dropped)| (*reason, dropped.rows)).collect();
    assert_eq!(report.rows_read, report.rows_kept + report.total_dropped(), "every row is accounted for");
    Ok((history.log.events().to_vec(), ids, dropped))
}

/// Anything that a field may hold, with a taste for what breaks parsers.
fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[ab]",
        2 => r#"[a,"\n\r é'\t]{0,5}"#,
        1 => Just(String::new()),
    ]
}

fn row() -> impl Strategy<Value = Vec<String>> {
    let at = prop_oneof![
        8 => (1_600_000_000i64..1_600_300_000).prop_map(|at| at.to_string()),
        1 => Just("soon".into()),
        1 => Just("0".into()),
        1 => Just(" ".into()),
    ];
    let number = || prop_oneof![4 => (-3i32..4).prop_map(|n| n.to_string()), 1 => Just("x".into()), 1 => Just(String::new())];
    prop_oneof![
        12 => (id(), id(), at, id(), number(), number(), id()).prop_map(|(customer, order, at, item, quantity, discount, channel)| {
            vec![customer, order, at, item, quantity, discount, channel]
        }),
        1 => prop::collection::vec(id(), 1..9),
    ]
}

proptest! {
    #[test]
    fn pieces_in_parallel_give_what_one_thread_row_by_row_gives(
        rows in prop::collection::vec(row(), 0..60),
        piece_bytes in 1usize..200,
        n_workers in 1usize..4,
        raw_tail in r#"[ab,"\n]{0,30}"#,
    ) {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        writer.write_record(HEADER).unwrap();
        for row in rows.iter().chain(&rows[..rows.len() / 3]) {
            writer.write_record(row).unwrap();
        }
        let mut text = writer.into_inner().unwrap();
        text.extend_from_slice(raw_tail.as_bytes());
        let plan = Plan { n_workers, piece_bytes, rejected: None };
        let outcome = fast(&text, &plan).or_else(|error| {
            assert!(matches!(error, HistoryError::UnendingRecord { .. }), "{error}");
            text.push(b'"');
            fast(&text, &plan)
        });
        prop_assert_eq!(outcome.unwrap(), slow(&text));
    }
}

#[test]
fn the_public_way_agrees_too() {
    let text = format!("{}\na,1,1600000000,x,2,,\nb,1,1600000000,\"y\n\",1,,web\n", HEADER.join(","));
    let text = text.as_bytes();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    let config = HistoryConfig { timestamp_formats: vec!["epoch_seconds".into()], ..Default::default() };
    let (history, _) = read(&config, &[file.path().into()], NOW, |_| {}, None).unwrap();
    assert_eq!(history.log.events(), slow(text).0);
    assert_eq!(history.items.id(ItemIx(1)), Some("y\n"));
}
