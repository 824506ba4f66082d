//! The only wiring: from a configuration to an application that runs until it is stopped.
//!
//! Tests start the very same application on port 0.

use crate::admission::Admission;
use crate::auth::Keys;
use crate::config::{Config, StoreConfig};
use crate::customers;
use crate::metrics::{Cache, MeasuredStore, Metrics};
use crate::offers::{self, BookError, Offers};
use crate::patience::Patiences;
use crate::releases::{self, Releases};
use crate::routes;
use crate::state::{AppState, Listener, ReleaseCheck, StoreCheck};
use crate::store::postgres::PostgresSettings;
use crate::store::sqlite::SqliteSettings;
use crate::store::{Store, StoreError};
use crate::telemetry::{self, Traces, TracesError};
use actix_web::dev::{Server, ServerHandle};
use actix_web::http::KeepAlive;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use utoipa_actix_web::AppExt;

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// The store cannot be opened.
    #[error("{path}: {error}")]
    Store {
        /// Its file, or the setting that names its server.
        path: String,
        /// Why not.
        error: StoreError,
    },
    /// Offers or the policy in force cannot be read.
    #[error("{0}; publish another version with an earlier program, or start on another store")]
    Offers(#[from] BookError),
    /// Metrics are declared wrongly.
    #[error("metrics cannot be set up: {0}")]
    Metrics(#[from] prometheus::Error),
    /// Traces are asked for and cannot be sent.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// Anyone could reach a service that asks nobody who they are.
    #[error(
        "refusing to listen on {0} with auth.enabled = false: turn authentication on or listen on 127.0.0.1"
    )]
    OpenToAll(SocketAddr),
    /// No one could use it, and someone may think it is protected.
    #[error(
        "refusing to listen on {0} while there is no API key: make one with `proffer key create --role admin`, \
         or listen on 127.0.0.1"
    )]
    NoKey(SocketAddr),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {error}; change {setting}")]
    Listen {
        /// Which setting names it.
        setting: &'static str,
        /// Which address.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
}

/// A service that is bound to its port and ready to run.
pub struct Application {
    server: Server,
    address: SocketAddr,
    metrics: Option<(Server, SocketAddr)>,
    state: AppState,
}

/// Stops a running application from elsewhere.
#[derive(Clone)]
pub struct Stopper {
    server: ServerHandle,
    metrics: Option<ServerHandle>,
}

impl Stopper {
    /// Stops accepting, lets the requests in flight finish within the grace period, and returns. Metrics go last.
    pub async fn stop(&self) {
        self.server.stop(true).await;
        if let Some(metrics) = &self.metrics {
            metrics.stop(true).await;
        }
    }
}

impl Application {
    /// The address that it listens on, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of metrics alone, with the real port, where there is one.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(_, address)| *address)
    }

    /// What its handlers reach.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// A way to stop it.
    pub fn stopper(&self) -> Stopper {
        Stopper {
            server: self.server.handle(),
            metrics: self.metrics.as_ref().map(|(server, _)| server.handle()),
        }
    }

    /// Serves until stopped, then finishes the writes and the traces that wait.
    ///
    /// # Errors
    /// [`io::Error`] when the server breaks down.
    pub async fn run(self) -> io::Result<()> {
        let metrics = self.metrics.map(|(server, _)| {
            let handle = server.handle();
            (handle, tokio::spawn(server))
        });
        let served = self.server.await;
        if let Some((handle, task)) = metrics {
            handle.stop(true).await;
            task.abort();
        }
        self.state.offers.close().await;
        self.state.store.close().await;
        if let Some(traces) = &self.state.traces {
            traces.close().await;
        }
        served
    }
}

/// Wires a service and binds its port.
///
/// # Errors
/// [`StartupError`] with the remedy.
pub async fn build(config: Config) -> Result<Application, StartupError> {
    bind(assemble(config).await?)
}

/// Wires what handlers reach.
///
/// # Errors
/// [`StartupError`] with the remedy.
pub async fn assemble(config: Config) -> Result<AppState, StartupError> {
    let metrics = Arc::new(Metrics::new()?);
    let store = open_store(&config, Arc::clone(&metrics)).await?;
    refuse_to_be_open(&config, &*store).await?;
    let config = Arc::new(config);
    let releases = Arc::new(Releases::new(Arc::clone(&config), Arc::clone(&store), Arc::clone(&metrics)));
    if let Err(error) = releases.activate_last().await {
        // Events and attributes can be taken all the same; readiness says what is missing.
        tracing::warn!(%error, "no release answers");
    }
    let offers = Arc::new(Offers::open(Arc::clone(&store), Arc::clone(&metrics)).await?);
    tokio::spawn(offers::keep_up_to_date(
        Arc::downgrade(&offers),
        Arc::downgrade(&releases),
        Arc::clone(&store),
    ));
    tokio::spawn(releases::follow(Arc::downgrade(&releases)));
    tokio::spawn(customers::keep_up_to_date(
        Arc::downgrade(&releases),
        Arc::clone(&store),
        Arc::clone(&config),
    ));
    Ok(AppState {
        admission: Arc::new(Admission::new(&config, Arc::clone(&metrics))),
        patience: Arc::new(Patiences::new(&config)),
        keys: Arc::new(Keys::new(Arc::clone(&store), metrics.lookups(Cache::Keys))),
        traces: Traces::start(&config.traces)?.map(Arc::new),
        readiness: Arc::new([
            Box::new(StoreCheck(Arc::clone(&store))),
            Box::new(ReleaseCheck(Arc::clone(&releases))),
        ]),
        changes: Arc::clone(&releases) as Arc<dyn Listener>,
        offers,
        releases,
        config,
        store,
        metrics,
    })
}

/// Opens the durable state that a configuration names.
///
/// # Errors
/// [`StartupError::Store`].
pub async fn open_store(config: &Config, metrics: Arc<Metrics>) -> Result<Arc<dyn Store>, StartupError> {
    let StoreConfig { path, url, readers, queue, .. } = config.store.clone();
    let busy_timeout = Duration::from_millis(config.store.busy_timeout_ms);
    let error = |error| StartupError::Store { path: config.store.place(), error };
    let store: Arc<dyn Store> = if config.store.is_on_a_server() {
        let settings = PostgresSettings { url, busy_timeout, readers, queue };
        Arc::new(settings.open(Arc::clone(&metrics)).await.map_err(error)?)
    } else {
        let settings = SqliteSettings { path, busy_timeout, readers, queue };
        Arc::new(settings.open(Arc::clone(&metrics)).await.map_err(error)?)
    };
    Ok(Arc::new(MeasuredStore::new(store, metrics)))
}

/// Beyond the loopback interface there must be authentication and someone who can pass it.
async fn refuse_to_be_open(config: &Config, store: &dyn Store) -> Result<(), StartupError> {
    let address = config.server.listen;
    if address.ip().is_loopback() {
        return Ok(());
    }
    if !config.auth.enabled {
        return Err(StartupError::OpenToAll(address));
    }
    let keys =
        store.keys().await.map_err(|error| StartupError::Store { path: config.store.place(), error })?;
    if keys.iter().all(|key| key.revoked_at.is_some()) {
        return Err(StartupError::NoKey(address));
    }
    Ok(())
}

/// Binds the port of an assembled service.
///
/// # Errors
/// [`StartupError::Listen`].
pub fn bind(state: AppState) -> Result<Application, StartupError> {
    let config = Arc::clone(&state.config);
    let settings = &config.server;
    let (listener, address) = listen(settings.listen, "server.listen")?;
    let metrics = settings.metrics_listen.map(|address| bind_metrics(&state, address)).transpose()?;
    let data = web::Data::new(state.clone());
    let server = HttpServer::new(move || {
        let (app, document) = App::new()
            .into_utoipa_app()
            .openapi(routes::docs::document())
            .app_data(data.clone())
            .configure(routes::configure)
            .split_for_parts();
        app.configure(|app| routes::configure_rest(app, document)).wrap(from_fn(telemetry::observe))
    })
    .keep_alive(KeepAlive::Timeout(Duration::from_secs(settings.keep_alive_s)))
    .client_request_timeout(Duration::from_millis(settings.header_timeout_ms))
    .shutdown_timeout(settings.shutdown_grace_s)
    .tcp_nodelay(true)
    .disable_signals();
    let server = if settings.workers == 0 { server } else { server.workers(settings.workers) };
    let failed = |error| StartupError::Listen { setting: "server.listen", address, error };
    let server = server.listen(listener).map_err(failed)?.run();
    Ok(Application { server, address, metrics, state })
}

/// Binds the port of metrics alone: few requests, none of customers, so one thread answers.
fn bind_metrics(state: &AppState, address: SocketAddr) -> Result<(Server, SocketAddr), StartupError> {
    let setting = "server.metrics_listen";
    let (listener, address) = listen(address, setting)?;
    let data = web::Data::new(state.clone());
    let server =
        HttpServer::new(move || App::new().app_data(data.clone()).configure(routes::configure_metrics))
            .client_request_timeout(Duration::from_millis(state.config.server.header_timeout_ms))
            .shutdown_timeout(1)
            .workers(1)
            .disable_signals();
    let failed = |error| StartupError::Listen { setting, address, error };
    Ok((server.listen(listener).map_err(failed)?.run(), address))
}

fn listen(address: SocketAddr, setting: &'static str) -> Result<(TcpListener, SocketAddr), StartupError> {
    let failed = |error| StartupError::Listen { setting, address, error };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
