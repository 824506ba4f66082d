//! How well what comes next in a session is foretold.
//!
//! Every session of the window with two items or more is broken off after each of its items (at most five places), and the
//! full catalogue, but for what was met already, is ranked for the one that came next. Items of one moment, as those of an
//! order, come in drawn order. Sessions that began before the window are left out. A session counts as the mean over
//! its places, so that the intervals, which draw sessions, are honest.

use super::{Compared, Comparison, Judge};
use crate::holdout::{broken_off, without_false_order};
use crate::progress::Progress;
use models::Result;
use models::events::Event;
use models::ids::{CustomerIx, ItemIx, Ix};
use models::interactions::{History, Interactions, KindWeights};
use models::item_knn::ItemKnn;
use models::measures::{ListMeasures, Measure, Repeats};
use models::popularity::Popularity;
use models::ranking::{Scored, TopN, top_n};
use models::sessions::{self, Session};
use models::taste::{Person, Taste};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom;
use rayon::prelude::*;
use std::time::{Duration, Instant};

/// Places at which one session is broken off, at most.
const MOST_PLACES: usize = 5;

/// Ours, then what it is compared with.
const MODELS: [&str; 5] =
    ["Proffer", "Proffer without the session term", "VMIS-kNN alone", "item to item", "popularity"];

/// What the models know beside the sessions.
struct Models<'a> {
    taste: &'a Taste,
    item_to_item: ItemKnn,
    popularity: &'a Popularity,
}

impl Judge<'_> {
    /// Hit rate and mean reciprocal rank of the next item; nothing where there are no sessions to judge by.
    pub(super) fn sessions(
        &self,
        popularity: &Popularity,
        progress: &dyn Progress,
    ) -> Result<Vec<Comparison>> {
        let judged = self.judged_sessions();
        if judged.is_empty() || self.taste.sessions.is_empty() {
            return Ok(Vec::new());
        }
        progress.begin("judge sessions", judged.len() as u64);
        let models = Models { taste: self.taste, item_to_item: self.item_to_item()?, popularity };
        // As many sessions at a time as share a pass over the vectors while their scores stay in memory near the core.
        let batch = ((1 << 20) / self.data.log.n_items.max(1) / MOST_PLACES).clamp(1, 32);
        let measured: Vec<Measures> =
            judged.par_chunks(batch).flat_map_iter(|sessions| self.measure(sessions, &models)).collect();
        progress.end(&format!("{} sessions; {}", judged.len(), self.told_time(&judged)));
        [("Hit rate", Measure::Hit), ("MRR", Measure::Mrr)]
            .into_iter()
            .map(|(name, measure)| self.compare(name, measure, &judged, &measured))
            .collect()
    }

    /// How long it takes to say what follows, measured on one thread; for people, not for the report, which is the same
    /// on every machine.
    fn told_time(&self, judged: &[Session]) -> String {
        let mut times: Vec<Duration> = Vec::new();
        for session in judged {
            for at in 1..session.items.len() {
                let begun = Instant::now();
                std::hint::black_box(self.taste.sessions.follow(&session.items[..at]));
                times.push(begun.elapsed());
            }
        }
        times.sort_unstable();
        let at =
            |share: f64| times.get((times.len() as f64 * share) as usize).map_or(0.0, Duration::as_secs_f64);
        format!("one answer takes {:.1} µs at p50, {:.1} µs at p90", at(0.5) * 1e6, at(0.9) * 1e6)
    }

    fn compare(
        &self,
        name: &str,
        measure: Measure,
        judged: &[Session],
        measured: &[Measures],
    ) -> Result<Comparison> {
        let is_known = |session: &Session| !self.interactions.row(session.customer).is_empty();
        let mut rows = Vec::new();
        for (name, known) in [("of customers with a history", true), ("of customers unknown before", false)] {
            let group = judged.iter().zip(measured).filter(|(session, _)| is_known(session) == known);
            let group: Vec<_> = group.map(|(_, measures)| measures).collect();
            let values = |model: usize| group.iter().map(|m| m[model].get(measure)).collect();
            let values: Vec<Vec<f64>> = (0..MODELS.len()).map(values).collect();
            if !group.is_empty() {
                rows.push(Compared::of(name, &values, &self.config.evaluation.bootstrap)?);
            }
        }
        Ok(Comparison {
            title: "What comes next in a session".into(),
            measure: format!("{name}@{}", self.config.evaluation.n),
            whom: "sessions".into(),
            models: MODELS.map(str::to_owned).to_vec(),
            rows,
        })
    }

    /// Sessions that began in the window, at most as many as the configuration wants.
    fn judged_sessions(&self) -> Vec<Session> {
        let events = self.data.log.between(self.from, self.to);
        if events.first().map(|event| event.at) == events.last().map(|event| event.at) {
            return Vec::new();
        }
        let mut sessions = sessions::cut(events, self.data.log.n_customers, self.config.sessions.gap_minutes);
        // The head of a session that runs across the moment is known already.
        let gap = self.config.sessions.gap_minutes / (24.0 * 60.0);
        let goes_on = |session: &Session| {
            let last = self.interactions.row(session.customer).iter().map(|known| known.last).max();
            last.is_some_and(|last| session.begin.days_since(last) <= gap)
        };
        sessions.retain(|session| session.items.len() > 1 && !goes_on(session));
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.config.seed);
        let most = self.config.evaluation.max_sessions;
        let mut judged: Vec<Session> = sessions.sample(&mut random, most).cloned().collect();
        judged.iter_mut().for_each(|session| without_false_order(session, &mut random));
        judged
    }

    /// Neighbours of items by the sessions before the window in which they are met together.
    fn item_to_item(&self) -> Result<ItemKnn> {
        let sessions = &self.taste.sessions;
        let event = |session: usize, item: ItemIx| Event {
            at: self.from,
            customer: CustomerIx::at(session),
            item,
            quantity: 1.0,
            ..Event::default()
        };
        let rows =
            (0..sessions.len()).flat_map(|row| sessions.session(row).iter().map(move |&i| event(row, i)));
        let met = Interactions::from_events(
            &rows.collect::<Vec<_>>(),
            sessions.len(),
            sessions.n_items(),
            &KindWeights::default(),
        );
        self.config.evaluation.item_knn.check()?.fit(&met)
    }

    /// The measures of every model on some sessions, each the mean over the places at which a session is broken off.
    fn measure(&self, sessions: &[Session], models: &Models<'_>) -> Vec<Measures> {
        let places: Vec<Place<'_>> =
            sessions.iter().enumerate().flat_map(|(of, session)| self.places(of, session, models)).collect();
        let n_items = models.taste.n_items();
        let people: Vec<Person> = places.iter().map(|place| place.person.clone()).collect();
        let mut scores = vec![0f32; people.len() * n_items];
        models.taste.ranker(Repeats::Kept).score_people(&people, &mut scores);
        let mut sums = vec![Measures::default(); sessions.len()];
        for (place, scores) in places.iter().zip(scores.chunks_exact_mut(n_items)) {
            for (sum, measured) in sums[place.of].iter_mut().zip(self.measure_at(place, scores, models)) {
                sum.hit += measured.hit * place.share;
                sum.mrr += measured.mrr * place.share;
            }
        }
        sums
    }

    /// The places at which a session is broken off, with the person as they are known there.
    fn places<'a>(&self, of: usize, session: &'a Session, models: &Models<'_>) -> Vec<Place<'a>> {
        let taste = models.taste;
        let known = self.interactions.row(session.customer);
        let profile = self.data.customers.rows.of(session.customer.position());
        let every = (session.items.len() - 1).div_ceil(MOST_PLACES);
        let places: Vec<usize> = (1..session.items.len()).step_by(every).collect();
        let share = 1.0 / places.len() as f64;
        let place = |at: usize| {
            let asked = broken_off(&session.items, at, known, (self.from, &self.config.event_weights));
            let history = History::new(&asked.interactions, self.from).with_profile(profile);
            let person = taste.person(history);
            let person = if known.is_empty() { person.unknown() } else { person };
            Place { of, session, at, share, person, follows: taste.sessions.follow(&asked.session) }
        };
        places.into_iter().map(place).collect()
    }

    fn measure_at(&self, place: &Place<'_>, scores: &mut [f32], models: &Models<'_>) -> Measures {
        let n = self.config.evaluation.n;
        let (met, next) = place.session.items.split_at(place.at);
        let measure = |list: &[Scored]| ListMeasures::of(list, &next[..1], n);
        let full = |scores: &[f32]| measure(&top_n(scores, n, |item| met.contains(&item)));
        // Lists of the few items of which something is said.
        let few = |items: &mut dyn Iterator<Item = Scored>| {
            let mut top = TopN::new(n);
            items.filter(|scored| !met.contains(&scored.item)).for_each(|scored| top.offer(scored));
            measure(&top.into_sorted())
        };
        let without = full(scores);
        // The session is one more term of a sum.
        let weight = models.taste.blends.of(place.person.evidence, Repeats::Kept).session;
        place.follows.iter().for_each(|follows| scores[follows.item.position()] += weight * follows.score);
        [
            full(scores),
            without,
            few(&mut place.follows.iter().copied()),
            few(&mut met.last().into_iter().flat_map(|last| models.item_to_item.lists().of(*last))),
            few(&mut models.popularity.ranked().iter().copied().take(n + met.len())),
        ]
    }
}

/// One place at which a session is broken off.
struct Place<'a> {
    /// Where the session stands among those that are measured together.
    of: usize,
    session: &'a Session,
    at: usize,
    /// One over the places of the session.
    share: f64,
    person: Person,
    follows: Vec<Scored>,
}

/// The measures of every model.
type Measures = [ListMeasures; MODELS.len()];
