//! What a release knows of customers: their acts, and where each stands.

use super::parquet_table::{Column, Table, encode};
use crate::behaviour::{Act, ActKind, Behaviour};
use crate::churn::RiskBand;
use crate::customers::{CustomerModels, Score};
use crate::events::Timestamp;
use crate::segments::{Cell, Rfm, Stage};
use crate::{Error, Result};
use arrow::array::StringArray;

pub(super) const ACTS: &str = "acts.parquet";
pub(super) const SCORES: &str = "customer_scores.parquet";
pub(super) const CUSTOMER_MODELS: &str = "customer_models.json";

const KINDS: [ActKind; 4] = [ActKind::Order, ActKind::Return, ActKind::Visit, ActKind::Complaint];

pub(super) fn encode_models(models: &CustomerModels) -> Result<Vec<u8>> {
    serde_json::to_vec(models).map_err(|e| unreadable(CUSTOMER_MODELS, e.to_string()))
}

pub(super) fn decode_models(bytes: &[u8]) -> Result<CustomerModels> {
    let models: CustomerModels =
        serde_json::from_slice(bytes).map_err(|e| unreadable(CUSTOMER_MODELS, e.to_string()))?;
    models.check()?;
    Ok(models)
}

pub(super) fn encode_acts(behaviour: &Behaviour) -> Result<Vec<u8>> {
    let acts = behaviour.acts();
    let owners = behaviour.rows().flat_map(|(customer, acts)| std::iter::repeat_n(customer.0, acts.len()));
    let index = |of: fn(&Act) -> u32| Column::Index(acts.iter().map(of).collect());
    let kind = |act: &Act| KINDS.iter().position(|kind| *kind == act.kind).unwrap_or_default() as u32;
    encode(
        ACTS,
        vec![
            ("customer", Column::Index(owners.collect())),
            ("at", Column::Integer(acts.iter().map(|act| act.at.0).collect())),
            ("kind", index(kind)),
            ("bought", Column::Real(acts.iter().map(|act| act.bought).collect())),
            ("returned", Column::Real(acts.iter().map(|act| act.returned).collect())),
            ("items", index(|act| act.items.into())),
            ("new_items", index(|act| act.new_items.into())),
            ("new_categories", index(|act| act.new_categories.into())),
            ("discount_percent", index(|act| act.discount_percent.into())),
            ("channel", index(|act| act.channel.into())),
        ],
    )
}

pub(super) fn decode_acts(bytes: &[u8], n_customers: usize) -> Result<Behaviour> {
    let table = Table::decode(ACTS, bytes)?;
    let mut starts = vec![0usize; n_customers + 1];
    let mut last = 0;
    for customer in table.indexes("customer")? {
        if customer < last || customer as usize >= n_customers {
            let reason = format!("customer {customer} follows {last}, of {n_customers} customers");
            return Err(unreadable(ACTS, reason));
        }
        starts[customer as usize + 1] += 1;
        last = customer;
    }
    for customer in 0..n_customers {
        starts[customer + 1] += starts[customer];
    }
    let mut acts: Vec<Act> =
        table.integers("at")?.map(|at| Act { at: Timestamp(at), ..Act::default() }).collect();
    fill(&mut acts, table.reals("bought")?, |act, money| act.bought = money);
    fill(&mut acts, table.reals("returned")?, |act, money| act.returned = money);
    fill(&mut acts, table.indexes("items")?, |act, n| act.items = n.min(u32::from(u16::MAX)) as u16);
    fill(&mut acts, table.indexes("new_items")?, |act, n| act.new_items = n.min(u32::from(u16::MAX)) as u16);
    fill(&mut acts, table.indexes("new_categories")?, |act, n| act.new_categories = n.min(255) as u8);
    fill(&mut acts, table.indexes("discount_percent")?, |act, n| act.discount_percent = n.min(100) as u8);
    fill(&mut acts, table.indexes("channel")?, |act, n| act.channel = n.min(255) as u8);
    let mut unknown = None;
    fill(&mut acts, table.indexes("kind")?, |act, kind| match KINDS.get(kind as usize) {
        Some(kind) => act.kind = *kind,
        None => unknown = Some(kind),
    });
    match unknown {
        Some(kind) => Err(unreadable(ACTS, format!("an act is of kind {kind}, of {} kinds", KINDS.len()))),
        None => Behaviour::from_parts(starts, acts),
    }
}

fn fill<T>(acts: &mut [Act], values: impl Iterator<Item = T>, mut set: impl FnMut(&mut Act, T)) {
    acts.iter_mut().zip(values).for_each(|(act, value)| set(act, value));
}

/// What stands for "not known" among numbers.
const NONE: f32 = -1.0;

pub(super) fn encode_scores(scores: &[Score]) -> Result<Vec<u8>> {
    let text =
        |of: &dyn Fn(&Score) -> String| Column::Text(StringArray::from_iter_values(scores.iter().map(of)));
    let real = |of: fn(&Score) -> Option<f32>| {
        Column::Real(scores.iter().map(|score| of(score).unwrap_or(NONE)).collect())
    };
    encode(
        SCORES,
        vec![
            ("stage", text(&|score| score.stage.map_or("", Stage::code).into())),
            ("churn", real(|score| score.churn)),
            ("risk", text(&|score| score.band.map_or("", RiskBand::code).into())),
            ("clv", real(|score| score.clv)),
            ("rfm", text(&|score| score.rfm.map_or_else(String::new, |rfm| rfm.to_string()))),
            ("segment", text(&|score| score.cell.map_or("", Cell::code).into())),
            (
                "portrait",
                Column::Index(scores.iter().map(|s| s.portrait.map_or(0, |p| u32::from(p) + 1)).collect()),
            ),
            ("acts", Column::Index(scores.iter().map(|score| score.acts).collect())),
            ("orders", Column::Index(scores.iter().map(|score| score.orders).collect())),
            ("next_stage_days", real(|score| score.next_stage_days)),
            ("spend", Column::Real(scores.iter().map(|score| score.net).collect())),
        ],
    )
}

pub(super) fn decode_scores(bytes: &[u8]) -> Result<Vec<Score>> {
    let table = Table::decode(SCORES, bytes)?;
    let known = |value: f32| Some(value).filter(|value| *value != NONE);
    let mut scores: Vec<Score> =
        table.indexes("orders")?.map(|orders| Score { orders, ..Score::default() }).collect();
    let each = |scores: &mut Vec<Score>, values: Vec<f32>, set: fn(&mut Score, Option<f32>)| {
        scores.iter_mut().zip(values).for_each(|(score, value)| set(score, known(value)));
    };
    scores.iter_mut().zip(table.indexes("acts")?).for_each(|(score, acts)| score.acts = acts);
    each(&mut scores, table.reals("churn")?.collect(), |score, value| score.churn = value);
    each(&mut scores, table.reals("clv")?.collect(), |score, value| score.clv = value);
    each(&mut scores, table.reals("next_stage_days")?.collect(), |score, value| {
        score.next_stage_days = value;
    });
    scores.iter_mut().zip(table.reals("spend")?).for_each(|(score, net)| score.net = net);
    for (score, portrait) in scores.iter_mut().zip(table.indexes("portrait")?) {
        score.portrait = portrait.checked_sub(1).map(|portrait| portrait.min(u32::from(u16::MAX)) as u16);
    }
    words(&mut scores, table.texts("stage")?, |score, word| {
        score.stage = Stage::ALL.into_iter().find(|stage| stage.code() == word);
        score.stage.is_some()
    })?;
    words(&mut scores, table.texts("risk")?, |score, word| {
        score.band = RiskBand::ALL.into_iter().find(|band| band.code() == word);
        score.band.is_some()
    })?;
    words(&mut scores, table.texts("segment")?, |score, word| {
        score.cell = Cell::all().find(|cell| cell.code() == word);
        score.cell.is_some()
    })?;
    words(&mut scores, table.texts("rfm")?, |score, word| {
        score.rfm = rfm(word);
        score.rfm.is_some()
    })?;
    Ok(scores)
}

/// Takes over words, of which an empty one says nothing.
fn words<'a>(
    scores: &mut [Score],
    words: impl Iterator<Item = &'a str>,
    set: impl Fn(&mut Score, &str) -> bool,
) -> Result<()> {
    for (row, (score, word)) in scores.iter_mut().zip(words).enumerate() {
        if !word.is_empty() && !set(score, word) {
            return Err(unreadable(SCORES, format!("row {row}: {word:?} is no word of this column")));
        }
    }
    Ok(())
}

/// "R5F3M4" as scores.
fn rfm(word: &str) -> Option<Rfm> {
    let [b'R', recency, b'F', frequency, b'M', monetary] = *word.as_bytes() else { return None };
    let digit = |byte: u8| byte.checked_sub(b'0').filter(|digit| (1..=5).contains(digit));
    Some(Rfm { recency: digit(recency)?, frequency: digit(frequency)?, monetary: digit(monetary)? })
}

fn unreadable(part: &str, reason: String) -> Error {
    Error::Unreadable { part: part.into(), reason }
}
