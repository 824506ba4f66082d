//! The knee: the highest rate at which all gates hold.

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// The first rate to try, in requests a second.
    pub from: f64,
    /// The highest.
    pub most: f64,
    /// How near the rate that holds and the one that does not must be, as a share.
    pub precision: f64,
    /// How often a rate that does not hold is tried before that is believed.
    pub tries: u32,
}

/// The lowest rate that is tried.
const LEAST: f64 = 1.0;

impl Search {
    /// Doubles the rate while the gates hold (or halves it until they do), then halves the distance between the
    /// highest rate that held and the lowest that did not. None, when no rate held.
    ///
    /// # Errors
    /// That of a try.
    pub fn run<E>(&self, mut holds: impl FnMut(f64) -> Result<bool, E>) -> Result<Option<f64>, E> {
        let mut tried = |rate: f64| -> Result<bool, E> {
            for _ in 0..self.tries.max(1) {
                if holds(rate)? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        let (mut held, mut broken) = (None, None);
        let mut rate = self.from;
        while held.is_none() || broken.is_none() {
            if tried(rate)? {
                held = Some(rate);
                if rate >= self.most {
                    return Ok(held);
                }
                rate = (rate * 2.0).min(self.most);
            } else {
                broken = Some(rate);
                rate /= 2.0;
            }
            if held.is_none() && rate < LEAST {
                return Ok(None);
            }
            if let (Some(low), Some(high)) = (held, broken)
                && high <= low
            {
                break;
            }
        }
        let (Some(mut low), Some(mut high)) = (held, broken) else { return Ok(held) };
        while high - low > self.precision * high {
            let middle = f64::midpoint(low, high);
            if tried(middle)? {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(Some(low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn search(from: f64, capacity: f64) -> (Option<f64>, Vec<f64>) {
        let mut asked = Vec::new();
        let search = Search { from, most: 64_000.0, precision: 0.05, tries: 1 };
        let found = search.run(|rate| {
            asked.push(rate);
            Ok::<_, Infallible>(rate <= capacity)
        });
        let Ok(found) = found;
        (found, asked)
    }

    #[test]
    fn the_knee_is_found_from_below_and_from_above() {
        for capacity in [3.0, 700.0, 1000.0, 3333.0, 50_000.0] {
            let (found, asked) = search(1000.0, capacity);
            let found = found.unwrap();
            assert!(found <= capacity && found >= capacity * 0.94, "{found} of {capacity}: {asked:?}");
            assert!(asked.len() < 20, "{asked:?}");
        }
    }

    #[test]
    fn no_rate_at_all_and_every_rate_are_said_so() {
        assert_eq!(search(1000.0, 0.0).0, None);
        assert_eq!(search(1000.0, 1e9).0, Some(64_000.0));
    }

    #[test]
    fn a_rate_that_breaks_once_by_chance_is_tried_again() {
        let mut calls = 0;
        let search = Search { from: 100.0, most: 100.0, precision: 0.05, tries: 2 };
        let found = search.run(|_| {
            calls += 1;
            Ok::<_, Infallible>(calls > 1)
        });
        assert_eq!((found, calls), (Ok(Some(100.0)), 2));
    }
}
