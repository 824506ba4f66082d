//! These tests need a server: `PROFFER_TEST_POSTGRES_URL`, which `.ci/postgres` starts and names.

use super::*;
use crate::store::{Appended, Fault, NewEvent, Store, conformance};
use chrono::Utc;
use models::events::EventKind;
use sqlx::Executor;

/// A schema of its own for one test; it goes when the test ends.
struct Schema {
    server: String,
    name: String,
}

impl Schema {
    /// None where there is no server to test on.
    async fn create(test: &str) -> Option<Self> {
        let Ok(server) = std::env::var("PROFFER_TEST_POSTGRES_URL") else {
            eprintln!("skipped: {test}: PROFFER_TEST_POSTGRES_URL is not set; .ci/postgres starts a server");
            return None;
        };
        let schema = Self { server, name: format!("t{}", uuid::Uuid::now_v7().simple()) };
        schema.run(format!("CREATE SCHEMA {}", schema.name)).await;
        Some(schema)
    }

    fn settings(&self) -> PostgresSettings {
        let joint = if self.server.contains('?') { '&' } else { '?' };
        let url = format!("{}{joint}options[search_path]={}", self.server, self.name);
        PostgresSettings { url: url.into(), readers: 4, queue: 64, busy_timeout: Duration::from_secs(30) }
    }

    async fn open(&self) -> Arc<PostgresStore> {
        Arc::new(self.settings().open(Arc::new(Metrics::new().unwrap())).await.unwrap())
    }

    async fn run(&self, statement: String) {
        let mut connection = sqlx::PgConnection::connect(&self.server).await.unwrap();
        connection.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn drop(self) {
        self.run(format!("DROP SCHEMA {} CASCADE", self.name)).await;
    }
}

fn event(event_id: &str) -> NewEvent {
    NewEvent {
        event_id: event_id.into(),
        kind: EventKind::View,
        customer_id: "c".into(),
        item_id: "i".into(),
        quantity: 1.0,
        unit_price: None,
        discount: None,
        order_id: None,
        at: None,
        received_at: Utc::now(),
        contact_point: None,
        decision_id: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_does_what_every_store_must_do() {
    let Some(schema) = Schema::create("conformance").await else { return };
    conformance::check(schema.open().await).await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reservations_that_race_through_one_store_and_through_two_keep_every_cap() {
    let Some(schema) = Schema::create("races").await else { return };
    let (first, second) = (schema.open().await, schema.open().await);
    conformance::reservations::check([first.clone(), first.clone()]).await;
    conformance::reservations::check([first, second]).await;
    schema.drop().await;
}

#[tokio::test]
async fn a_reopened_store_has_everything_and_a_closed_one_says_so() {
    let Some(schema) = Schema::create("reopened").await else { return };
    let first = schema.open().await;
    first.append_events(vec![event("kept")]).await.unwrap();
    first.close().await;
    assert_eq!(first.append_events(vec![event("late")]).await.unwrap_err().fault, Fault::Unavailable);
    assert_eq!(first.activity("c").await.unwrap_err().fault, Fault::Unavailable);
    let second = schema.open().await;
    assert_eq!(second.append_events(vec![event("kept")]).await.unwrap(), [Appended::Duplicate]);
    assert_eq!(second.count_events().await.unwrap(), 1);
    schema.drop().await;
}

#[tokio::test]
async fn a_lost_connection_is_made_anew_and_a_held_lock_is_busy() {
    let Some(schema) = Schema::create("lost connection").await else { return };
    let settings = PostgresSettings { busy_timeout: Duration::from_millis(200), ..schema.settings() };
    let store = settings.open(Arc::new(Metrics::new().unwrap())).await.unwrap();
    store.append_events(vec![event("before")]).await.unwrap();
    // As when the server restarts while nobody asks.
    let terminated: i64 =
        sqlx::query_scalar("SELECT pg_backend_pid()::bigint").fetch_one(&store.readers).await.unwrap();
    schema.run(format!("SELECT pg_terminate_backend({terminated})")).await;
    assert_eq!(store.count_events().await.unwrap(), 1, "reads find another connection");
    let pid = store.writer.write(&[], (), |connection, ()| {
        Box::pin(async move { sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(connection).await })
    });
    let pid: i32 = pid.await.unwrap();
    schema.run(format!("SELECT pg_terminate_backend({pid})")).await;
    assert_eq!(store.append_events(vec![event("after")]).await.unwrap(), [Appended::Stored]);

    let mut other =
        sqlx::PgConnection::connect_with(&settings.url.expose_secret().parse().unwrap()).await.unwrap();
    let mut lock = other.begin().await.unwrap();
    dialect::lock(&mut lock, &[sql::Lock::Customers].into()).await.unwrap();
    let error = store.put_customers(Vec::new()).await.unwrap_err();
    assert_eq!(error.fault, Fault::Busy, "{error}");
    lock.rollback().await.unwrap();
    store.put_customers(Vec::new()).await.unwrap();
    schema.drop().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_its_password_is_not_said() {
    let settings = PostgresSettings {
        url: "postgres://someone:very-secret@127.0.0.1:1/nothing".into(),
        readers: 1,
        queue: 1,
        busy_timeout: Duration::from_millis(200),
    };
    let error = settings.open(Arc::new(Metrics::new().unwrap())).await.err().unwrap();
    assert_eq!(error.fault, Fault::Unavailable, "{error}");
    assert!(!format!("{error} {error:?} {settings:?}").contains("very-secret"));
}
