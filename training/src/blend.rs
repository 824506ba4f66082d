//! Learning how the views are blended, for each degree of knowing a person, on what was held back.

use crate::config::TrainingConfig;
use crate::fit::{Known, ViewParams, fit_taste};
use crate::holdout::Holdout;
use crate::progress::Progress;
use models::Result;
use models::attributes::FeatureRows;
use models::events::Timestamp;
use models::measures::Repeats;
use models::taste::blend::{Learned, Lessons};
use models::taste::{Blend, Blends, ByRepeats, Evidence, Taste};
use serde::{Deserialize, Serialize};

/// How well the blends do on what was held back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    /// People with a history, on baskets in which owned items count.
    pub kept: Learned,
    /// The same on new items.
    pub removed: Learned,
    /// People of whom a few items are known; `None` where there were too few to learn on, as for what follows.
    pub few: Option<Learned>,
    /// People of whom one or two are.
    pub glimpse: Option<Learned>,
    /// People of whom nothing but their profile is known.
    pub stranger: Option<Learned>,
    /// What comes next in a session of someone with a history.
    pub session_of_known: Option<Learned>,
    /// What comes next in a session of someone unknown.
    pub session_of_unknown: Option<Learned>,
}

/// Views whose blends were learned on what was held back.
pub struct Blended {
    /// The views and their blends.
    pub taste: Taste,
    /// What is held back from the views.
    pub holdout: Holdout,
    /// How well the blends do.
    pub lesson: Lesson,
}

/// Both treatments of owned items.
const BOTH: [Repeats; 2] = [Repeats::Kept, Repeats::Removed];

/// People below whom nothing is learned.
const LEAST_PEOPLE: usize = 30;

/// How many items of a person's own a profile is worth until that is learned.
const FIRST_PROFILE_ITEMS: f32 = 2.0;

/// How many it may be worth.
const PROFILE_ITEMS: [f32; 8] = [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

/// Learns the views without what is held back, and on it the blends for people with a history; those for others
/// are the same until [`learn_others`].
///
/// # Errors
/// As [`fit_taste`]; [`models::Error::Empty`] when nobody could lose a basket.
pub fn learn_history(
    config: &TrainingConfig,
    params: &ViewParams,
    known: Known<'_>,
    progress: &dyn Progress,
) -> Result<Blended> {
    let Known { log, interactions, as_of, customers, .. } = known;
    let holdout = Holdout::draw(config, log, as_of);
    let people = holdout.people(&customers.rows);
    if people.is_empty() {
        return Err(models::Error::Empty {
            what: "the sample of baskets to learn the blend on",
            remedy: "no customer has a second order or three purchases; give a longer history",
        });
    }
    let rest = holdout.without(interactions);
    let known = Known { interactions: &rest, holdout: Some(&holdout), ..known };
    let mut taste = fit_taste(config, params, known, None, progress)?;
    let lessons = Lessons::new(&taste, &people, as_of, config.blend.n);
    let (mut kept, mut removed) = (lessons.learn(Repeats::Kept), lessons.learn(Repeats::Removed));
    // Half of every vector, of every scan and of the memory is worth a difference that chance explains.
    let lean = BOTH.map(|repeats| lessons.learn_without_spectral(repeats));
    if lessons.is_as_good(&lean[0].blend, &kept.blend, Repeats::Kept)
        && lessons.is_as_good(&lean[1].blend, &removed.blend, Repeats::Removed)
    {
        [kept, removed] = lean;
        taste.spectral = None;
    }
    let history = ByRepeats { kept: kept.blend, removed: removed.blend };
    // Until more is learned, a profile is trusted as much as a history, and popularity as beside one.
    let Blend { factors, popular, .. } = removed.blend;
    let popular = if factors == 0.0 && popular == 0.0 { 1.0 } else { popular };
    let stranger = Blend { factors, popular, ..Blend::default() };
    taste.blends = Blends { stranger, profile_items: FIRST_PROFILE_ITEMS, ..Blends::everyone(history) };
    let lesson = Lesson {
        kept,
        removed,
        few: None,
        glimpse: None,
        stranger: None,
        session_of_known: None,
        session_of_unknown: None,
    };
    Ok(Blended { taste, holdout, lesson })
}

/// Learns the blends for people of whom little is known, and for sessions.
pub fn learn_others(
    blended: &mut Blended,
    config: &TrainingConfig,
    profiles: &FeatureRows,
    as_of: Timestamp,
) {
    learn_few(blended, config, profiles, as_of);
    let n = config.blend.n;
    let strangers = blended.holdout.strangers(profiles);
    if strangers.len() >= LEAST_PEOPLE {
        let learned = Lessons::new(&blended.taste, &strangers, as_of, n).learn(Repeats::Kept);
        (blended.taste.blends.stranger, blended.lesson.stranger) = (learned.blend, Some(learned));
    }
    learn_sessions(blended, config, as_of);
}

/// Blends for people with one or two items and with a few, and what a profile is worth beside these.
fn learn_few(blended: &mut Blended, config: &TrainingConfig, profiles: &FeatureRows, as_of: Timestamp) {
    let of = |evidence| blended.holdout.acquaintances(evidence, profiles);
    let people = [of(Evidence::Glimpse), of(Evidence::Few)];
    if people.iter().any(|people| people.len() < LEAST_PEOPLE) {
        return;
    }
    let mut lessons = people.map(|people| Lessons::new(&blended.taste, &people, as_of, config.blend.n));
    let learn = |lessons: &Lessons| BOTH.map(|repeats| lessons.learn(repeats));
    let first = [learn(&lessons[0]), learn(&lessons[1])];
    let mut quality = |profile_items: f32| -> f64 {
        lessons.iter_mut().for_each(|lessons| lessons.set_profile_items(profile_items));
        let of_group = |(lessons, learned): (&Lessons, &[Learned; 2])| -> f64 {
            let of = BOTH.iter().zip(learned).map(|(repeats, l)| lessons.quality_of(&l.blend, *repeats));
            of.sum()
        };
        lessons.iter().zip(&first).map(of_group).sum()
    };
    // Of equals the one that trusts a person's own history most.
    let judged = PROFILE_ITEMS.map(|profile_items| (quality(profile_items), profile_items));
    let best = judged.into_iter().reduce(|best, next| if next.0 > best.0 { next } else { best });
    let profile_items = best.map_or(0.0, |(_, profile_items)| profile_items);
    lessons.iter_mut().for_each(|lessons| lessons.set_profile_items(profile_items));
    let [glimpse, few] = [learn(&lessons[0]), learn(&lessons[1])];
    let blends = &mut blended.taste.blends;
    let by_repeats = |[kept, removed]: [Learned; 2]| ByRepeats { kept: kept.blend, removed: removed.blend };
    (blends.glimpse, blends.few) = (by_repeats(glimpse), by_repeats(few));
    blends.profile_items = profile_items;
    (blended.lesson.glimpse, blended.lesson.few) = (Some(glimpse[0]), Some(few[0]));
}

/// The blend for sessions of someone unknown, and the weight of a session for others.
fn learn_sessions(blended: &mut Blended, config: &TrainingConfig, as_of: Timestamp) {
    let n = config.blend.n;
    let unknown = blended.holdout.sessions(config, as_of, true);
    if unknown.len() >= LEAST_PEOPLE {
        let learned = Lessons::new(&blended.taste, &unknown, as_of, n).learn(Repeats::Kept);
        (blended.taste.blends.session, blended.lesson.session_of_unknown) = (learned.blend, Some(learned));
    }
    let known = blended.holdout.sessions(config, as_of, false);
    if known.len() < LEAST_PEOPLE {
        return;
    }
    let lessons = Lessons::new(&blended.taste, &known, as_of, n);
    let add = |blends: &mut ByRepeats| {
        let kept = lessons.add_session(blends.kept, Repeats::Kept);
        (blends.kept, blends.removed) =
            (kept.blend, lessons.add_session(blends.removed, Repeats::Removed).blend);
        kept
    };
    let blends = &mut blended.taste.blends;
    add(&mut blends.few);
    add(&mut blends.glimpse);
    blended.lesson.session_of_known = Some(add(&mut blends.history));
}
