//! The `proffer-loadtest` binary.

use clap::Parser;
use std::process::ExitCode;

/// The allocator of the service, so that `bare` differs from it in nothing but its work.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    loadtest::cli::run(loadtest::cli::Arguments::parse())
}
