//! One suite for every recommender: what any scorer must do, whatever it has learned.
#![allow(clippy::unwrap_used, reason = "a test may stop anywhere")]

mod shared;

use models::frequency::FrequencyParams;
use models::ials::{Ials, IalsParams};
use models::interactions::{History, Interaction, Interactions};
use models::item_knn::{ItemKnn, ItemKnnParams};
use models::item_lists::ItemLists;
use models::item_weights::{ItemWeights, ItemWeightsParams, Learner};
use models::measures::{Cases, EvaluateOptions, Repeats, evaluate};
use models::popularity::{Popularity, PopularityParams};
use models::scoring::Scorer;
use models::spectral::{Spectral, SpectralParams};
use shared::{AS_OF, Shop, checkerboard, shop};

/// A scorer and what the suite expects of it.
struct Candidate {
    fit: fn(&Shop) -> Box<dyn Scorer + Send>,
    /// Takes the model apart and puts it together again, as a release does.
    rebuilt: fn(&Shop) -> Box<dyn Scorer + Send>,
    /// Whether it learns from other people which items belong together.
    personal: bool,
    /// Recall@10 of new items on the test shop; chance is about .05.
    floor: f64,
}

fn popularity(shop: &Shop) -> Popularity {
    PopularityParams::default().check().unwrap().fit(&shop.events, shop.n_items, AS_OF).unwrap()
}

fn item_knn(shop: &Shop) -> ItemKnn {
    ItemKnnParams::default().check().unwrap().fit(&shop.interactions()).unwrap()
}

fn ials(shop: &Shop) -> Ials {
    let params = IalsParams { factors: 16, sweeps: 12, ..Default::default() };
    params.check().unwrap().fit(&shop.interactions(), AS_OF, |_| {}).unwrap()
}

fn spectral(shop: &Shop) -> Spectral {
    let params = SpectralParams { factors: 4, ..Default::default() };
    params.check().unwrap().fit(&shop.interactions(), AS_OF).unwrap()
}

fn item_weights(shop: &Shop, learner: Learner) -> ItemWeights {
    let params = ItemWeightsParams { learner, ..Default::default() };
    params.check().unwrap().fit(&shop.interactions(), AS_OF).unwrap()
}

fn rebuilt_weights(shop: &Shop, learner: Learner) -> Box<dyn Scorer + Send> {
    let model = item_weights(shop, learner);
    let lists = model.lists();
    let parts = (lists.starts().to_vec(), lists.items().to_vec(), lists.weights().to_vec());
    let lists = ItemLists::from_parts(parts.0, parts.1, parts.2).unwrap();
    Box::new(ItemWeights::from_parts(lists, *model.confidence()).unwrap())
}

const CANDIDATES: [Candidate; 8] = [
    Candidate {
        fit: |shop| Box::new(spectral(shop)),
        rebuilt: |shop| {
            let model = spectral(shop);
            let (vectors, scale) = (model.vectors().clone(), model.input_scale().to_vec());
            Box::new(Spectral::from_parts(vectors, scale, *model.projection()).unwrap())
        },
        personal: true,
        floor: 0.25,
    },
    Candidate {
        fit: |shop| Box::new(item_weights(shop, Learner::Filter)),
        rebuilt: |shop| rebuilt_weights(shop, Learner::Filter),
        personal: true,
        floor: 0.25,
    },
    Candidate {
        fit: |shop| Box::new(item_weights(shop, Learner::Ease)),
        rebuilt: |shop| rebuilt_weights(shop, Learner::Ease),
        personal: true,
        floor: 0.28,
    },
    Candidate {
        fit: |shop| Box::new(item_weights(shop, Learner::Slim)),
        rebuilt: |shop| rebuilt_weights(shop, Learner::Slim),
        personal: true,
        floor: 0.28,
    },
    Candidate {
        fit: |shop| Box::new(popularity(shop)),
        rebuilt: |shop| Box::new(Popularity::from_scores(popularity(shop).scores().to_vec()).unwrap()),
        personal: false,
        floor: 0.12,
    },
    Candidate {
        fit: |shop| Box::new(FrequencyParams::default().check().unwrap().fit(&popularity(shop))),
        rebuilt: |shop| Box::new(FrequencyParams::default().check().unwrap().fit(&popularity(shop))),
        personal: false,
        floor: 0.12,
    },
    Candidate {
        fit: |shop| Box::new(item_knn(shop)),
        rebuilt: |shop| {
            let model = item_knn(shop);
            let lists = model.lists();
            let parts = (lists.starts().to_vec(), lists.items().to_vec(), lists.weights().to_vec());
            Box::new(ItemKnn::from_lists(ItemLists::from_parts(parts.0, parts.1, parts.2).unwrap()))
        },
        personal: true,
        floor: 0.28,
    },
    Candidate {
        fit: |shop| Box::new(ials(shop)),
        rebuilt: |shop| {
            let model = ials(shop);
            Box::new(Ials::from_parts(model.item_factors().clone(), *model.projection()).unwrap())
        },
        personal: true,
        floor: 0.25,
    },
];

fn scores(scorer: &dyn Scorer, interactions: &[Interaction]) -> Vec<f32> {
    let mut scores = vec![f32::NAN; scorer.n_items()];
    scorer.score(History::new(interactions, AS_OF), &mut scores);
    scores
}

#[test]
fn anyone_gets_a_finite_score_for_every_item() {
    let shop = shop();
    let known = shop.interactions();
    let unheard_of = [shared::bought(3), shared::bought(shop.n_items as u32 + 7)];
    let people: [(&str, &[Interaction]); 4] = [
        ("a customer of the training data", known.row(models::ids::CustomerIx(0))),
        ("a newcomer with one purchase", &unheard_of[..1]),
        ("someone with an item outside the catalogue", &unheard_of),
        ("someone without history", &[]),
    ];
    for candidate in &CANDIDATES {
        let model = (candidate.fit)(&shop);
        for (who, history) in people {
            let scores = scores(model.as_ref(), history);
            assert!(scores.iter().all(|score| score.is_finite()), "{} for {who}", model.name());
        }
        let beyond = scores(model.as_ref(), &unheard_of);
        assert_eq!(
            beyond,
            scores(model.as_ref(), &unheard_of[..1]),
            "{}: unknown items add nothing",
            model.name()
        );
    }
}

#[test]
fn fitting_again_or_on_other_threads_or_from_its_parts_gives_the_same_scores() {
    let shop = shop();
    let histories = shop.interactions();
    let all = |model: &dyn Scorer| -> Vec<Vec<f32>> {
        histories.rows().map(|(_, history)| scores(model, history)).collect()
    };
    for candidate in &CANDIDATES {
        let model = (candidate.fit)(&shop);
        let expected = all(model.as_ref());
        let on_threads = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        for n in [1, 3] {
            let again = on_threads(n).install(|| (candidate.fit)(&shop));
            assert_eq!(all(again.as_ref()), expected, "{} on {n} threads", model.name());
        }
        assert_eq!(all((candidate.rebuilt)(&shop).as_ref()), expected, "{} from its parts", model.name());
    }
}

#[test]
fn a_batch_scores_like_one_by_one() {
    let shop = shop();
    let histories = shop.interactions();
    let people: Vec<History<'_>> =
        histories.rows().take(5).map(|(_, interactions)| History::new(interactions, AS_OF)).collect();
    for candidate in &CANDIDATES {
        let model = (candidate.fit)(&shop);
        let mut batch = vec![f32::NAN; people.len() * shop.n_items];
        model.score_batch(&people, &mut batch);
        for (person, batch) in people.iter().zip(batch.chunks_exact(shop.n_items)) {
            let single = scores(model.as_ref(), person.interactions);
            let close = single.iter().zip(batch).all(|(a, b)| (a - b).abs() <= 1e-5 * (1.0 + a.abs()));
            assert!(close, "{}", model.name());
        }
    }
}

#[test]
fn on_a_checkerboard_people_get_the_missing_squares_of_their_own_colour() {
    let board = checkerboard();
    let histories = board.interactions();
    for candidate in CANDIDATES.iter().filter(|candidate| candidate.personal) {
        let model = (candidate.fit)(&board);
        for (customer, history) in histories.rows() {
            let owned = |item| history.iter().any(|interaction| interaction.item == item);
            let best = models::ranking::top_n(&scores(model.as_ref(), history), 1, owned)[0].item;
            assert_eq!(
                best.0 % 2,
                customer.0 % 2,
                "{}: customer {} got {}",
                model.name(),
                customer.0,
                best.0
            );
        }
    }
}

#[test]
fn new_items_are_found_at_least_as_well_as_the_floor() {
    let shop = shop();
    let history: Interactions = shop.interactions();
    let cases = Cases::from_events(&history, AS_OF, &shop.afterwards).unwrap().with_history();
    let options = EvaluateOptions { n: 10, repeats: Repeats::Removed, ..Default::default() };
    for candidate in &CANDIDATES {
        let model = (candidate.fit)(&shop);
        let recall = evaluate(model.as_ref(), &cases, &options).unwrap().summary.recall;
        assert!(recall.mean >= candidate.floor, "{}: {recall:?}", model.name());
    }
}
