//! The command line: one module per command.

mod config;
mod decisions;
mod demo;
mod health;
mod key;
mod output;
mod progress;
mod recommend;
mod serve;
mod simulate;
mod train;

use crate::config::{Config, ConfigError, Sources};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Trains on purchase history, then decides, explains and proves the next best thing to offer.
#[derive(Debug, Parser)]
#[command(name = "proffer", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Trains on the bundled history, serves, and prints what to try.
    Demo(demo::DemoArguments),
    /// Reports on a history; fails where training on it would mislead.
    Validate(train::ValidateArguments),
    /// Trains on a history and publishes a release.
    Train(train::TrainArguments),
    /// Measures what a training would give, beside baselines; publishes nothing.
    Evaluate(train::EvaluateArguments),
    /// Writes lists for a file of customers, without a service.
    Recommend(recommend::RecommendArguments),
    /// Writes the log of decisions about offers, to learn from and to look into.
    Decisions(decisions::DecisionsArguments),
    /// Says what a policy would have brought, from the log of decisions or from a file.
    EvaluatePolicy(decisions::EvaluatePolicyArguments),
    /// Lets policies decide in a world whose truth is known, and shows what each costs.
    Simulate(simulate::SimulateArguments),
    /// Answers requests until it is stopped.
    Serve(serve::ServeArguments),
    /// Asks a running service whether it can answer; fails when it cannot.
    Health(health::HealthArguments),
    /// Makes, lists and revokes API keys.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Shows the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, Args)]
struct ConfigArguments {
    /// A TOML file; proffer.example.toml documents every key.
    #[arg(long, short, env = "PROFFER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key above file and environment, such as server.workers=4; can be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

impl ConfigArguments {
    fn load(&self) -> Result<Config, ConfigError> {
        Sources {
            file: self.config.clone(),
            environment: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            overrides: self.overrides.clone(),
        }
        .load()
    }
}

/// Runs a command. What goes wrong is printed to standard error with a non-zero exit code.
pub fn run(arguments: Arguments) -> ExitCode {
    let done = match arguments.command {
        Command::Demo(arguments) => block_on(demo::run(arguments)),
        Command::Validate(arguments) => train::validate(arguments),
        Command::Train(arguments) => train::train(arguments),
        Command::Evaluate(arguments) => train::evaluate(arguments),
        Command::Recommend(arguments) => recommend::run(&arguments),
        Command::Decisions(arguments) => block_on(decisions::write(arguments)),
        Command::EvaluatePolicy(arguments) => block_on(decisions::evaluate_policy(arguments)),
        Command::Simulate(arguments) => block_on(simulate::run(arguments)),
        Command::Serve(arguments) => block_on(serve::run(arguments)),
        Command::Health(arguments) => health::run(&arguments),
        Command::Key(command) => block_on(key::run(command)),
        Command::Config(command) => config::run(&command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proffer: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    actix_web::rt::System::new().block_on(work)
}
