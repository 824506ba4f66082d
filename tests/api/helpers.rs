//! Starting the application, and talking to it.

use proffer::auth::{NewKey, Role};
use proffer::config::{Config, Sources};
use proffer::startup;
use proffer::state::AppState;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// A running application. Its folder goes away with it.
pub(crate) struct App {
    pub(crate) address: String,
    pub(crate) state: AppState,
    /// Where metrics alone are served, if anywhere.
    pub(crate) metrics_address: Option<String>,
    key: Option<String>,
    client: Client,
    folder: Arc<TempDir>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e} in {:?}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that this is a problem document with a status and a code, and gives it back.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let document = self.json();
        assert_eq!(document["code"], code, "{document}");
        assert_eq!(document["status"], status, "{document}");
        let instance = format!("urn:proffer:request:{}", self.header("x-request-id"));
        assert_eq!(document["instance"], instance, "{document}");
        document
    }
}

/// The configuration of a test: a free port, a store in a folder, and patience with slow machines.
pub(crate) fn config(folder: &Path, settings: &[&str]) -> Config {
    let own = [
        "server.listen=127.0.0.1:0".to_owned(),
        "server.workers=2".to_owned(),
        "server.patience_ms=60000".to_owned(),
        "store.read_deadline_ms=60000".to_owned(),
        format!("store.path={}", folder.join("proffer.db").display()),
    ];
    let overrides = own.into_iter().chain(settings.iter().copied().map(String::from)).collect();
    Sources { overrides, ..Sources::default() }.load().unwrap()
}

impl App {
    /// Starts an application whose client holds an admin's key.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with some settings changed.
    pub(crate) async fn start_with(settings: &[&str]) -> Self {
        Self::start_changed(settings, |state| state).await
    }

    /// The same with a part of the application exchanged.
    pub(crate) async fn start_changed(settings: &[&str], change: impl FnOnce(AppState) -> AppState) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let state = startup::assemble(config(folder.path(), settings)).await.unwrap();
        let application = startup::bind(change(state)).unwrap();
        let mut app = Self {
            address: format!("http://{}", application.address()),
            state: application.state().clone(),
            metrics_address: application.metrics_address().map(|address| format!("http://{address}")),
            key: None,
            client: Client::builder().no_proxy().build().unwrap(),
            folder,
        };
        tokio::spawn(application.run());
        app.key = Some(app.new_key(Role::Admin).await);
        app
    }

    /// A second process on the same store.
    pub(crate) async fn twin(&self) -> Arc<Self> {
        let state = startup::assemble(proffer::config::Config::clone(&self.state.config)).await.unwrap();
        let application = startup::bind(state).unwrap();
        let twin = Self {
            address: format!("http://{}", application.address()),
            state: application.state().clone(),
            metrics_address: application.metrics_address().map(|address| format!("http://{address}")),
            key: self.key.clone(),
            client: self.client.clone(),
            folder: Arc::clone(&self.folder),
        };
        tokio::spawn(application.run());
        Arc::new(twin)
    }

    /// Makes a key.
    pub(crate) async fn new_key(&self, role: Role) -> String {
        let key = NewKey::generate(role, "test").unwrap();
        self.state.store.add_key(key.record).await.unwrap();
        key.text.expose_secret().to_owned()
    }

    /// The client, for other addresses.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// A request with the admin's key.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.anonymous(method, path).bearer_auth(self.key.as_deref().unwrap())
    }

    /// A request without a key.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    /// A body as it is, whatever it is.
    pub(crate) async fn post_raw(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        send(self.request(Method::POST, path).header("content-type", content_type).body(body)).await
    }

    /// The value of one metric line, 0 when it is not there.
    pub(crate) async fn metric(&self, line: &str) -> f64 {
        let text = self.get("/metrics").await.text;
        let value = text.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }
}

/// The URL of an empty schema on the PostgreSQL of the tests; nothing, said loudly, where there is none.
pub(crate) async fn postgres() -> Option<String> {
    let Ok(server) = std::env::var("PROFFER_TEST_POSTGRES_URL") else {
        eprintln!(
            "skipped on PostgreSQL: PROFFER_TEST_POSTGRES_URL is not set; .ci/postgres starts a server"
        );
        return None;
    };
    let schema = format!("api{}", uuid::Uuid::now_v7().simple());
    let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
    let statement = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let joint = if server.contains('?') { '&' } else { '?' };
    Some(format!("{server}{joint}options[search_path]={schema}"))
}

/// Another process's hold on the store.
pub(crate) struct Lock(SqliteConnection);

impl Lock {
    pub(crate) async fn take(app: &App) -> Self {
        Self::of(&app.state.config.store.path).await
    }

    /// The same by the store's file.
    pub(crate) async fn of(store: &Path) -> Self {
        let mut other = SqliteConnectOptions::new().filename(store).connect().await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        Self(other)
    }

    pub(crate) async fn release(self) {
        self.0.close().await.unwrap();
    }
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// An id as it stands in a path.
pub(crate) fn encoded(id: &str) -> String {
    id.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Ids of any characters.
pub(crate) fn hostile_ids() -> Vec<String> {
    let mut ids: Vec<String> = [
        "a/b",
        "a%2Fb",
        "100%",
        "a+b",
        "..",
        "'\"; DROP TABLE items; --",
        "été 😀",
        "?x=1#y",
        "\n\t",
        "batch",
    ]
    .map(String::from)
    .into();
    ids.push("é".repeat(128));
    ids
}
