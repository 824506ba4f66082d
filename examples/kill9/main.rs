//! Kills the service with `kill -9` in the middle of event writes, again and again, and counts acknowledged events
//! that are gone afterwards. The right count is 0.
//!
//! `cargo build --release && cargo run --release --example kill9 -- --rounds 200`
//!
//! With `--reservations` the same is done to reservations of contacts, on the store that `--set` names:
//! `cargo run --release --example kill9 -- --reservations --set store.url=postgres://…`

mod reservations;
mod rounds;

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, Parser)]
struct Arguments {
    /// How often to kill the service.
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    /// The binary; next to this example by default.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Kill a process that reserves contacts instead.
    #[arg(long)]
    reservations: bool,
    /// Settings of its store, an empty one; a file of its own by default.
    #[arg(long)]
    set: Vec<String>,
    /// Reserve until killed.
    #[arg(long, hide = true)]
    reserve: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = Arguments::parse();
    if arguments.reserve {
        reservations::reserve_for_ever(&arguments.set).await?;
        return Ok(ExitCode::FAILURE);
    }
    let folder = tempfile::tempdir()?;
    if arguments.reservations {
        if arguments.set.is_empty() {
            arguments.set.push(format!("store.path={}", folder.path().join("proffer.db").display()));
        }
        let acknowledged = reservations::kill_again_and_again(arguments.rounds, &arguments.set).await?;
        println!("{} rounds: {acknowledged} reservations acknowledged, 0 lost", arguments.rounds);
        return Ok(ExitCode::SUCCESS);
    }
    let beside = std::env::current_exe()?.with_file_name("../proffer");
    let binary = arguments.binary.unwrap_or(beside);
    let mut tally = rounds::Tally::default();
    for round in 1..=arguments.rounds {
        rounds::kill_in_the_middle(&binary, folder.path(), round, &mut tally).await?;
        if round % 10 == 0 {
            println!("{round} rounds: {tally}");
        }
    }
    rounds::verify_the_last(&binary, folder.path(), &mut tally).await?;
    println!("{} rounds: {tally}", arguments.rounds);
    Ok(if tally.lost == 0 && tally.acknowledged > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
