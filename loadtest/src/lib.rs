//! Load for Proffer, and what it makes of it, over HTTP only: nothing here shares a type with the service.
//!
//! - [`workload`]: what is asked, as data files: a weighted mix of requests with placeholders, phases, gates.
//! - [`arrivals`]: when it is asked: an open process, which does not wait for answers.
//! - [`engine`]: asking; a latency counts from the moment at which the request was due, not from its sending.
//! - [`tally`], [`report`], [`gates`]: what came of it, and whether that is good enough.
//! - [`knee`]: the highest rate at which it still is.
//! - [`world`], [`offers`], [`bare`]: what to ask about, and a limit to compare with.

pub mod arrivals;
pub mod bare;
pub mod cli;
pub mod engine;
pub mod gates;
pub mod http;
pub mod knee;
pub mod offers;
pub mod process;
pub mod report;
pub mod tally;
pub mod workload;
pub mod world;
