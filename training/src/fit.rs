//! Fitting every model on the events before one moment.

use crate::attributes::Attributes;
use crate::config::TrainingConfig;
use crate::holdout::Holdout;
use crate::progress::Progress;
use models::Result;
use models::attributes::{FeatureRows, Prior};
use models::events::{Event, EventLog, Timestamp};
use models::frequency::PersonalFrequency;
use models::ials::{Ials, IalsParams};
use models::ids::{CustomerIx, ItemIx, Ix};
use models::interactions::{Interaction, Interactions};
use models::item_knn::ItemKnn;
use models::item_lists::ItemLists;
use models::item_weights::ItemWeightsParams;
use models::popularity::{Popularity, PopularityParams};
use models::repeat::Repeat;
use models::sessions::Sessions;
use models::spectral::SpectralParams;
use models::taste::{Blends, Taste, Views};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The parameters of the views of taste: as configured, or as found by search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewParams {
    /// The factorisation.
    pub ials: IalsParams,
    /// The spectral filter.
    pub spectral: SpectralParams,
    /// What each item says of others.
    pub item_weights: ItemWeightsParams,
}

impl ViewParams {
    /// Those of the configuration.
    pub fn of(config: &TrainingConfig) -> Self {
        Self { ials: config.ials, spectral: config.spectral, item_weights: config.item_weights }
    }
}

/// What views are learned from: the history before one moment, and who the customers are.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// All events; those from `as_of` on are not looked at.
    pub log: &'a EventLog,
    /// What each customer did before, without what is held back.
    pub interactions: &'a Interactions,
    /// The moment.
    pub as_of: Timestamp,
    /// The attributes of customers.
    pub customers: &'a Attributes,
    /// What is held back.
    pub holdout: Option<&'a Holdout>,
}

/// Learns all views of taste, and blends them as told.
///
/// # Errors
/// [`models::Error`] for parameters out of range, or a history without purchases.
pub fn fit_taste(
    config: &TrainingConfig,
    params: &ViewParams,
    known: Known<'_>,
    blends: Option<Blends>,
    progress: &dyn Progress,
) -> Result<Taste> {
    let Known { log, interactions, as_of, .. } = known;
    let (ials, spectral) = (params.ials.check()?, params.spectral.check()?);
    let item_weights = params.item_weights.check()?;
    let ials = ials.fit(interactions, as_of, |sweep| progress.at(sweep.done as u64))?;
    // A blend that gives the spectral filter no weight spares its making, and its share of every vector.
    let wanted = blends.is_none_or(|blends| blends.use_spectral());
    let spectral = if wanted { Some(spectral.fit(interactions, as_of)?) } else { None };
    let weights = item_weights.fit(interactions, as_of)?;
    let learned = learned_events(&known);
    let span = log.span().map_or(0.0, |(first, _)| as_of.days_since(first));
    let half_life = config.blend.popular_half_life_days.unwrap_or(span * POPULAR_SHARE);
    let popularity =
        PopularityParams { half_life_days: (span >= 1.0).then_some(half_life), ..config.popularity };
    let popular = popularity.check()?.fit(&learned, log.n_items, as_of)?;
    let habit = config.blend.habit_half_life_days.unwrap_or_else(|| 2.0 * usual_return_days(&learned));
    let (sessions, prior) = (sessions(config, log, &learned)?, prior(config, &known, &ials)?);
    let repeat = Repeat::new(habit as f32)?;
    let views = Views { ials, spectral, weights, repeat, sessions, prior };
    Taste::new(views, &popular, blends.unwrap_or_default())
}

/// The events that the views may know.
fn learned_events<'a>(known: &Known<'a>) -> Cow<'a, [Event]> {
    let events = known.log.before(known.as_of);
    match known.holdout {
        None => Cow::Borrowed(events),
        Some(holdout) => Cow::Owned(events.iter().filter(|event| !holdout.hides(event)).copied().collect()),
    }
}

/// What follows what; without times nothing does.
fn sessions(config: &TrainingConfig, log: &EventLog, learned: &[Event]) -> Result<Sessions> {
    let timed = learned.first().map(|event| event.at) != learned.last().map(|event| event.at);
    let learned = if timed { learned } else { &[] };
    Ok(config.sessions.check()?.fit(learned, log.n_customers, log.n_items))
}

/// The most customers that a prior is learned from: an even sample.
const PRIOR_CUSTOMERS: usize = 20_000;

/// Items from which on a customer's vector says nearly all that it can.
const TELLING_ITEMS: f32 = 5.0;

/// Where people stand by their profile, in the factorisation's space.
fn prior(config: &TrainingConfig, known: &Known<'_>, ials: &Ials) -> Result<Prior> {
    let Known { interactions, as_of, customers, .. } = *known;
    let every = interactions.n_customers().div_ceil(PRIOR_CUSTOMERS).max(1);
    let sample: Vec<_> = interactions.rows().step_by(every).collect();
    let rows: FeatureRows =
        sample.iter().map(|(customer, _)| customers.rows.of(customer.position()).to_vec()).collect();
    let n_items = |row: &[Interaction]| row.len() as f32;
    let weights: Vec<f32> =
        sample.iter().map(|(_, row)| n_items(row) / (n_items(row) + TELLING_ITEMS)).collect();
    let histories: Vec<&[Interaction]> = sample.into_iter().map(|(_, row)| row).collect();
    let vectors = ials.fold_in_rows(&histories, as_of);
    config.prior.check()?.fit(customers.features.clone(), &rows, &vectors.view(), &weights)
}

/// Where an item stands by its attributes before anybody bought it, in the space of `vectors` (items × dimensions);
/// learned from the items that have buyers.
///
/// # Errors
/// [`models::Error`] for parameters out of range, or when no item has a buyer.
pub fn item_prior(
    config: &TrainingConfig,
    items: &Attributes,
    vectors: &Array2<f32>,
    interactions: &Interactions,
) -> Result<Prior> {
    let mut buyers = vec![0f32; interactions.n_items()];
    interactions.cells().iter().for_each(|cell| buyers[cell.item.position()] += 1.0);
    let weights: Vec<f32> = buyers.iter().map(|n| n / (n + TELLING_ITEMS)).collect();
    config.prior.check()?.fit(items.features.clone(), &items.rows, &vectors.view(), &weights)
}

/// The vectors of all items, as an index holds them.
pub fn index_vectors(taste: &Taste) -> Array2<f32> {
    let mut vectors = Array2::zeros((taste.n_items(), taste.dimensions()));
    for (position, mut row) in vectors.outer_iter_mut().enumerate() {
        let vector = taste.item_vector(ItemIx::at(position)).unwrap_or_default();
        row.iter_mut().zip(vector).for_each(|(cell, number)| *cell = number);
    }
    vectors
}

/// The share of the time span after which what is popular counts half.
const POPULAR_SHARE: f64 = 0.1;

/// The median of the days between two purchases of the same item by the same customer, over the customers of an even
/// sample; a month where nobody buys anything twice.
fn usual_return_days(events: &[Event]) -> f64 {
    const SAMPLED: u32 = 2_000;
    let n_customers = events.iter().map(|event| event.customer.0).max().map_or(1, |last| last + 1);
    let every = n_customers.div_ceil(SAMPLED);
    let mut last: BTreeMap<(CustomerIx, ItemIx), Timestamp> = BTreeMap::new();
    let mut days = Vec::new();
    for event in events.iter().filter(|event| event.customer.0.is_multiple_of(every) && event.quantity > 0.0)
    {
        if let Some(before) = last.insert((event.customer, event.item), event.at) {
            let gap = event.at.days_since(before);
            days.extend((gap >= 0.5).then_some(gap));
        }
    }
    days.sort_by(f64::total_cmp);
    days.get(days.len() / 2).copied().unwrap_or(30.0)
}

/// What each customer did before a moment.
pub fn interactions_before(config: &TrainingConfig, log: &EventLog, as_of: Timestamp) -> Interactions {
    Interactions::from_events(log.before(as_of), log.n_customers, log.n_items, &config.event_weights)
}

/// The lists that are the same for everyone, and those per item.
pub struct Lists {
    /// What everyone buys.
    pub popularity: Popularity,
    /// What sells now above its usual rate.
    pub trending: Popularity,
    /// What is bought together with each item.
    pub complements: ItemLists,
    /// What is taken instead of each item.
    pub similar: ItemLists,
}

/// Makes the lists as of the moment of the taste.
///
/// # Errors
/// [`models::Error`] for parameters out of range, or a history without purchases.
pub fn fit_lists(config: &TrainingConfig, log: &EventLog, taste: &Taste, as_of: Timestamp) -> Result<Lists> {
    let (events, n_items) = (log.before(as_of), log.n_items);
    Ok(Lists {
        popularity: config.popularity.check()?.fit(events, n_items, as_of)?,
        trending: trending(config, log, as_of)?,
        complements: config.complements.check()?.fit(events, n_items)?,
        similar: config.similar.check()?.fit(taste.ials.item_factors().view()),
    })
}

/// What sells above its usual rate; without times nothing can, and everything is at its usual rate.
fn trending(config: &TrainingConfig, log: &EventLog, as_of: Timestamp) -> Result<Popularity> {
    let params = config.trending.check()?;
    if log.is_timed() {
        params.fit(log.before(as_of), log.n_items, as_of)
    } else {
        Popularity::from_scores(vec![1.0; log.n_items])
    }
}

/// What every evaluation shows beside our own models.
pub struct Baselines {
    /// What everyone buys.
    pub popularity: Popularity,
    /// What this customer buys again and again.
    pub frequency: PersonalFrequency,
    /// What people with a common item bought.
    pub item_knn: ItemKnn,
}

/// Fits the baselines on the events before `as_of`.
///
/// # Errors
/// [`models::Error`] for parameters out of range, or a history without purchases.
pub fn fit_baselines(
    config: &TrainingConfig,
    log: &EventLog,
    interactions: &Interactions,
    as_of: Timestamp,
) -> Result<Baselines> {
    let popularity = config.popularity.check()?.fit(log.before(as_of), log.n_items, as_of)?;
    Ok(Baselines {
        frequency: config.evaluation.frequency.check()?.fit(&popularity),
        item_knn: config.evaluation.item_knn.check()?.fit(interactions)?,
        popularity,
    })
}
