//! Fitting every model on the events before one moment.

use crate::config::TrainingConfig;
use crate::progress::Progress;
use models::Result;
use models::events::{EventLog, Timestamp};
use models::frequency::PersonalFrequency;
use models::ials::{Ials, IalsParams};
use models::interactions::Interactions;
use models::item_knn::ItemKnn;
use models::item_lists::ItemLists;
use models::popularity::Popularity;

/// The history before one moment, and the factorisation learned from it.
pub struct Taste {
    /// Everything known is before this moment.
    pub as_of: Timestamp,
    /// What each customer did.
    pub interactions: Interactions,
    /// The factorisation.
    pub ials: Ials,
}

/// Learns taste from the events before `as_of`.
///
/// # Errors
/// [`models::Error`] for parameters out of range, or a history without purchases.
pub fn fit_taste(
    config: &TrainingConfig,
    params: IalsParams,
    log: &EventLog,
    as_of: Timestamp,
    progress: &dyn Progress,
) -> Result<Taste> {
    let params = params.check()?;
    let interactions = interactions_before(config, log, as_of);
    let ials = params.fit(&interactions, as_of, |sweep| progress.at(sweep.done as u64))?;
    Ok(Taste { as_of, interactions, ials })
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
pub fn fit_lists(config: &TrainingConfig, log: &EventLog, taste: &Taste) -> Result<Lists> {
    let (events, n_items, as_of) = (log.before(taste.as_of), log.n_items, taste.as_of);
    Ok(Lists {
        popularity: config.popularity.check()?.fit(events, n_items, as_of)?,
        trending: config.trending.check()?.fit(events, n_items, as_of)?,
        complements: config.complements.check()?.fit(events, n_items)?,
        similar: config.similar.check()?.fit(taste.ials.item_factors().view()),
    })
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
