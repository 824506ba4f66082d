//! The rules of the module once more, word for word and slowly: everything is worked out anew at each rank.

use super::exploration::Exploration;
use super::slate::Contender;

/// A decision to fill.
pub(super) struct Twin<'a> {
    pub(super) contenders: &'a [Contender],
    pub(super) n: usize,
    pub(super) max_per_group: Option<usize>,
    pub(super) exploration: Exploration,
}

impl Twin<'_> {
    /// The probability of each contender at the next rank, given who is shown already. Without Thompson sampling.
    pub(super) fn chances(&self, shown: &[usize]) -> Vec<f64> {
        let mut chances = vec![0.0; self.contenders.len()];
        let mut open: Vec<usize> = (0..self.contenders.len()).filter(|at| self.is_open(*at, shown)).collect();
        open.sort_by(|a, b| self.is_before(*b, *a).cmp(&self.is_before(*a, *b)).then(a.cmp(b)));
        let Some(&best) = open.first() else { return chances };
        chances[best] = 1.0;
        let Exploration::EpsilonGreedy { epsilon, floor } = self.exploration else { return chances };
        if self.contenders[best].mandatory || !self.contenders[best].explore {
            return chances;
        }
        let mut explored: Vec<usize> = open
            .into_iter()
            .filter(|at| self.contenders[*at].explore && !self.contenders[*at].mandatory)
            .collect();
        while explored.len() > 1 && epsilon / (explored.len() as f64) < floor - 1e-12 {
            explored.pop();
        }
        chances[best] -= epsilon;
        for at in &explored {
            chances[*at] += epsilon / explored.len() as f64;
        }
        chances
    }

    /// The slate without chance.
    pub(super) fn by_priority(&self) -> Vec<usize> {
        let greedy = Twin { exploration: Exploration::Off, ..*self };
        let mut shown = Vec::new();
        for _ in 0..self.n {
            shown.extend(greedy.chances(&shown).iter().position(|chance| *chance == 1.0));
        }
        shown
    }

    fn is_open(&self, at: usize, shown: &[usize]) -> bool {
        let contender = &self.contenders[at];
        let excludes = |a: usize, b: usize| self.contenders[a].excludes.contains(&b);
        let in_group = shown.iter().filter(|other| self.contenders[**other].group == contender.group).count();
        let is_left_to_chance = !matches!(self.exploration, Exploration::Off);
        let all_chance =
            matches!(self.exploration, Exploration::EpsilonGreedy { epsilon, .. } if epsilon == 1.0);
        let is_barred = is_left_to_chance
            && !contender.explore
            && !contender.mandatory
            && (all_chance || !self.by_priority().contains(&at));
        !shown.contains(&at)
            && !shown.iter().any(|other| excludes(at, *other) || excludes(*other, at))
            && self.max_per_group.is_none_or(|most| in_group < most)
            && !is_barred
    }

    /// Whether a ranks before b; equals are told apart by their indices elsewhere.
    fn is_before(&self, a: usize, b: usize) -> bool {
        let [a, b] = [a, b].map(|at| &self.contenders[at]);
        let finite = |priority: f64| if priority.is_finite() { priority } else { f64::NEG_INFINITY };
        (a.mandatory && !b.mandatory)
            || (a.mandatory == b.mandatory && finite(a.priority) > finite(b.priority))
    }
}
