//! The contenders that are still open while a slate is filled.

use super::exploration::Exploration;
use super::slate::Contender;

/// Who is open, in the order of priority.
#[derive(Clone)]
pub(super) struct Field<'a> {
    pub(super) contenders: &'a [Contender],
    /// Mandatory first, then higher priority, then lower index.
    order: Vec<usize>,
    open: Vec<bool>,
    /// Of the order; everybody before is closed.
    first: usize,
    taken: Vec<usize>,
    max_per_group: Option<usize>,
}

impl<'a> Field<'a> {
    pub(super) fn new(contenders: &'a [Contender], max_per_group: Option<usize>) -> Self {
        let key = |at: usize| (contenders[at].mandatory, order_key(contenders[at].priority));
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        order.sort_unstable_by(|&a, &b| {
            let ((mandatory_a, priority_a), (mandatory_b, priority_b)) = (key(a), key(b));
            mandatory_b.cmp(&mandatory_a).then(priority_b.total_cmp(&priority_a)).then(a.cmp(&b))
        });
        let open = vec![max_per_group != Some(0); contenders.len()];
        Self { contenders, order, open, first: 0, taken: Vec::new(), max_per_group }
    }

    /// Closes who may not be explored and is not on the slate of `n` that priority alone gives: without this, chance could
    /// make room for them.
    pub(super) fn close_to_chance(&mut self, n: usize, exploration: &Exploration) {
        let barred = |contender: &Contender| !contender.explore && !contender.mandatory;
        if matches!(exploration, Exploration::Off) || !self.contenders.iter().any(barred) {
            return;
        }
        let mut by_priority = vec![false; self.contenders.len()];
        if !exploration.is_all_chance() {
            let mut field = self.clone();
            for _ in 0..n {
                let Some(best) = field.best() else { break };
                by_priority[best] = true;
                field.take(best);
            }
        }
        for (at, contender) in self.contenders.iter().enumerate() {
            self.open[at] &= !barred(contender) || by_priority[at];
        }
        self.skip_closed();
    }

    /// The first that is open.
    pub(super) fn best(&self) -> Option<usize> {
        self.order[self.first..].iter().copied().find(|at| self.open[*at])
    }

    /// Whether chance may show it, or show another in its place.
    pub(super) fn may_be_explored(&self, at: usize) -> bool {
        self.contenders[at].explore && !self.contenders[at].mandatory
    }

    /// Everybody that chance may show, best first.
    pub(super) fn explorable(&self) -> impl Iterator<Item = usize> + '_ {
        let waiting = self.order[self.first..].iter().copied();
        waiting.filter(|at| self.open[*at] && self.may_be_explored(*at))
    }

    /// Shows a contender: it closes, with everybody whom it excludes or who excludes it, and its group when that is full.
    pub(super) fn take(&mut self, chosen: usize) {
        let group = self.contenders[chosen].group;
        self.taken.push(chosen);
        let in_group = self.taken.iter().filter(|at| self.contenders[**at].group == group).count();
        let is_full = self.max_per_group.is_some_and(|most| in_group >= most);
        let excluded = &self.contenders[chosen].excludes;
        for (at, contender) in self.contenders.iter().enumerate() {
            let is_out = at == chosen
                || (is_full && contender.group == group)
                || contender.excludes.contains(&chosen)
                || excluded.contains(&at);
            self.open[at] &= !is_out;
        }
        self.skip_closed();
    }

    fn skip_closed(&mut self) {
        let closed = self.order[self.first..].iter().take_while(|at| !self.open[**at]).count();
        self.first += closed;
    }
}

/// Priorities that are not finite are no priorities: they come last.
fn order_key(priority: f64) -> f64 {
    // Adding 0 makes one zero of the two.
    if priority.is_finite() { priority + 0.0 } else { f64::NEG_INFINITY }
}
