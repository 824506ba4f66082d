//! Everything that is computed of one customer at one moment: from the release's acts and every event since.

use super::{CustomerState, Record, declines};
use crate::config::{AsOf, Config};
use crate::releases::Serving;
use crate::store::{Store, StoreError, StoredEvent};
use chrono::Utc;
use models::behaviour::{Act, Builder};
use models::customers::{CustomerModels, Habits, Place, Score, Standing, Subject};
use models::events::{Event, Timestamp};
use models::ids::{ChannelIx, CustomerIx, Ix, OrderIx};
use models::payload::Payload;
use std::collections::HashMap;
use std::sync::Arc;

/// What is known of a customer, and what follows from it.
pub struct Insight {
    /// The moment that it is seen from.
    pub as_of: Timestamp,
    /// Their attributes: those written to the service, else those of the release.
    pub attributes: Payload,
    /// What they did, oldest first; empty where they refused to be profiled, and in what is kept of a minute ago.
    pub acts: Vec<Act>,
    /// When they last did anything.
    pub last_act: Option<Timestamp>,
    /// Where they stand; absent where they refused to be profiled.
    pub standing: Option<Standing>,
    /// Where they stand among the others.
    pub place: Option<Place>,
    /// When and where they usually buy.
    pub habits: Habits,
    /// Their taste.
    pub taste: Arc<CustomerState>,
}

impl Insight {
    /// What lists of customers are filtered by.
    pub fn score(&self) -> Score {
        self.standing
            .as_ref()
            .map_or_else(Score::default, |standing| Score::of(standing, self.place.as_ref()))
    }

    /// Whether they refused to be profiled.
    pub fn is_refused(&self) -> bool {
        self.standing.is_none()
    }
}

/// What an insight is computed from.
pub struct Known {
    state: Arc<CustomerState>,
    objected: bool,
    events: Vec<StoredEvent>,
    attributes: Payload,
}

/// Reads what is known of a customer.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub async fn known(serving: &Serving, store: &dyn Store, customer_id: &str) -> Result<Known, StoreError> {
    let mut read = None;
    let load = async {
        let record = read.insert(Record::read(serving, store, customer_id).await?);
        Ok(record.state(serving, customer_id))
    };
    let state = serving.states.get_or_load(customer_id, load).await?;
    let Record { objected, events, attributes, .. } = match read {
        Some(record) => record,
        None => Record::read(serving, store, customer_id).await?,
    };
    Ok(Known { state, objected, events, attributes })
}

/// What is known of a customer from the release alone: what is served while the store is down.
pub fn known_to_release(serving: &Serving, customer_id: &str) -> Known {
    Known {
        state: Arc::new(super::as_of_release(serving, customer_id)),
        objected: false,
        events: Vec::new(),
        attributes: released(serving, customer_id),
    }
}

pub(super) fn released(serving: &Serving, customer_id: &str) -> Payload {
    let customer = serving.customer(customer_id);
    // A release is checked when it is loaded: its attributes are JSON.
    customer.and_then(|customer| serving.release.known.attributes_of(customer).ok()).unwrap_or_default()
}

/// Where a customer stands, as of a minute ago at most unless something of theirs changed: what decisions rest on.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub async fn recent_insight(
    serving: &Serving,
    store: &dyn Store,
    config: &Config,
    customer_id: &str,
) -> Result<Arc<Insight>, StoreError> {
    serving
        .insights
        .get_or_load(customer_id, async {
            let known = known(serving, store, customer_id).await?;
            let insight = insight(serving, config, customer_id, known);
            // Acts are the bulk of it, and nobody looks at them here.
            Ok(Insight { acts: Vec::new(), ..insight })
        })
        .await
}

/// Computes where a customer stands.
pub fn insight(serving: &Serving, config: &Config, customer_id: &str, known: Known) -> Insight {
    let models = &serving.release.known.models;
    let as_of = moment(serving, config, &known.events);
    let Known { state, objected, events, attributes } = known;
    let settings = &config.customers;
    if objected || state.refused || declines(serving, &attributes) {
        let (acts, habits) = (Vec::new(), Habits::default());
        return Insight {
            as_of,
            attributes,
            acts,
            last_act: None,
            standing: None,
            place: None,
            habits,
            taste: state,
        };
    }
    let acts = acts(serving, config, customer_id, &events);
    let declared = models.features.attributes.row(&attributes);
    let contract = models.churn.learned().and_then(|churn| churn.contracts.as_ref());
    // A day that cannot be read counts as none; those of the release were all read in training.
    let contract = contract.and_then(|contract| contract.read(&attributes).ok());
    let subject = Subject { acts: &acts, declared: &declared, contract: contract.unwrap_or_default() };
    let standing = models.standing(&subject, as_of);
    let place = place(models, &standing, &state, serving);
    let habits = Habits::of(&acts, as_of, settings.utc_offset_minutes * 60);
    let last_act = acts.last().map(|act| act.at);
    Insight { as_of, attributes, acts, last_act, standing: Some(standing), place, habits, taste: state }
}

/// The moment that a customer is seen from: now, or the end of the data, which their own later events move.
fn moment(serving: &Serving, config: &Config, events: &[StoredEvent]) -> Timestamp {
    match config.customers.as_of {
        AsOf::Now => Timestamp(Utc::now().timestamp().saturating_add(1)),
        AsOf::Data => {
            let last = events.iter().map(|event| event.at.timestamp().saturating_add(1)).max();
            Timestamp(
                last.map_or(serving.manifest.data_cutoff.0, |last| last.max(serving.manifest.data_cutoff.0)),
            )
        }
    }
}

fn place(
    models: &CustomerModels,
    standing: &Standing,
    state: &CustomerState,
    serving: &Serving,
) -> Option<Place> {
    let profile = models.profile.learned()?;
    // Where their profile adds nothing to it, their vector is that of what they did.
    let own = if state.person(serving).own_share >= 1.0 {
        state.person(serving).factors.clone()
    } else {
        serving.release.taste.ials.fold_in(state.history(serving))
    };
    // The row has the columns of the release's own feature set, and its numbers are finite.
    profile.place(&standing.row, &own, state.interactions.len()).ok().flatten()
}

/// The acts of the release and those since.
fn acts(serving: &Serving, config: &Config, customer_id: &str, events: &[StoredEvent]) -> Vec<Act> {
    let customer = serving.customer(customer_id);
    let released = customer.map_or(&[][..], |customer| serving.release.known.behaviour.of(customer));
    if events.is_empty() {
        return released.to_vec();
    }
    let met = customer.map_or(&[][..], |customer| serving.release.history.row(customer));
    let mut builder =
        Builder::new(&serving.categories).having_met(met.iter().map(|interaction| interaction.item));
    let channels = &serving.release.known.models.channels;
    let mut orders: HashMap<&str, OrderIx> = HashMap::new();
    let view = serving.catalogue.view();
    let n_items = serving.release.items.len();
    for (position, event) in events.iter().enumerate() {
        let next = OrderIx::at(orders.len() + 1);
        // Without an order, all that was bought on one day is one.
        let order = event.order_id.as_deref().map_or(OrderIx(0), |id| *orders.entry(id).or_insert(next));
        let channel =
            event.contact_point.as_deref().and_then(|name| config.contact_points.get(name)).and_then(
                |contact_point| channels.iter().position(|channel| *channel == contact_point.channel),
            );
        builder.add(&Event {
            at: Timestamp(event.at.timestamp()),
            customer: CustomerIx(0),
            // An item that nobody knows is one of its own.
            item: view.ix(&event.item_id).unwrap_or_else(|| Ix::at(n_items + MAX_UNKNOWN + position)),
            order,
            quantity: event.quantity as f32,
            amount: (event.quantity * event.unit_price.unwrap_or(0.0)).clamp(-MOST_MONEY, MOST_MONEY) as f32,
            kind: event.kind,
            discount_percent: event.discount_percent(),
            channel: ChannelIx::at(channel.unwrap_or_default().min(ChannelIx::MOST - 1)),
        });
    }
    let mut acts = [released, &builder.finish()].concat();
    acts.sort_by_key(|act| act.at);
    acts
}

/// More money in one line is a mistake; a sum of such lines is still a number.
const MOST_MONEY: f64 = 1e15;

/// Room for items that appeared since the release, above which unknown ones are numbered.
const MAX_UNKNOWN: usize = 1 << 24;
