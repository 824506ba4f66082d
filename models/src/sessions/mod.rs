//! Session: what people looked at or bought next who began alike. VMIS-kNN (Kersbergen, Sprangers and Schelter 2022,
//! "Serenade", SIGMOD), which needs no learning and so can grow with every event.
//!
//! With s the session asked about, its items numbered from the latest (0) back:
//!
//! ```text
//! likeness(n)  = Σ_{i in s and n} (1 − place(i) / |s|)          over the most recent sessions with an item of s
//! follow(item) = Σ_n share(n) · [item in n] · (1 + idf_weight · ln(sessions / sessions with item)),
//! share(n)     = likeness(n) · (1 − place of the latest common item / (max_items + 1)), scaled so that Σ share = 1
//! ```
//!
//! over the `neighbours` most alike. Items of s itself are left out. Ties: the more recent session.

mod cut;
mod live;
mod neighbours;

pub use cut::{Session, cut};
pub use live::LiveSessions;

use crate::error::{Error, Result, require};
use crate::events::Event;
use crate::ids::{ItemIx, Ix};
use serde::{Deserialize, Serialize};

/// What a user may set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionParams {
    /// Minutes without an event after which a customer's next event begins a new session.
    pub gap_minutes: f64,
    /// The most recent sessions that are kept for each item, and looked at for each question.
    pub sessions_per_item: usize,
    /// How many of them speak: the most alike.
    pub neighbours: usize,
    /// The latest items of a session that ask.
    pub max_items: usize,
    /// How much more a rare item counts than one that everyone meets.
    pub idf_weight: f32,
}

impl Default for SessionParams {
    fn default() -> Self {
        Self { gap_minutes: 30.0, sessions_per_item: 1_000, neighbours: 200, max_items: 10, idf_weight: 0.1 }
    }
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidSessionParams(SessionParams);

impl SessionParams {
    /// # Errors
    /// [`Error::OutOfRange`] for a gap or an idf weight that is negative or not finite, or a number of 0.
    pub fn check(self) -> Result<ValidSessionParams> {
        let gap = self.gap_minutes;
        require(gap.is_finite() && gap >= 0.0, "sessions.gap_minutes", gap, "a number of at least 0")?;
        let counts = [
            ("sessions.sessions_per_item", self.sessions_per_item),
            ("sessions.neighbours", self.neighbours),
            ("sessions.max_items", self.max_items),
        ];
        for (name, count) in counts {
            require((1..=100_000).contains(&count), name, count, "between 1 and 100000")?;
        }
        let idf = self.idf_weight;
        require(idf.is_finite() && idf >= 0.0, "sessions.idf_weight", idf, "a number of at least 0")?;
        Ok(ValidSessionParams(self))
    }
}

impl ValidSessionParams {
    /// Cuts a history, sorted by time, into sessions and keeps the recent ones.
    pub fn fit(&self, events: &[Event], n_customers: usize, n_items: usize) -> Sessions {
        let sessions = cut(events, n_customers, self.0.gap_minutes);
        self.index(sessions.iter().map(|session| session.items.as_slice()), n_items)
    }

    /// Keeps the recent ones among sessions, given oldest first; items must be of the catalogue.
    pub fn index<'a>(
        &self,
        sessions: impl DoubleEndedIterator<Item = &'a [ItemIx]> + Clone,
        n_items: usize,
    ) -> Sessions {
        let mut met = vec![0u32; n_items];
        let mut all = 0u32;
        let several = |items: &&[ItemIx]| items.len() > 1;
        let mut kept: Vec<&[ItemIx]> = Vec::new();
        // Newest first: a session is kept while one of its items has room for it.
        for items in sessions.rev().filter(several) {
            all += 1;
            let mut has_room = false;
            for item in items {
                has_room |= (met[item.position()] as usize) < self.0.sessions_per_item;
                met[item.position()] += 1;
            }
            kept.extend(has_room.then_some(items));
        }
        kept.reverse();
        Sessions::new(self.0, Kept { sessions: kept, met, all })
    }
}

/// The sessions that are kept, oldest first, and in how many of all sessions each item was met.
struct Kept<'a> {
    sessions: Vec<&'a [ItemIx]>,
    met: Vec<u32>,
    all: u32,
}

/// Past sessions, to be asked what follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Sessions {
    params: SessionParams,
    /// Sessions, oldest first, as compressed rows.
    starts: Vec<usize>,
    items: Vec<ItemIx>,
    /// Per item the most recent sessions that hold it, newest first, as compressed rows.
    posting_starts: Vec<usize>,
    postings: Vec<u32>,
    /// In how many sessions each item was met, kept or not.
    met: Vec<u32>,
    /// How many sessions there were, kept or not.
    all: u32,
}

impl Sessions {
    fn new(params: SessionParams, Kept { sessions, met, all }: Kept<'_>) -> Self {
        let mut starts = vec![0];
        let mut items = Vec::new();
        for session in sessions {
            items.extend_from_slice(session);
            starts.push(items.len());
        }
        let (posting_starts, postings) = postings(&starts, &items, met.len(), params.sessions_per_item);
        Self { params, starts, items, posting_starts, postings, met, all }
    }

    /// Takes parts that were made before, from a release.
    ///
    /// # Errors
    /// [`Error::Shape`] when `starts` does not partition the items, or an item is outside the catalogue of
    /// `met.len()` items; as [`SessionParams::check`].
    pub fn from_parts(
        params: SessionParams,
        starts: Vec<usize>,
        items: Vec<ItemIx>,
        (met, all): (Vec<u32>, u32),
    ) -> Result<Self> {
        params.check()?;
        let shape = |expected: &str, found: String| Error::Shape {
            what: "sessions".into(),
            expected: expected.into(),
            found,
        };
        if starts.first() != Some(&0) || starts.last() != Some(&items.len()) || !starts.is_sorted() {
            return Err(shape("starts that partition their items", format!("{} starts", starts.len())));
        }
        if let Some(item) = items.iter().find(|item| item.position() >= met.len()) {
            return Err(shape("items of the catalogue", format!("item {}", item.0)));
        }
        let (posting_starts, postings) = postings(&starts, &items, met.len(), params.sessions_per_item);
        Ok(Self { params, starts, items, posting_starts, postings, met, all })
    }

    /// The parameters that it was made with.
    pub fn params(&self) -> &SessionParams {
        &self.params
    }

    /// How many sessions are kept.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether none is kept: then nothing follows from anything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size of the catalogue.
    pub fn n_items(&self) -> usize {
        self.met.len()
    }

    /// In how many sessions each item was met, and how many there were, kept or not.
    pub fn met(&self) -> (&[u32], u32) {
        (&self.met, self.all)
    }

    /// The items of one session; empty for one that is not kept here.
    pub fn session(&self, session: usize) -> &[ItemIx] {
        self.starts.get(session..session + 2).map_or(&[], |bounds| &self.items[bounds[0]..bounds[1]])
    }

    /// The sessions with an item, newest first.
    fn with_item(&self, item: ItemIx) -> &[u32] {
        let bounds = self.posting_starts.get(item.position()..item.position() + 2);
        bounds.map_or(&[], |bounds| &self.postings[bounds[0]..bounds[1]])
    }
}

/// Per item the newest `most` sessions that hold it, newest first.
fn postings(starts: &[usize], items: &[ItemIx], n_items: usize, most: usize) -> (Vec<usize>, Vec<u32>) {
    let mut counts = vec![0usize; n_items];
    for item in items {
        counts[item.position()] = (counts[item.position()] + 1).min(most);
    }
    let mut posting_starts = vec![0usize];
    for count in &counts {
        posting_starts.push(posting_starts[posting_starts.len() - 1] + count);
    }
    let mut next = posting_starts.clone();
    let mut postings = vec![0u32; next[n_items]];
    for (session, bounds) in starts.windows(2).enumerate().rev() {
        for item in &items[bounds[0]..bounds[1]] {
            let at = item.position();
            if next[at] < posting_starts[at + 1] {
                postings[next[at]] = session as u32;
                next[at] += 1;
            }
        }
    }
    (posting_starts, postings)
}
