//! Standing arms: what the whole of arbitration brings against chance, against parts of itself, and against nothing.

use super::book::shares;
use crate::policy::PolicyDocument;
use crate::problem::{Code, Problem};
use crate::store::UnitOutcome;
use chrono::{DateTime, Utc};
use models::arbitration::Arm;
use models::experiments::{ArmOutcome, Experiment, UnitOutcome as Outcome, compare};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What each arm brought, and how it compares with the reference.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExperimentReport {
    /// Decisions from then on.
    from: DateTime<Utc>,
    /// Decisions until then.
    until: DateTime<Utc>,
    /// The arms by what they were shown and did.
    arms: BTreeMap<String, ArmTotals>,
    /// By acceptance and the money of responses: arms that show something against the random one, or against nba without it.
    #[schema(value_type = Option<Object>)]
    acceptance: Option<Experiment>,
    /// By purchases and their money after a unit's first decision: every arm against the control group, which is shown
    /// nothing; this is what offers bring at all.
    #[schema(value_type = Option<Object>)]
    purchases: Option<Experiment>,
    /// What stands in the way of a comparison, in words.
    notes: Vec<String>,
}

/// Sums over the units of one arm.
#[derive(Debug, Default, Serialize, ToSchema)]
struct ArmTotals {
    units: u64,
    decisions: u64,
    results: u64,
    accepted: u64,
    revenue: f64,
    purchases: u64,
    spend: f64,
}

/// The report of some units under the arms of a policy.
///
/// # Errors
/// [`Code::EvidenceTooThin`] without a single unit.
pub fn report(
    policy: &PolicyDocument,
    outcomes: &[UnitOutcome],
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<ExperimentReport, Problem> {
    if outcomes.is_empty() {
        let fault = format!("No decision was kept from {from} until {until}; widen the interval.");
        return Err(Problem::new(Code::EvidenceTooThin, fault));
    }
    let mut arms: BTreeMap<String, ArmTotals> = BTreeMap::new();
    for outcome in outcomes {
        let totals = arms.entry(outcome.arm.clone()).or_default();
        totals.units += 1;
        totals.decisions += outcome.decisions;
        totals.results += outcome.results;
        totals.accepted += outcome.accepted;
        totals.revenue += outcome.revenue;
        totals.purchases += outcome.purchases;
        totals.spend += outcome.spend;
    }
    let mut notes = Vec::new();
    let shares: Vec<(Arm, f64)> = shares(&policy.arms.shares).into();
    let shown: Vec<(Arm, f64)> = shares.iter().copied().filter(|(arm, _)| *arm != Arm::Control).collect();
    let has_random = shown.iter().any(|(arm, share)| *arm == Arm::Random && *share > 0.0);
    let reference = if has_random { Arm::Random } else { Arm::Nba };
    let accepted =
        |outcome: &UnitOutcome| Outcome { responded: outcome.accepted > 0, money: outcome.revenue };
    let bought = |outcome: &UnitOutcome| Outcome { responded: outcome.purchases > 0, money: outcome.spend };
    let acceptance = compared(&shown, reference, outcomes, &accepted).map_err(|note| notes.push(note)).ok();
    let purchases = compared(&shares, Arm::Control, outcomes, &bought).map_err(|note| notes.push(note)).ok();
    Ok(ExperimentReport { from, until, arms, acceptance, purchases, notes })
}

/// Compares arms with a reference among them; arms that units no longer have, because shares changed, are left out.
fn compared(
    shares: &[(Arm, f64)],
    reference: Arm,
    outcomes: &[UnitOutcome],
    of: &dyn Fn(&UnitOutcome) -> Outcome,
) -> Result<Experiment, String> {
    let shares: Vec<(Arm, f64)> = shares.iter().copied().filter(|(_, share)| *share > 0.0).collect();
    let Some(control) = shares.iter().position(|(arm, _)| *arm == reference) else {
        return Err(format!("no units are in the arm {}: give it a share in the policy", reference.code()));
    };
    if shares.len() < 2 {
        return Err("there is one arm only: give others a share in the policy".into());
    }
    let total: f64 = shares.iter().map(|(_, share)| share).sum();
    let mut arms: Vec<ArmOutcome> =
        shares.iter().map(|(arm, share)| ArmOutcome::new(arm.code(), share / total)).collect();
    for outcome in outcomes {
        if let Some(at) = shares.iter().position(|(arm, _)| arm.code() == outcome.arm) {
            arms[at].add(of(outcome));
        }
    }
    compare(&arms, control).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::store::PolicyFormat;

    fn acceptance_reference(shares: &str) -> Option<String> {
        let text = format!("name = \"x\"\n[arms.shares]\n{shares}\n");
        let policy = Policy::read(&text, PolicyFormat::Toml).unwrap();
        let outcome = |at: usize| UnitOutcome {
            arm: ["nba", "no_levers", "random", "control"][at % 4].into(),
            unit: at.to_string(),
            decisions: 1,
            results: 1,
            accepted: at as u64 % 3,
            revenue: at as f64,
            purchases: 0,
            spend: 0.0,
        };
        let outcomes: Vec<UnitOutcome> = (0..40).map(outcome).collect();
        let interval = (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH);
        report(policy.document(), &outcomes, interval)
            .unwrap()
            .acceptance
            .map(|experiment| experiment.control)
    }

    #[test]
    fn arms_are_compared_with_chance_where_it_has_a_share_else_with_the_full_policy() {
        let of = |shares| acceptance_reference(shares);
        assert_eq!(of("nba = 0.5\nrandom = 0.5").as_deref(), Some("random"));
        assert_eq!(of("nba = 0.5\nno_levers = 0.3\ncontrol = 0.2").as_deref(), Some("nba"));
        assert_eq!(of("nba = 0.8\ncontrol = 0.2"), None, "there is nothing to compare");
    }
}
