use crate::helpers::{App, config, send};
use proffer::auth::{NewKey, Permission, Role};
use proffer::startup::{self, StartupError};
use reqwest::Method;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Every documented operation: method, path with its parameters filled in, and whether it needs a key.
async fn operations(app: &App) -> Vec<(Method, String, bool)> {
    let document = app.get("/openapi.json").await.json();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let open = operation["security"]
                .as_array()
                .is_some_and(|needs| needs.contains(&Value::Object([].into_iter().collect())));
            operations.push((method, path.replace("{id}", "x").replace("{release_id}", "x"), !open));
        }
    }
    assert!(operations.len() >= 10, "{operations:?}");
    operations
}

#[tokio::test]
async fn every_documented_operation_refuses_a_caller_without_a_key_except_health() {
    let app = App::start().await;
    for (method, path, needs_key) in operations(&app).await {
        let answer = send(app.anonymous(method.clone(), &path)).await;
        if !needs_key {
            assert!(path.starts_with("/health/"), "{path} is open");
            assert!(matches!(answer.status.as_u16(), 200 | 503), "{path}: {answer:?}");
        } else if path == "/metrics" {
            assert_eq!(answer.status, 200, "metrics are open to the loopback interface");
        } else {
            answer.problem(401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"proffer\"", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn each_role_may_do_what_the_table_says_and_nothing_else() {
    let app = App::start().await;
    let routes = [
        (Method::POST, "/v1/events", Permission::WriteEvents),
        (Method::GET, "/v1/items/x", Permission::ReadItems),
        (Method::PUT, "/v1/items/x", Permission::WriteItems),
        (Method::POST, "/v1/items:batch", Permission::WriteItems),
        (Method::GET, "/v1/customers/x", Permission::ReadCustomers),
        (Method::PUT, "/v1/customers/x", Permission::WriteCustomers),
        (Method::POST, "/v1/customers:batch", Permission::WriteCustomers),
        (Method::DELETE, "/v1/customers/x", Permission::EraseCustomers),
        (Method::POST, "/v1/offers/next", Permission::Decide),
        (Method::POST, "/v1/responses", Permission::WriteEvents),
        (Method::GET, "/v1/offers", Permission::ReadOffers),
        (Method::PUT, "/v1/offers/x", Permission::WriteOffers),
        (Method::PUT, "/v1/customers/x/consents", Permission::Consents),
        (Method::POST, "/v1/policies", Permission::ManagePolicies),
        (Method::GET, "/v1/decisions/x", Permission::ReadDecisions),
        (Method::GET, "/v1/experiments", Permission::ReadDecisions),
    ];
    for role in Role::ALL {
        let key = app.new_key(role).await;
        for (method, path, permission) in &routes {
            let answer = send(app.anonymous(method.clone(), path).header("x-api-key", &key)).await;
            if role.may(*permission) {
                assert!(![401, 403].contains(&answer.status.as_u16()), "{role} {method} {path}: {answer:?}");
            } else {
                answer.problem(403, "forbidden");
            }
        }
    }
    assert!(!Role::Operator.may(Permission::ReadCustomers) && !Role::Site.may(Permission::EraseCustomers));
}

#[tokio::test]
async fn keys_that_prove_nothing_are_refused() {
    let app = App::start().await;
    let good = app.new_key(Role::Admin).await;
    let other = NewKey::generate(Role::Admin, "never kept").unwrap();
    use secrecy::ExposeSecret;
    let mut flipped = good.clone();
    let last = if flipped.pop() == Some('0') { '1' } else { '0' };
    flipped.push(last);
    let forged = [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Basic {good}"),
        format!("Bearer {flipped}"),
        format!("Bearer {}", &good[..good.len() - 1]),
        format!("Bearer {good}0"),
        format!("Bearer {}", other.text.expose_secret()),
        "Bearer pf__".to_owned(),
        format!("Bearer {}", "x".repeat(4000)),
    ];
    for value in forged {
        let request = app.anonymous(Method::GET, "/v1/customers/c").header("authorization", &value);
        send(request).await.problem(401, "unauthenticated");
    }
    let request =
        app.anonymous(Method::GET, "/v1/customers/c").header("authorization", format!("bearer  {good}"));
    assert_eq!(send(request).await.status, 200, "the scheme is not case-sensitive");
}

#[tokio::test]
async fn a_revoked_key_stops_working_within_seconds() {
    let app = App::start().await;
    let key = app.new_key(Role::Advisor).await;
    let status = async || send(app.anonymous(Method::GET, "/v1/customers/c").bearer_auth(&key)).await.status;
    assert_eq!(status().await, 200);
    let key_id = key.split('_').nth(1).unwrap();
    assert!(app.state.store.revoke_key(key_id, chrono::Utc::now()).await.unwrap());
    let revoked = Instant::now();
    while status().await == 200 {
        assert!(revoked.elapsed() < Duration::from_secs(5), "it still works");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn without_authentication_everyone_on_this_machine_may_do_everything() {
    let app = App::start_with(&["auth.enabled=false"]).await;
    assert_eq!(send(app.anonymous(Method::DELETE, "/v1/customers/c")).await.status, 200);
}

#[tokio::test]
async fn the_service_refuses_to_listen_beyond_this_machine_when_it_is_not_protected() {
    let folder = tempfile::tempdir().unwrap();
    let open = config(folder.path(), &["server.listen=0.0.0.0:0", "auth.enabled=false"]);
    assert!(matches!(startup::build(open).await, Err(StartupError::OpenToAll(_))));
    let keyed = || config(folder.path(), &["server.listen=0.0.0.0:0"]);
    assert!(matches!(startup::build(keyed()).await, Err(StartupError::NoKey(_))));
    let store =
        startup::open_store(&keyed(), proffer::metrics::Metrics::new().unwrap().into()).await.unwrap();
    let key = NewKey::generate(Role::Admin, "").unwrap().record;
    store.add_key(key.clone()).await.unwrap();
    assert!(startup::build(keyed()).await.is_ok());
    store.revoke_key(&key.key_id, chrono::Utc::now()).await.unwrap();
    assert!(matches!(startup::build(keyed()).await, Err(StartupError::NoKey(_))), "a revoked key is no key");
}
