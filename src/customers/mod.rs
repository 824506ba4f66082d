//! What is known of a customer at this moment: the release's history and every event since, seen by every view of
//! taste.

mod cache;

pub use cache::States;

use crate::releases::Serving;
use crate::store::{Store, StoreError, StoredEvent};
use chrono::DateTime;
use models::events::{Event, EventKind, Timestamp};
use models::ids::{CustomerIx, ItemIx, Ix, OrderIx};
use models::interactions::{History, Interaction};
use models::taste::Person;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How much an answer rests on what the person did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Nothing is known: the answer is the same for everyone.
    None,
    /// Only the items of this session.
    Session,
    /// A few items of their own history.
    Few,
    /// A history.
    History,
}

/// The latest events since the release that count for a customer; the next training takes them all.
const MAX_EVENTS: u32 = 10_000;

/// From this many items on, a history speaks for itself.
const ENOUGH_ITEMS: usize = 3;

/// A customer's taste as of their last event.
#[derive(Clone, Debug, Default)]
pub struct CustomerState {
    /// What they did with items of the release, sorted by item.
    pub interactions: Vec<Interaction>,
    /// How every view of taste sees them.
    pub person: Person,
    /// Every item they ever bought, sorted, also those that appeared since the release.
    pub owned: Vec<ItemIx>,
}

impl CustomerState {
    /// How much is known.
    pub fn evidence(&self) -> Evidence {
        match self.interactions.len() {
            0 => Evidence::None,
            n if n < ENOUGH_ITEMS => Evidence::Few,
            _ => Evidence::History,
        }
    }

    /// Whether they ever bought the item.
    pub fn owns(&self, item: ItemIx) -> bool {
        self.owned.binary_search(&item).is_ok()
    }

    /// The state with the items of a session added, each as a click of this moment.
    pub fn with_session(&self, serving: &Serving, items: &[ItemIx]) -> Self {
        let clicks = items.iter().map(|&item| Event {
            at: serving.manifest.data_cutoff,
            customer: CustomerIx(0),
            item,
            order: OrderIx(0),
            quantity: 1.0,
            amount: 0.0,
            kind: EventKind::Click,
        });
        folded_in(serving, &self.interactions, clicks, self.owned.clone())
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
) -> Result<std::sync::Arc<CustomerState>, StoreError> {
    serving
        .states
        .get_or_load(customer_id, async {
            let since = serving.manifest.data_cutoff;
            let since = DateTime::from_timestamp(since.0, 0).unwrap_or(DateTime::UNIX_EPOCH);
            let events = store.events_since(customer_id, since, MAX_EVENTS).await?;
            Ok(of_events(serving, customer_id, &events))
        })
        .await
}

/// The state from release history alone: what is served while the store is down.
pub fn as_of_release(serving: &Serving, customer_id: &str) -> CustomerState {
    of_events(serving, customer_id, &[])
}

fn of_events(serving: &Serving, customer_id: &str, events: &[StoredEvent]) -> CustomerState {
    let release = &serving.release;
    let row = release.customers.get(customer_id).map_or(&[][..], |customer| release.history.row(customer));
    let view = serving.catalogue.view();
    // An item that neither release nor catalogue knows says nothing about taste yet.
    let known: Vec<Event> =
        events.iter().filter_map(|event| Some(model_event(event, view.ix(&event.item_id)?))).collect();
    let bought = known.iter().filter(|event| event.kind == EventKind::Purchase && event.quantity > 0.0);
    let mut owned: Vec<ItemIx> =
        row.iter().map(|cell| cell.item).chain(bought.map(|event| event.item)).collect();
    owned.sort_unstable();
    owned.dedup();
    folded_in(serving, row, known.into_iter(), owned)
}

fn folded_in(
    serving: &Serving,
    row: &[Interaction],
    events: impl Iterator<Item = Event>,
    owned: Vec<ItemIx>,
) -> CustomerState {
    let taste = &serving.release.taste;
    let mut cells: BTreeMap<ItemIx, Interaction> = row.iter().map(|&cell| (cell.item, cell)).collect();
    // Items that appeared since have no trained vector, so they say nothing in the fold-in.
    for event in events.filter(|event| event.item.position() < taste.n_items()) {
        let cell = cells.entry(event.item).or_insert_with(|| Interaction::none(event.item));
        cell.add(&event, &serving.manifest.event_weights);
    }
    let interactions: Vec<Interaction> = cells.into_values().filter(Interaction::counts).collect();
    let history = History { interactions: &interactions, as_of: serving.manifest.data_cutoff };
    let person = taste.person(history);
    CustomerState { interactions, person, owned }
}

fn model_event(event: &StoredEvent, item: ItemIx) -> Event {
    Event {
        at: Timestamp(event.at.timestamp()),
        customer: CustomerIx(0),
        item,
        order: OrderIx(0),
        quantity: event.quantity as f32,
        amount: (event.quantity * event.unit_price.unwrap_or(0.0)) as f32,
        kind: event.kind,
    }
}
