use crate::helpers::{App, hostile_ids};
use async_trait::async_trait;
use chrono::DateTime;
use proffer::state::{AppState, Listener};
use proffer::store::{StoredEvent, StoredItem};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

fn click(event_id: &str, customer_id: &str) -> Value {
    json!({"event_id": event_id, "type": "click", "customer_id": customer_id, "item_id": "i"})
}

#[tokio::test]
async fn an_event_with_all_its_fields_is_kept_as_it_was_sent() {
    let app = App::start().await;
    let event = json!({
        "event_id": "e", "type": "purchase", "customer_id": "c", "item_id": "i", "quantity": 2.5, "unit_price": 0.1,
        "order_id": "o", "at": "2026-01-02T03:04:05.678901+02:00", "contact_point": "web_home", "decision_id": "d"
    });
    let answer = app.post("/v1/events", &event).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let expected = json!({"stored": 1, "duplicates": 0, "rejected": 0,
        "results": [{"row": 0, "event_id": "e", "status": "stored"}]});
    assert_eq!(answer.json(), expected);
    let kept = app.state.store.record_of("c", "profiling", DateTime::UNIX_EPOCH, 10).await.unwrap().events;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].at.to_rfc3339(), "2026-01-02T01:04:05.678901+00:00");
    assert_eq!((kept[0].quantity, kept[0].unit_price), (2.5, Some(0.1)));
    assert_eq!(kept[0].order_id.as_deref(), Some("o"));
    assert_eq!(kept[0].contact_point.as_deref(), Some("web_home"));
    assert_eq!(kept[0].decision_id.as_deref(), Some("d"));
}

#[tokio::test]
async fn the_same_event_is_a_duplicate_and_other_content_under_its_id_a_conflict() {
    let app = App::start().await;
    assert_eq!(app.post("/v1/events", &click("e", "c")).await.json()["stored"], 1);
    let again = app.post("/v1/events", &click("e", "c")).await;
    assert_eq!((again.status.as_u16(), &again.json()["results"][0]["status"]), (200, &json!("duplicate")));
    app.post("/v1/events", &click("e", "another")).await.problem(409, "event_conflict");
    assert_eq!(app.state.store.count_events().await.unwrap(), 1);
}

#[tokio::test]
async fn events_without_an_id_get_one_that_is_answered() {
    let app = App::start().await;
    let event = json!({"type": "view", "customer_id": "c", "item_id": "i"});
    let first = app.post("/v1/events", &event).await.json();
    let second = app.post("/v1/events", &event).await.json();
    assert_ne!(first["results"][0]["event_id"], second["results"][0]["event_id"]);
    assert_eq!(app.state.store.count_events().await.unwrap(), 2);
}

#[tokio::test]
async fn each_row_of_an_array_has_its_own_result_and_the_good_ones_are_kept() {
    let app = App::start().await;
    app.post("/v1/events", &click("old", "c")).await;
    let mut unknown_field = click("f", "c");
    unknown_field["colour"] = json!("red");
    let mut zero = click("z", "c");
    zero["quantity"] = json!(0);
    let batch = json!([click("new", "c"), unknown_field, click("old", "c"), click("old", "x"), 7, zero]);
    let answer = app.post("/v1/events", &batch).await;
    assert_eq!(answer.status, 207, "{answer:?}");
    let receipt = answer.json();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = receipt["results"].as_array().unwrap().iter();
    let rows: Vec<[String; 3]> = rows
        .map(|row| [word(&row["status"]), word(&row["error"]["code"]), word(&row["error"]["at"])])
        .collect();
    let expected = [
        ["stored", "", ""],
        ["rejected", "invalid_field", "$[1].colour"],
        ["duplicate", "", ""],
        ["rejected", "event_conflict", ""],
        ["rejected", "invalid_field", "$[4]"],
        ["rejected", "invalid_field", "$[5].quantity"],
    ];
    assert_eq!(rows, expected, "{receipt:#}");
    assert_eq!(
        (&receipt["stored"], &receipt["duplicates"], &receipt["rejected"]),
        (&json!(1), &json!(1), &json!(4))
    );
    assert_eq!(app.state.store.count_events().await.unwrap(), 2);
    assert_eq!(app.post("/v1/events", &json!([])).await.json()["results"], json!([]));
}

#[tokio::test]
async fn ndjson_is_read_line_by_line() {
    let app = App::start().await;
    let body = format!("{}\r\n\n{{broken\n{}", click("1", "c"), click("2", "c"));
    for content_type in ["application/x-ndjson", "application/ndjson; charset=utf-8"] {
        let answer = app.post_raw("/v1/events", content_type, body.clone()).await;
        assert_eq!(answer.status, 207, "{answer:?}");
        assert_eq!(answer.json()["results"][1]["error"]["code"], "malformed_json");
    }
    assert_eq!(app.state.store.count_events().await.unwrap(), 2);
}

#[tokio::test]
async fn ids_of_any_characters_are_kept_and_others_are_refused_by_name() {
    let app = App::start().await;
    for id in hostile_ids() {
        assert_eq!(app.post("/v1/events", &click(&id, &id)).await.status, 200, "{id:?}");
        assert_eq!(app.state.store.activity(&id).await.unwrap().events, 1, "{id:?}");
    }
    let cases = [
        ("", "must not be empty"),
        ("a\0b", "NUL"),
        (&"x".repeat(257), "has 257"),
        (&"x".repeat(10_240), "has 10240"),
    ];
    for (id, expected) in cases {
        let problem = app.post("/v1/events", &click("e", id)).await.problem(400, "invalid_field");
        assert_eq!(problem["at"], "$.customer_id");
        assert!(problem["detail"].as_str().unwrap().contains(expected), "{problem}");
    }
}

#[tokio::test]
async fn what_is_no_event_is_refused_with_its_place() {
    let app = App::start().await;
    let cases = [
        (
            r#"{"type":"click","customer_id":"c","item_id":"i","quantity":NaN}"#,
            "malformed_json",
            "$.quantity",
        ),
        (
            r#"{"type":"click","customer_id":"c","item_id":"i","quantity":1e999}"#,
            "malformed_json",
            "$.quantity",
        ),
        (r#"{"type":"click","customer_id":"c","item_id":"i","quantity":"2"}"#, "invalid_field", "$.quantity"),
        (r#"{"type":"click","customer_id":"c","item_id":"i","quantity":-1}"#, "invalid_field", "$.quantity"),
        (
            r#"{"type":"purchase","customer_id":"c","item_id":"i","unit_price":-1}"#,
            "invalid_field",
            "$.unit_price",
        ),
        (
            r#"{"type":"purchase","customer_id":"c","item_id":"i","unit_price":1e300}"#,
            "invalid_field",
            "$.unit_price",
        ),
        (
            r#"{"type":"purchase","customer_id":"c","item_id":"i","discount":-1}"#,
            "invalid_field",
            "$.discount",
        ),
        (r#"{"type":"stare","customer_id":"c","item_id":"i"}"#, "invalid_field", "$.type"),
        (r#"{"type":"click","customer_id":7,"item_id":"i"}"#, "invalid_field", "$.customer_id"),
        (r#"{"type":"click","customer_id":"c"}"#, "invalid_field", "$"),
        (r#"{"type":"click","customer_id":"c","item_id":"i","at":"yesterday"}"#, "invalid_field", "$.at"),
        (
            r#"{"type":"click","customer_id":"c","item_id":"i","at":"2199-01-01T00:00:00Z"}"#,
            "invalid_field",
            "$.at",
        ),
        (
            r#"{"type":"click","customer_id":"c","item_id":"i","at":"1066-10-14T00:00:00Z"}"#,
            "invalid_field",
            "$.at",
        ),
        (r#"{"type":"click","customer_id":"c","item_id":"i"} {}"#, "malformed_json", "$"),
        (r#"[{"type":"click"},"#, "malformed_json", "$"),
        (r#"null"#, "invalid_field", "$"),
        (r#""#, "malformed_json", "$"),
    ];
    for (body, code, place) in cases {
        let problem = app.post_raw("/v1/events", "application/json", body).await.problem(400, code);
        assert_eq!(problem["at"], place, "{body}: {problem}");
    }
    assert_eq!(app.state.store.count_events().await.unwrap(), 0);
}

#[tokio::test]
async fn every_event_is_counted_once_by_kind_and_result() {
    let app = App::start().await;
    let counter =
        |kind: &str, result: &str| format!("proffer_events_total{{kind=\"{kind}\",result=\"{result}\"}}");
    app.post("/v1/events", &json!([click("1", "c"), click("2", "c"), click("1", "c"), click("1", "x"), {}]))
        .await;
    for (kind, result, expected) in [
        ("click", "stored", 2.0),
        ("click", "duplicate", 1.0),
        ("click", "rejected", 1.0),
        ("unknown", "rejected", 1.0),
        ("view", "stored", 0.0),
    ] {
        assert_eq!(app.metric(&counter(kind, result)).await, expected, "{kind} {result}");
    }
}

/// Writes down what it hears.
#[derive(Default)]
struct Diary(Mutex<Vec<String>>);

#[async_trait]
impl Listener for Diary {
    fn events_kept(&self, events: &[StoredEvent]) {
        self.0.lock().unwrap().extend(events.iter().map(|event| format!("event of {}", event.customer_id)));
    }
    fn customer_changed(&self, customer_id: &str) {
        self.0.lock().unwrap().push(format!("customer {customer_id}"));
    }
    fn customer_erased(&self, customer_id: &str) {
        self.0.lock().unwrap().push(format!("erased {customer_id}"));
    }
    async fn items_changed(&self, items: &[StoredItem]) {
        self.0.lock().unwrap().extend(items.iter().map(|item| format!("item {}", item.item_id)));
    }
}

#[tokio::test]
async fn listeners_hear_of_each_change_before_the_client_is_answered() {
    let diary = Arc::new(Diary::default());
    let changes = diary.clone();
    let app = App::start_changed(&[], |state| AppState { changes, ..state }).await;
    let heard = || {
        let mut heard = std::mem::take(&mut *diary.0.lock().unwrap());
        heard.sort();
        heard
    };
    app.post("/v1/events", &json!([click("1", "a"), click("2", "a"), click("3", "b")])).await;
    assert_eq!(heard(), ["event of a", "event of a", "event of b"]);
    app.post("/v1/events", &json!([click("1", "a"), click("3", "conflict"), {}])).await;
    assert!(heard().is_empty(), "nothing changed");
    app.put("/v1/items/i", &json!({"attributes": {}})).await;
    assert_eq!(heard(), ["item i"]);
    app.put("/v1/customers/c", &json!({"attributes": {}})).await;
    app.delete("/v1/customers/d").await;
    assert_eq!(heard(), ["customer c", "erased d"]);
}
