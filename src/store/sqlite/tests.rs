use super::*;
use crate::store::{Appended, Customer, NewEvent, Store, conformance};
use chrono::{DateTime, Utc};
use models::events::EventKind;
use models::payload::Payload;
use std::path::Path;
use std::time::Instant;

fn settings(folder: &Path) -> SqliteSettings {
    SqliteSettings {
        path: folder.join("new folder/proffer.db"),
        busy_timeout: Duration::from_millis(200),
        readers: 4,
        queue: 64,
    }
}

async fn open(folder: &Path) -> Result<SqliteStore> {
    settings(folder).open(Arc::new(Metrics::new().unwrap())).await
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
async fn sqlite_does_what_every_store_must_do() {
    let folder = tempfile::tempdir().unwrap();
    conformance::check(Arc::new(open(folder.path()).await.unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reservations_that_race_through_one_store_and_through_two_keep_every_cap() {
    let folder = tempfile::tempdir().unwrap();
    let patient = SqliteSettings { busy_timeout: Duration::from_secs(30), ..settings(folder.path()) };
    let open = async || Arc::new(patient.open(Arc::new(Metrics::new().unwrap())).await.unwrap());
    let (first, second) = (open().await, open().await);
    conformance::reservations::check([first.clone(), first.clone()]).await;
    conformance::reservations::check([first, second]).await;
}

#[tokio::test]
async fn a_reopened_store_has_everything_and_a_closed_one_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).await.unwrap();
    first.append_events(vec![event("kept")]).await.unwrap();
    first.close().await;
    assert_eq!(first.append_events(vec![event("late")]).await.unwrap_err().fault, Fault::Unavailable);
    assert_eq!(first.activity("c").await.unwrap_err().fault, Fault::Unavailable);
    let second = open(folder.path()).await.unwrap();
    assert_eq!(second.append_events(vec![event("kept")]).await.unwrap(), [Appended::Duplicate]);
    assert_eq!(second.count_events().await.unwrap(), 1);
}

#[tokio::test]
async fn a_locked_database_is_busy_and_works_again_after() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store.append_events(vec![event("before")]).await.unwrap();
    let mut other =
        SqliteConnectOptions::new().filename(settings(folder.path()).path).connect().await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let started = Instant::now();
    let error = store.append_events(vec![event("during")]).await.unwrap_err();
    assert_eq!(error.fault, Fault::Busy, "{error}");
    assert!(started.elapsed() >= Duration::from_millis(150), "it waited for the lock first");
    assert_eq!(store.count_events().await.unwrap(), 1, "reads go on");
    assert_eq!(store.ready().await.unwrap_err().fault, Fault::Busy);
    lock.rollback().await.unwrap();
    assert_eq!(store.append_events(vec![event("during")]).await.unwrap(), [Appended::Stored]);
}

#[tokio::test]
async fn a_full_disk_is_said_and_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let readers = open(folder.path()).await.unwrap().readers.clone();
    let options = SqliteConnectOptions::new().filename(settings(folder.path()).path);
    // A limit on pages is met just as the end of a disk is.
    let options = options.pragma("max_page_count", "40");
    let queue = Queue { length: 64, patience: Duration::from_millis(200) };
    let small = SqliteStore::start(readers, options, queue, Arc::new(Metrics::new().unwrap()));
    let mut acknowledged = 0;
    let error = loop {
        let events = (0..20).map(|row| event(&format!("{acknowledged}-{row}"))).collect();
        match small.append_events(events).await {
            Ok(appended) => acknowledged += appended.len(),
            Err(error) => break error,
        }
        assert!(acknowledged < 100_000, "the limit holds");
    };
    assert_eq!(error.fault, Fault::Full, "{error}");
    assert!(acknowledged > 0);
    small.close().await;
    let store = open(folder.path()).await.unwrap();
    assert_eq!(store.count_events().await.unwrap(), acknowledged as u64);
}

#[tokio::test]
async fn a_file_that_is_no_database_and_a_folder_that_cannot_be_made_are_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = settings(folder.path()).path;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "this is no database, but long enough to have a header to look at").unwrap();
    let error = open(folder.path()).await.err().unwrap();
    assert_eq!(error.fault, Fault::Corrupt, "{error}");
    let blocked = SqliteSettings { path: path.join("below a file/x.db"), ..settings(folder.path()) };
    let error = blocked.open(Arc::new(Metrics::new().unwrap())).await.err().unwrap();
    assert_eq!(error.fault, Fault::Unavailable, "{error}");
}

#[tokio::test]
async fn a_write_at_fault_does_not_take_its_neighbours_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    // Polled together, so that they share a group.
    let broken = store.writer.write(&[], (), |connection, ()| {
        Box::pin(async move {
            sqlx::query("INSERT INTO nowhere VALUES (1)").execute(connection).await.map(|_| ())
        })
    });
    let (broken, event, revoked) =
        tokio::join!(broken, store.append_events(vec![event("e")]), store.revoke_key("k", Utc::now()));
    assert_eq!(broken.unwrap_err().fault, Fault::Bug);
    assert_eq!(event.unwrap(), [Appended::Stored]);
    assert!(!revoked.unwrap());
    assert_eq!(store.count_events().await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_whom_nothing_is_held_the_database_is_not_asked_and_another_process_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (open(folder.path()).await.unwrap(), open(folder.path()).await.unwrap());
    let of =
        |customer: &str, event_id: &str| vec![NewEvent { customer_id: customer.into(), ..event(event_id) }];
    here.append_events(of("before", "e0")).await.unwrap();
    there.append_events(of("other", "e1")).await.unwrap();
    let knows_strangers = async || {
        let patience = Instant::now() + Duration::from_secs(20);
        while !here.met.is_stranger("nobody") {
            assert!(Instant::now() < patience, "nobody is ever known to be a stranger");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let events_of = async |customer: &str| {
        here.record_of(customer, "profiling", DateTime::UNIX_EPOCH, 10).await.unwrap().events.len()
    };
    knows_strangers().await;
    assert_eq!((events_of("before").await, events_of("other").await, events_of("nobody").await), (1, 1, 0));
    here.append_events(of("own", "e2")).await.unwrap();
    assert_eq!(events_of("own").await, 1, "at once");
    let described =
        Customer { customer_id: "described".into(), attributes: Payload::new(), updated_at: Utc::now() };
    here.put_customers(vec![described]).await.unwrap();
    assert!(!here.met.is_stranger("described"));
    there.append_events(of("late", "e3")).await.unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    while events_of("late").await == 0 {
        assert!(Instant::now() < patience, "what another process wrote is never seen");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!here.met.is_stranger("nobody"), "another process writes");
    knows_strangers().await;
    assert_eq!(events_of("late").await, 1);
}
