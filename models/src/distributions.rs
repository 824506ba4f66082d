//! Tails and quantiles of the three distributions that intervals and tests need. The numerics are those of `statrs`,
//! except for quantiles of Student's t with many degrees of freedom, which it gets wrong from 100,000 on and does not
//! return from at 100 million.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};
use statrs::function::gamma::checked_gamma_ur;

/// From here on the expansion around the normal quantile is exact to eleven digits.
const MANY: f64 = 1_000.0;
/// From here on tails of Student's t are those of the normal distribution to five digits.
const AS_GOOD_AS_NORMAL: f64 = 1e7;

/// The value below which a standard normal variable stays with a probability.
pub(crate) fn normal_quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability.clamp(0.0, 1.0))
}

/// The same of Student's t; infinite without degrees of freedom.
pub(crate) fn student_quantile(probability: f64, degrees_of_freedom: f64) -> f64 {
    if degrees_of_freedom >= MANY {
        return expanded_student_quantile(normal_quantile(probability), degrees_of_freedom);
    }
    let student = StudentsT::new(0.0, 1.0, degrees_of_freedom);
    student.map_or(f64::INFINITY, |student| student.inverse_cdf(probability.clamp(0.0, 1.0)))
}

/// How likely a value as far from 0 as `t` is, on either side.
pub(crate) fn student_two_sided(t: f64, degrees_of_freedom: f64) -> f64 {
    if degrees_of_freedom >= AS_GOOD_AS_NORMAL {
        return 2.0 * Normal::standard().sf(t.abs());
    }
    StudentsT::new(0.0, 1.0, degrees_of_freedom).map_or(1.0, |student| 2.0 * student.sf(t.abs()))
}

/// How likely a chi-squared variable is to be `x` or larger.
pub(crate) fn chi_squared_tail(x: f64, degrees_of_freedom: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    checked_gamma_ur(degrees_of_freedom / 2.0, x / 2.0).unwrap_or(0.0)
}

/// Abramowitz and Stegun 26.7.5: z plus terms in 1/ν, 1/ν² and 1/ν³.
fn expanded_student_quantile(z: f64, degrees_of_freedom: f64) -> f64 {
    let square = z * z;
    let first = z * (square + 1.0) / 4.0;
    let second = z * ((5.0 * square + 16.0) * square + 3.0) / 96.0;
    let third = z * (((3.0 * square + 19.0) * square + 17.0) * square - 15.0) / 384.0;
    z + (first + (second + third / degrees_of_freedom) / degrees_of_freedom) / degrees_of_freedom
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_and_quantiles_are_those_of_scipy() {
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-12);
        assert!((normal_quantile(0.8) - 0.841_621_233_572_914_3).abs() < 1e-12);
        // Degrees of freedom, the quantile of 97.5 %, and how likely 2.5 is on either side.
        let student = [
            (1.0, 12.706_204_736_174_694, 0.242_237_883_181_686_82),
            (2.7, 3.392_148_383_173_750_7, 0.097_079_414_442_934_68),
            (99.0, 1.984_216_951_586_417_4, 0.014_062_596_921_149_069),
            (1e6, 1.959_966_356_814_107, 0.012_419_489_502_163_254),
            (9e7, 1.959_964_010_898_623_4, 0.012_419_332_416_554_8),
            (1e12, 1.959_963_984_542_426_2, 0.012_419_330_651_711_118),
        ];
        for (freedom, quantile, tail) in student {
            let found = (student_quantile(0.975, freedom), student_two_sided(2.5, freedom));
            assert!((found.0 - quantile).abs() < 1e-11, "{freedom}: {found:?}");
            assert!((found.1 - tail).abs() < 1e-8, "{freedom}: {found:?}");
        }
        assert_eq!((student_quantile(0.975, 0.0), student_two_sided(2.5, 0.0)), (f64::INFINITY, 1.0));
        assert!((chi_squared_tail(10.0, 1.0) - 0.001_565_402_258_002_549).abs() < 1e-15);
        assert!(
            (chi_squared_tail(66.904_761_904_761_9, 3.0) / 1.962_617_722_313_109_4e-14 - 1.0).abs() < 1e-8
        );
        assert_eq!((chi_squared_tail(0.0, 3.0), chi_squared_tail(1e300, 3.0)), (1.0, 0.0));
    }

    #[test]
    fn beyond_the_quantile_of_any_number_of_degrees_of_freedom_lies_what_should() {
        let mut freedom = 1.0;
        while freedom < 2_000.0 {
            let beyond = student_two_sided(student_quantile(0.975, freedom), freedom);
            assert!((beyond - 0.05).abs() < 1e-11, "{freedom}: {beyond}");
            freedom += 0.73;
        }
    }
}
