//! The Parquet tables of a release: items, customers, history, complements.

use super::parquet_table::{Column, Table, encode};
use crate::attributes::{FeatureRows, Features};
use crate::events::Timestamp;
use crate::ids::{CustomerIx, ItemIx, Ix, Vocabulary};
use crate::interactions::{Interaction, Interactions};
use crate::item_lists::ItemLists;
use crate::payload::Payload;
use crate::sessions::Sessions;
use crate::{Error, Result};

pub(super) const ITEMS: &str = "items.parquet";
pub(super) const CUSTOMERS: &str = "customers.parquet";
pub(super) const HISTORY: &str = "history.parquet";
pub(super) const COMPLEMENTS: &str = "complements.parquet";
pub(super) const ITEM_WEIGHTS: &str = "item_weights.parquet";
pub(super) const SIMILAR: &str = "similar.parquet";
pub(super) const SESSIONS: &str = "sessions.parquet";

/// The decoded item table.
pub(super) struct Items {
    pub ids: Vocabulary<ItemIx>,
    pub payloads: Vec<Payload>,
    pub popularity: Vec<f32>,
    pub trending: Vec<f32>,
    pub recent: Vec<f32>,
    pub sessions: Vec<u32>,
}

/// The scores that are the same for everybody, one per item.
pub(super) struct ItemScores<'a> {
    pub popularity: &'a [f32],
    pub trending: &'a [f32],
    pub recent: &'a [f32],
    pub sessions: &'a [u32],
}

pub(super) fn encode_items(
    ids: &Vocabulary<ItemIx>,
    payloads: &[Payload],
    scores: &ItemScores<'_>,
) -> Result<Vec<u8>> {
    let attributes = json(ITEMS, payloads)?;
    encode(
        ITEMS,
        vec![
            ("item_id", Column::Text(ids.iter().map(|(_, id)| Some(id)).collect())),
            ("attributes", Column::Text(attributes.iter().map(Some).collect())),
            ("popularity", Column::Real(scores.popularity.to_vec().into())),
            ("trending", Column::Real(scores.trending.to_vec().into())),
            ("recent", Column::Real(scores.recent.to_vec().into())),
            ("sessions", Column::Index(scores.sessions.to_vec().into())),
        ],
    )
}

pub(super) fn decode_items(bytes: &[u8]) -> Result<Items> {
    let table = Table::decode(ITEMS, bytes)?;
    let payloads = table.texts("attributes")?.enumerate();
    let payloads = payloads.map(|(row, text)| attributes(ITEMS, row, text)).collect::<Result<_>>()?;
    Ok(Items {
        ids: vocabulary(ITEMS, table.texts("item_id")?)?,
        payloads,
        popularity: table.reals("popularity")?.collect(),
        trending: table.reals("trending")?.collect(),
        recent: table.reals("recent")?.collect(),
        sessions: table.indexes("sessions")?.collect(),
    })
}

/// The customers, with their attributes as JSON.
pub(super) fn encode_customers(
    ids: &Vocabulary<CustomerIx>,
    history: &Interactions,
    attributes: &[Box<str>],
) -> Result<Vec<u8>> {
    let counts: Vec<u32> = history.rows().map(|(_, row)| row.len() as u32).collect();
    encode(
        CUSTOMERS,
        vec![
            ("customer_id", Column::Text(ids.iter().map(|(_, id)| Some(id)).collect())),
            ("interactions", Column::Index(counts.into())),
            ("attributes", Column::Text(attributes.iter().map(Some).collect())),
        ],
    )
}

/// The features of every customer, from their attributes, and these.
pub(super) fn decode_profiles(bytes: &[u8], features: &Features) -> Result<(FeatureRows, Vec<Box<str>>)> {
    let table = Table::decode(CUSTOMERS, bytes)?;
    let rows = table.texts("attributes")?.enumerate().map(|(row, text)| match text {
        "{}" => Ok(Vec::new()),
        text => Ok(features.row(&attributes(CUSTOMERS, row, text)?)),
    });
    Ok((rows.collect::<Result<_>>()?, table.texts("attributes")?.map(Box::from).collect()))
}

/// Attributes as JSON.
pub(super) fn json(part: &str, attributes: &[Payload]) -> Result<Vec<Box<str>>> {
    let text = |attributes| serde_json::to_string(attributes).map(String::into_boxed_str);
    let texts = attributes.iter().map(text).collect::<std::result::Result<_, _>>();
    texts.map_err(|e| unreadable(part, format!("an attribute has no JSON form: {e}")))
}

pub(super) fn attributes(part: &str, row: usize, text: &str) -> Result<Payload> {
    serde_json::from_str(text).map_err(|e| unreadable(part, format!("row {row}: attributes: {e}")))
}

pub(super) fn encode_sessions(sessions: &Sessions) -> Result<Vec<u8>> {
    let all = || (0..sessions.len()).map(|session| (session as u32, sessions.session(session)));
    let rows = || all().flat_map(|(session, items)| items.iter().map(move |item| (session, item.0)));
    encode(
        SESSIONS,
        vec![
            ("session", Column::Index(rows().map(|(session, _)| session).collect())),
            ("item", Column::Index(rows().map(|(_, item)| item).collect())),
        ],
    )
}

/// Where each session starts, and the items of all.
pub(super) fn decode_sessions(bytes: &[u8]) -> Result<(Vec<usize>, Vec<ItemIx>)> {
    let table = Table::decode(SESSIONS, bytes)?;
    let (mut starts, mut items) = (vec![0], Vec::with_capacity(table.n_rows()));
    for (session, item) in table.indexes("session")?.zip(table.indexes("item")?) {
        let open = starts.len() as u32 - 1;
        if session == open + 1 && !items.is_empty() {
            starts.push(items.len());
        } else if session != open {
            return Err(unreadable(SESSIONS, format!("session {session} follows session {open}")));
        }
        items.push(ItemIx(item));
    }
    if !items.is_empty() {
        starts.push(items.len());
    }
    Ok((starts, items))
}

pub(super) fn encode_history(history: &Interactions) -> Result<Vec<u8>> {
    let cells = history.cells();
    encode(
        HISTORY,
        vec![
            ("item", Column::Index(cells.iter().map(|c| c.item.0).collect())),
            ("times", Column::Real(cells.iter().map(|c| c.times).collect())),
            ("quantity", Column::Real(cells.iter().map(|c| c.quantity).collect())),
            ("last_at", Column::Integer(cells.iter().map(|c| c.last.0).collect())),
        ],
    )
}

/// The customers' ids, the start of each one's cells, and all cells.
pub(super) type CustomerRows = (Vocabulary<CustomerIx>, Vec<usize>, Vec<Interaction>);

pub(super) fn decode_customers(customers: &[u8], history: &[u8]) -> Result<CustomerRows> {
    let table = Table::decode(CUSTOMERS, customers)?;
    let ids = vocabulary(CUSTOMERS, table.texts("customer_id")?)?;
    let mut starts = vec![0usize];
    for count in table.indexes("interactions")? {
        starts.push(starts[starts.len() - 1] + count as usize);
    }
    let table = Table::decode(HISTORY, history)?;
    let (items, times) = (table.indexes("item")?, table.reals("times")?);
    let (quantities, lasts) = (table.reals("quantity")?, table.integers("last_at")?);
    let mut cells = Vec::with_capacity(table.n_rows());
    cells.extend(items.zip(times).zip(quantities).zip(lasts).map(|(((item, times), quantity), last)| {
        Interaction { item: ItemIx(item), times, quantity, last: Timestamp(last) }
    }));
    Ok((ids, starts, cells))
}

pub(super) fn encode_lists(part: &str, lists: &ItemLists) -> Result<Vec<u8>> {
    let entries =
        || (0..lists.n_items()).map(ItemIx::at).flat_map(|item| lists.of(item).map(move |e| (item, e)));
    encode(
        part,
        vec![
            ("item", Column::Index(entries().map(|(item, _)| item.0).collect())),
            ("other", Column::Index(entries().map(|(_, entry)| entry.item.0).collect())),
            ("weight", Column::Real(entries().map(|(_, entry)| entry.score).collect())),
        ],
    )
}

pub(super) fn decode_lists(part: &str, bytes: &[u8], n_items: usize) -> Result<ItemLists> {
    let table = Table::decode(part, bytes)?;
    let mut starts = vec![0usize; n_items + 1];
    let mut previous = 0;
    for item in table.indexes("item")? {
        if item as usize >= n_items || item < previous {
            let reason = format!("item {item} is outside the catalogue of {n_items}, or not in order");
            return Err(unreadable(part, reason));
        }
        starts[item as usize + 1] += 1;
        previous = item;
    }
    for item in 0..n_items {
        starts[item + 1] += starts[item];
    }
    let others = table.indexes("other")?.map(ItemIx).collect();
    ItemLists::from_parts(starts, others, table.reals("weight")?.collect())
}

/// A vocabulary from a column of distinct ids.
fn vocabulary<'a, I: Ix>(part: &str, ids: impl Iterator<Item = &'a str>) -> Result<Vocabulary<I>> {
    let mut vocabulary = Vocabulary::<I>::default();
    for (row, id) in ids.enumerate() {
        if Ix::position(vocabulary.intern(id)?) != row {
            return Err(unreadable(part, format!("row {row}: the id {id:?} stands there a second time")));
        }
    }
    Ok(vocabulary)
}

fn unreadable(part: &str, reason: String) -> Error {
    Error::Unreadable { part: part.into(), reason }
}
