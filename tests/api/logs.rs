//! What the service writes to standard error, as whoever runs it reads it.

use crate::helpers::{Answer, Lock, send};
use crate::process::Service;
use serde_json::{Value, json};

const STORE_IS_IMPATIENT: &str = "store.busy_timeout_ms=50";

/// Runs a service through one request of each kind; gives its answers and the lines about requests.
async fn lines_about_requests(settings: &[&str]) -> (Vec<Answer>, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let settings: Vec<&str> = settings.iter().copied().chain([STORE_IS_IMPATIENT]).collect();
    let service = Service::start_with(folder.path(), &settings);
    let key = Service::key(folder.path());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = |event: Value| {
        let request = client.post(format!("{}/v1/events", service.address)).bearer_auth(&key);
        send(request.header("x-request-id", "mine").json(&event))
    };
    let event = json!({"type": "view", "customer_id": "c", "item_id": "i"});
    let mut answers = vec![post(json!(vec![&event; 1000])).await, post(json!({"typo": 1})).await];
    let lock = Lock::of(&folder.path().join("proffer.db")).await;
    answers.push(post(event).await);
    lock.release().await;
    let log = tokio::task::spawn_blocking(move || service.stop("-TERM")).await.unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    (answers, lines.filter(|line| line["route"].is_string()).collect())
}

#[tokio::test]
async fn only_what_failed_or_was_slow_has_a_line_unless_all_or_none_is_asked_for() {
    let cases: [(&[&str], &[&str]); 3] = [
        (&["log.slow_ms=600000"], &["request failed"]),
        (&["log.requests=all"], &["request answered", "request answered", "request failed"]),
        (&["log.requests=none"], &[]),
    ];
    for (settings, expected) in cases {
        let (answers, lines) = lines_about_requests(settings).await;
        assert_eq!(answers.iter().map(|a| a.status.as_u16()).collect::<Vec<_>>(), [200, 400, 503]);
        assert_eq!(messages(&lines), expected, "{settings:?}");
        if let Some(failed) = lines.iter().find(|line| line["message"] == "request failed") {
            let facts = ["level", "request_id", "method", "route", "status"].map(|field| &failed[field]);
            assert_eq!(json!(facts), json!(["WARN", "mine", "POST", "/v1/events", 503]));
            assert!(failed["ms"].as_f64().unwrap() > 0.0, "{failed}");
        }
    }
    // A thousand events take longer than the least that can be set.
    let (_, lines) = lines_about_requests(&["log.slow_ms=1"]).await;
    assert!(messages(&lines).contains(&"request was slow"), "{lines:?}");
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_log_that_nobody_reads_stalls_nothing_and_says_later_how_much_was_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start_with(folder.path(), &["log.requests=all", "log.queue=16"]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    // A pipe holds a few hundred lines.
    for _ in 0..1500 {
        assert_eq!(send(client.get(format!("{}/health/live", service.address))).await.status, 200);
    }
    let log = tokio::task::spawn_blocking(move || service.stop("-TERM")).await.unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let dropped = lines.filter_map(|line| line["dropped_lines"].as_u64()).max();
    assert!(dropped > Some(0), "{log}");
}
