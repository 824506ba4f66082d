//! `proffer-loadtest world`, `offers` and `bare`: what a measurement needs.

use super::settings::{TargetArguments, changed};
use crate::workload::{Ids, IdsSource};
use crate::{bare, offers, world};
use anyhow::Context;
use clap::Args;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Arguments of `proffer-loadtest world`.
#[derive(Debug, Args)]
pub(super) struct WorldArguments {
    /// Customers: c1, c2 and on.
    #[arg(long)]
    customers: u32,
    /// Items: i1, i2 and on, the most popular first.
    #[arg(long)]
    items: u32,
    /// Rows of a customer, on average.
    #[arg(long, default_value_t = 20.0)]
    purchases_per_customer: f64,
    /// The same seed gives the same files.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// The folder for history.csv.zst and items.csv.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Writes a world.
pub(super) fn world(arguments: &WorldArguments) -> anyhow::Result<()> {
    let size = world::Size {
        customers: arguments.customers,
        items: arguments.items,
        purchases_per_customer: arguments.purchases_per_customer,
    };
    let rows = world::write(size, arguments.seed, &arguments.out)?;
    println!("{rows} rows in {}", arguments.out.join("history.csv.zst").display());
    Ok(())
}

/// Arguments of `proffer-loadtest offers`.
#[derive(Debug, Args)]
pub(super) struct OffersArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// How many offers.
    #[arg(long, default_value_t = 500)]
    count: u64,
    /// Items of the world that they promote.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    items: u64,
    /// A file of items' ids, one a line, instead of the world's.
    #[arg(long, value_name = "FILE", conflicts_with = "items")]
    items_file: Option<PathBuf>,
}

/// Writes offers to a service.
pub(super) fn offers(arguments: &OffersArguments) -> anyhow::Result<()> {
    let source = IdsSource::World { pattern: "i{n}".into(), count: arguments.items, first: 1, zipf: None };
    let source = changed(source, None, arguments.items_file.as_deref())?;
    let items = Ids::open(&source, Path::new("."))?;
    offers::write(&arguments.target.target()?, arguments.count, &items)?;
    println!("{} offers are written", arguments.count);
    Ok(())
}

/// Arguments of `proffer-loadtest bare`.
#[derive(Debug, Args)]
pub(super) struct BareArguments {
    /// The file with the body of each answer: one of the service's own.
    #[arg(long, value_name = "FILE")]
    answer: PathBuf,
    /// Where to answer.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Threads that answer; as many as the service has.
    #[arg(long, value_name = "N", default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
    workers: usize,
}

/// Serves until it is stopped.
pub(super) fn bare(arguments: &BareArguments) -> anyhow::Result<()> {
    let answer = std::fs::read(&arguments.answer)
        .with_context(|| format!("{} cannot be read", arguments.answer.display()))?;
    actix_web::rt::System::new().block_on(async {
        let bound = bare::bind(answer, arguments.listen, arguments.workers);
        let (server, address) = bound
            .with_context(|| format!("cannot listen on {}; choose another --listen", arguments.listen))?;
        println!("listening on http://{address}");
        server.await.context("the service broke down")
    })
}
