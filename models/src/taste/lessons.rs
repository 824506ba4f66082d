//! What a blend is learned on: people of whom something was held back, and what they could be shown.

use super::Taste;
use super::blends::{Blends, Evidence, TERMS, Terms};
use crate::attributes::Feature;
use crate::events::Timestamp;
use crate::ids::{ItemIx, Ix};
use crate::interactions::{History, Interaction};
use crate::kernels;
use crate::measures::Repeats;
use crate::ranking::{Scored, top_n};
use crate::scoring::Scorer;
use faer::Accum;

/// A person of whom something was held back.
#[derive(Clone, Debug, Default)]
pub struct HeldBack {
    /// What they did before it, sorted by item.
    pub interactions: Vec<Interaction>,
    /// What was in it, sorted.
    pub basket: Vec<ItemIx>,
    /// What they met before it in the same session, the latest last; it is not shown again.
    pub session: Vec<ItemIx>,
    /// What their profile says; empty where it is not known.
    pub profile: Vec<Feature>,
}

/// Candidates that each view brings for each person.
const CANDIDATES_PER_VIEW: usize = 100;

/// Which term is the factorisation.
const FACTORS: usize = 0;

/// What a person could be shown, with the terms of each item's score.
pub(super) struct Lesson {
    candidates: Vec<Candidate>,
    /// How many items they have.
    n_items: usize,
    bought: usize,
    bought_new: usize,
}

struct Candidate {
    terms: Terms,
    /// What their own history and what their profile alone would make of the first term.
    own: f32,
    profile: f32,
    bought: bool,
    owned: bool,
}

impl Lesson {
    /// The terms of every candidate.
    pub(super) fn terms(&self) -> impl Iterator<Item = &Terms> {
        self.candidates.iter().map(|candidate| &candidate.terms)
    }

    /// Counts this person's profile as so many items of their own.
    pub(super) fn set_profile_items(&mut self, profile_items: f32) {
        let own = Blends { profile_items, ..Blends::default() }.own_share(self.n_items);
        for candidate in &mut self.candidates {
            candidate.terms[FACTORS] = own * candidate.own + (1.0 - own) * candidate.profile;
        }
    }

    /// How many of the items they bought count.
    pub(super) fn counted(&self, repeats: Repeats) -> usize {
        match repeats {
            Repeats::Kept => self.bought,
            Repeats::Removed => self.bought_new,
        }
    }

    /// The mean of NDCG and recall of this person's list; `None` for someone who bought nothing that counts.
    pub(super) fn quality(&self, weights: &Terms, repeats: Repeats, n: usize) -> Option<f64> {
        let counted = self.counted(repeats);
        if counted == 0 {
            return None;
        }
        let score = |candidate: &Candidate| -> f32 {
            if repeats == Repeats::Removed && candidate.owned {
                return f32::NEG_INFINITY;
            }
            candidate.terms.iter().zip(weights).map(|(term, weight)| term * weight).sum()
        };
        let scores: Vec<f32> = self.candidates.iter().map(score).collect();
        let list = top_n(&scores, n, |_| false);
        let discount = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
        let hits = || list.iter().enumerate().filter(|(_, at)| self.candidates[at.item.position()].bought);
        let gain: f64 = hits().map(|(rank, _)| discount(rank)).sum();
        let ideal: f64 = (0..counted.min(n)).map(discount).sum();
        Some((gain / ideal + hits().count() as f64 / counted as f64) / 2.0)
    }
}

/// The lessons of some people, scored together.
pub(super) fn lessons(taste: &Taste, people: &[HeldBack], as_of: Timestamp) -> Vec<Lesson> {
    let n_items = taste.n_items();
    let histories: Vec<History<'_>> =
        people.iter().map(|person| History::new(&person.interactions, as_of)).collect();
    let mut factors = vec![0f32; people.len() * n_items];
    taste.ials.score_batch(&histories, &mut factors);
    let profile = by_profile(taste, people);
    let mut spectral = vec![0f32; people.len() * n_items];
    if let Some(view) = &taste.spectral {
        view.score_batch(&histories, &mut spectral);
    }
    let mut few = FewItems::new(n_items);
    let of = |all: &Vec<f32>, at: usize| all.get(at..at + n_items).map(<[f32]>::to_vec);
    let mut lessons = Vec::with_capacity(people.len());
    for ((person, history), at) in people.iter().zip(histories).zip((0..).step_by(n_items)) {
        few.fill(taste, person, history);
        let views = Views {
            terms: [
                &factors[at..at + n_items],
                &spectral[at..at + n_items],
                &few.weights,
                &few.often,
                &few.lately,
                &taste.popular,
                &few.session,
            ],
            profile: of(&profile, at).unwrap_or_default(),
        };
        lessons.push(lesson(person, &views, taste.blends.profile_items));
    }
    lessons
}

/// The scores of everyone's profile, for as long as it counts; empty when it counts for nobody.
fn by_profile(taste: &Taste, people: &[HeldBack]) -> Vec<f32> {
    if people.iter().all(|person| Evidence::of(person.interactions.len()) == Evidence::History) {
        return Vec::new();
    }
    let queries: Vec<f32> = people.iter().flat_map(|person| taste.prior.of(&person.profile)).collect();
    let mut scores = vec![0f32; people.len() * taste.n_items()];
    let rows = taste.ials.item_factors().as_slice().unwrap_or_default();
    kernels::products(rows, &queries, taste.ials.n_factors(), Accum::Replace, &mut scores);
    scores
}

/// The views that say something of few items.
struct FewItems {
    weights: Vec<f32>,
    often: Vec<f32>,
    lately: Vec<f32>,
    session: Vec<f32>,
}

impl FewItems {
    fn new(n_items: usize) -> Self {
        let [weights, often, lately, session] = [(); 4].map(|()| vec![0f32; n_items]);
        Self { weights, often, lately, session }
    }

    fn fill(&mut self, taste: &Taste, person: &HeldBack, history: History<'_>) {
        taste.weights.score(history, &mut self.weights);
        for view in [&mut self.often, &mut self.lately, &mut self.session] {
            view.fill(0.0);
        }
        let n_items = taste.n_items();
        for habit in taste.repeat.habits(history).iter().filter(|habit| habit.item.position() < n_items) {
            self.often[habit.item.position()] = habit.often;
            self.lately[habit.item.position()] = habit.lately;
        }
        for follows in taste.sessions.follow(&person.session) {
            self.session[follows.item.position()] = follows.score;
        }
    }
}

/// Every item's terms for one person, and what their profile makes of it; empty where that does not count.
struct Views<'a> {
    terms: [&'a [f32]; TERMS],
    profile: Vec<f32>,
}

/// One person's candidates: the best of every view, with and without what they own.
fn lesson(person: &HeldBack, views: &Views<'_>, profile_items: f32) -> Lesson {
    let owned = |item: ItemIx| person.interactions.binary_search_by_key(&item, |i| i.item).is_ok();
    let met = |item: ItemIx| person.session.contains(&item);
    let mut items: Vec<ItemIx> = Vec::new();
    for view in views.terms.into_iter().chain([views.profile.as_slice()]) {
        // Twice: a list without owned items needs as many candidates as one with them.
        let best = top_n(view, CANDIDATES_PER_VIEW, met);
        let best_new = top_n(view, CANDIDATES_PER_VIEW, |item| met(item) || owned(item));
        items.extend(best.into_iter().chain(best_new).map(|Scored { item, .. }| item));
    }
    items.sort_unstable();
    items.dedup();
    let has = |item: &ItemIx| person.basket.binary_search(item).is_ok();
    let candidate = |item: &ItemIx| {
        let terms = views.terms.map(|view| view[item.position()]);
        let profile = views.profile.get(item.position()).copied().unwrap_or(0.0);
        Candidate { terms, own: terms[FACTORS], profile, bought: has(item), owned: owned(*item) }
    };
    let mut lesson = Lesson {
        candidates: items.iter().map(candidate).collect(),
        n_items: person.interactions.len(),
        bought: person.basket.len(),
        bought_new: person.basket.iter().filter(|item| !owned(**item)).count(),
    };
    lesson.set_profile_items(profile_items);
    lesson
}
