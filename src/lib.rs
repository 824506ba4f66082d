//! The service of Proffer: from an HTTP request to the next best item or offer.
//!
//! Read in this order: [`config`] and [`startup`] (the only wiring), then [`routes`] (parse, call, render), then
//! what they call. [`problem`] is the one home of errors that clients see, [`metrics`] of metrics.

pub mod config;
pub mod startup;
pub mod state;

pub mod routes;

pub mod auth;
pub mod customers;
pub mod decisions;
pub mod policy;

pub mod offers;
pub mod simulation;

pub mod index;
pub mod releases;
pub mod store;

pub mod admission;
pub mod metrics;
pub mod patience;
pub mod problem;
pub mod telemetry;

pub mod cli;
