//! The arm of a unit.

use crate::error::{Error, Result, require};
use sha2::{Digest, Sha256};

/// Arms and their shares, under a salt.
///
/// Anybody can reproduce it: take the SHA-256 of the UTF-8 bytes of the salt, one zero byte, and the UTF-8 bytes of the
/// unit; read its first 8 bytes as a big-endian integer and divide by 2⁶⁴, in double precision: that is the unit's place.
/// Its arm is the first, in the order given, up to which the shares sum to more than the place (added one by one in double
/// precision); the last arm with a share where rounding leaves none.
///
/// So a unit keeps its arm as long as salt and shares stay as they are. When shares change, only units between the old and
/// the new edges move. Another salt deals anew, independently.
#[derive(Clone, Debug, PartialEq)]
pub struct Allocation<A> {
    salt: String,
    arms: Vec<(A, f64)>,
}

impl<A> Allocation<A> {
    /// # Errors
    /// [`Error::OutOfRange`] for a salt that is empty or holds a zero byte, and for shares that are negative or do not sum to
    /// 1; [`Error::Empty`] without arms.
    pub fn new(salt: impl Into<String>, shares: impl IntoIterator<Item = (A, f64)>) -> Result<Self> {
        let salt = salt.into();
        let expected = "at least one character, none of them a zero byte";
        require(!salt.is_empty() && !salt.contains('\0'), "the salt", format!("{salt:?}"), expected)?;
        let arms: Vec<(A, f64)> = shares.into_iter().collect();
        if arms.is_empty() {
            return Err(Error::Empty {
                what: "the list of arms",
                remedy: "name at least one with a share of 1",
            });
        }
        for (_, share) in &arms {
            require((0.0..=1.0).contains(share), "the share of an arm", share, "between 0 and 1")?;
        }
        let sum: f64 = arms.iter().map(|(_, share)| share).sum();
        require((sum - 1.0).abs() <= 1e-9, "the sum of the arms' shares", sum, "1")?;
        Ok(Self { salt, arms })
    }

    /// The place of a unit's arm among the arms.
    pub fn index(&self, unit: &str) -> usize {
        let place = self.place(unit);
        let mut edge = 0.0;
        let mut last = 0;
        for (index, (_, share)) in self.arms.iter().enumerate().filter(|(_, (_, share))| *share > 0.0) {
            edge += share;
            last = index;
            if place < edge {
                break;
            }
        }
        last
    }

    /// The arm of a unit.
    pub fn arm(&self, unit: &str) -> &A {
        &self.arms[self.index(unit)].0
    }

    /// All arms with their shares.
    pub fn arms(&self) -> &[(A, f64)] {
        &self.arms
    }

    /// Where a unit stands, from 0 to 1.
    pub fn place(&self, unit: &str) -> f64 {
        let mut hash = Sha256::new();
        hash.update(self.salt.as_bytes());
        hash.update([0]);
        hash.update(unit.as_bytes());
        let digest = hash.finalize();
        let first = digest.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        first as f64 / 2f64.powi(64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn places_are_those_that_anybody_can_compute() {
        // Python: int.from_bytes(hashlib.sha256("2026-q4\0c1".encode()).digest()[:8], "big") / 2**64
        let known = [
            ("c1", 0.199_310_269_109_221_9, 'b'),
            ("c2", 0.993_311_092_869_029_1, 'd'),
            ("c3", 0.621_758_183_366_423_1, 'd'),
            ("h42", 0.077_101_367_112_157_51, 'a'),
            ("Zoé", 0.830_830_440_545_589_4, 'd'),
        ];
        let allocation =
            Allocation::new("2026-q4", [('a', 0.1), ('b', 0.5), ('c', 0.0), ('d', 0.4)]).unwrap();
        for (unit, place, arm) in known {
            assert_eq!(allocation.place(unit), place, "{unit}");
            assert_eq!(*allocation.arm(unit), arm, "{unit}");
        }
    }

    #[test]
    fn arms_get_their_shares_and_two_salts_are_independent() {
        let deal = |salt| Allocation::new(salt, [((), 0.8), ((), 0.05), ((), 0.15)]).unwrap();
        let (first, second) = (deal("first"), deal("second"));
        let mut counts = [[0u64; 3]; 3];
        for n in 0..40_000 {
            let unit = format!("customer-{n}");
            counts[first.index(&unit)][second.index(&unit)] += 1;
        }
        let shares = [0.8, 0.05, 0.15];
        let expected: Vec<f64> = shares.iter().flat_map(|a| shares.map(|b| a * b)).collect();
        let ratio = crate::experiments::SampleRatio::of(counts.as_flattened(), &expected).unwrap();
        assert!(ratio.p_value > 0.001, "{counts:?} {ratio:?}");
    }

    #[test]
    fn shares_and_salts_that_cannot_be_are_refused_by_name() {
        let refused = |salt: &str, shares: &[f64]| {
            Allocation::new(salt, shares.iter().map(|share| ((), *share))).unwrap_err().to_string()
        };
        assert_eq!(refused("s", &[0.5, 0.4]), "the sum of the arms' shares must be 1, but is 0.9");
        assert_eq!(refused("s", &[1.5, -0.5]), "the share of an arm must be between 0 and 1, but is 1.5");
        assert!(refused("s", &[f64::NAN, 1.0]).contains("NaN"));
        assert!(refused("", &[1.0]).contains("salt") && refused("a\0b", &[1.0]).contains("salt"));
        assert!(refused("s", &[]).contains("empty"));
    }

    proptest! {
        #[test]
        fn raising_the_first_share_only_moves_units_into_the_first_arm(
            unit in ".*", salt in "[^\0]+", share in 0.0..1.0, more in 0.0..1.0,
        ) {
            let larger = share + (1.0 - share) * more;
            let deal = |share: f64| Allocation::new(salt.as_str(), [((), share), ((), 1.0 - share)]).unwrap();
            let (before, after) = (deal(share).index(&unit), deal(larger).index(&unit));
            prop_assert!(after <= before);
        }
    }
}
