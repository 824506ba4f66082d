//! The logarithm of the gamma function with its first two derivatives.

/// Of an argument above 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LnGamma {
    /// ln Γ(x).
    pub(crate) value: f64,
    /// Its derivative, ψ(x).
    pub(crate) first: f64,
    /// Its second derivative, ψ′(x).
    pub(crate) second: f64,
}

/// ½ ln 2π.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_7;
/// Coefficients of Stirling's series: B₂ₖ / (2k (2k − 1)).
const STIRLING: [f64; 7] =
    [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360_360.0, 1.0 / 156.0];

impl LnGamma {
    /// Moves the argument to 12 or beyond by Γ(x + 1) = x Γ(x); there Stirling's series is exact to the last digits.
    pub(crate) fn at(x: f64) -> Self {
        let (mut up, mut product, mut first, mut second) = (x, 1.0, 0.0, 0.0);
        while up < 12.0 {
            product *= up;
            first -= 1.0 / up;
            second += 1.0 / (up * up);
            up += 1.0;
        }
        let (ln, inverse) = (up.ln(), 1.0 / up);
        let mut value = (up - 0.5) * ln - up + HALF_LN_TAU - f64::ln(product);
        first += ln - 0.5 * inverse;
        second += inverse + 0.5 * inverse * inverse;
        let mut power = inverse;
        for (k, coefficient) in STIRLING.iter().enumerate() {
            let exponent = (2 * k + 1) as f64;
            value += coefficient * power;
            first -= coefficient * exponent * power * inverse;
            second += coefficient * exponent * (exponent + 1.0) * power * inverse * inverse;
            power *= inverse * inverse;
        }
        Self { value, first, second }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x, ln Γ, ψ, ψ′, to the last digit (mpmath).
    const KNOWN: [[f64; 4]; 6] = [
        [1e-4, 9.210282658633963, -10000.577051183514, 100000001.64469367],
        [0.2425929, 1.3198164199186444, -4.358491064080476, 18.19921446831675],
        [1.5, -0.12078223763524522, 0.03648997397857652, 0.9348022005446793],
        [11.9, 17.25847745059552, 2.4339335368825377, 0.08766320119000419],
        [345.25, 1670.4808460458955, 5.842819867247303, 0.0029006506130623637],
        [1e6, 12815504.569147611, 13.815510057964191, 1.0000005000001667e-06],
    ];

    #[test]
    fn the_gamma_function_and_its_derivatives_are_exact_for_small_and_for_large_arguments() {
        for [x, value, first, second] in KNOWN {
            let found = LnGamma::at(x);
            for (found, wanted) in [(found.value, value), (found.first, first), (found.second, second)] {
                assert!((found - wanted).abs() <= 4e-15 * (1.0 + wanted.abs()), "at {x}: {found} {wanted}");
            }
        }
    }
}
