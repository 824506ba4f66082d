//! What another policy would have brought, from the log of decisions.
//!
//! For each logged decision the draft's rules, levers, context weights and exploration are applied to the contenders that
//! were logged, and its probability of the offer that was shown first is set against the logged one. Consent and contact
//! pressure are those of the time: whoever did not pass them then is not in the log, so a draft that lets in more cannot be
//! judged on what it would let in.

use super::book::Book;
use super::log::{Body, LoggedContender};
use super::score::must_be_said;
use crate::config::Config;
use crate::policy::Evaluation;
use crate::problem::{Code, Problem};
use crate::store::{LoggedDecision, ResponseKind, Store, StoredResponse};
use chrono::{DateTime, Utc};
use models::arbitration::{Arm, Contender, Exploration, Factors, chances, weight};
use models::off_policy::{Estimates, Log, RewardModelParams, Row, Shown};
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;

/// What a draft would have brought.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvaluationReport {
    /// Decisions in the log.
    pub decisions: usize,
    /// Those whose first offer has an outcome: what the estimates rest on.
    pub settled: usize,
    /// Acceptances per decision.
    #[schema(value_type = Object)]
    pub acceptance: Estimates,
    /// Money per decision, as responses say it.
    #[schema(value_type = Object)]
    pub revenue: Estimates,
    /// What the estimates cannot see.
    pub limits: Vec<String>,
}

/// Decisions read at a time.
const PAGE: u32 = 1_000;

/// The most decisions that are looked at: the latest.
const MOST: usize = 500_000;

/// Folds of the reward model.
const FOLDS: usize = 5;

/// Evaluates a draft on the decisions of the store.
///
/// # Errors
/// [`Code::EvidenceTooThin`] where nothing can be said; problems of the store.
pub async fn evaluate(
    store: &dyn Store,
    draft: &Book,
    config: &Config,
    now: DateTime<Utc>,
) -> Result<EvaluationReport, Problem> {
    let ripe = draft.ripe(now);
    let mut rows = Rows { ripe, decisions: 0, unseen: 0, rows: Vec::new(), actions: HashMap::new() };
    let mut after = i64::MIN;
    loop {
        let page = store.decisions_after(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.sequence;
        page.iter().for_each(|logged| rows.add(logged, draft, config));
        if rows.rows.len() > MOST {
            rows.rows.drain(..rows.rows.len() - MOST);
        }
    }
    rows.report()
}

/// What one decision says.
struct Observed {
    unit: String,
    /// The offer shown first, as a number.
    action: u32,
    logged: f64,
    /// What the draft would have shown first, and how likely.
    policy: Vec<(u32, f64)>,
    accepted: f64,
    revenue: f64,
}

/// What stands for showing nothing; no offer has this id.
const NOTHING: &str = "";

struct Rows {
    /// Decisions before it have their outcome.
    ripe: DateTime<Utc>,
    decisions: usize,
    unseen: usize,
    rows: Vec<Observed>,
    actions: HashMap<String, u32>,
}

impl Rows {
    fn add(&mut self, logged: &LoggedDecision, draft: &Book, config: &Config) {
        self.decisions += 1;
        let decision = &logged.decision;
        let Some(first) = decision.results.first() else { return };
        // The control group and arms without chance say nothing of what another policy would have shown.
        if [Arm::Control, Arm::PropensityOnly].iter().any(|arm| arm.code() == decision.arm) {
            return;
        }
        let Some((accepted, revenue)) = outcome(&logged.responses).filter(|_| decision.at < self.ripe) else {
            return;
        };
        let Ok(body) = serde_json::from_str::<Body>(&decision.body) else { return };
        if body.contenders_in_all > body.contenders.len() {
            self.unseen += 1;
        }
        let policy = first_offers(&body, (&decision.contact_point, &decision.decision_id), draft, config);
        let mut policy: Vec<(u32, f64)> =
            policy.into_iter().map(|(offer, chance)| (self.action(&offer), chance)).collect();
        if policy.is_empty() {
            // To show nothing is an action, too; nothing came of it in this log.
            policy.push((self.action(NOTHING), 1.0));
        }
        let action = self.action(&first.offer_id);
        let unit = decision.unit.clone();
        self.rows.push(Observed { unit, action, logged: first.probability, policy, accepted, revenue });
    }

    fn action(&mut self, offer_id: &str) -> u32 {
        let next = self.actions.len() as u32;
        *self.actions.entry(offer_id.to_owned()).or_insert(next)
    }

    fn report(self) -> Result<EvaluationReport, Problem> {
        let thin = |error: models::Error| {
            Problem::new(Code::EvidenceTooThin, format!("Nothing can be said: {error}."))
        };
        let acceptance = self.estimates(|row| row.accepted).map_err(thin)?;
        let revenue = self.estimates(|row| row.revenue).map_err(thin)?;
        let mut limits = vec![
            "Only the first offer of each decision counts.".to_owned(),
            "Offers that consent or contact pressure removed then are not in the log.".to_owned(),
        ];
        if self.unseen > 0 {
            limits.push(format!("{} decisions had more contenders than the log keeps.", self.unseen));
        }
        Ok(EvaluationReport {
            decisions: self.decisions,
            settled: self.rows.len(),
            acceptance,
            revenue,
            limits,
        })
    }

    fn estimates(&self, reward: impl Fn(&Observed) -> f64) -> models::Result<Estimates> {
        let shown: Vec<Shown> = self
            .rows
            .iter()
            .map(|row| Shown { action: row.action, reward: reward(row), logged: row.logged })
            .collect();
        let mean = shown.iter().map(|shown| shown.reward).sum::<f64>() / shown.len().max(1) as f64;
        // Ten decisions of the mean reward stand behind every offer.
        let params = RewardModelParams { prior_reward: 10.0 * mean, prior_rows: 10.0 }.check()?;
        let units = || self.rows.iter().map(|row| row.unit.as_str());
        let model = params.cross_fit(&shown, units(), FOLDS, 0)?;
        let rows: Vec<Row> = self
            .rows
            .iter()
            .enumerate()
            .map(|(at, row)| model.row(at, &row.policy))
            .collect::<models::Result<_>>()?;
        Log::new(rows)?.grouped_by(units())?.estimates(None)
    }
}

/// Whether the first offer was accepted, and the money that it brought; nothing while nothing final was heard.
pub fn outcome(responses: &[StoredResponse]) -> Option<(f64, f64)> {
    let of_first = || responses.iter().filter(|response| response.rank == 1);
    of_first().any(|response| response.kind.is_final()).then(|| {
        let accepted = of_first().any(|response| response.kind == ResponseKind::Accepted);
        (f64::from(u8::from(accepted)), of_first().filter_map(|response| response.revenue).sum())
    })
}

/// What a draft would have shown first among logged contenders, and how likely.
pub fn first_offers(
    body: &Body,
    (contact_point, decision_id): (&str, &str),
    draft: &Book,
    config: &Config,
) -> Vec<(String, f64)> {
    let evaluation = Evaluation::new(&body.facts);
    let (mut offers, mut contenders): (Vec<&LoggedContender>, Vec<Contender>) = (Vec::new(), Vec::new());
    for logged in &body.contenders {
        let Some(position) = draft.position(&logged.offer_id) else { continue };
        if let Some(contender) = rejudge(draft, &evaluation, contact_point, (logged, position)) {
            offers.push(logged);
            contenders.push(contender);
        }
    }
    let exploration = draft.point(config, contact_point).map_or(Exploration::Off, |point| point.exploration);
    let seed = super::next::seed_of(decision_id, 0);
    let slots = chances(&contenders, &exploration, seed);
    slots.into_iter().map(|slot| (offers[slot.contender].offer_id.clone(), slot.probability)).collect()
}

/// A logged contender as the draft sees it; nothing where the draft's rules stop it.
fn rejudge(
    draft: &Book,
    evaluation: &Evaluation<'_>,
    contact_point: &str,
    (logged, position): (&LoggedContender, usize),
) -> Option<Contender> {
    let entry = &draft.entries[position];
    let mut facts = entry.facts.clone();
    facts.affinity = logged.affinity;
    let mut rules = entry.rules.iter().filter(|rule| rule.is_asked_at(contact_point));
    let passes = rules.all(|rule| evaluation.holds(&rule.when, Some(&facts)).unwrap_or(false));
    if !passes {
        return None;
    }
    let policy = &draft.policy;
    let holds = |when: Option<&crate::policy::Expression>| {
        when.is_none_or(|when| evaluation.holds(when, Some(&facts)).unwrap_or(false))
    };
    let levers =
        entry.levers.iter().map(|at| &policy.levers()[*at]).filter(|lever| holds(lever.when.as_ref()));
    let contexts = entry
        .contexts
        .iter()
        .map(|at| &policy.contexts()[*at])
        .filter(|context| holds(context.when.as_ref()));
    let raw = Factors {
        context: weight(contexts.map(|context| context.percent)),
        lever: weight(levers.map(|lever| lever.percent)),
        ..logged.factors
    };
    let factors = draft.switches.apply(&raw);
    Some(Contender {
        priority: factors.priority(),
        uncertainty: logged.log_odds_deviation,
        factors,
        mandatory: must_be_said(entry),
        explore: !entry.offer.regulated,
        group: entry.group,
        excludes: Vec::new(),
    })
}
