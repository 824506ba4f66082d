//! The command line. The exit code is 0 when all gates held, 1 when one broke, 2 when it could not be measured.

mod make;
mod measure;
mod settings;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Load for Proffer: how fast is it, and does it stay so?
#[derive(Debug, Parser)]
#[command(name = "proffer-loadtest", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Asks at a rate that does not depend on the answers (open loop), and judges what came of it.
    Run(Box<measure::RunArguments>),
    /// Asks as fast as answers come (CLOSED LOOP): throughput at saturation, no latencies to rely on.
    Saturate(measure::SaturateArguments),
    /// Writes a history of purchases and a catalogue of any size, to train on.
    World(make::WorldArguments),
    /// Writes a set of offers to a service.
    Offers(make::OffersArguments),
    /// Serves the bytes of a file and does nothing else: the limit of this machine.
    Bare(make::BareArguments),
}

/// Whether what was measured is good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Yes,
    No,
}

/// Runs a command. What goes wrong is printed to standard error.
pub fn run(arguments: Arguments) -> ExitCode {
    let done = match arguments.command {
        Command::Run(arguments) => measure::run(&arguments),
        Command::Saturate(arguments) => measure::saturate(&arguments),
        Command::World(arguments) => make::world(&arguments).map(|()| Held::Yes),
        Command::Offers(arguments) => make::offers(&arguments).map(|()| Held::Yes),
        Command::Bare(arguments) => make::bare(&arguments).map(|()| Held::Yes),
    };
    match done {
        Ok(Held::Yes) => ExitCode::SUCCESS,
        Ok(Held::No) => ExitCode::from(1),
        Err(error) => {
            eprintln!("proffer-loadtest: {error:#}");
            ExitCode::from(2)
        }
    }
}
