//! All customers in one table, to be listed by filters, with what came since the release.

use super::insight::Insight;
use crate::store::NewTransition;
use chrono::DateTime;
use indexmap::IndexSet;
use models::customers::Score;
use models::events::{DAY_SECONDS, Timestamp};
use models::ids::{CustomerIx, Ix};
use models::index::attributes::Attributes;
use models::payload::{Filter, Payload};
use models::release::Release;
use models::segments::Language;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The customers of a release and those who appeared since, each with where they stand.
pub struct Directory {
    release: Arc<Release>,
    rows: RwLock<Rows>,
    changed: Mutex<HashSet<Box<str>>>,
}

struct Rows {
    appeared: IndexSet<Box<str>>,
    scores: Vec<Score>,
    attributes: Attributes,
    /// Erased since the release: never listed.
    erased: HashSet<usize>,
    /// When the stage changes if nothing happens, in seconds since 1970.
    next_change: Vec<i64>,
    /// Where those who changed stand now among the others; `None` for nowhere.
    moved: HashMap<usize, Option<Vec<f32>>>,
}

/// A customer who does not change by themselves.
const NEVER: i64 = i64::MAX;

/// A customer in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The place in the directory.
    pub row: usize,
    /// Who.
    pub customer_id: String,
    /// Where they stand.
    pub score: Score,
}

impl Directory {
    /// The directory of a release, as of its data cut-off.
    ///
    /// # Errors
    /// [`models::Error`] for attributes that a release cannot have.
    pub fn new(release: Arc<Release>, cutoff: Timestamp) -> models::Result<Self> {
        let known = &release.known;
        let mut attributes = Attributes::default();
        for (customer, _) in release.customers.iter() {
            let declared = known.attributes_of(customer)?;
            attributes.set(customer.position(), &joined(&known.scores[customer.position()], declared))?;
        }
        let next_change = known.scores.iter().map(|score| moment_of(cutoff, score.next_stage_days)).collect();
        let rows = Rows {
            appeared: IndexSet::new(),
            scores: known.scores.clone(),
            attributes,
            erased: HashSet::new(),
            next_change,
            moved: HashMap::new(),
        };
        Ok(Self { release, rows: RwLock::new(rows), changed: Mutex::default() })
    }

    /// Notes that something about a customer changed; [`Self::take_changed`] gives them to be looked at again.
    pub fn note(&self, customer_id: &str) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        if !changed.contains(customer_id) {
            changed.insert(customer_id.into());
        }
    }

    /// At most `most` of those who changed, who then count as looked at.
    pub fn take_changed(&self, most: usize) -> Vec<Box<str>> {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let taken: Vec<Box<str>> = changed.iter().take(most).cloned().collect();
        taken.iter().for_each(|id| {
            changed.remove(id);
        });
        taken
    }

    /// How many wait to be looked at again.
    pub fn waiting(&self) -> usize {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Notes everyone whose stage has changed by the time that passed; at most `most` of them.
    pub fn note_passed(&self, now: Timestamp, most: usize) {
        let due: Vec<usize> = {
            let rows = self.read();
            let due = rows.next_change.iter().enumerate().filter(|(_, at)| **at <= now.0);
            due.map(|(row, _)| row).take(most).collect()
        };
        for row in due {
            if let Some(id) = self.id(row) {
                self.note(&id);
            }
        }
    }

    /// Takes over where a customer stands now; gives their row, and the change of stage if there is one.
    ///
    /// # Errors
    /// [`models::Error`] for an attribute that is not finite; nothing is changed then.
    pub fn update(
        &self,
        customer_id: &str,
        insight: &Insight,
    ) -> models::Result<(usize, Option<NewTransition>)> {
        let score = insight.score();
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        let row = match self.release.customers.get(customer_id) {
            Some(customer) => customer.position(),
            None => self.release.customers.len() + rows.appeared.insert_full(customer_id.into()).0,
        };
        if rows.scores.len() <= row {
            rows.scores.resize(row + 1, Score::default());
            rows.next_change.resize(row + 1, NEVER);
        }
        rows.attributes.set(row, &joined(&score, insight.attributes.clone()))?;
        rows.erased.remove(&row);
        rows.moved.insert(row, insight.place.as_ref().map(|place| place.vector.clone()));
        let (before, due) = (rows.scores[row], rows.next_change[row]);
        rows.scores[row] = score;
        rows.next_change[row] = moment_of(insight.as_of, score.next_stage_days);
        Ok((row, transition(customer_id, (before, due), insight)))
    }

    /// Leaves a customer out of every list from now on; gives their row, if they had one.
    pub fn erase(&self, customer_id: &str) -> Option<usize> {
        let row = self.row(customer_id)?;
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        rows.erased.insert(row);
        rows.scores[row] = Score::default();
        rows.next_change[row] = NEVER;
        rows.moved.insert(row, None);
        rows.attributes.set(row, &Payload::new()).ok()?;
        drop(rows);
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).remove(customer_id);
        Some(row)
    }

    /// The row of a customer.
    pub fn row(&self, customer_id: &str) -> Option<usize> {
        let released = self.release.customers.get(customer_id).map(Ix::position);
        let rows = self.read();
        let appeared = || Some(self.release.customers.len() + rows.appeared.get_index_of(customer_id)?);
        released.or_else(appeared).filter(|row| !rows.erased.contains(row))
    }

    /// The customer of a row.
    pub fn id(&self, row: usize) -> Option<String> {
        self.read().id(&self.release, row)
    }

    /// Where a customer stands among the others, as of the release or their last change; nothing for nowhere.
    pub fn place(&self, row: usize) -> Option<Vec<f32>> {
        if let Some(moved) = self.read().moved.get(&row) {
            return moved.clone();
        }
        let vectors = &self.release.known.vectors;
        let vector = (row < vectors.nrows()).then(|| vectors.row(row).to_vec())?;
        vector.iter().any(|value| *value != 0.0).then_some(vector)
    }

    /// The rows that a filter lets pass, in their order.
    pub fn select(&self, filter: &Filter) -> Vec<usize> {
        let rows = self.read();
        let passing = rows.attributes.select(filter);
        let all = (0..rows.scores.len()).filter(|row| !rows.erased.contains(row));
        all.filter(|row| passing.contains(*row)).collect()
    }

    /// The same without those who refused to be profiled.
    pub fn select_profiled(&self, filter: &Filter) -> Vec<usize> {
        let mut selected = self.select(filter);
        let rows = self.read();
        selected.retain(|row| rows.scores.get(*row).is_some_and(|score| score.stage.is_some()));
        selected
    }

    /// The scores of all rows, to sort by.
    pub fn scores(&self) -> Vec<Score> {
        self.read().scores.clone()
    }

    /// Rows as entries; those that are not there are left out.
    pub fn entries(&self, wanted: &[usize]) -> Vec<Entry> {
        let rows = self.read();
        let entry = |&row: &usize| {
            let customer_id = rows.id(&self.release, row)?;
            Some(Entry { row, customer_id, score: *rows.scores.get(row)? })
        };
        wanted.iter().filter_map(entry).collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Rows> {
        // Every change leaves the rows whole; a panic elsewhere cannot break them.
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn id(&self, release: &Release, row: usize) -> Option<String> {
        if self.erased.contains(&row) {
            return None;
        }
        match row.checked_sub(release.customers.len()) {
            None => release.customers.id(CustomerIx::at(row)).map(str::to_owned),
            Some(appeared) => self.appeared.get_index(appeared).map(ToString::to_string),
        }
    }
}

/// Attributes and score in one; where both have a name, the score counts.
pub fn joined(score: &Score, mut attributes: Payload) -> Payload {
    attributes.extend(score.payload());
    attributes
}

fn moment_of(as_of: Timestamp, days: Option<f32>) -> i64 {
    days.map_or(NEVER, |days| as_of.0.saturating_add((f64::from(days) * DAY_SECONDS as f64).ceil() as i64))
}

/// The change of stage between what was known before and now, dated by the event that made it or the moment at which it
/// was due.
fn transition(customer_id: &str, (before, due): (Score, i64), insight: &Insight) -> Option<NewTransition> {
    let standing = insight.standing.as_ref()?;
    let from = before.stage.filter(|stage| *stage != standing.stage)?;
    let last = insight.acts.last().map(|act| act.at.0);
    let at = if due <= insight.as_of.0 { due } else { last.unwrap_or(insight.as_of.0) };
    Some(NewTransition {
        customer_id: customer_id.into(),
        from: from.code().into(),
        to: standing.stage.code().into(),
        reason: standing.reason.words(Language::En),
        at: DateTime::from_timestamp(at, 0)?,
    })
}
