//! Runs random timelines under the French policy and inspects every contact: no timeline may yield one that the text of the
//! policy forbids. Exits with 1 when one does.
//!
//! ```text
//! cargo run --release --example million_timelines -- 1000000
//! ```

use proffer::{config, policy, store};
use rayon::prelude::*;
use std::process::ExitCode;
use std::time::Instant;

#[path = "../src/policy/timelines/mod.rs"]
mod timelines;

use timelines::{FRENCH, Tally, run};

fn main() -> ExitCode {
    let count: u64 = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1_000_000);
    let policy = match policy::Policy::read(FRENCH, store::PolicyFormat::Toml) {
        Ok(policy) => policy,
        Err(faults) => {
            faults.iter().for_each(|fault| eprintln!("{fault}"));
            return ExitCode::FAILURE;
        }
    };
    let start = Instant::now();
    let sum = |mut one: Tally, other: Tally| {
        one += other;
        one
    };
    let tally = (0..count)
        .into_par_iter()
        .map(|seed| run(&policy, seed).map_err(|fault| format!("timeline {seed}: {fault}")))
        .try_reduce(Tally::default, |one, other| Ok(sum(one, other)));
    match tally {
        Ok(tally) => {
            println!(
                "{count} timelines in {:.1} s without an objection: {tally:#?}",
                start.elapsed().as_secs_f64()
            );
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}
