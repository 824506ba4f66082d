//! What is said of customers: where they stand, why, and lists of them.

use crate::helpers::App;
use crate::world;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The world ended in March 2024: customers are seen from its end.
async fn start() -> Arc<App> {
    world::start_in(&world::releases_folder(), &["customers.as_of=data"]).await
}

async fn view(app: &App, id: &str) -> Value {
    let answer = app.get(&format!("/v1/customers/{id}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Asks until an answer satisfies: lists follow events within about a second.
async fn eventually(what: &str, ask: impl AsyncFn() -> Value, holds: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..100 {
        last = ask().await;
        if holds(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what} never came: {last}");
}

async fn search(app: &App, request: Value) -> Value {
    let answer = app.post("/v1/customers/search", &request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn found(answer: &Value) -> Vec<String> {
    let customers = answer["customers"].as_array().unwrap();
    customers.iter().map(|customer| customer["customer_id"].as_str().unwrap().to_owned()).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[tokio::test]
async fn a_view_says_where_a_customer_stands_what_they_are_worth_and_how_likely_they_leave() {
    let app = start().await;
    let known = view(&app, "c0").await;
    assert_eq!(known["evidence"], "events", "{known}");
    assert_eq!((&known["profiling"], &known["attributes"]["likes"]), (&json!("allowed"), &json!("red")));
    assert!(known["stage"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{known}");
    assert_eq!(known["segment"]["rfm"].as_str().unwrap().len(), 6, "{known}");
    let probability = number(&known["churn"]["probability"]);
    assert!(
        probability > 0.0 && probability < 1.0 && known["churn"]["setting"] == "non_contractual",
        "{known}"
    );
    let value = &known["value"];
    assert!(number(&value["low"]) <= number(&value["high"]) && number(&value["clv"]) > 0.0, "{known}");
    assert_eq!((&value["currency"], &value["basis"]), (&json!("EUR"), &json!("own")), "{known}");
    assert_eq!(known["activity"]["orders"], 12, "{known}");
    assert_eq!(known["preferred_moment"]["source"], "observed", "{known}");
    assert!(known["portrait"]["likes"].as_array().is_some_and(|likes| !likes.is_empty()), "{known}");
    let french = app.get("/v1/customers/c0?language=fr").await.json();
    assert_ne!(french["stage"]["reason"], known["stage"]["reason"], "words are in the language asked for");

    let stranger = view(&app, "nobody").await;
    assert_eq!((&stranger["evidence"], &stranger["stage"]["code"]), (&json!("none"), &json!("prospect")));
    assert_eq!(stranger["churn"], json!({"refused": "no_order_yet"}), "nothing can end that has not begun");
}

#[tokio::test]
async fn the_reasons_of_a_risk_sum_to_its_margin_and_its_curve_goes_through_the_probability() {
    let app = start().await;
    for id in ["c0", "c1", "c17", "c42"] {
        let detail = app.get(&format!("/v1/customers/{id}/churn")).await.json();
        let drivers = &detail["drivers"];
        let contributions = drivers["drivers"].as_array().unwrap();
        let sum: f64 = contributions.iter().map(|driver| number(&driver["contribution"])).sum();
        assert!((number(&drivers["base"]) + sum - number(&drivers["margin"])).abs() < 1e-6, "{detail}");
        assert!(contributions.iter().all(|driver| !driver["text"].as_str().unwrap().is_empty()), "{detail}");
        let curve = detail["timing"]["survival"].as_array().unwrap();
        assert_eq!(curve[0], json!([0.0, 1.0]), "{detail}");
        assert!(curve.is_sorted_by(|a, b| number(&a[1]) >= number(&b[1])), "{detail}");
        let (horizon, probability) =
            (number(&detail["churn"]["horizon_days"]), number(&detail["churn"]["probability"]));
        let after = curve.iter().find(|point| number(&point[0]) >= horizon);
        let before = curve.iter().rev().find(|point| number(&point[0]) <= horizon).unwrap();
        assert!(number(&before[1]) >= probability - 1e-5, "{detail}");
        assert!(after.is_none_or(|after| number(&after[1]) <= probability + 1e-5), "{detail}");
        assert!(number(&detail["calibration"]["customers"]) > 0.0, "{detail}");
    }
}

#[tokio::test]
async fn a_purchase_changes_stage_risk_and_value_in_the_next_answer_and_is_recorded_as_a_change_of_stage() {
    let app = start().await;
    let quiet = json!({"filter": {"must": [{"key": "stage", "match": {"value": "satisfied"}}]}, "n": 1});
    let id = found(&search(&app, quiet).await).remove(0);
    let before = view(&app, &id).await;
    // A year of silence, then an order: who was satisfied has been lost, and comes back.
    let purchase = |at: &str, order: &str| json!({"type": "purchase", "customer_id": id, "item_id": "red1", "unit_price": 5.0, "order_id": order, "at": at});
    let complaint =
        json!({"type": "complaint", "customer_id": id, "item_id": "red1", "at": "2024-04-20T10:00:00Z"});
    app.post("/v1/events", &complaint).await;
    let upset = view(&app, &id).await;
    assert_eq!(upset["stage"]["code"], "dissatisfied", "{upset}");
    app.post(
        "/v1/events",
        &json!([purchase("2024-04-21T10:00:00Z", "x"), purchase("2024-04-22T10:00:00Z", "y")]),
    )
    .await;
    let after = view(&app, &id).await;
    assert_ne!(after["churn"]["probability"], upset["churn"]["probability"]);
    assert_ne!(after["value"]["clv"], upset["value"]["clv"]);
    assert_eq!(after["activity"]["orders"], json!(before["activity"]["orders"].as_i64().unwrap() + 2));
    let changes = async || app.get("/v1/stage-changes").await.json();
    let of = |changes: &Value| -> Option<Value> {
        let all = changes["changes"].as_array().unwrap();
        all.iter().find(|change| change["customer_id"] == id.as_str()).cloned()
    };
    let recorded = eventually("the change of stage", changes, |changes| of(changes).is_some()).await;
    let change = of(&recorded).unwrap();
    assert_eq!((&change["from"], &change["to"]), (&json!("satisfied"), &json!("dissatisfied")), "{change}");
    assert_eq!(view(&app, &id).await["stage_changes"][0]["to"], "dissatisfied");
    let later = app.get(&format!("/v1/stage-changes?after={}", change["sequence"])).await.json();
    assert!(of(&later).is_none(), "a change is read once: {later}");
}

#[tokio::test]
async fn of_someone_who_refuses_to_be_profiled_nothing_is_computed_or_listed() {
    let app = start().await;
    let listed = async || found(&search(&app, json!({"n": 100})).await);
    assert!(listed().await.contains(&"c5".to_owned()));
    app.put("/v1/customers/c5", &json!({"attributes": {"profiling_consent": false}})).await;
    let refused = view(&app, "c5").await;
    assert_eq!(refused["profiling"], "refused", "{refused}");
    for computed in ["stage", "segment", "churn", "value", "portrait", "activity", "preferred_moment"] {
        assert_eq!(refused[computed], Value::Null, "{computed}: {refused}");
    }
    let detail = app.get("/v1/customers/c5/churn").await.json();
    assert_eq!(
        (&detail["profiling"], &detail["churn"], &detail["drivers"]),
        (&json!("refused"), &json!(null), &json!(null))
    );
    let scored = app.post("/v1/customers:score", &json!({"customer_ids": ["c5", "c6"]})).await.json();
    assert_eq!(scored["customers"][1]["evidence"], "events", "{scored}");
    let [five, six] = &scored["customers"].as_array().unwrap()[..] else { panic!("{scored}") };
    assert_eq!(
        (&five["profiling_refused"], &five["churn"], &five["stage"]),
        (&json!(true), &json!(null), &json!(null))
    );
    assert!(six["churn"].is_number() && six["stage"].is_string(), "{scored}");
    let search = async || search(&app, json!({"n": 100})).await;
    eventually("a list without them", search, |answer| !found(answer).contains(&"c5".to_owned())).await;
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_paged_without_losing_or_repeating_anyone() {
    let app = start().await;
    let red =
        json!({"must": [{"key": "likes", "match": {"value": "red"}}, {"key": "churn", "range": {"gt": 0}}]});
    let (mut all, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let page = search(&app, json!({"filter": red, "sort": "churn", "n": 7, "cursor": cursor})).await;
        assert_eq!(page["total"], world::CUSTOMERS / 2, "{page}");
        all.extend(page["customers"].as_array().unwrap().clone());
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert!(all.is_sorted_by(|a, b| number(&a["churn"]) >= number(&b["churn"])), "the highest first");
    let mut ids: Vec<&str> = all.iter().map(|customer| customer["customer_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), world::CUSTOMERS / 2);
    let refusals = [
        (json!({"cursor": "another-release:5"}), "$.cursor"),
        (json!({"n": 0}), "$.n"),
        (json!({"nearest_to": ["nobody"]}), "$.nearest_to[0]"),
        (json!({"nearest_to": ["c1"], "sort": "clv"}), "$.sort"),
        (json!({"sort": "height"}), "$.sort"),
    ];
    for (request, place) in refusals {
        let problem = app.post("/v1/customers/search", &request).await.problem(400, "invalid_field");
        assert_eq!(problem["at"], place, "{request}");
    }
}

#[tokio::test]
async fn the_nearest_to_some_customers_share_their_taste() {
    let app = start().await;
    let near = search(&app, json!({"nearest_to": ["c0", "c2"], "n": 15})).await;
    let ids = found(&near);
    assert_eq!(ids.len(), 15);
    let is_red = |id: &String| id[1..].parse::<usize>().unwrap() % 2 == 0;
    assert!(ids.iter().all(is_red) && !ids.contains(&"c0".to_owned()), "{near}");
    let blue = json!({"must": [{"key": "likes", "match": {"value": "blue"}}]});
    let filtered = search(&app, json!({"nearest_to": ["c0"], "filter": blue, "n": 5})).await;
    assert!(found(&filtered).iter().all(|id| !is_red(id)) && found(&filtered).len() == 5, "{filtered}");
}

#[tokio::test]
async fn a_household_names_its_members_and_a_declared_preference_overrides() {
    let app = start().await;
    for id in ["c8", "c9"] {
        let attributes = json!({"attributes": {"household_id": "h1", "preferred_channel": "letter"}});
        app.put(&format!("/v1/customers/{id}"), &attributes).await;
    }
    let members = async || view(&app, "c8").await;
    let known =
        eventually("the household", members, |view| view["household"]["members"] == json!(["c8", "c9"]))
            .await;
    assert_eq!(known["preferred_channel"], json!({"value": "letter", "source": "declared"}));
    app.delete("/v1/customers/c9").await;
    let gone = view(&app, "c8").await;
    assert_eq!(gone["household"]["members"], json!(["c8"]), "an erased customer is in no list");
}

#[tokio::test]
async fn an_erased_customer_is_unknown_to_the_release_too_and_may_come_back_as_someone_new() {
    let app = start().await;
    let before = view(&app, "c3").await;
    assert_eq!((&before["evidence"], &before["activity"]["orders"]), (&json!("events"), &json!(12)));
    app.delete("/v1/customers/c3").await;
    let gone = view(&app, "c3").await;
    assert_eq!((&gone["evidence"], &gone["stage"]["code"]), (&json!("none"), &json!("prospect")), "{gone}");
    assert!(!found(&search(&app, json!({"n": 100})).await).contains(&"c3".to_owned()));
    let event =
        json!({"type": "purchase", "customer_id": "c3", "item_id": "red1", "at": "2024-04-20T10:00:00Z"});
    app.post("/v1/events", &event).await;
    assert_eq!(view(&app, "c3").await["activity"]["orders"], 1, "only what came afterwards counts");
    let listed = async || search(&app, json!({"n": 100})).await;
    eventually("the newcomer", listed, |answer| found(answer).contains(&"c3".to_owned())).await;
}

#[tokio::test]
async fn a_query_that_is_not_understood_is_answered_with_a_problem_document() {
    let app = start().await;
    for path in
        ["/v1/customers/c1?language=de", "/v1/stage-changes?after=soon", "/v1/items/red1/similar?n=-1"]
    {
        app.get(path).await.problem(400, "invalid_parameter");
    }
}
