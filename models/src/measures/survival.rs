//! Measures of spells, some of which had not ended when they were last seen.

use crate::hazard::Spell;

/// Harrell's C (Harrell, Lee and Mark 1996): of all pairs of spells of which one is known to have ended first, the share in
/// which that one has the higher risk; equal risks count half. 0.5 is chance.
///
/// A spell last seen on the day on which another ended is known to be the longer one; two that ended on the same day
/// are not compared. None when no two spells can be compared, when risks and spells differ in number, or for a risk or a
/// duration that is NaN. Work: n log n.
pub fn concordance(risks: &[f64], spells: &[Spell]) -> Option<f64> {
    let nan = risks.iter().any(|risk| risk.is_nan()) || spells.iter().any(|spell| spell.days.is_nan());
    if nan || risks.len() != spells.len() {
        return None;
    }
    let places = places(risks);
    let mut latest_first: Vec<usize> = (0..spells.len()).collect();
    latest_first.sort_by(|a, b| spells[*b].days.total_cmp(&spells[*a].days));
    let mut longer = Counts::new(risks.len());
    let (mut pairs, mut half_points) = (0u64, 0u64);
    for day in latest_first.chunk_by(|a, b| spells[*a].days == spells[*b].days) {
        let (ended, going_on): (Vec<usize>, Vec<usize>) = day.iter().partition(|spell| spells[**spell].ended);
        going_on.iter().for_each(|spell| longer.add(places[*spell]));
        for spell in &ended {
            let (lower, as_high) = (longer.below(places[*spell]), longer.below(places[*spell] + 1));
            half_points += lower + as_high;
            pairs += longer.total;
        }
        ended.iter().for_each(|spell| longer.add(places[*spell]));
    }
    (pairs > 0).then(|| half_points as f64 / (2 * pairs) as f64)
}

/// The share of spells that last longer than each day on which one ended, beginning with day 0 and 1 (Kaplan and Meier
/// 1958). Spells of NaN days are left out.
pub fn survival_curve(spells: &[Spell]) -> Vec<(f32, f64)> {
    let mut by_days: Vec<Spell> = spells.iter().filter(|spell| !spell.days.is_nan()).copied().collect();
    by_days.sort_by(|a, b| a.days.total_cmp(&b.days));
    let (mut at_risk, mut share) = (by_days.len(), 1.0);
    let mut curve = vec![(0.0, 1.0)];
    for day in by_days.chunk_by(|a, b| a.days == b.days) {
        let ended = day.iter().filter(|spell| spell.ended).count();
        if ended > 0 {
            share *= (at_risk - ended) as f64 / at_risk as f64;
            curve.push((day[0].days, share));
        }
        at_risk -= day.len();
    }
    curve
}

/// The place of each number among the distinct numbers, from the lowest.
fn places(numbers: &[f64]) -> Vec<usize> {
    let mut distinct = numbers.to_vec();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    numbers.iter().map(|number| distinct.partition_point(|other| other < number)).collect()
}

/// How many spells were added at each place: a tree of sums (Fenwick 1994).
struct Counts {
    sums: Vec<u64>,
    total: u64,
}

impl Counts {
    fn new(n_places: usize) -> Self {
        Self { sums: vec![0; n_places + 1], total: 0 }
    }

    fn add(&mut self, place: usize) {
        self.total += 1;
        let mut node = place + 1;
        while node < self.sums.len() {
            self.sums[node] += 1;
            node += node & node.wrapping_neg();
        }
    }

    /// Of the places before one.
    fn below(&self, place: usize) -> u64 {
        let (mut node, mut sum) = (place, 0);
        while node > 0 {
            sum += self.sums[node];
            node &= node - 1;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pair by pair.
    fn slow_concordance(risks: &[f64], spells: &[Spell]) -> Option<f64> {
        let (mut pairs, mut points) = (0.0, 0.0);
        for (first, risk) in spells.iter().zip(risks) {
            for (second, other) in spells.iter().zip(risks) {
                let ended_first = first.days < second.days || first.days == second.days && !second.ended;
                if first.ended && ended_first {
                    pairs += 1.0;
                    points += if risk > other { 1.0 } else { f64::from(u8::from(risk == other)) / 2.0 };
                }
            }
        }
        (pairs > 0.0).then(|| points / pairs)
    }

    /// Day by day, from the definition.
    fn slow_survival(spells: &[Spell], days: f32) -> f64 {
        let mut ends: Vec<f32> =
            spells.iter().filter(|s| s.ended && s.days <= days).map(|s| s.days).collect();
        ends.sort_by(f32::total_cmp);
        ends.dedup();
        let lasts = |end: f32| {
            let at_risk = spells.iter().filter(|s| s.days >= end).count() as f64;
            1.0 - spells.iter().filter(|s| s.ended && s.days == end).count() as f64 / at_risk
        };
        ends.into_iter().map(lasts).product()
    }

    fn spells_and_risks() -> impl Strategy<Value = Vec<(Spell, f64)>> {
        let spell = (0u8..12, any::<bool>()).prop_map(|(days, ended)| Spell { days: f32::from(days), ended });
        prop::collection::vec((spell, prop_oneof![(-3i8..3).prop_map(f64::from), -1.0..1.0]), 0..60)
    }

    proptest! {
        #[test]
        fn measures_agree_with_their_slow_twins(rows in spells_and_risks()) {
            let (spells, risks): (Vec<Spell>, Vec<f64>) = rows.into_iter().unzip();
            match (concordance(&risks, &spells), slow_concordance(&risks, &spells)) {
                (Some(found), Some(wanted)) => prop_assert!((found - wanted).abs() < 1e-12),
                (found, wanted) => prop_assert_eq!(found, wanted),
            }
            for (days, share) in survival_curve(&spells) {
                if days > 0.0 {
                    prop_assert!((share - slow_survival(&spells, days)).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn the_remissions_of_21_patients_last_as_the_textbook_says() {
        // Freireich et al. 1963, the treated; Kleinbaum and Klein, "Survival Analysis", table 2.1.
        let ended = [6, 6, 6, 7, 10, 13, 16, 22, 23].map(|days| (days, true));
        let going_on = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35].map(|days| (days, false));
        let spells: Vec<Spell> =
            ended.iter().chain(&going_on).map(|&(days, ended)| Spell { days: days as f32, ended }).collect();
        let found: Vec<(f32, f64)> = survival_curve(&spells)
            .into_iter()
            .map(|(days, share)| (days, (share * 1e4).round() / 1e4))
            .collect();
        let wanted = [(0.0, 1.0), (6.0, 0.8571), (7.0, 0.8067), (10.0, 0.7529), (13.0, 0.6902)];
        assert_eq!(found[..5], wanted);
        assert_eq!(found[5..], [(16.0, 0.6275), (22.0, 0.5378), (23.0, 0.4482)]);
    }

    #[test]
    fn what_cannot_be_compared_has_no_concordance() {
        let spells = [Spell { days: 3.0, ended: true }, Spell { days: 5.0, ended: false }];
        assert_eq!(concordance(&[2.0, 1.0], &spells), Some(1.0));
        assert_eq!(concordance(&[2.0], &spells), None);
        assert_eq!(concordance(&[f64::NAN, 1.0], &spells), None);
        assert_eq!(concordance(&[1.0], &spells[1..]), None);
    }
}
