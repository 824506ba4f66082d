//! Every algorithm of Proffer, its in-process indexes and its release format.
//!
//! Read in this order: [`ids`], [`events`] and [`interactions`] say what the data is; [`scoring`] and
//! [`ranking`] say what a model gives; then one module per algorithm, each with the same anatomy:
//! `Params` → `check` → `ValidParams` → `fit` → model.
//!
//! This crate is pure. It knows no path, clock, environment, network or logger; seeds are parameters;
//! bytes come and go through [`std::io::Read`] and [`std::io::Write`].

pub mod events;
pub mod ids;
pub mod interactions;
pub mod payload;

pub mod ranking;
pub mod scoring;

pub mod attributes;
mod axes;
mod cells;
pub mod complements;
mod cooccurrence;
pub mod frequency;
pub mod ials;
pub mod item_knn;
pub mod item_lists;
pub mod item_weights;
pub mod kernels;
pub mod popularity;
pub mod repeat;
pub mod sessions;
pub mod similar;
pub mod spectral;
mod sums;
mod system;
pub mod taste;
pub mod trending;

pub mod behaviour;
pub mod churn;
pub mod customers;
pub mod hazard;
pub mod segments;
pub mod value;

pub mod arbitration;
mod distributions;
pub mod experiments;
pub mod off_policy;
pub mod propensity;
pub mod world;

pub mod diversity;
pub mod measures;

pub mod index;
pub mod release;

pub mod error;

pub use error::{Error, Result};
