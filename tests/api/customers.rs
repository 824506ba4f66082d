use crate::helpers::{App, encoded, hostile_ids};
use serde_json::{Value, json};

#[tokio::test]
async fn a_customer_is_known_by_what_was_told_of_them() {
    let app = App::start().await;
    let view = async |id: &str| app.get(&format!("/v1/customers/{id}")).await.json();
    let nobody = view("c").await;
    assert_eq!(
        (&nobody["customer_id"], &nobody["evidence"], &nobody["events"]),
        (&json!("c"), &json!("none"), &json!(0))
    );
    assert_eq!((&nobody["attributes"], &nobody["last_event_at"]), (&json!({}), &json!(null)), "{nobody}");
    let answer = app.put("/v1/customers/c", &json!({"attributes": {"age_band": "35-44"}})).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"written": 1})));
    assert_eq!(view("c").await["evidence"], "profile");
    let event = json!({"type": "view", "customer_id": "c", "item_id": "i", "at": "2026-01-02T03:04:05Z"});
    app.post("/v1/events", &event).await;
    let known = view("c").await;
    assert_eq!((&known["evidence"], &known["events"]), (&json!("events"), &json!(1)));
    assert_eq!(known["attributes"], json!({"age_band": "35-44"}));
    assert_eq!(known["last_event_at"], "2026-01-02T03:04:05Z");
}

#[tokio::test]
async fn a_batch_of_customers_is_written_whatever_their_ids() {
    let app = App::start().await;
    let batch: Vec<Value> =
        hostile_ids().iter().map(|id| json!({"customer_id": id, "attributes": {"id": id}})).collect();
    let answer = app.post("/v1/customers:batch", &json!(batch)).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"written": batch.len()})));
    for id in hostile_ids().iter().filter(|id| *id != "..") {
        let view = app.get(&format!("/v1/customers/{}", encoded(id))).await.json();
        assert_eq!((&view["customer_id"], &view["attributes"]["id"]), (&json!(id), &json!(id)));
    }
    let problem = app.post("/v1/customers:batch", &json!([{"customer_id": "a\0", "attributes": {}}])).await;
    assert_eq!(problem.problem(400, "invalid_field")["at"], "$[0].customer_id");
    // No list could be filtered by it, and no index would take those who have it.
    let problem = app.put("/v1/customers/c", &json!({"attributes": {"a\\b": 1}})).await;
    assert_eq!(problem.problem(400, "invalid_field")["at"], "$.attributes");
}

#[tokio::test]
async fn an_erased_customer_is_unknown_again_and_others_stay() {
    let app = App::start().await;
    for customer in ["gone", "stays"] {
        app.put(&format!("/v1/customers/{customer}"), &json!({"attributes": {"a": 1}})).await;
        let event = json!({"event_id": customer, "type": "view", "customer_id": customer, "item_id": "i"});
        app.post("/v1/events", &event).await;
    }
    let answer = app.delete("/v1/customers/gone").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let receipt = answer.json();
    assert_eq!((&receipt["attributes_erased"], &receipt["events_erased"]), (&json!(true), &json!(1)));
    assert!(!receipt["receipt_id"].as_str().unwrap().is_empty());
    assert_eq!(app.get("/v1/customers/gone").await.json()["evidence"], "none");
    assert_eq!(app.get("/v1/customers/stays").await.json()["evidence"], "events");
}
