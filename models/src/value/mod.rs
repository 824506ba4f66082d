//! Customer value: who is still a customer, how many orders they will place, what those are worth.
//!
//! Two models, each blind to what the other sees. [`BgNbd`] counts orders and knows no money: customers order at a rate
//! of their own and, after any order, stop for good with a chance of their own (Fader, Hardie, Lee 2005, "Counting your
//! customers the easy way"). [`GammaGamma`] knows the money of an order and not their number (Fader, Hardie 2013, "The
//! Gamma-Gamma model of monetary value"). [`Clv`] multiplies them month by month and discounts.
//!
//! Read in this order: [`Unit`] and [`Span`], for time is where such models go wrong; [`Summary`], all that is known of
//! a customer; the two models; their product.
//!
//! Deliberately absent: ranking customers by the chance that they are alive. It is 1 for everybody who ordered once;
//! rank by [`BgNbd::p_buy`].

mod bg_nbd;
mod clv;
mod fitted;
mod gamma_gamma;
mod interval;
mod orders;
mod search;
mod special;
mod summary;
mod unit;

pub use bg_nbd::{BgNbd, BgNbdNumbers, BgNbdParams, ValidBgNbdParams};
pub use clv::{Basis, Clv, ClvParams, ValidClvParams, Valuation};
pub use fitted::Fitted;
pub use gamma_gamma::{
    GammaGamma, GammaGammaNumbers, GammaGammaParams, ValidGammaGammaParams, spend_frequency_correlation,
};
pub use interval::Interval;
pub use search::Search;
pub(crate) use special::LnGamma;
pub use summary::{Spend, Summary};
pub use unit::{Span, Unit};
