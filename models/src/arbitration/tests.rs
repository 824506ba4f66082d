//! Slates whose chances are known, and invariants of all others.

use super::field::Field;
use super::twin::Twin;
use super::*;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

const GREEDY: Exploration = Exploration::EpsilonGreedy { epsilon: 0.2, floor: 0.04 };
const THOMPSON: Exploration = Exploration::Thompson { floor: 0.02, draws: 256, scale: 1.0 };

fn contender(priority: f64) -> Contender {
    let factors = Factors { propensity: 0.1, context: 1.0, value: 10.0 * priority, lever: 1.0 };
    let group = (priority * 7.0) as u32;
    Contender {
        priority,
        uncertainty: 0.4,
        factors,
        mandatory: false,
        explore: true,
        group,
        excludes: vec![],
    }
}

fn five() -> Vec<Contender> {
    [3.0, 5.0, 4.0, 1.0, 2.0].map(contender).to_vec()
}

/// Who can be shown at the rank after some others, with their probabilities.
fn chances(
    contenders: &[Contender],
    shown: &[usize],
    (n, max_per_group): (usize, Option<usize>),
    exploration: &Exploration,
) -> Vec<Slot> {
    let mut field = Field::new(contenders, max_per_group);
    field.close_to_chance(n, exploration);
    shown.iter().for_each(|at| field.take(*at));
    exploration.chances(&field, &mut Xoshiro256PlusPlus::seed_from_u64(3))
}

fn indices(slots: &[Slot]) -> Vec<usize> {
    slots.iter().map(|slot| slot.contender).collect()
}

#[test]
fn without_exploration_a_slate_is_by_priority_with_probability_1() {
    let slots = slate(&five(), 3, None, &Exploration::Off, 1);
    assert_eq!(indices(&slots), [1, 2, 0]);
    assert!(slots.iter().all(|slot| slot.probability == 1.0));
    let mut equal = vec![contender(1.0); 3];
    equal[1].priority = f64::NAN;
    assert_eq!(indices(&slate(&equal, 9, None, &Exploration::Off, 1)), [0, 2, 1], "ties by index, NaN last");
}

#[test]
fn the_best_of_k_explored_has_one_less_epsilon_and_its_share_and_the_floor_says_how_many_k_are() {
    let close = |slots: Vec<Slot>, wanted: &[(usize, f64)]| {
        assert_eq!(slots.len(), wanted.len(), "{slots:?}");
        for (slot, (at, probability)) in slots.iter().zip(wanted) {
            assert!(slot.contender == *at && (slot.probability - probability).abs() < 1e-12, "{slots:?}");
        }
    };
    let all = [(1, 0.84), (2, 0.04), (0, 0.04), (4, 0.04), (3, 0.04)];
    close(chances(&five(), &[], (3, None), &GREEDY), &all);
    let three = Exploration::EpsilonGreedy { epsilon: 0.15, floor: 0.05 };
    close(chances(&five(), &[], (3, None), &three), &[(1, 0.9), (2, 0.05), (0, 0.05)]);
    close(
        chances(&five(), &[2], (3, None), &Exploration::EVERYONE_ALIKE),
        &[1, 0, 4, 3].map(|at| (at, 0.25)),
    );
    let too_little = Exploration::EpsilonGreedy { epsilon: 0.05, floor: 0.04 };
    close(chances(&five(), &[], (3, None), &too_little), &[(1, 1.0)]);
}

#[test]
fn a_rank_whose_best_is_regulated_or_mandatory_is_not_explored() {
    for exploration in [GREEDY, THOMPSON] {
        let mut contenders = five();
        contenders[1].explore = false;
        let certain = vec![Slot { contender: 1, probability: 1.0 }];
        assert_eq!(chances(&contenders, &[], (1, None), &exploration), certain);
        contenders[3].mandatory = true;
        let mandatory = vec![Slot { contender: 3, probability: 1.0 }];
        assert_eq!(chances(&contenders, &[], (2, None), &exploration), mandatory);
        assert_eq!(chances(&contenders, &[3], (2, None), &exploration), certain);
    }
}

#[test]
fn chance_makes_no_room_for_a_regulated_offer() {
    // Priority shows 1, which excludes the regulated 2. Chance may show another instead; then 2 is the best that is left.
    let mut contenders = five();
    contenders[2].explore = false;
    contenders[1].excludes = vec![2];
    contenders[0].excludes = vec![1];
    assert!(indices(&chances(&contenders, &[0], (2, None), &GREEDY)).iter().all(|at| *at != 2));
    // Where everything is chance there is no best.
    let open = chances(&contenders[2..3], &[], (1, None), &Exploration::EVERYONE_ALIKE);
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn two_that_are_uncertain_win_as_often_as_normal_distributions_say() {
    // Equal values, propensities whose log odds differ by 0.5, deviations 0.3 and 0.4: Φ(0.5 / 0.5) = 0.841345.
    let mut pair = vec![contender(1.0), contender(1.0)];
    let odds = 0.1 / 0.9 * 0.5f64.exp();
    let better = odds / (1.0 + odds);
    pair[1].factors.propensity = better;
    pair[1].priority *= better / 0.1;
    (pair[0].uncertainty, pair[1].uncertainty) = (0.3, 0.4);
    let wins = |scale| {
        let many = Exploration::Thompson { floor: 0.0, draws: 60_000, scale };
        let slots = chances(&pair, &[], (1, None), &many);
        slots.iter().find(|slot| slot.contender == 1).map(|slot| slot.probability).unwrap()
    };
    let found = wins(1.0);
    assert!((found - 0.841_345).abs() < 0.006, "{found}");
    // With half the deviations: Φ(0.5 / 0.25) = 0.977250.
    let narrowed = wins(0.5);
    assert!((narrowed - 0.977_250).abs() < 0.003, "{narrowed}");
}

#[test]
fn small_shares_of_thompson_sampling_are_pooled_up_to_the_floor() {
    let shares = |given: &[f64]| -> Vec<Slot> {
        given.iter().enumerate().map(|(contender, &probability)| Slot { contender, probability }).collect()
    };
    let pooled = thompson::with_floor(shares(&[0.05, 0.8, 0.03, 0.02, 0.1]), 0.05);
    assert_eq!(indices(&pooled), [1, 4, 0, 2]);
    assert!((pooled[3].probability - 0.05).abs() < 1e-12, "{pooled:?}");
    let too_small = thompson::with_floor(shares(&[0.98, 0.02]), 0.05);
    assert_eq!((indices(&too_small), too_small[0].probability), (vec![0], 1.0));
}

/// Over many seeds, contenders are shown as often as is logged, at the first rank and, after each first, at the second.
fn frequencies_match(contenders: &[Contender], exploration: &Exploration) {
    const SEEDS: u64 = 40_000;
    let m = contenders.len();
    let mut first = vec![(0.0, 0.0); m];
    let mut second = vec![vec![(0.0, 0.0); m]; m];
    for seed in 0..SEEDS {
        let slots = slate(contenders, 2, None, exploration, seed);
        first[slots[0].contender].0 += 1.0;
        // The inverse of what is logged estimates 1 for each who can be shown, if it is right.
        first[slots[0].contender].1 += 1.0 / slots[0].probability;
        let after = &mut second[slots[0].contender][slots[1].contender];
        after.0 += 1.0;
        after.1 += 1.0 / slots[1].probability;
    }
    let agree = |cells: &[(f64, f64)]| {
        let all: f64 = cells.iter().map(|cell| cell.0).sum();
        for &(times, inverse) in cells.iter().filter(|cell| cell.0 >= 300.0) {
            let error = (inverse / all - 1.0).abs();
            assert!(error < 5.0 / times.sqrt(), "shown {times} of {all}, weights {inverse}");
        }
    };
    agree(&first);
    second.iter().for_each(|cells| agree(cells));
}

#[test]
fn contenders_are_shown_as_often_as_their_logged_probabilities_say() {
    let mut contenders = five();
    contenders[4].explore = false;
    contenders[2].excludes = vec![0];
    frequencies_match(&contenders, &GREEDY);
    frequencies_match(&contenders, &Exploration::EVERYONE_ALIKE);
    frequencies_match(&contenders, &Exploration::Thompson { floor: 0.02, draws: 64, scale: 1.0 });
}

#[test]
fn explorations_out_of_range_are_refused_by_name() {
    let text = |exploration: Exploration| exploration.check().unwrap_err().to_string();
    assert!(text(Exploration::EpsilonGreedy { epsilon: 1.5, floor: 0.0 }).contains("epsilon"));
    assert!(
        text(Exploration::EpsilonGreedy { epsilon: 0.05, floor: 0.03 })
            .contains("half of exploration.epsilon")
    );
    assert!(text(Exploration::EpsilonGreedy { epsilon: 0.05, floor: f64::NAN }).contains("floor"));
    let thompson = |draws, scale| text(Exploration::Thompson { floor: 0.1, draws, scale });
    assert!(thompson(0, 1.0).contains("draws") && thompson(1, f64::NAN).contains("scale"));
    let read: Exploration = serde_json::from_str(r#"{"method": "epsilon_greedy", "epsilon": 0.1}"#).unwrap();
    assert_eq!(read, Exploration::EpsilonGreedy { epsilon: 0.1, floor: 0.01 });
    read.check().unwrap();
    assert!(serde_json::from_str::<Exploration>(r#"{"method": "thompson", "epsilon": 0.1}"#).is_err());
}

fn any_contender(most: usize) -> impl Strategy<Value = Contender> {
    let number = prop_oneof![
        6 => (-2i8..6).prop_map(f64::from),
        1 => any::<f64>(),
        1 => Just(f64::NAN),
    ];
    let propensity = prop_oneof![4 => 0.0..=1.0, 1 => any::<f64>()];
    let excludes = prop::collection::vec(0..most + 2, 0..2);
    let flags = (prop::bool::weighted(0.15), prop::bool::weighted(0.7));
    (number.clone(), number, propensity, flags, 0u32..4, excludes).prop_map(
        |(priority, uncertainty, propensity, (mandatory, explore), group, excludes)| {
            let factors = Factors { propensity, context: 1.0, value: 1.0, lever: 1.0 };
            Contender { priority, uncertainty, factors, mandatory, explore, group, excludes }
        },
    )
}

fn any_exploration() -> impl Strategy<Value = Exploration> {
    let share = || prop_oneof![4 => 0.0..=1.0, 1 => any::<f64>(), 1 => Just(1.0)];
    prop_oneof![
        Just(Exploration::Off),
        (share(), share())
            .prop_map(|(epsilon, floor)| Exploration::EpsilonGreedy { epsilon, floor: floor / 8.0 }),
        (share(), 0usize..40, share()).prop_map(|(floor, draws, scale)| Exploration::Thompson {
            floor,
            draws,
            scale
        }),
    ]
}

proptest! {
    #[test]
    fn a_slate_keeps_every_rule_whatever_the_contenders(
        contenders in prop::collection::vec(any_contender(12), 0..12),
        n in 0usize..6,
        max_per_group in prop::option::of(0usize..4),
        exploration in any_exploration(),
        seed in any::<u64>(),
    ) {
        let slots = slate(&contenders, n, max_per_group, &exploration, seed);
        prop_assert_eq!(&slots, &slate(&contenders, n, max_per_group, &exploration, seed));
        prop_assert!(slots.len() <= n);
        let shown = indices(&slots);
        let twin = Twin { contenders: &contenders, n, max_per_group, exploration };
        let by_priority = twin.by_priority();
        for (rank, slot) in slots.iter().enumerate() {
            let before = &shown[..rank];
            let contender = &contenders[slot.contender];
            prop_assert!(slot.probability > 0.0 && slot.probability <= 1.0 + 1e-9);
            prop_assert!(!before.contains(&slot.contender));
            for other in before {
                prop_assert!(!contender.excludes.contains(other));
                prop_assert!(!contenders[*other].excludes.contains(&slot.contender));
                prop_assert!(!contender.mandatory || contenders[*other].mandatory, "mandatory first");
            }
            let in_group = before.iter().filter(|at| contenders[**at].group == contender.group).count();
            prop_assert!(max_per_group.is_none_or(|most| in_group < most));
            if !contender.explore && !contender.mandatory {
                prop_assert!(by_priority.contains(&slot.contender) && slot.probability == 1.0);
            }
            let all = chances(&contenders, before, (n, max_per_group), &exploration);
            prop_assert!((all.iter().map(|slot| slot.probability).sum::<f64>() - 1.0).abs() < 1e-9);
            let floor = match exploration {
                Exploration::EpsilonGreedy { floor, .. } | Exploration::Thompson { floor, .. } => floor.min(1.0),
                Exploration::Off => 1.0,
            };
            prop_assert!(!all.iter().any(|slot| slot.probability < floor - 1e-9), "{:?}", all);
        }
    }

    #[test]
    fn chances_are_those_of_the_slow_twin(
        contenders in prop::collection::vec(any_contender(8), 1..8),
        n in 1usize..5,
        max_per_group in prop::option::of(1usize..3),
        epsilon in prop_oneof![3 => 0.0..=1.0, 1 => Just(1.0), 1 => Just(0.0)],
        floor in 0.0..0.4,
        seed in any::<u64>(),
    ) {
        for exploration in [Exploration::Off, Exploration::EpsilonGreedy { epsilon, floor }] {
            let twin = Twin { contenders: &contenders, n, max_per_group, exploration };
            let shown = indices(&slate(&contenders, n, max_per_group, &exploration, seed));
            for rank in 0..=shown.len().min(n - 1) {
                let wanted = twin.chances(&shown[..rank]);
                let mut found = vec![0.0; contenders.len()];
                for slot in chances(&contenders, &shown[..rank], (n, max_per_group), &exploration) {
                    found[slot.contender] = slot.probability;
                }
                let close = wanted.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-9);
                prop_assert!(close, "{:?} {:?} after {:?}", wanted, found, &shown[..rank]);
            }
        }
    }
}
