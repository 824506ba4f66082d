//! Who lives in a world, and what they buy of their own accord.

use super::WorldParams;
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;

/// A customer as they really are.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// How much they like each taste; sums to 1.
    pub liking: Vec<f64>,
    /// Days between two orders, on average.
    pub gap_days: f64,
    /// Contacts in 30 days that they bear.
    pub patience: f64,
}

/// A line of history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Purchase {
    /// Who.
    pub customer: usize,
    /// What; items are numbered taste by taste.
    pub item: usize,
    /// When, in days since the beginning of the history.
    pub day: f64,
    /// Money.
    pub price: f64,
}

/// One or two tastes dominate.
pub(super) fn draw_person(tastes: usize, random: &mut Xoshiro256PlusPlus) -> Person {
    let mut liking: Vec<f64> =
        (0..tastes).map(|_| random.random_range(0.0_f64..1.0).powi(4) + 0.01).collect();
    let sum: f64 = liking.iter().sum();
    liking.iter_mut().for_each(|share| *share /= sum);
    Person { liking, gap_days: random.random_range(4.0..20.0), patience: random.random_range(3.0..9.0) }
}

/// The most lines of one order.
const MOST_LINES: usize = 4;

pub(super) fn purchases(
    customer: usize,
    person: &Person,
    params: &WorldParams,
    random: &mut Xoshiro256PlusPlus,
) -> Vec<Purchase> {
    let mut bought = Vec::new();
    let mut day = random.random_range(0.0..person.gap_days);
    while day < f64::from(params.history_days) {
        for _ in 0..random.random_range(1..=MOST_LINES) {
            let taste = draw(&person.liking, random);
            // Few items of a taste sell much: the square of a uniform number crowds at the front.
            let place = random.random_range(0.0_f64..1.0).powi(2) * params.items_per_taste as f64;
            let item = taste * params.items_per_taste + (place as usize).min(params.items_per_taste - 1);
            bought.push(Purchase { customer, item, day, price: 1.0 + (item % 20) as f64 });
        }
        day += -person.gap_days * (1.0 - random.random_range(0.0_f64..1.0)).ln();
    }
    bought
}

/// A place drawn by shares that sum to 1.
fn draw(shares: &[f64], random: &mut Xoshiro256PlusPlus) -> usize {
    let mut left = random.random_range(0.0..1.0);
    for (place, share) in shares.iter().enumerate() {
        left -= share;
        if left < 0.0 {
            return place;
        }
    }
    shares.len() - 1
}
