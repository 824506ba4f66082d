//! What is known of a customer at this moment: the release's history and every event since, seen by every view of
//! taste.

mod cache;
mod directory;
mod insight;
mod refresh;
mod visits;
pub mod wire;

pub use cache::States;
pub use directory::{Directory, Entry, joined};
use insight::released;
pub use insight::{Insight, Known, insight, known, known_to_release, recent_insight};
pub use refresh::keep_up_to_date;
pub use visits::Visits;

use crate::policy::PROFILING;
use crate::releases::Serving;
use crate::store::{ConsentStatus, CustomerRecord, Store, StoreError, StoredEvent};
use chrono::DateTime;
use models::attributes::Feature;
use models::events::{Event, EventKind, Timestamp};
use models::ids::{CustomerIx, ItemIx, Ix};
use models::interactions::{History, Interaction, with_events};
use models::payload::Payload;
use models::ranking::Scored;
use models::taste::Person;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use utoipa::ToSchema;

/// How much an answer rests on what the person did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Nothing is known: the answer is the same for everyone.
    None,
    /// Only their attributes.
    Profile,
    /// Only the items of this session.
    Session,
    /// A few items of their own history, beside which their attributes still count.
    Few,
    /// A history.
    History,
}

/// The latest events since the release that count for a customer; the next training takes them all.
const MAX_EVENTS: u32 = 10_000;

/// A customer's taste as of their last event.
#[derive(Clone, Debug, Default)]
pub struct CustomerState {
    /// Tells it from every other state that this process made.
    pub number: u64,
    /// What they did with items of the release, sorted by item.
    pub interactions: Vec<Interaction>,
    /// How every view of taste sees them, once that was asked.
    person: OnceLock<Person>,
    /// Every item they ever bought, sorted, also those that appeared since the release.
    pub owned: Vec<ItemIx>,
    /// What their attributes say, as features of the release's prior.
    pub profile: Vec<Feature>,
    /// Whether they refuse to be profiled: then they are seen as a stranger.
    pub refused: bool,
    /// Their row of the release, while nothing is known of them beyond it: what training made of them still holds.
    pub as_released: Option<CustomerIx>,
}

impl CustomerState {
    /// How much is known.
    pub fn evidence(&self) -> Evidence {
        let of_history = || models::taste::Evidence::of(self.interactions.len());
        match self.person.get().map_or_else(of_history, |person| person.evidence) {
            models::taste::Evidence::None if self.profile.is_empty() => Evidence::None,
            models::taste::Evidence::None => Evidence::Profile,
            models::taste::Evidence::Session => Evidence::Session,
            models::taste::Evidence::Glimpse | models::taste::Evidence::Few => Evidence::Few,
            models::taste::Evidence::History => Evidence::History,
        }
    }

    /// How every view of taste sees them: computed when it is first asked, since what training ranked needs none of it.
    pub fn person(&self, serving: &Serving) -> &Person {
        self.person.get_or_init(|| serving.release.taste.person(self.history(serving)))
    }

    /// Their history as the views of taste see it.
    pub fn history(&self, serving: &Serving) -> History<'_> {
        History::new(&self.interactions, serving.manifest.data_cutoff).with_profile(&self.profile)
    }

    /// Whether they ever bought the item.
    pub fn owns(&self, item: ItemIx) -> bool {
        self.owned.binary_search(&item).is_ok()
    }

    /// The state with the items that the session of a request names, each as a click of this moment.
    pub fn with_clicks(&self, serving: &Serving, items: &[ItemIx]) -> Self {
        let n_items = serving.release.taste.n_items();
        let known: Vec<ItemIx> = items.iter().copied().filter(|item| item.position() < n_items).collect();
        let click = (EventKind::Click, serving.manifest.data_cutoff);
        let interactions = with_events(&self.interactions, &known, click, &serving.manifest.event_weights);
        Self { interactions, as_released: None, person: OnceLock::new(), ..self.clone() }
    }

    /// The state in a session of some items, from which others follow. Who has nothing but the session is unknown.
    pub fn in_session(self, serving: &Serving, items: &[ItemIx], follows: Vec<Scored>) -> Self {
        let mut person = self.person(serving).clone().in_session(follows);
        let is_met = |known: &Interaction| items.contains(&known.item);
        if !self.interactions.is_empty() && self.interactions.iter().all(is_met) {
            person = person.unknown();
        }
        Self { person: person.into(), as_released: None, ..self }
    }
}

/// The state of a customer, from the cache or from release and store; unknown customers have an empty one.
///
/// # Errors
/// [`StoreError`] when the events since the release cannot be read.
pub async fn state(
    serving: &Serving,
    store: &dyn Store,
    customer_id: &str,
) -> Result<Arc<CustomerState>, StoreError> {
    let load = async { Ok(Record::read(serving, store, customer_id).await?.state(serving, customer_id)) };
    serving.states.get_or_load(customer_id, load).await
}

/// What the store holds of a customer beside what the release knows of them.
struct Record {
    /// Whether the ledger of consents says that they refuse to be profiled.
    objected: bool,
    /// The events since the release.
    events: Vec<StoredEvent>,
    /// Their attributes: those written to the service, else those of the release.
    attributes: Payload,
    /// Whether the attributes were written to the service.
    written: bool,
}

impl Record {
    async fn read(serving: &Serving, store: &dyn Store, customer_id: &str) -> Result<Self, StoreError> {
        let since = serving.manifest.data_cutoff;
        let since = DateTime::from_timestamp(since.0, 0).unwrap_or(DateTime::UNIX_EPOCH);
        let record = store.record_of(customer_id, PROFILING, since, MAX_EVENTS).await?;
        let CustomerRecord { attributes, consent, events } = record;
        Ok(Self {
            objected: consent.is_some_and(ConsentStatus::is_refusal),
            events,
            written: attributes.is_some(),
            attributes: attributes.unwrap_or_else(|| released(serving, customer_id)),
        })
    }

    fn state(&self, serving: &Serving, customer_id: &str) -> CustomerState {
        if self.objected || declines(serving, &self.attributes) {
            return refusing(serving);
        }
        let features = serving.release.taste.prior.features();
        let profile = match (features.is_empty(), self.written) {
            (true, _) => Vec::new(),
            (false, true) => features.row(&self.attributes),
            (false, false) => released_profile(serving, customer_id),
        };
        of_events(serving, customer_id, &self.events, profile)
    }
}

/// Whether attributes say that someone refuses to be profiled.
pub fn declines(serving: &Serving, attributes: &Payload) -> bool {
    models::customers::refuses_profiling(attributes, &serving.release.known.models.consent_attribute)
}

fn released_profile(serving: &Serving, customer_id: &str) -> Vec<Feature> {
    let customer = serving.customer(customer_id);
    customer.map_or_else(Vec::new, |customer| serving.release.profiles.of(customer.position()).to_vec())
}

/// The state of someone of whom nothing is known.
pub fn stranger(serving: &Serving) -> CustomerState {
    of_events(serving, "", &[], Vec::new())
}

/// The state of someone who refuses to be profiled: a stranger's.
pub fn refusing(serving: &Serving) -> CustomerState {
    CustomerState { refused: true, ..CustomerState::clone(&serving.stranger()) }
}

/// The state from the release alone: what is served while the store is down.
pub fn as_of_release(serving: &Serving, customer_id: &str) -> CustomerState {
    of_events(serving, customer_id, &[], released_profile(serving, customer_id))
}

fn of_events(
    serving: &Serving,
    customer_id: &str,
    events: &[StoredEvent],
    profile: Vec<Feature>,
) -> CustomerState {
    let release = &serving.release;
    let customer = serving.customer(customer_id);
    let row = customer.map_or(&[][..], |customer| release.history.row(customer));
    let view = serving.catalogue.view();
    // An item that neither release nor catalogue knows says nothing about taste yet.
    let known: Vec<Event> =
        events.iter().filter_map(|event| Some(model_event(event, view.ix(&event.item_id)?))).collect();
    let is_as_released =
        |customer: &CustomerIx| known.is_empty() && profile == release.profiles.of(customer.position());
    let as_released = customer.filter(is_as_released);
    let (mut owned, mut interactions): (Vec<ItemIx>, Vec<Interaction>) =
        (row.iter().map(|cell| cell.item).collect(), row.to_vec());
    if !known.is_empty() {
        let bought = known.iter().filter(|event| event.kind == EventKind::Purchase && event.quantity > 0.0);
        owned.extend(bought.map(|event| event.item));
        owned.sort_unstable();
        owned.dedup();
        interactions = with_all(row, &known, serving);
    }
    interactions.retain(Interaction::counts);
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    CustomerState { number, interactions, owned, profile, as_released, ..CustomerState::default() }
}

/// A row of the release with events of the items that it can know, sorted by item: others have no trained vector, so they say
/// nothing in the fold-in.
fn with_all(row: &[Interaction], events: &[Event], serving: &Serving) -> Vec<Interaction> {
    let mut cells: BTreeMap<ItemIx, Interaction> = row.iter().map(|&cell| (cell.item, cell)).collect();
    for event in events.iter().filter(|event| event.item.position() < serving.release.taste.n_items()) {
        let cell = cells.entry(event.item).or_insert_with(|| Interaction::none(event.item));
        cell.add(event, &serving.manifest.event_weights);
    }
    cells.into_values().collect()
}

fn model_event(event: &StoredEvent, item: ItemIx) -> Event {
    Event {
        at: Timestamp(event.at.timestamp()),
        item,
        quantity: event.quantity as f32,
        amount: (event.quantity * event.unit_price.unwrap_or(0.0)) as f32,
        kind: event.kind,
        ..Event::default()
    }
}
