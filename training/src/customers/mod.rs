//! The study of customers: what is learned of them for a release, and how well it foretells.
//!
//! [`study`] looks at customers from several dates ([`windows`]), each of which sees only what was before it
//! ([`table`]). What is learned on earlier dates is judged on the last one; then everything is learned again with the
//! last one included, for the release.

mod config;
pub(crate) mod page;
mod report;
mod segments;
mod value;

pub mod churn;
pub mod score;
pub mod table;
pub mod windows;

pub use churn::{ChurnReport, ModelReport, SurvivalReport, WindowReport, WindowUse};
pub use config::{ChurnConfig, CustomersConfig, SegmentsConfig, ValueConfig};
pub use segments::SegmentsReport;
pub use value::{FitReport, Foretold, ValueReport};

use crate::judge::Data;
use models::behaviour::{Behaviour, Categories, Facts, FeatureSet, Rhythm};
use models::customers::{ContractAttributes, Contracts, CustomerModels, Learned, refuses_profiling};
use models::events::{Event, Timestamp};
use models::ids::{CustomerIx, Ix};
use models::measures::Bootstrap;
use models::payload::Payload;
use models::segments::{Cell, Language, Stage};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use table::{Look, Sources};

/// How well customers are known: a part of the evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomersReport {
    /// Who leaves.
    pub churn: Learned<ChurnReport>,
    /// What they are worth.
    pub value: Learned<ValueReport>,
    /// Which segments they form.
    pub segments: Learned<SegmentsReport>,
}

/// What a study came to.
pub struct Studied {
    /// For the release; where customers stand among each other is not in it yet ([`score::Scoring::learn_profile`]).
    pub models: CustomerModels,
    /// What customers did.
    pub behaviour: Behaviour,
    /// For people.
    pub report: CustomersReport,
}

/// The window of "recent" where no horizon is known, in days.
const RECENT_DAYS: f64 = 30.0;

/// The most customers that cuts between segments are learned from: an even sample.
const MOST_SEGMENTED: usize = 200_000;

/// Customers of a stage below which its survival says nothing.
const LEAST_SURVIVORS: usize = 30;

/// Learns and judges everything about customers that the history before `end` tells.
///
/// What cannot be learned is refused in words, and the rest is learned all the same.
///
/// # Errors
/// [`models::Error`] for a configuration out of range.
pub fn study(
    config: &CustomersConfig,
    data: Data<'_>,
    channels: &[String],
    end: Timestamp,
    bootstrap: Bootstrap,
) -> models::Result<Studied> {
    let categories = Categories::of_items(&data.items.payloads, &config.category_attribute);
    let refused = refused(&data.customers.payloads, &config.consent_attribute);
    let events: Cow<'_, [Event]> = match refused.is_empty() {
        true => Cow::Borrowed(data.log.before(end)),
        false => {
            data.log.before(end).iter().filter(|event| !refused.contains(&event.customer)).copied().collect()
        }
    };
    let behaviour = Behaviour::from_events(&events, data.log.n_customers, &categories);
    let first = data.log.span().map_or(end, |(first, _)| first);
    let timed = if data.log.is_timed() { Ok(()) } else { Err("the history has no times".to_owned()) };
    let horizon =
        timed.clone().and_then(|()| windows::horizon(config.churn.horizon_days, end.days_since(first)));
    let recent_days = horizon.as_ref().map_or(RECENT_DAYS, |days| *days);
    let rhythm = Rhythm::learn(&behaviour, end, recent_days)?;
    let features = FeatureSet { rhythm, attributes: data.customers.features.clone() };
    let contracts = contracts(config, &data.customers.payloads);
    let churned = horizon.and_then(|horizon_days| {
        let contracts = contracts.as_ref().map_err(Clone::clone)?.as_ref();
        let declared = &data.customers.rows;
        let sources = Sources {
            behaviour: &behaviour,
            declared,
            contracts: contracts.map(|c| &c.1),
            features: &features,
        };
        let study =
            churn::Study { config: &config.churn, sources, span: (first, end), horizon_days, bootstrap };
        study.run(contracts.map(|contracts| &contracts.0))
    });
    let features = churned.as_ref().map_or(features.clone(), |churned| churned.features.clone());
    let valued = timed.and_then(|()| value::study(&config.value, &behaviour, &features.rhythm, (first, end)));
    let facts = all_facts(&behaviour, &features.rhythm, end);
    let value_models = valued.as_ref().ok().map(|(models, _)| models);
    let (segments, tried) = segments::learn(&config.segments, &features, value_models, &facts)?;
    let (churn, churn_report, judged) = match churned {
        Ok(churned) => (Learned::Learned(churned.models), Learned::Learned(churned.report), churned.judged),
        Err(reason) => (Learned::Refused(reason.clone()), Learned::Refused(reason), Vec::new()),
    };
    let (value, value_report) = match valued {
        Ok((models, report)) => (Learned::Learned(models), Learned::Learned(report)),
        Err(reason) => (Learned::Refused(reason.clone()), Learned::Refused(reason)),
    };
    let models = CustomerModels {
        category_attribute: config.category_attribute.clone(),
        consent_attribute: config.consent_attribute.clone(),
        channels: channels.to_vec(),
        features,
        churn,
        value,
        segments,
        profile: Learned::Refused("customers were not placed".into()),
    };
    models.check()?;
    let mut churn = churn_report;
    if let Learned::Learned(report) = &mut churn {
        report.survival = churn::survival(&judged, |look| stage_of(&models, look), LEAST_SURVIVORS);
    }
    // Where they cannot be read, churn was refused for it.
    let contracts = contracts.as_ref().ok().and_then(Option::as_ref).map(|contracts| &contracts.1);
    let segments = Learned::Learned(spread(&models, (&behaviour, contracts), end, tried));
    Ok(Studied { models, behaviour, report: CustomersReport { churn, value: value_report, segments } })
}

/// Those who refused to be profiled: of them nothing is learned, computed or kept.
fn refused(payloads: &[Payload], consent_attribute: &str) -> HashSet<CustomerIx> {
    let customers = payloads.iter().enumerate();
    customers
        .filter(|(_, payload)| refuses_profiling(payload, consent_attribute))
        .map(|(at, _)| CustomerIx::at(at))
        .collect()
}

type OfContracts = (ContractAttributes, Contracts);

/// The contracts of customers, where churn is contractual.
fn contracts(config: &CustomersConfig, payloads: &[Payload]) -> Result<Option<OfContracts>, String> {
    let Some(closed) = config.churn.closed_attribute.clone() else { return Ok(None) };
    let attributes = ContractAttributes { closed, opened: config.churn.opened_attribute.clone() };
    let contracts = Contracts::read(payloads, &attributes)?;
    Ok(Some((attributes, contracts)))
}

/// The facts of everyone with an order, at most [`MOST_SEGMENTED`].
fn all_facts(behaviour: &Behaviour, rhythm: &Rhythm, end: Timestamp) -> Vec<Facts> {
    let every = behaviour.n_customers().div_ceil(MOST_SEGMENTED).max(1);
    let sample: Vec<usize> = (0..behaviour.n_customers()).step_by(every).collect();
    let facts = sample.into_par_iter().map(|at| Facts::of(behaviour.of(Ix::at(at)), end, rhythm));
    facts.filter(|facts| facts.orders > 0).collect()
}

fn stage_of(models: &CustomerModels, look: &Look) -> &'static str {
    let situation = CustomerModels::situation(&look.facts, false);
    models.segments.stages.stage(&situation).0.code()
}

/// How customers spread over segments at the end of the history.
fn spread(
    models: &CustomerModels,
    (behaviour, contracts): (&Behaviour, Option<&Contracts>),
    end: Timestamp,
    tried: Vec<models::segments::Trial>,
) -> SegmentsReport {
    let mut stages: HashMap<Stage, usize> = HashMap::new();
    let mut cells: HashMap<&'static str, usize> = HashMap::new();
    let standings = (0..behaviour.n_customers()).into_par_iter().map(|at| {
        let customer = CustomerIx::at(at);
        let facts = Facts::of(behaviour.of(customer), end, &models.features.rhythm);
        let closed = contracts.and_then(|contracts| contracts.of(customer).closed);
        let situation = CustomerModels::situation(&facts, closed.is_some_and(|closed| closed < end));
        (models.segments.stages.stage(&situation).0, models.cell(&facts, &models.worth(&facts)))
    });
    for (stage, cell) in standings.collect::<Vec<_>>() {
        *stages.entry(stage).or_default() += 1;
        if let Some(cell) = cell {
            *cells.entry(cell.code()).or_default() += 1;
        }
    }
    let of_stage = |stage: &Stage| stages.get(stage).copied().unwrap_or_default();
    let of_cell = |cell: Cell| {
        let n = cells.get(cell.code()).copied().unwrap_or_default();
        (cell.code().to_owned(), cell.name(Language::En).to_owned(), n)
    };
    SegmentsReport {
        stages: Stage::ALL.iter().map(|stage| (*stage, of_stage(stage))).collect(),
        cells: Cell::all().map(of_cell).collect(),
        clusters: tried,
        published_clusters: models.segments.clusters.learned().map(|clusters| clusters.shares().len()),
    }
}
