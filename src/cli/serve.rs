//! `proffer serve`

use super::ConfigArguments;
use crate::startup::{self, Application};
use crate::telemetry;
use anyhow::Context;
use clap::Args;
use std::net::SocketAddr;
use tokio::signal::unix::{SignalKind, signal};

/// Arguments of `proffer serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Address and port; the same as --set server.listen=…
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// Serves until SIGTERM or SIGINT, then stops gracefully.
pub(super) async fn run(mut arguments: ServeArguments) -> anyhow::Result<()> {
    arguments.config.overrides.extend(arguments.listen.map(|address| format!("server.listen={address}")));
    let config = arguments.config.load()?;
    let _log =
        telemetry::start(&config.log).with_context(|| format!("log.filter {:?}", config.log.filter))?;
    until_stopped(startup::build(config).await?).await
}

/// Runs an application until SIGTERM or SIGINT, then lets the requests in flight finish.
pub(super) async fn until_stopped(application: Application) -> anyhow::Result<()> {
    telemetry::log_panics();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let address = application.address();
    tracing::info!(%address, "listening on http://{address}, documentation at http://{address}/docs");
    let stopper = application.stopper();
    let waiting = actix_web::rt::spawn(async move {
        let signal = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal, "stopping: finishing the requests in flight");
        stopper.stop().await;
    });
    application.run().await?;
    waiting.abort();
    tracing::info!("stopped");
    Ok(())
}
