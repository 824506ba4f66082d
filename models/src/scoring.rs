//! What every recommender does: give each item of the catalogue a score for one person's history.

use crate::interactions::History;

/// A fitted model that can score the whole catalogue for anyone.
///
/// A score is a function of the history alone: a customer of the training data, a live customer with a click a
/// second ago and a person without history are the same case. Scores are finite; only their order within one
/// call has a meaning.
pub trait Scorer: Sync {
    /// The name under which reports show it.
    fn name(&self) -> &'static str;

    /// The size of the catalogue.
    fn n_items(&self) -> usize;

    /// Writes one score per item into `scores`, whose length is [`Self::n_items`].
    fn score(&self, history: History<'_>, scores: &mut [f32]);

    /// Writes the scores of several people, one after the other, each as [`Self::score`] would up to rounding.
    ///
    /// A model that can share work between people overrides it.
    fn score_batch(&self, histories: &[History<'_>], scores: &mut [f32]) {
        for (history, scores) in histories.iter().zip(scores.chunks_exact_mut(self.n_items())) {
            self.score(*history, scores);
        }
    }
}

impl<S: Scorer + ?Sized> Scorer for &S {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn n_items(&self) -> usize {
        (**self).n_items()
    }

    fn score(&self, history: History<'_>, scores: &mut [f32]) {
        (**self).score(history, scores);
    }

    fn score_batch(&self, histories: &[History<'_>], scores: &mut [f32]) {
        (**self).score_batch(histories, scores);
    }
}
