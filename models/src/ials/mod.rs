//! iALS: implicit-feedback matrix factorisation with frequency-scaled regularisation, solved exactly.
//!
//! With `x_u` a customer's vector, `y_i` an item's and `c_ui` the [`Confidence`] in an observed pair, it minimises
//! (Hu, Koren, Volinsky 2008; Rendle et al. 2021, "Revisiting the performance of iALS")
//!
//! ```text
//! Σ_observed c_ui·(x_u·y_i − 1)²  +  α₀·Σ_all (x_u·y_i)²  +  Σ_u λ_u‖x_u‖²  +  Σ_i λ_i‖y_i‖²
//!
//! λ_u = λ·m^(1−ν)·(Σ_i c_ui + α₀·I)^ν        m: the mean of that bracket over the customers
//! λ_i = λ·m^(1−ν)·(Σ_u c_ui + α₀·U)^ν        m: the mean of that bracket over the items
//! α₀  = w·√n̄·Σ_observed c_ui / (U·I)         U, I: customers and items with any interaction; n̄: items per customer
//! ```
//!
//! The bracket is the total weight of the squares in which a vector takes part, so at ν = 1 the regularisation is
//! per unit of evidence, and λ means the same for any data. α₀ does not: its best value is 30 times higher in a
//! grocer's history than in one of check-ins. So it is derived: all that was *not* bought weighs w·√n̄ times all
//! that was. Measured on three histories of 27 to 290 items per customer, the best weight grows about with √n̄: the
//! more someone buys, the more it means that they passed something over.
//!
//! Each half-sweep fixes one side and solves for the other, row by row; a live customer is one more
//! row ([`Ials::fold_in`]). Factors are kept in principal axes: `Y'Y` is diagonal, strongest axis first.

mod fit;
mod model;
mod solve;

pub use fit::Sweep;
pub use model::{Ials, Projection};
pub use solve::RowWeights;

use crate::error::{Result, require};
use crate::interactions::Confidence;
use serde::{Deserialize, Serialize};

/// What a user may set; the symbols are those of the [module's](self) equation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IalsParams {
    /// The length of the vectors. More is better and dearer.
    pub factors: usize,
    /// How often both sides are solved in turn.
    pub sweeps: usize,
    /// λ: the regularisation per unit of evidence.
    pub regularisation: f64,
    /// w: the weight of all that was not bought, relative to all that was, for customers of a single item.
    pub unobserved_weight: f64,
    /// ν: how strongly regularisation follows the evidence; 0 for the same for everyone, 1 for in proportion.
    pub frequency_exponent: f64,
    /// How purchases, quantity and age make the confidence.
    pub confidence: Confidence,
    /// Of the random start.
    pub seed: u64,
}

impl Default for IalsParams {
    fn default() -> Self {
        Self {
            factors: 256,
            sweeps: 8,
            regularisation: 2e-3,
            unobserved_weight: 8.0,
            frequency_exponent: 1.0,
            confidence: Confidence::default(),
            seed: 1,
        }
    }
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidIalsParams(IalsParams);

impl IalsParams {
    /// # Errors
    /// [`crate::Error::OutOfRange`] for a number outside the range in which the method is defined.
    pub fn check(self) -> Result<ValidIalsParams> {
        require((1..=2048).contains(&self.factors), "factors", self.factors, "between 1 and 2048")?;
        require((1..=1000).contains(&self.sweeps), "sweeps", self.sweeps, "between 1 and 1000")?;
        let above_zero =
            [("regularisation", self.regularisation), ("unobserved_weight", self.unobserved_weight)];
        for (name, value) in above_zero {
            require(value.is_finite() && value > 0.0, name, value, "a number above 0")?;
        }
        let exponent = self.frequency_exponent;
        require((0.0..=2.0).contains(&exponent), "frequency_exponent", exponent, "between 0 and 2")?;
        self.confidence.check()?;
        Ok(ValidIalsParams(self))
    }
}
