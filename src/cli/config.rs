//! `proffer config`

use super::ConfigArguments;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Prints what holds after file, environment and command line, with secrets hidden.
    Print(ConfigArguments),
}

/// Runs `proffer config`.
pub(super) fn run(command: &ConfigCommand) -> anyhow::Result<()> {
    let ConfigCommand::Print(arguments) = command;
    print!("{}", arguments.load()?.to_toml()?);
    Ok(())
}
