//! How likely each contender is to be the best, since propensities are not known exactly.

use super::exploration::afforded;
use super::field::Field;
use super::slate::{Contender, Slot};
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, StandardNormal};

/// Draws are cut here. That makes it certain, not just likely, that a contender whose best draw is below another's worst
/// never wins, and so need not be drawn.
const MOST_DEVIATIONS: f64 = 3.0;

/// In how many of the draws each explorable contender has the highest priority, as a share; in the order of priority, and
/// only those that won. Deviations are multiplied by `scale`.
pub(super) fn shares(
    field: &Field<'_>,
    (draws, scale): (usize, f64),
    random: &mut Xoshiro256PlusPlus,
) -> Vec<Slot> {
    let drawn: Vec<(usize, Drawn)> =
        field.explorable().map(|at| (at, Drawn::of(&field.contenders[at], scale))).collect();
    let bar = drawn.iter().map(|(_, drawn)| drawn.low()).fold(f64::NEG_INFINITY, f64::max);
    let able: Vec<(usize, Drawn)> = drawn.into_iter().filter(|(_, drawn)| drawn.high() >= bar).collect();
    let mut wins = vec![0u32; able.len()];
    for _ in 0..draws {
        let mut best = (f64::NEG_INFINITY, 0);
        for (place, (_, drawn)) in able.iter().enumerate() {
            let priority = drawn.draw(random);
            // Of equals the first stays: the better by what was foretold.
            if priority > best.0 {
                best = (priority, place);
            }
        }
        if let Some(wins) = wins.get_mut(best.1) {
            *wins += 1;
        }
    }
    let share = |wins: u32| f64::from(wins) / draws as f64;
    let slots =
        able.iter().zip(wins).map(|((at, _), wins)| Slot { contender: *at, probability: share(wins) });
    slots.filter(|slot| slot.probability > 0.0).collect()
}

/// The same shares with none below the floor: small ones are pooled, and the largest of them share the pool equally, as
/// many as it affords. A pool too small for one goes to the likeliest.
pub(super) fn with_floor(mut shares: Vec<Slot>, floor: f64) -> Vec<Slot> {
    // A stable sort: of equal shares, the better priority stays first.
    shares.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let n_large = shares.partition_point(|slot| slot.probability >= floor);
    let pool: f64 = shares[n_large..].iter().map(|slot| slot.probability).sum();
    let n_small = afforded(pool, floor).min(shares.len() - n_large);
    shares.truncate(n_large + n_small);
    if n_small > 0 {
        shares[n_large..].iter_mut().for_each(|slot| slot.probability = pool / n_small as f64);
    } else if let Some(likeliest) = shares.first_mut() {
        likeliest.probability += pool;
    }
    shares
}

/// A priority whose propensity is drawn: `priority × p′ / p` with p′ of log odds `logit p + deviation · z`.
struct Drawn {
    priority: f64,
    propensity: f64,
    odds_inverse: f64,
    deviation: f64,
}

impl Drawn {
    fn of(contender: &Contender, scale: f64) -> Self {
        let Contender { priority, uncertainty, factors, .. } = contender;
        let (propensity, deviation) = (factors.propensity, uncertainty * scale);
        let is_known = priority.is_finite() && propensity > 0.0 && propensity < 1.0;
        let is_drawn = is_known && deviation.is_finite() && deviation > 0.0;
        Self {
            priority: if priority.is_finite() { *priority } else { f64::MIN },
            propensity,
            odds_inverse: 1.0 / propensity - 1.0,
            deviation: if is_drawn { deviation } else { 0.0 },
        }
    }

    fn at(&self, z: f64) -> f64 {
        if self.deviation == 0.0 {
            return self.priority;
        }
        let propensity = 1.0 / (1.0 + self.odds_inverse * (-self.deviation * z).exp());
        let priority = self.priority * (propensity / self.propensity);
        if priority.is_finite() { priority } else { self.priority }
    }

    fn low(&self) -> f64 {
        self.at(-MOST_DEVIATIONS).min(self.at(MOST_DEVIATIONS))
    }

    fn high(&self) -> f64 {
        self.at(-MOST_DEVIATIONS).max(self.at(MOST_DEVIATIONS))
    }

    fn draw(&self, random: &mut Xoshiro256PlusPlus) -> f64 {
        if self.deviation == 0.0 {
            return self.priority;
        }
        let z: f64 = StandardNormal.sample(random);
        self.at(z.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS))
    }
}
