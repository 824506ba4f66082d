//! A release: the immutable result of one training, as files that any tool of the field opens.
//!
//! | file | what |
//! |---|---|
//! | `manifest.json` | format version, id, data cut-off, seed, parameters, measured quality, size and SHA-256 of every file |
//! | `items.parquet` | `item_id, attributes` (JSON), `popularity, trending, recent, sessions` (how many held it); the row number is the item's index |
//! | `customers.parquet` | `customer_id, interactions, attributes` (JSON); the row number is the customer's index |
//! | `history.parquet` | `item, times, quantity, last_at`, customer after customer, as many rows each as `interactions` says |
//! | `item_factors.safetensors` | tensor `item_factors`, items × factors, with the parameters that fold-in needs |
//! | `spectral.safetensors` | tensors `spectral_vectors`, items × factors, and `input_scale`, one per item; where the blend uses them |
//! | `item_weights.parquet` | `item, other, weight`: what each item says of others |
//! | `sessions.parquet` | `session, item`: the recent sessions, oldest first, items in the order in which they were met |
//! | `customer_prior.safetensors` | tensors `intercept` and `feature_weights`: the factors that a profile leads one to expect |
//! | `item_prior.safetensors` | likewise the index vector of an item by its attributes; where items have any |
//! | `acts.parquet` | `customer, at, kind, bought, returned, …`: orders, returns, days with visits, complaints, customer after customer |
//! | `customer_models.json` | who leaves and when, what customers are worth, segments, portraits; times in the unit that each part names |
//! | `customer_scores.parquet` | `stage, churn, risk, clv, rfm, segment, portrait, orders, spend` of every customer at the data cut-off |
//! | `customer_vectors.safetensors` | tensor `customer_vectors`, customers × dimensions: where each stands among the others |
//! | `propensities.json` | who accepts which offer; where there was a log of decisions |
//! | `taste.json` | the blends of the views, and the constants of item weights, habits and sessions |
//! | `customer_factors.safetensors` | tensor `customer_factors`, customers × factors: for analysis; serving folds in |
//! | `complements.parquet` | `item, other, weight`: bought together, the strongest first |
//! | `similar.parquet` | likewise: taken instead |
//! | `precomputed_allowed.safetensors` | tensors `items` and `scores`, customers × length: what each is recommended while nothing new is known of them; read where it lies |
//! | `precomputed_excluded.safetensors` | likewise without what they own |
//! | `index/graph.usearch` | the links of the graph index, for catalogues that are large enough for one |
//! | `report.json`, `report.html` | the evaluation in full, and as a page for people |
//!
//! This module turns a release into named bytes and back. Directories, syncing and renaming are the affair of
//! those who publish and load it.

mod constants;
mod customer_tables;
mod manifest;
mod parquet_table;
pub mod precomputed;
mod tables;
mod tensors;

pub use manifest::{Counts, FORMAT_VERSION, FileEntry, MANIFEST, Manifest, TimeUnit, release_id};

use crate::attributes::{FeatureRows, Prior};
use crate::behaviour::Behaviour;
use crate::customers::{CustomerModels, Score};
use crate::events::Timestamp;
use crate::ids::{CustomerIx, ItemIx, Ix, Vocabulary};
use crate::interactions::Interactions;
use crate::item_lists::ItemLists;
use crate::item_weights::ItemWeights;
use crate::measures::Repeats;
use crate::payload::Payload;
use crate::popularity::Popularity;
use crate::propensity::Propensities;
use crate::repeat::Repeat;
use crate::sessions::Sessions;
use crate::taste::{Taste, Views};
use crate::{Error, Result};
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The evaluation in full, as JSON.
pub const REPORT: &str = "report.json";

/// The evaluation as a page for people.
pub const REPORT_PAGE: &str = "report.html";

/// The links of the graph index over the items, where training built one.
pub const GRAPH: &str = "index/graph.usearch";

/// Files of a release by name; names use `/`.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Everything that serving needs of one training.
#[derive(Clone, Debug)]
pub struct Release {
    /// The catalogue's ids.
    pub items: Vocabulary<ItemIx>,
    /// Attributes of each item.
    pub payloads: Vec<Payload>,
    /// Ids of the customers of the history.
    pub customers: Vocabulary<CustomerIx>,
    /// What the attributes of each customer say, as features of the prior of taste.
    pub profiles: FeatureRows,
    /// What each customer did before the data cut-off.
    pub history: Interactions,
    /// What is known of customers beside their taste.
    pub known: CustomerTables,
    /// Every view of taste, and how they are blended.
    pub taste: Taste,
    /// Where an item stands that nobody has bought yet, in the index's space; `None` where items have no attributes.
    pub item_prior: Option<Prior>,
    /// Who accepts which offer; `None` without a log of decisions.
    pub propensities: Option<ReleasedPropensities>,
    /// What everyone buys.
    pub popularity: Popularity,
    /// What sells now above its usual rate.
    pub trending: Popularity,
    /// What is bought together with each item.
    pub complements: ItemLists,
    /// What is taken instead of each item.
    pub similar: ItemLists,
}

/// Who accepts which offer, as a release keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleasedPropensities {
    /// The moment of the latest decision that it was learned from: later ones correct it.
    pub learned_until: Timestamp,
    /// The propensities.
    pub propensities: Propensities,
}

/// What is known of customers beside their taste; one row per customer in each table.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomerTables {
    /// What each did before the data cut-off, act by act.
    pub behaviour: Behaviour,
    /// Who leaves, what customers are worth, and which segments they form.
    pub models: CustomerModels,
    /// Where each stood at the data cut-off.
    pub scores: Vec<Score>,
    /// Where each stands among the others: customers × dimensions, of length 1, or 0 for nowhere.
    pub vectors: Array2<f32>,
    /// The attributes of each as JSON, `{}` where none are known.
    pub attributes: Vec<Box<str>>,
}

impl CustomerTables {
    /// The attributes of one customer; none for one beyond the last.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for a text that is no JSON of attributes.
    pub fn attributes_of(&self, customer: CustomerIx) -> Result<Payload> {
        let text = self.attributes.get(customer.position()).map_or("{}", |text| text);
        tables::attributes(tables::CUSTOMERS, customer.position(), text)
    }

    /// Attributes as a release keeps them.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for a number that has no JSON form.
    pub fn attribute_texts(attributes: &[Payload]) -> Result<Vec<Box<str>>> {
        tables::json(tables::CUSTOMERS, attributes)
    }

    fn encode(&self) -> Result<[(String, Vec<u8>); 4]> {
        Ok([
            (customer_tables::ACTS.into(), customer_tables::encode_acts(&self.behaviour)?),
            (customer_tables::SCORES.into(), customer_tables::encode_scores(&self.scores)?),
            (customer_tables::CUSTOMER_MODELS.into(), customer_tables::encode_models(&self.models)?),
            (tensors::CUSTOMER_VECTORS.into(), tensors::encode_customer_vectors(&self.vectors)?),
        ])
    }

    fn decode(files: &Files, attributes: Vec<Box<str>>) -> Result<Self> {
        Ok(Self {
            behaviour: customer_tables::decode_acts(part(files, customer_tables::ACTS)?, attributes.len())?,
            models: customer_tables::decode_models(part(files, customer_tables::CUSTOMER_MODELS)?)?,
            scores: customer_tables::decode_scores(part(files, customer_tables::SCORES)?)?,
            vectors: tensors::decode_customer_vectors(part(files, tensors::CUSTOMER_VECTORS)?)?,
            attributes,
        })
    }
}

impl Release {
    /// The files of this release but for the manifest, the index and the report.
    ///
    /// # Errors
    /// [`Error::Shape`] when the parts do not fit each other.
    pub fn encode(&self, customer_factors: &Array2<f32>) -> Result<Files> {
        self.check()?;
        let lists = tables::ItemScores {
            popularity: self.popularity.scores(),
            trending: self.trending.scores(),
            recent: self.taste.popular(),
            sessions: self.taste.sessions.met().0,
        };
        let items = tables::encode_items(&self.items, &self.payloads, &lists)?;
        let mut files = Files::from([
            (tables::ITEMS.into(), items),
            (
                tables::CUSTOMERS.into(),
                tables::encode_customers(&self.customers, &self.history, &self.known.attributes)?,
            ),
            (tables::HISTORY.into(), tables::encode_history(&self.history)?),
            (tables::COMPLEMENTS.into(), tables::encode_lists(tables::COMPLEMENTS, &self.complements)?),
            (tables::SIMILAR.into(), tables::encode_lists(tables::SIMILAR, &self.similar)?),
            (
                tables::ITEM_WEIGHTS.into(),
                tables::encode_lists(tables::ITEM_WEIGHTS, self.taste.weights.lists())?,
            ),
            (tables::SESSIONS.into(), tables::encode_sessions(&self.taste.sessions)?),
            (constants::TASTE.into(), constants::encode(&self.taste)?),
            (
                tensors::CUSTOMER_PRIOR.into(),
                tensors::encode_prior(tensors::CUSTOMER_PRIOR, &self.taste.prior)?,
            ),
            (tensors::ITEM_FACTORS.into(), tensors::encode_ials(&self.taste.ials)?),
            (tensors::CUSTOMER_FACTORS.into(), tensors::encode_customer_factors(customer_factors)?),
        ]);
        files.extend(self.known.encode()?);
        if let Some(spectral) = &self.taste.spectral {
            files.insert(tensors::SPECTRAL.into(), tensors::encode_spectral(spectral)?);
        }
        if let Some(prior) = &self.item_prior {
            files.insert(tensors::ITEM_PRIOR.into(), tensors::encode_prior(tensors::ITEM_PRIOR, prior)?);
        }
        if let Some(propensities) = &self.propensities {
            files.insert(constants::PROPENSITIES.into(), constants::encode_propensities(propensities)?);
        }
        Ok(files)
    }

    /// Reads a release from its files (those that serving needs), each of which must be what `manifest` says.
    ///
    /// # Errors
    /// [`Error::Unreadable`] naming the file that is missing, truncated, altered or not of its format;
    /// [`Error::Shape`] when parts do not fit each other.
    pub fn decode(manifest: &Manifest, files: &Files) -> Result<Self> {
        verify(manifest, files)?;
        let (history, (tables, dense)) = rayon::join(
            || tables::decode_customers(part(files, tables::CUSTOMERS)?, part(files, tables::HISTORY)?),
            || {
                rayon::join(
                    || {
                        let items = tables::decode_items(part(files, tables::ITEMS)?)?;
                        let lists = |name| tables::decode_lists(name, part(files, name)?, items.ids.len());
                        let (complements, similar) = (lists(tables::COMPLEMENTS)?, lists(tables::SIMILAR)?);
                        let weights = lists(tables::ITEM_WEIGHTS)?;
                        Ok((items, complements, similar, weights))
                    },
                    || {
                        let named = manifest.files.contains_key(tensors::SPECTRAL);
                        let spectral = named.then(|| part(files, tensors::SPECTRAL)).transpose()?;
                        let spectral = spectral.map(tensors::decode_spectral).transpose()?;
                        Ok((tensors::decode_ials(part(files, tensors::ITEM_FACTORS)?)?, spectral))
                    },
                )
            },
        );
        let ((items, complements, similar, weights), (customers, rows, cells)) = (tables?, history?);
        let (ials, spectral) = dense?;
        let constants = constants::Constants::decode(part(files, constants::TASTE)?)?;
        let weights = ItemWeights::from_parts(weights, constants.item_weights_confidence)?;
        let repeat = Repeat::new(constants.habit_half_life_days)?;
        let prior = tensors::decode_prior(tensors::CUSTOMER_PRIOR, part(files, tensors::CUSTOMER_PRIOR)?)?;
        let (profiles, attributes) =
            tables::decode_profiles(part(files, tables::CUSTOMERS)?, prior.features())?;
        let known = CustomerTables::decode(files, attributes)?;
        let (starts, met) = (tables::decode_sessions(part(files, tables::SESSIONS)?)?, items.sessions);
        let met = (met, constants.sessions_met);
        let sessions = Sessions::from_parts(constants.sessions, starts.0, starts.1, met)?;
        let views = Views { ials, spectral, weights, repeat, sessions, prior };
        let item_prior = manifest.files.contains_key(tensors::ITEM_PRIOR);
        let item_prior = item_prior.then(|| part(files, tensors::ITEM_PRIOR)).transpose()?;
        let item_prior =
            item_prior.map(|bytes| tensors::decode_prior(tensors::ITEM_PRIOR, bytes)).transpose()?;
        let propensities = manifest.files.contains_key(constants::PROPENSITIES);
        let propensities = propensities.then(|| part(files, constants::PROPENSITIES)).transpose()?;
        let propensities = propensities.map(constants::decode_propensities).transpose()?;
        let history = Interactions::from_parts(rows, cells, items.ids.len())?;
        let release = Self {
            payloads: items.payloads,
            popularity: Popularity::from_scores(items.popularity)?,
            trending: Popularity::from_scores(items.trending)?,
            items: items.ids,
            customers,
            profiles,
            known,
            item_prior,
            propensities,
            history,
            taste: Taste::from_parts(views, items.recent, constants.blends)?,
            complements,
            similar,
        };
        release.check()?;
        if release.counts() != manifest.counts {
            return Err(Error::Shape {
                what: "release".into(),
                expected: format!("{:?}", manifest.counts),
                found: format!("{:?}", release.counts()),
            });
        }
        Ok(release)
    }

    /// The sizes of this release.
    pub fn counts(&self) -> Counts {
        Counts {
            customers: self.customers.len(),
            items: self.items.len(),
            interactions: self.history.cells().len(),
            factors: self.taste.dimensions(),
        }
    }

    fn check(&self) -> Result<()> {
        let n_items = self.items.len();
        let sizes = [
            ("attributes", self.payloads.len(), n_items),
            ("history items", self.history.n_items(), n_items),
            ("item factors", self.taste.n_items(), n_items),
            ("popularity", self.popularity.scores().len(), n_items),
            ("trending", self.trending.scores().len(), n_items),
            ("complements", self.complements.n_items(), n_items),
            ("similar items", self.similar.n_items(), n_items),
            ("history customers", self.history.n_customers(), self.customers.len()),
            ("profiles", self.profiles.len(), self.customers.len()),
            ("acts of customers", self.known.behaviour.n_customers(), self.customers.len()),
            ("scores of customers", self.known.scores.len(), self.customers.len()),
            ("vectors of customers", self.known.vectors.nrows(), self.customers.len()),
            ("attributes of customers", self.known.attributes.len(), self.customers.len()),
            (
                "dimensions of the items' prior",
                self.item_prior.as_ref().map_or(self.taste.dimensions(), Prior::dimensions),
                self.taste.dimensions(),
            ),
        ];
        match sizes.iter().find(|(_, found, expected)| found != expected) {
            Some((what, found, expected)) => Err(Error::Shape {
                what: (*what).into(),
                expected: expected.to_string(),
                found: format!("{found}"),
            }),
            None => Ok(()),
        }
    }
}

/// Whether serving loads a file of a release; the others are for people, or are read where they lie.
pub fn is_loaded_to_serve(name: &str) -> bool {
    let is_precomputed = Repeats::ALL.iter().any(|repeats| precomputed::file_name(*repeats) == name);
    name != tensors::CUSTOMER_FACTORS && name != REPORT && name != REPORT_PAGE && !is_precomputed
}

/// Checks the size and checksum of every file that was read, on all cores.
fn verify(manifest: &Manifest, files: &Files) -> Result<()> {
    files.par_iter().try_for_each(|(name, bytes)| match manifest.files.get(name) {
        Some(entry) => entry.verify(name, &FileEntry::of(bytes)),
        None => Err(Error::Unreadable { part: name.clone(), reason: "the manifest does not name it".into() }),
    })
}

/// One file of a release.
fn part<'a>(files: &'a Files, name: &str) -> Result<&'a [u8]> {
    files.get(name).map(Vec::as_slice).ok_or_else(|| Error::Unreadable {
        part: name.into(),
        reason: "it is missing from the release".into(),
    })
}
