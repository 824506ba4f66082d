//! From history files to a published release: read, split, fit, judge, publish.
//!
//! [`pipeline`] is the table of contents; [`config`] holds every setting.

pub mod pipeline;

pub mod attributes;
pub mod blend;
pub mod config;
pub mod customers;
pub mod fit;
pub mod history;
pub mod holdout;
pub mod html;
pub mod index;
pub mod judge;
pub mod precomputed;
pub mod progress;
pub mod propensity;
pub mod publish;
pub mod report;
pub mod search;
pub mod split;
pub mod tables;
