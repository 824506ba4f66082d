use crate::helpers::{App, encoded, hostile_ids};
use serde_json::{Value, json};

#[tokio::test]
async fn an_item_is_written_replaced_and_read() {
    let app = App::start().await;
    let wine =
        json!({"attributes": {"category": "wine", "price": 8.5, "available": true, "tags": ["red", "bio"]}});
    let written = app.put("/v1/items/w", &wine).await;
    assert_eq!(written.status, 200, "{written:?}");
    let read = app.get("/v1/items/w").await.json();
    assert_eq!(read, written.json());
    assert_eq!((&read["item_id"], &read["attributes"]), (&json!("w"), &wine["attributes"]));
    app.put("/v1/items/w", &json!({"attributes": {"price": 9}})).await;
    assert_eq!(app.get("/v1/items/w").await.json()["attributes"], json!({"price": 9.0}));
    app.get("/v1/items/unknown").await.problem(404, "item_not_found");
}

#[tokio::test]
async fn ids_in_a_path_may_hold_any_character() {
    let app = App::start().await;
    for id in hostile_ids() {
        // URL parsers remove dot segments, however they are written.
        if id == ".." {
            continue;
        }
        let path = format!("/v1/items/{}", encoded(&id));
        let written = app.put(&path, &json!({"attributes": {"id": id}})).await;
        assert_eq!((written.status.as_u16(), &written.json()["item_id"]), (200, &json!(id)), "{written:?}");
        assert_eq!(app.get(&path).await.json()["attributes"]["id"], json!(id));
    }
    for (path, expected) in [("%00", "NUL"), ("%FF", "UTF-8"), (&"x".repeat(10_240), "at most 256 bytes")] {
        let problem = app.get(&format!("/v1/items/{path}")).await.problem(400, "invalid_id");
        assert!(problem["detail"].as_str().unwrap().contains(expected), "{problem}");
    }
}

#[tokio::test]
async fn a_batch_is_written_in_full_or_not_at_all() {
    let app = App::start().await;
    let batch: Vec<Value> = hostile_ids().iter().map(|id| json!({"item_id": id, "attributes": {}})).collect();
    let answer = app.post("/v1/items:batch", &json!(batch)).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"written": batch.len()})));
    let listed = app.state.store.items_after(i64::MIN, 1000).await.unwrap();
    assert_eq!(listed.iter().map(|item| item.item_id.clone()).collect::<Vec<_>>(), hostile_ids());
    let cases = [
        (json!([{"item_id": "new", "attributes": {}}, {"item_id": "", "attributes": {}}]), "$[1].item_id"),
        (json!([{"item_id": "new", "attributes": {"nested": {"a": 1}}}]), "$[0].attributes.nested"),
        (json!([{"item_id": "new", "attributes": {"nothing": null}}]), "$[0].attributes.nothing"),
        (json!([{"item_id": "new", "attributes": {}, "price": 1}]), "$[0].price"),
        (json!([{"item_id": "new", "attributes": {"a\"b": 1}}]), "$[0].attributes"),
        (json!({"item_id": "new", "attributes": {}}), "$"),
    ];
    for (body, place) in cases {
        let problem = app.post("/v1/items:batch", &body).await.problem(400, "invalid_field");
        assert_eq!(problem["at"], place, "{problem}");
    }
    app.get("/v1/items/new").await.problem(404, "item_not_found");
}
