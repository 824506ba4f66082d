//! Items for a person at a contact point.

use super::fallback::{fill, passes};
use super::precomputed::ranked;
use super::wire::{Decision, RecommendRequest, RemovedItems, Source};
use super::{Chosen, INDEX, Question, answer, known_state, reasons};
use crate::config::{ContactPoint, Repeats};
use crate::customers::{CustomerState, Evidence};
use crate::index::{IndexError, IndexQuery};
use crate::patience::Patiences;
use crate::releases::{Serving, View};
use crate::store::Store;
use crate::telemetry::{request_id, stage};
use bytes::Bytes;
use chrono::Utc;
use models::diversity::DiversityParams;
use models::ids::ItemIx;
use models::payload::{Condition, Filter, Match, PayloadValue};
use models::ranking::Scored;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// What stands behind one question.
pub struct Asked {
    /// The request, within its limits.
    pub request: RecommendRequest,
    /// The contact point that it names.
    pub point: ContactPoint,
    /// How many items to answer.
    pub n: usize,
    /// How long parts are waited for.
    pub patience: Arc<Patiences>,
    /// The request as it was sent: who asks the same again while nothing has changed is answered the same.
    pub body: Bytes,
}

/// The answer that was given before and still holds, if it is at hand: at once, where [`recommend`] waits and computes.
pub fn kept(serving: &Serving, asked: &Asked) -> Option<Decision> {
    let again = |known: &Arc<CustomerState>| {
        let question = Session::of(serving, &asked.request, known).question(serving, asked, known)?;
        serving.answers.at_hand(&question)
    };
    match asked.request.customer_id.as_deref() {
        Some(customer_id) => serving.states.at_hand(customer_id, again),
        None => again(&serving.stranger()),
    }
}

/// Who is asked about, as far as it is known.
pub struct Known {
    state: Arc<CustomerState>,
    session: Session,
    /// What an answer that may be kept is an answer to.
    question: Option<Question>,
    degraded: Vec<&'static str>,
}

impl Known {
    /// Reads it: this waits, and computes little unless they did thousands of things since training. A store that is down is named in `degraded`.
    pub async fn read(serving: &Serving, store: &dyn Store, asked: &Asked) -> Self {
        let (mut degraded, who) = (Vec::new(), asked.request.customer_id.as_deref());
        let state = known_state(serving, store, (who, &asked.patience.store), &mut degraded);
        let state = stage("customer", state).await;
        let session = Session::of(serving, &asked.request, &state);
        let is_whole = degraded.is_empty();
        let question = is_whole.then(|| session.question(serving, asked, &state)).flatten();
        Self { state, session, question, degraded }
    }
}

/// The answer that takes microseconds: one that was given before and still holds, or one of what training ranked. Reasons are
/// computed, so there is none with them.
pub fn ready(serving: &Serving, asked: &Asked, known: &Known) -> Option<Decision> {
    if let Some(kept) = known.question.as_ref().and_then(|question| serving.answers.get(question)) {
        return Some(kept);
    }
    // Training knows nothing of a session.
    if asked.request.explain || !known.session.items.is_empty() {
        return None;
    }
    let exclude = excluded(serving, asked, &known.state, &known.session.items);
    let proposed = precomputed(serving, asked, &known.state, &exclude)?;
    Some(decided(serving, asked, known, (&known.state, &exclude, proposed)))
}

/// Items for a customer or a session; fewer than asked for only where filter, exclusions and the contact point's cap
/// per category leave no more.
///
/// Nothing here fails: what is down is named in `degraded`, and the contact point's fallback chain takes over.
pub async fn recommend(serving: &Serving, asked: &Asked, mut known: Known) -> Decision {
    let state = known.session.joined(serving, &asked.request, &known.state);
    let exclude = excluded(serving, asked, &state, &known.session.items);
    // Where no reasons are asked for, this was tried before.
    let ranked = if asked.request.explain { precomputed(serving, asked, &state, &exclude) } else { None };
    let proposed = match ranked {
        Some(proposed) => proposed,
        None => computed(serving, asked, &state, (&exclude, &mut known.degraded)).await,
    };
    decided(serving, asked, &known, (&state, &exclude, proposed))
}

/// The answer with what taste proposes, filled up, explained and kept.
fn decided(
    serving: &Serving,
    asked: &Asked,
    known: &Known,
    (state, exclude, proposed): (&CustomerState, &[ItemIx], Proposed),
) -> Decision {
    let (request, view) = (&asked.request, serving.catalogue.view());
    let Proposed { mut chosen, candidates, removed } = proposed;
    let personal = chosen.len();
    add_fallback(serving, &view, asked, exclude, &mut chosen);
    if request.explain {
        let reasoned = Reasoned { state, session: &known.session.items, asked };
        explain(serving, &view, &reasoned, &mut chosen[..personal]);
        for chosen in &mut chosen[personal..] {
            chosen.reasons = reasons::of_list(&view, chosen.source, chosen.scored.score);
        }
    }
    let mut decision = answer(serving, &view, chosen);
    decision.customer_id = request.customer_id.clone();
    decision.contact_point = Some(request.contact_point.clone());
    decision.evidence = state.evidence();
    decision.degraded.clone_from(&known.degraded);
    decision.fallback = personal < decision.results.len() || decision.results.is_empty();
    decision.funnel.candidates = candidates;
    decision.removed = removed;
    if let Some(question) = &known.question {
        serving.answers.keep(question.clone(), &decision);
    }
    decision
}

/// What taste proposes.
struct Proposed {
    chosen: Vec<Chosen>,
    /// How many were chosen among.
    candidates: usize,
    removed: RemovedItems,
}

impl Proposed {
    /// The items picked among candidates, each from the source that its person's evidence names, else from the one that found it.
    fn new(
        (picked, candidates): (Vec<Scored>, usize),
        removed: RemovedItems,
        state: &CustomerState,
        found_by: impl Fn(ItemIx) -> Source,
    ) -> Self {
        let source = |item| match state.evidence() {
            _ if state.owns(item) => Source::Repeat,
            Evidence::Session => Source::Session,
            Evidence::Profile => Source::Profile,
            Evidence::None => Source::Popular,
            Evidence::Few | Evidence::History => found_by(item),
        };
        let chosen = |scored: Scored| Chosen { scored, source: source(scored.item), reasons: Vec::new() };
        Self { chosen: picked.into_iter().map(chosen).collect(), candidates, removed }
    }
}

/// What training ranked, if that still holds and leaves enough to choose from.
fn precomputed(
    serving: &Serving,
    asked: &Asked,
    state: &CustomerState,
    exclude: &[ItemIx],
) -> Option<Proposed> {
    let view = serving.catalogue.view();
    let mut candidates = ranked(serving, &view, asked, state)?;
    let mut admission = Admission::new(&view, asked, exclude);
    candidates.retain(|candidate| admission.admits(candidate.item));
    let enough = candidates.len() >= asked.n * CANDIDATES_PER_RESULT;
    let picked =
        enough.then(|| diverse(&view, asked, &candidates)).filter(|picked| picked.len() == asked.n)?;
    let removed = admission.removed(state);
    Some(Proposed::new((picked, candidates.len()), removed, state, |_| Source::Precomputed))
}

/// What the index and the other views of taste find.
async fn computed(
    serving: &Serving,
    asked: &Asked,
    state: &CustomerState,
    (exclude, degraded): (&[ItemIx], &mut Vec<&'static str>),
) -> Proposed {
    let dense = match stage("index", search(serving, asked, state, exclude)).await {
        Ok(dense) => dense,
        Err(error) => {
            let request_id = request_id();
            tracing::warn!(request_id, %error, "the vector index failed; answering without it");
            degraded.push(INDEX);
            Vec::new()
        }
    };
    let view = serving.catalogue.view();
    let admission = RefCell::new(Admission::new(&view, asked, exclude));
    let ranker = serving.release.taste.ranker(asked.point.repeats.ranked());
    let admits = |item| admission.borrow_mut().admits(item);
    let candidates = ranker.rank(state.person(serving), &dense, n_candidates(asked), admits);
    let is_dense = |item| dense.iter().any(|found| found.item == item);
    let found_by = |item| if is_dense(item) { Source::Dense } else { Source::Sparse };
    let removed = admission.borrow().removed(state);
    Proposed::new((diverse(&view, asked, &candidates), candidates.len()), removed, state, found_by)
}

/// The session that a request belongs to.
struct Session {
    /// Its items, the latest last.
    items: Vec<ItemIx>,
    /// Those that the request names; without any, the session is that of the customer's live events.
    given: Vec<ItemIx>,
}

impl Session {
    fn of(serving: &Serving, request: &RecommendRequest, known: &CustomerState) -> Self {
        let given = known_items(serving, &request.session_items);
        let items = match request.customer_id.as_deref() {
            Some(customer_id) if given.is_empty() && !known.refused => {
                serving.visits.current(customer_id, Utc::now())
            }
            _ => given.clone(),
        };
        Self { items, given }
    }

    /// What an answer that may be kept is an answer to: what follows from a session follows from those of others, too.
    fn question(&self, serving: &Serving, asked: &Asked, known: &CustomerState) -> Option<Question> {
        self.items.is_empty().then(|| Question::new(&asked.body, known, &serving.catalogue))
    }

    /// What is known of the person with what the session adds.
    fn joined(
        &self,
        serving: &Serving,
        request: &RecommendRequest,
        known: &Arc<CustomerState>,
    ) -> Arc<CustomerState> {
        if self.items.is_empty() {
            return Arc::clone(known);
        }
        let past = &serving.release.taste.sessions;
        let follows = serving.visits.follow(past, &self.items, request.customer_id.as_deref());
        let state = if self.given.is_empty() {
            CustomerState::clone(known)
        } else {
            known.with_clicks(serving, &self.given)
        };
        Arc::new(state.in_session(serving, &self.items, follows))
    }
}

/// The items of the catalogue among ids; what is not known is passed over.
fn known_items(serving: &Serving, ids: &[String]) -> Vec<ItemIx> {
    let view = serving.catalogue.view();
    ids.iter().filter_map(|id| view.ix(id)).collect()
}

/// The items that must not be answered, sorted: excluded ones, those of the session, and owned ones where the
/// contact point does not want them again.
fn excluded(serving: &Serving, asked: &Asked, state: &CustomerState, session: &[ItemIx]) -> Vec<ItemIx> {
    let mut excluded = known_items(serving, &asked.request.exclude_ids);
    excluded.extend_from_slice(session);
    if asked.point.repeats == Repeats::Excluded {
        excluded.extend_from_slice(&state.owned);
    }
    excluded.sort_unstable();
    excluded.dedup();
    excluded
}

/// Which candidates a request admits, and how many it does not.
struct Admission<'a> {
    view: &'a View<'a>,
    asked: &'a Asked,
    /// Sorted.
    exclude: &'a [ItemIx],
    filtered: usize,
}

impl<'a> Admission<'a> {
    fn new(view: &'a View<'a>, asked: &'a Asked, exclude: &'a [ItemIx]) -> Self {
        Self { view, asked, exclude, filtered: 0 }
    }

    fn admits(&mut self, item: ItemIx) -> bool {
        if self.exclude.binary_search(&item).is_ok() {
            return false;
        }
        let passes = passes(self.view, &self.asked.request.filter, item);
        self.filtered += usize::from(!passes);
        passes
    }

    fn removed(&self, state: &CustomerState) -> RemovedItems {
        let owned = if self.asked.point.repeats == Repeats::Excluded { state.owned.len() } else { 0 };
        RemovedItems { filtered: self.filtered, owned, excluded: self.exclude.len() - owned }
    }
}

/// Candidates by the dense views, best first.
async fn search(
    serving: &Serving,
    asked: &Asked,
    state: &CustomerState,
    exclude: &[ItemIx],
) -> Result<Vec<Scored>, IndexError> {
    let query = IndexQuery {
        vector: serving.release.taste.query_vector(state.person(serving), asked.point.repeats.ranked()),
        n: n_candidates(asked) + DENSE_BEYOND,
        filter: Arc::new(only_available(asked.request.filter.clone())),
        exclude: exclude.to_vec(),
    };
    let waited = asked.patience.index.now();
    let found = serving.index.search(vec![query], Instant::now() + waited).await;
    if matches!(found, Err(IndexError::Timeout)) {
        asked.patience.index.ran_out(waited);
    }
    Ok(found?.pop().unwrap_or_default())
}

/// Ranked candidates for each result wanted: diversity chooses among them.
const CANDIDATES_PER_RESULT: usize = 5;

/// How many candidates are ranked: where a category may fill only a part of the list, those whose taste lies in few need
/// more for the others.
fn n_candidates(asked: &Asked) -> usize {
    let spare = if cap_per_category(&asked.point).is_some() { 2 } else { 1 };
    asked.n * CANDIDATES_PER_RESULT * spare
}

/// How many more are asked of the index than are ranked: where other views take something away from some, the next are there.
const DENSE_BEYOND: usize = 50;

/// The filter without the items whose attribute `available` is false.
pub(super) fn only_available(mut filter: Filter) -> Filter {
    filter.must_not.push(Condition {
        key: "available".into(),
        matches: Some(Match::Value(PayloadValue::Flag(false))),
        range: None,
    });
    filter
}

/// The best candidates, re-ranked for diversity as the contact point wants it.
fn diverse(view: &View<'_>, asked: &Asked, candidates: &[Scored]) -> Vec<Scored> {
    let relevance = 1.0 - asked.point.diversity;
    let params = DiversityParams { relevance, max_per_group: cap_per_category(&asked.point) };
    match params.check() {
        Ok(valid) => {
            let pick = |among: &[Scored]| {
                valid.pick(among, asked.n, |item| view.factors(item), |item| view.category(item))
            };
            let best = &candidates[..candidates.len().min(asked.n * CANDIDATES_PER_RESULT)];
            let picked = pick(best);
            // The others only where the cap leaves the list short: comparing all with each other is dear.
            if picked.len() < asked.n && best.len() < candidates.len() { pick(candidates) } else { picked }
        }
        // The configuration is checked at start, so this is the plain order of a contact point without wishes.
        Err(_) => candidates.iter().copied().take(asked.n).collect(),
    }
}

/// The contact point's cap, 0 meaning none.
fn cap_per_category(point: &ContactPoint) -> Option<usize> {
    (point.max_per_category > 0).then_some(point.max_per_category)
}

/// Fills up from the contact point's fallback chain, within its cap per category.
fn add_fallback(
    serving: &Serving,
    view: &View<'_>,
    asked: &Asked,
    exclude: &[ItemIx],
    chosen: &mut Vec<Chosen>,
) {
    let cap = cap_per_category(&asked.point).unwrap_or(usize::MAX);
    let mut of_category: HashMap<&str, usize> = HashMap::new();
    for category in chosen.iter().filter_map(|chosen| view.category(chosen.scored.item)) {
        *of_category.entry(category).or_default() += 1;
    }
    let missing = asked.n.saturating_sub(chosen.len());
    let filled = fill(serving, &asked.point.fallback, missing, |item| {
        let is_wanted = exclude.binary_search(&item).is_err()
            && chosen.iter().all(|chosen| chosen.scored.item != item)
            && passes(view, &asked.request.filter, item);
        let Some(category) = view.category(item).filter(|_| is_wanted) else { return is_wanted };
        let taken = of_category.entry(category).or_default();
        *taken += 1;
        *taken <= cap
    });
    chosen.extend(filled.into_iter().map(|(scored, source)| Chosen { scored, source, reasons: Vec::new() }));
}

/// What the reasons of personal items rest on.
struct Reasoned<'a> {
    state: &'a CustomerState,
    session: &'a [ItemIx],
    asked: &'a Asked,
}

/// Adds the reasons of items that taste has chosen, with exact contributions.
fn explain(serving: &Serving, view: &View<'_>, known: &Reasoned<'_>, chosen: &mut [Chosen]) {
    let history = known.state.history(serving);
    let vectors: Vec<_> =
        chosen.iter().map(|chosen| view.index_vector(chosen.scored.item).unwrap_or_default()).collect();
    let items: Vec<(ItemIx, &[f32])> =
        chosen.iter().zip(&vectors).map(|(chosen, vector)| (chosen.scored.item, &**vector)).collect();
    let repeats = known.asked.point.repeats.ranked();
    let explained = serving.release.taste.explain(history, known.state.person(serving), repeats, &items);
    for (chosen, mut explanation) in chosen.iter_mut().zip(explained) {
        if known.state.profile.is_empty() {
            // Without a profile everyone stands at the same place.
            explanation.popular += std::mem::take(&mut explanation.profile);
        }
        chosen.reasons = reasons::of_taste(view, chosen.scored.item, &explanation, known.session);
    }
}
