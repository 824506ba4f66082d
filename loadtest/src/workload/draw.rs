//! Fills the placeholders of requests, by a seed.

use super::population::Population;
use super::template::{Piece, Place, Text, push_escaped};
use crate::arrivals::Share;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::VecDeque;
use std::sync::Arc;

/// The latest decisions that are remembered.
const MOST_DECISIONS: usize = 4_096;

/// What draws follow from.
#[derive(Clone, Copy, Debug)]
pub struct Seed {
    /// The same number draws the same.
    pub number: u64,
    /// Where the walk over all customers begins: the same number begins at the same one.
    pub walk: u64,
    /// How many customers the walk met before.
    pub met: u64,
}

/// Draws what requests are about.
#[derive(Debug)]
pub struct Draw {
    rng: StdRng,
    /// Names what never was before, so it is the one thing that no seed repeats: not for another rate, nor in another
    /// run against the same store.
    names: StdRng,
    /// Apart, since kinds are drawn when requests become due, and the rest when they are sent.
    kinds: StdRng,
    population: Arc<Population>,
    releases: Arc<[String]>,
    next_release: usize,
    decisions: VecDeque<String>,
    /// Steps over all customers that meet each once before any twice.
    fresh: u64,
    fresh_step: u64,
    fresh_steps: u64,
    /// The customer of the request that is being filled.
    customer: Option<u64>,
    id: Vec<u8>,
}

impl Draw {
    /// Draws for one thread. `releases` may be empty where no request names one.
    pub fn new(population: Arc<Population>, releases: Arc<[String]>, share: Share, seed: Seed) -> Self {
        // Threads apart from the next numbers: one rate's second thread must not ask what the next rate's first does.
        let own_seed = seed.number.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1 + share.thread as u64);
        let count = population.customers.count();
        let stride = coprime_near(count, (count as f64 * 0.618_033_988_75) as u64);
        // Threads walk the same circle with steps as long as all of theirs together.
        let multiply = |a: u64, b: u64| (u128::from(a) * u128::from(b) % u128::from(count)) as u64;
        let before = multiply(stride, (seed.met % count + share.thread as u64) % count);
        let start = (seed.walk.wrapping_mul(0x9e37_79b9_7f4a_7c15) % count + before) % count;
        Self {
            rng: StdRng::seed_from_u64(own_seed),
            names: rand::make_rng(),
            kinds: StdRng::seed_from_u64(!own_seed),
            fresh: start,
            fresh_step: multiply(stride, share.threads as u64),
            fresh_steps: 0,
            population,
            releases,
            next_release: 0,
            decisions: VecDeque::new(),
            customer: None,
            id: Vec::new(),
        }
    }

    /// A number from 0 up to 1, to choose a kind of request by.
    pub fn chance(&mut self) -> f64 {
        self.kinds.random()
    }

    /// How many customers the walk has met since it was begun here.
    pub fn fresh_steps(&self) -> u64 {
        self.fresh_steps
    }

    /// Begins another request: it may have another customer.
    pub fn next_request(&mut self) {
        self.customer = None;
    }

    /// Keeps the id of a decision for `{decision_id}`.
    pub fn keep_decision(&mut self, id: &str) {
        if self.decisions.len() == MOST_DECISIONS {
            self.decisions.pop_front();
        }
        self.decisions.push_back(id.to_owned());
    }

    /// Appends a text with its placeholders filled.
    pub fn fill(&mut self, text: &Text, place: Place, out: &mut Vec<u8>) {
        for piece in text.pieces() {
            match piece {
                Piece::Text(bytes) => out.extend_from_slice(bytes),
                Piece::Items(n) => {
                    for at in 0..*n {
                        out.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
                        self.fill_one(&Piece::Item, place, out);
                        out.push(b'"');
                    }
                }
                piece => self.fill_one(piece, place, out),
            }
        }
    }

    fn fill_one(&mut self, piece: &Piece, place: Place, out: &mut Vec<u8>) {
        let mut id = std::mem::take(&mut self.id);
        id.clear();
        self.write(piece, &mut id);
        push_escaped(&id, place, out);
        self.id = id;
    }

    fn write(&mut self, piece: &Piece, id: &mut Vec<u8>) {
        let population = Arc::clone(&self.population);
        match piece {
            Piece::Text(_) | Piece::Items(_) => {}
            Piece::Customer => {
                let customer = self.customer.unwrap_or_else(|| population.customers.draw(&mut self.rng));
                self.customer = Some(customer);
                population.customers.write(customer, id);
            }
            Piece::FreshCustomer => {
                let count = population.customers.count();
                self.fresh =
                    ((u128::from(self.fresh) + u128::from(self.fresh_step)) % u128::from(count)) as u64;
                self.fresh_steps += 1;
                population.customers.write(self.fresh, id);
            }
            Piece::UnknownCustomer => {
                id.extend_from_slice(b"unknown-");
                self.write_uuid(id);
            }
            Piece::Item => population.items.write(population.items.draw(&mut self.rng), id),
            Piece::Offer => population.offers.write(population.offers.draw(&mut self.rng), id),
            Piece::Uuid => self.write_uuid(id),
            Piece::Now => {
                let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
                id.extend_from_slice(now.as_bytes());
            }
            Piece::DecisionId => match self.decisions.pop_front() {
                Some(decision) => id.extend_from_slice(decision.as_bytes()),
                None => self.write_uuid(id),
            },
            Piece::Release => {
                if let Some(release) = self.releases.get(self.next_release) {
                    id.extend_from_slice(release.as_bytes());
                    self.next_release = (self.next_release + 1) % self.releases.len();
                }
            }
        }
    }

    fn write_uuid(&mut self, id: &mut Vec<u8>) {
        let uuid = uuid::Builder::from_random_bytes(self.names.random()).into_uuid();
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        id.extend_from_slice(uuid.hyphenated().encode_lower(&mut text).as_bytes());
    }
}

/// The first number from a start on that shares no divisor with another one.
fn coprime_near(count: u64, start: u64) -> u64 {
    let divisor = |mut a: u64, mut b: u64| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    (start.max(1)..).find(|&number| divisor(number, count) == 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Ids, IdsSource};
    use std::collections::HashSet;
    use std::path::Path;

    fn seed(number: u64) -> Seed {
        Seed { number, walk: number, met: 0 }
    }

    fn draw(customers: u64, share: Share, seed: Seed) -> Draw {
        let ids = |pattern: &str, count| {
            let source = IdsSource::World { pattern: pattern.into(), count, first: 1, zipf: None };
            Ids::open(&source, Path::new(".")).unwrap()
        };
        let population =
            Population { customers: ids("c{n}", customers), items: ids("i{n}", 50), offers: ids("o{n}", 5) };
        Draw::new(Arc::new(population), ["a".to_owned(), "b".to_owned()].into(), share, seed)
    }

    const ALONE: Share = Share { thread: 0, threads: 1 };

    fn filled(draw: &mut Draw, text: &str) -> String {
        let mut out = Vec::new();
        draw.next_request();
        draw.fill(&Text::parse(text).unwrap(), Place::Json, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fresh_customers_are_each_asked_for_once_by_all_threads_together() {
        for (customers, threads) in [(1000, 1), (1000, 4), (997, 3), (1, 2)] {
            let mut seen = HashSet::new();
            for thread in 0..threads {
                let mut draw = draw(customers, Share { thread, threads }, seed(42));
                let own = (customers as usize - thread).div_ceil(threads);
                seen.extend((0..own.min(customers as usize)).map(|_| filled(&mut draw, "{fresh_customer}")));
            }
            assert_eq!(seen.len(), customers as usize, "{customers} customers, {threads} threads");
        }
    }

    #[test]
    fn the_walk_over_customers_goes_on_where_the_measurement_before_ended() {
        for threads in [1, 4] {
            let mut seen = HashSet::new();
            for (number, met) in [(1, 0), (2, 500)] {
                for thread in 0..threads {
                    let mut draw = draw(1000, Share { thread, threads }, Seed { number, walk: 42, met });
                    seen.extend((0..500 / threads).map(|_| filled(&mut draw, "{fresh_customer}")));
                    assert_eq!(draw.fresh_steps(), 500 / threads as u64);
                }
            }
            assert_eq!(seen.len(), 1000, "{threads} threads");
        }
    }

    #[test]
    fn one_request_is_about_one_customer_and_the_next_about_another() {
        let mut draw = draw(1_000_000, ALONE, seed(1));
        let request = filled(&mut draw, "{customer} {customer}");
        let (one, two) = request.split_once(' ').unwrap();
        assert_eq!(one, two);
        assert_ne!(filled(&mut draw, "{customer} {customer}"), request);
    }

    #[test]
    fn the_same_seed_asks_the_same_and_another_seed_something_else() {
        let text = "{customer} {items:3} {fresh_customer} {offer}";
        let asked = |number| {
            let mut draw = draw(1000, ALONE, seed(number));
            (0..20).map(|_| filled(&mut draw, text)).collect::<Vec<_>>()
        };
        assert_eq!(asked(1), asked(1));
        assert_ne!(asked(1), asked(2));
    }

    #[test]
    fn releases_alternate_and_decisions_are_answered_once() {
        let mut draw = draw(10, ALONE, seed(1));
        assert_eq!([0, 1, 2].map(|_| filled(&mut draw, "{release}")), ["a", "b", "a"]);
        draw.keep_decision("d1");
        assert_eq!(filled(&mut draw, "{decision_id}"), "d1");
        assert_eq!(
            filled(&mut draw, "{decision_id}").len(),
            36,
            "a new id, of which the service knows nothing"
        );
    }
}
