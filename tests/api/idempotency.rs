use crate::helpers::{Answer, App, send};
use proffer::auth::Role;
use reqwest::Method;
use serde_json::{Value, json};

async fn put_with_key(app: &App, key: &str, body: &Value) -> Answer {
    send(app.request(Method::PUT, "/v1/items/i").header("idempotency-key", key).json(body)).await
}

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer_and_writes_nothing() {
    let app = App::start().await;
    let (red, white) = (json!({"attributes": {"word": "red"}}), json!({"attributes": {"word": "white"}}));
    let first = put_with_key(&app, "k", &red).await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (200, ""));
    app.put("/v1/items/i", &white).await;
    let again = put_with_key(&app, "k", &red).await;
    assert_eq!((again.status.as_u16(), &again.text), (200, &first.text));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(app.get("/v1/items/i").await.json()["attributes"]["word"], "white");
    put_with_key(&app, "k", &white).await.problem(422, "idempotency_key_reused");
    let other_path = app.request(Method::PUT, "/v1/items/j").header("idempotency-key", "k").json(&red);
    send(other_path).await.problem(422, "idempotency_key_reused");
    let other_caller = app.anonymous(Method::PUT, "/v1/items/i").header("idempotency-key", "k").json(&red);
    let other_caller = send(other_caller.bearer_auth(app.new_key(Role::Site).await)).await;
    assert_eq!((other_caller.status.as_u16(), other_caller.header("idempotency-replayed")), (200, ""));
}

#[tokio::test]
async fn a_key_whose_request_was_refused_can_be_used_again() {
    let app = App::start().await;
    put_with_key(&app, "k", &json!({"attributes": 1})).await.problem(400, "invalid_field");
    assert_eq!(put_with_key(&app, "k", &json!({"attributes": {}})).await.status, 200);
    let too_long = "x".repeat(257);
    for key in ["", too_long.as_str()] {
        put_with_key(&app, key, &json!({"attributes": {}})).await.problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn of_equal_requests_at_once_one_writes_and_the_others_hear_of_it() {
    let app = App::start().await;
    let body = json!({"attributes": {}});
    let answers = futures_util::future::join_all((0..8).map(|_| put_with_key(&app, "k", &body))).await;
    let fresh =
        answers.iter().filter(|a| a.status == 200 && a.header("idempotency-replayed").is_empty()).count();
    assert_eq!(fresh, 1, "{answers:?}");
    for other in answers.iter().filter(|answer| answer.status != 200) {
        other.problem(409, "idempotency_in_progress");
    }
}
