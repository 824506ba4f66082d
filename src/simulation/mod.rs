//! Policies decide in a world whose truth is known: what each costs against who knows everything.
//!
//! The decisions are those of the service: the same chain, store, ledger and arbitration, at simulated times. Only the
//! customers are made up ([`models::world`]). All contestants meet the same people on the same days, and chance treats
//! them alike.

mod contestant;
mod judge;
mod play;

pub use contestant::{Contestant, offer_id, offers, policy};
pub use judge::{
    Calibration, Chances, Contest, EstimatorError, Regret, calibration, contest, estimator_errors,
};
pub use play::{Learn, Play, Played, Settings, Step};
