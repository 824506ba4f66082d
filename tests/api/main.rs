//! The service as its clients meet it: over HTTP, on a free port, with a store of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod collector;
mod helpers;
mod world;

mod auth;
mod commands;
mod customers;
mod decisions;
mod docs;
mod events;
mod health;
mod idempotency;
mod insight;
mod items;
mod limits;
mod logs;
mod metrics;
mod offers;
mod privacy;
mod process;
mod releases;
mod traces;
