//! Who leaves, and when: fitted, calibrated and judged on windows that lie behind each other.

use super::ChurnConfig;
use super::table::{Look, Question, Sources, Table};
use super::value::p_buy;
use super::windows::{Windows, midnight};
use models::behaviour::{Behaviour, FeatureSet, N_FEATURES, Rhythm};
use models::churn::{Churn, ChurnParams, ClassifierKind, Compete, FittedChurn, shift_to};
use models::customers::{Calibration, ChurnModels, ContractAttributes, Setting, UNIT, summary};
use models::events::Timestamp;
use models::hazard::{Hazard, Spell};
use models::measures::{
    BinaryDifference, BinaryQuality, Bootstrap, binary_difference, concordance, survival_curve,
};
use models::value::BgNbdParams;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// What is studied: how customers behave, what is declared of them, and how.
pub struct Study<'a> {
    /// The settings.
    pub config: &'a ChurnConfig,
    /// What customers did and are; its feature set is replaced by that of each window.
    pub sources: Sources<'a>,
    /// The first event, and the moment of the release.
    pub span: (Timestamp, Timestamp),
    /// How far ahead is asked.
    pub horizon_days: f64,
    /// How intervals are made.
    pub bootstrap: Bootstrap,
}

/// How well who leaves is foretold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChurnReport {
    /// Which question is answered.
    pub setting: Setting,
    /// How far ahead, in days.
    pub horizon_days: f64,
    /// The windows that the judged classifier was learned on, oldest first, and the one that judges it.
    pub windows: Vec<WindowReport>,
    /// What the last weeks before the judge's origin added to the log odds.
    pub lately: f64,
    /// Which classifier won on the window of calibration.
    pub chosen: ClassifierKind,
    /// The winner first, then its rival, then the baselines.
    pub models: Vec<ModelReport>,
    /// How well the order of departures is foretold, by the hazard model: Harrell's concordance.
    pub concordance: Option<f64>,
    /// Why the hazard model is missing, where it is.
    pub hazard_fault: Option<String>,
    /// Those who were still waited for, by stage at the judge's origin: days and share.
    pub survival: Vec<SurvivalReport>,
}

/// One window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowReport {
    /// From when one looked ahead.
    pub origin: Timestamp,
    /// What the window served for.
    pub purpose: WindowUse,
    /// Customers.
    pub customers: usize,
    /// The share that left.
    pub left: f64,
}

/// What a window serves for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowUse {
    /// Learning.
    Fit,
    /// Calibrating.
    Calibrate,
    /// Judging.
    Judge,
}

/// One way to say who leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelReport {
    /// Its name.
    pub name: String,
    /// How good it is.
    pub quality: BinaryQuality,
    /// The winner minus this one, on the same customers; absent for the winner itself.
    pub difference: Option<BinaryDifference>,
}

/// How long customers of one stage were waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurvivalReport {
    /// The stage.
    pub stage: String,
    /// Customers.
    pub customers: usize,
    /// Days, and the share still waited for (Kaplan and Meier).
    pub points: Vec<(f32, f64)>,
}

/// What was learned and measured.
pub struct Churned {
    /// For the release.
    pub models: ChurnModels,
    /// For people.
    pub report: ChurnReport,
    /// The columns of the release's models.
    pub features: FeatureSet,
    /// What the judge saw.
    pub judged: Vec<Look>,
}

impl Study<'_> {
    /// Judges the method on the last window, then learns on all of them for the release.
    ///
    /// # Errors
    /// In words, where the history is too short or too few leave.
    pub fn run(&self, contracts: Option<&ContractAttributes>) -> Result<Churned, String> {
        let said = |error: models::Error| error.to_string();
        let (first, end) = self.span;
        let judged_from = midnight(end.minus_days(self.horizon_days));
        let searched = &self.config.classifier;
        let before = self.learn(&Windows::before(judged_from, first, self.horizon_days), searched)?;
        let question = Question { origin: judged_from, horizon_days: self.horizon_days, known_until: end };
        let features = before.features.clone();
        let looks = self.sources.with(&features).look(question, MOST_JUDGED);
        let (report, calibration) =
            self.judge(&before, &looks, contracts.is_some(), judged_from).map_err(said)?;
        // What was judged is what is released: with the same ridge, depth and rounds.
        let found = found(searched, &before.fitted);
        let learned = self.learn(&Windows::before(end, first, self.horizon_days), &found)?;
        let models = ChurnModels {
            setting: report.setting,
            horizon_days: self.horizon_days,
            contracts: contracts.cloned(),
            churn: learned.fitted.churn,
            hazard: learned.hazard.ok(),
            calibration,
        };
        Ok(Churned { models, report, features: learned.features, judged: looks })
    }

    /// Learns on the windows of one moment.
    fn learn(&self, windows: &Windows, classifier: &ChurnParams) -> Result<Learnt, String> {
        let said = |error: models::Error| error.to_string();
        if windows.fit.is_empty() {
            let (days, span) = (self.horizon_days, windows.known_until.days_since(self.span.0));
            return Err(format!(
                "within {span:.0} days of history nothing can be learned and calibrated for a horizon of {days} days: \
                 give at least {:.0} days of history, or a shorter horizon (training.customer_models.churn.horizon_days)",
                4.0 * days + 2.0
            ));
        }
        let rhythm =
            Rhythm::learn(self.sources.behaviour, windows.calibrate, self.horizon_days).map_err(said)?;
        let features = FeatureSet { rhythm, attributes: self.sources.features.attributes.clone() };
        let sources = self.sources.with(&features);
        let most = self.config.most_customers;
        let fit: Vec<Vec<Look>> =
            windows.fit_questions().map(|question| sources.look(question, most)).collect();
        let calibrate = sources.look(windows.calibration_question(), most);
        let mut reports: Vec<WindowReport> = windows
            .fit
            .iter()
            .zip(&fit)
            .map(|(origin, looks)| window(*origin, WindowUse::Fit, looks))
            .rev()
            .collect();
        reports.push(window(windows.calibrate, WindowUse::Calibrate, &calibrate));
        let fit_table = Table::of(fit.iter().flatten());
        let calibrate_table = Table::of(calibrate.iter());
        let params = classifier.clone().check().map_err(said)?;
        let fitted =
            fit_table.rows().and_then(|fit| params.fit(&fit, &calibrate_table.rows()?)).map_err(said)?;
        let recency = Table::of_column(fit.iter().flatten(), SILENCE);
        let recency = self.recency(&recency, &Table::of_column(calibrate.iter(), SILENCE)).map_err(said)?;
        // Where the last weeks cannot be learned from, nothing is known of them.
        let late = self.lately(windows.known_until).unwrap_or(0.0);
        let fitted = FittedChurn {
            churn: fitted.churn.shifted(late).map_err(said)?,
            rival: fitted.rival.map(|rival| rival.shifted(late)).transpose().map_err(said)?,
            ..fitted
        };
        let hazard = self.hazard(fit.iter().flatten().chain(&calibrate), features.len());
        Ok(Learnt { late, reports, fitted, recency, hazard, features })
    }

    /// By how much the log odds of leaving lie beside those foretold of late: half of the shift of a model for half the
    /// horizon on the last half horizon.
    ///
    /// A calibration looks back a whole horizon, and seasons turn faster. Half the shift is taken, since half of what
    /// happens in some weeks is gone in the next. On two shops, from four origins each, the calibration error was lower so
    /// in five of eight cases and level in one, on average by a fifth.
    fn lately(&self, known_until: Timestamp) -> models::Result<f64> {
        let half = self.horizon_days / 2.0;
        let origin = midnight(known_until.minus_days(half));
        let windows = Windows::before(origin, self.span.0, half);
        let rhythm = Rhythm::learn(self.sources.behaviour, windows.calibrate, half)?;
        let features = FeatureSet { rhythm, attributes: self.sources.features.attributes.clone() };
        let (sources, most) = (self.sources.with(&features), self.config.most_customers);
        let fit: Vec<Look> =
            windows.fit_questions().flat_map(|question| sources.look(question, most)).collect();
        let calibrate = Table::of(sources.look(windows.calibration_question(), most).iter());
        let params = ChurnParams { compete: Compete::Logistic, ..self.config.classifier.clone() };
        let fitted = params.check()?.fit(&Table::of(fit.iter()).rows()?, &calibrate.rows()?)?;
        let last = sources.look(Question { origin, horizon_days: half, known_until }, most);
        let last = Table::of(last.iter());
        let left = last.labels.iter().filter(|left| **left).count() as f64 / last.labels.len().max(1) as f64;
        Ok(shift_to(&fitted.churn.probability_batch(&last.values)?, left) / 2.0)
    }

    /// How long the silence is, and nothing else: the baseline to beat.
    fn recency(&self, fit: &Table, calibrate: &Table) -> models::Result<Churn> {
        let params = ChurnParams { compete: Compete::Logistic, ..self.config.classifier.clone() };
        Ok(params.check()?.fit(&fit.rows()?, &calibrate.rows()?)?.churn)
    }

    fn hazard<'a>(&self, looks: impl Iterator<Item = &'a Look>, n: usize) -> Result<Hazard, String> {
        let said = |error: models::Error| error.to_string();
        let looks: Vec<&Look> = looks.collect();
        let values: Vec<f32> = looks.iter().flat_map(|look| look.row.iter().copied()).collect();
        let spells: Vec<Spell> = looks.iter().map(|look| look.spell).collect();
        let view = ArrayView2::from_shape((looks.len(), n), &values).map_err(|error| error.to_string())?;
        let fitted = self.config.hazard.clone().check().and_then(|p| p.fit(&view, &spells)).map_err(said)?;
        if fitted.converged { Ok(fitted.model) } else { Err("the hazard model did not converge".into()) }
    }

    /// Everything on the judge's window.
    fn judge(
        &self,
        learnt: &Learnt,
        looks: &[Look],
        is_contractual: bool,
        origin: Timestamp,
    ) -> models::Result<(ChurnReport, Calibration)> {
        let table = Table::of(looks.iter());
        let named = name(learnt.fitted.churn.kind());
        let ours = learnt.fitted.churn.probability_batch(&table.values)?;
        let mut others = Vec::new();
        if let Some(rival) = &learnt.fitted.rival {
            others.push((name(rival.kind()).to_owned(), rival.probability_batch(&table.values)?));
        }
        let silence: Vec<f32> = looks.iter().map(|look| look.row[SILENCE]).collect();
        others.push(("recency alone".into(), learnt.recency.probability_batch(&silence)?));
        if !is_contractual
            && let Some(baseline) =
                bg_nbd(self.sources.behaviour, &learnt.features.rhythm, looks, origin, self.horizon_days)
        {
            others.push(("BG/NBD".into(), baseline));
        }
        let quality = BinaryQuality::of(&table.labels, &ours, &self.bootstrap)?;
        let calibration = Calibration {
            customers: looks.len(),
            predicted: ours.iter().sum::<f64>() / ours.len().max(1) as f64,
            observed: quality.positives,
            ece: quality.ece.mean,
            auc: quality.auc.mean,
        };
        let mut models = vec![ModelReport { name: named.to_owned(), quality, difference: None }];
        for (name, probabilities) in others {
            let difference = binary_difference(&table.labels, &ours, &probabilities, &self.bootstrap)?;
            let quality = BinaryQuality::of(&table.labels, &probabilities, &self.bootstrap)?;
            models.push(ModelReport { name, quality, difference: Some(difference) });
        }
        let spells: Vec<Spell> = looks.iter().map(|look| look.spell).collect();
        let risks = |hazard: &Hazard| {
            looks.iter().map(|look| hazard.risk(&look.row)).collect::<models::Result<Vec<_>>>()
        };
        let concordance = match &learnt.hazard {
            Ok(hazard) => concordance(&risks(hazard)?, &spells),
            Err(_) => None,
        };
        let mut windows = learnt.reports.clone();
        windows.push(window(origin, WindowUse::Judge, looks));
        let report = ChurnReport {
            setting: if is_contractual { Setting::Contractual } else { Setting::NonContractual },
            horizon_days: self.horizon_days,
            windows,
            lately: learnt.late,
            chosen: learnt.fitted.churn.kind(),
            models,
            concordance,
            hazard_fault: learnt.hazard.as_ref().err().cloned(),
            survival: Vec::new(),
        };
        Ok((report, calibration))
    }
}

/// The parameters that a search found.
fn found(searched: &ChurnParams, fitted: &FittedChurn) -> ChurnParams {
    let mut params = searched.clone();
    if let Some(ridge) = fitted.report.ridge {
        params.logistic.ridges = vec![ridge];
    }
    if let (Some(depth), Some(rounds)) = (fitted.report.depth, fitted.report.rounds) {
        (params.trees.depths, params.trees.rounds) = (vec![depth], Some(rounds));
    }
    params
}

/// What was learned on the windows of one moment.
struct Learnt {
    late: f64,
    reports: Vec<WindowReport>,
    fitted: FittedChurn,
    recency: Churn,
    hazard: Result<Hazard, String>,
    features: FeatureSet,
}

/// The most customers that a window is judged by.
const MOST_JUDGED: usize = 50_000;

/// The column that says how long the silence is.
const SILENCE: usize = 0;

const _: () = assert!(SILENCE < N_FEATURES);

fn window(origin: Timestamp, purpose: WindowUse, looks: &[Look]) -> WindowReport {
    let left = looks.iter().filter(|look| look.left).count();
    WindowReport { origin, purpose, customers: looks.len(), left: left as f64 / looks.len().max(1) as f64 }
}

/// The words for a classifier.
pub fn name(kind: ClassifierKind) -> &'static str {
    match kind {
        ClassifierKind::Logistic => "logistic regression",
        ClassifierKind::Trees => "boosted trees",
    }
}

/// The chance not to buy by the model of orders, fitted on what was before the origin; nothing where it cannot be fitted.
fn bg_nbd(
    behaviour: &Behaviour,
    rhythm: &Rhythm,
    looks: &[Look],
    origin: Timestamp,
    horizon_days: f64,
) -> Option<Vec<f64>> {
    let facts = behaviour.rows().map(|(_, acts)| models::behaviour::Facts::of(acts, origin, rhythm));
    let summaries: Vec<_> = facts.filter_map(|facts| summary(&facts)).collect();
    let fitted = BgNbdParams::default().check().ok()?.fit(&summaries, UNIT).ok()?;
    looks.iter().map(|look| Some(1.0 - p_buy(&fitted.model, &look.facts, horizon_days)?)).collect()
}

/// The curves of customers by stage; stages of fewer than `least` customers are left out.
pub fn survival<'a>(
    looks: &'a [Look],
    stage: impl Fn(&'a Look) -> &'static str,
    least: usize,
) -> Vec<SurvivalReport> {
    let mut by_stage: std::collections::BTreeMap<&'static str, Vec<Spell>> =
        std::collections::BTreeMap::new();
    for look in looks {
        by_stage.entry(stage(look)).or_default().push(look.spell);
    }
    let report = |(stage, spells): (&str, Vec<Spell>)| SurvivalReport {
        stage: stage.into(),
        customers: spells.len(),
        points: thinned(survival_curve(&spells)),
    };
    by_stage.into_iter().filter(|(_, spells)| spells.len() >= least).map(report).collect()
}

/// At most this many points of a curve are kept for a report.
const CURVE_POINTS: usize = 60;

fn thinned(points: Vec<(f32, f64)>) -> Vec<(f32, f64)> {
    let every = points.len().div_ceil(CURVE_POINTS).max(1);
    let last = points.last().copied();
    let mut thin: Vec<_> = points.into_iter().step_by(every).collect();
    thin.extend(last.filter(|last| thin.last() != Some(last)));
    thin
}
