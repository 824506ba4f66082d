//! How many units an arm needs.

use crate::distributions::normal_quantile;
use crate::error::{Result, require};

/// Units for each of two arms of one size, so that the difference of two rates is found with a power of 80 % by a two-sided
/// test at 5 %, rounded to the nearest (Fleiss 1981, without correction of continuity):
///
/// ```text
/// n = (z₀.₉₇₅ √(2 p̄ (1 − p̄)) + z₀.₈ √(p₁ (1 − p₁) + p₂ (1 − p₂)))² / (p₁ − p₂)²,   p̄ = (p₁ + p₂) / 2
/// ```
///
/// # Errors
/// [`crate::Error::OutOfRange`] for rates outside 0 to 1, or two of the same.
pub fn sample_size(control: f64, treated: f64) -> Result<u64> {
    for rate in [control, treated] {
        require((0.0..=1.0).contains(&rate), "a rate to plan with", rate, "between 0 and 1")?;
    }
    let expected = "different: say which difference would matter";
    require(control != treated, "the two rates to plan with", format!("{control} twice"), expected)?;
    let mean = f64::midpoint(control, treated);
    let under_no_effect = (2.0 * mean * (1.0 - mean)).sqrt();
    let under_the_effect = (control * (1.0 - control) + treated * (1.0 - treated)).sqrt();
    let reach = normal_quantile(0.975) * under_no_effect + normal_quantile(0.8) * under_the_effect;
    Ok((reach / (control - treated)).powi(2).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_sizes_are_reproduced() {
        assert_eq!(sample_size(0.01, 0.011).unwrap(), 163_095);
        assert_eq!(sample_size(0.05, 0.055).unwrap(), 31_233);
        // Purchases without and with the e-mail for women in Hillstrom's data: 0.573 % and 0.884 %.
        assert_eq!(sample_size(122.0 / 21_306.0, 189.0 / 21_387.0).unwrap(), 11_723);
    }

    #[test]
    fn rates_without_a_difference_cannot_be_planned_with() {
        assert!(sample_size(0.1, 0.1).unwrap_err().to_string().contains("0.1 twice"));
        assert!(sample_size(-0.1, 0.1).is_err() && sample_size(0.1, f64::NAN).is_err());
        assert!(sample_size(0.0, 1.0).unwrap() < 10);
        assert!(sample_size(0.5, 0.5 + 1e-15).unwrap() > 1 << 50);
    }
}
