use crate::helpers::App;
use crate::world::{CUSTOMERS, ids, releases, releases_folder, start, start_in, train};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn question(customer: usize) -> Value {
    json!({"customer_id": format!("c{customer}"), "contact_point": "web_home", "n": 8})
}

#[tokio::test]
async fn the_latest_release_answers_until_another_is_chosen_and_the_choice_is_kept() {
    let (app, [earlier, later]) = (start().await, &releases().1);
    let listed = app.get("/v1/releases").await.json();
    assert_eq!(listed["current"], json!(later), "{listed}");
    assert_eq!(listed["releases"].as_array().unwrap().len(), 2);
    app.post("/v1/releases/rollback", &json!({})).await.problem(404, "release_not_found");
    let activated = app.post(&format!("/v1/releases/{earlier}/activate"), &json!({})).await.json();
    assert_eq!(activated, json!({"current": earlier, "previous": later}));
    assert_eq!(app.post("/v1/recommend", &question(1)).await.json()["release"], json!(earlier));
    assert_eq!(app.state.store.activations(1).await.unwrap()[0].release_id, *earlier);
    app.post(&format!("/v1/releases/{later}/activate"), &json!({})).await;
    let rolled_back = app.post("/v1/releases/rollback", &json!({})).await.json();
    assert_eq!(rolled_back["current"], json!(earlier));
    app.post("/v1/releases/..%2Fother/activate", &json!({})).await.problem(404, "release_not_found");
}

#[tokio::test]
async fn a_release_may_take_longer_to_load_than_any_other_request() {
    let [earlier, _] = &releases().1;
    let app = start_in(&releases_folder(), &["server.request_timeout_ms=10"]).await;
    let activated = app.post(&format!("/v1/releases/{earlier}/activate"), &json!({})).await;
    assert_eq!((activated.status.as_u16(), &activated.json()["current"]), (200, &json!(earlier)));
}

#[tokio::test]
async fn every_replica_on_one_store_follows_the_choice() {
    let (app, [earlier, _]) = (start().await, &releases().1);
    let other = app.twin().await;
    app.post(&format!("/v1/releases/{earlier}/activate"), &json!({})).await;
    let followed = async {
        while other.get("/v1/releases").await.json()["current"] != json!(earlier) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), followed).await.expect("the other replica follows");
    assert_eq!(other.post("/v1/recommend", &question(1)).await.json()["release"], json!(earlier));
}

#[tokio::test]
async fn a_damaged_release_is_refused_with_the_file_and_the_running_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    copy(&releases_folder(), folder.path());
    let (app, [earlier, later]) = (start_in(folder.path(), &[]).await, &releases().1);
    type Harm = fn(&Path);
    let damage: [(&str, Harm); 4] = [
        ("item_factors.safetensors", |path| {
            let mut bytes = fs::read(path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("history.parquet", |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("items.parquet", |path| fs::remove_file(path).unwrap()),
        ("manifest.json", |path| {
            let text = fs::read_to_string(path).unwrap();
            fs::write(path, text.replace("\"format_version\": ", "\"format_version\": 9")).unwrap();
        }),
    ];
    for (file, harm) in damage {
        let (path, sound) =
            (folder.path().join(earlier).join(file), releases_folder().join(earlier).join(file));
        harm(&path);
        let answer = app.post(&format!("/v1/releases/{earlier}/activate"), &json!({})).await;
        assert!(matches!(answer.status.as_u16(), 422 | 500), "{file}: {answer:?}");
        if answer.status == 422 {
            let detail = answer.problem(422, "release_damaged")["detail"].to_string();
            assert!(detail.contains(file), "{file}: {detail}");
        }
        assert_eq!(app.post("/v1/recommend", &question(1)).await.json()["release"], json!(later));
        fs::copy(sound, path).unwrap();
    }
    let mended = app.post(&format!("/v1/releases/{earlier}/activate"), &json!({})).await;
    assert_eq!(mended.status, 200, "{mended:?}");
}

#[tokio::test]
async fn without_a_release_events_are_taken_and_questions_say_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let app = start_in(folder.path(), &[]).await;
    app.post("/v1/recommend", &question(1)).await.problem(503, "no_release");
    let event = json!({"type": "purchase", "customer_id": "c", "item_id": "i"});
    assert_eq!(app.post("/v1/events", &event).await.status, 200);
    assert_eq!(app.get("/health/ready").await.status, 503);
    assert_eq!(app.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn training_twice_on_the_same_history_gives_the_same_release() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(train(a.path(), 5), train(b.path(), 5), "the id is a digest of every file");
}

/// A dozen swaps under load; `examples/live.rs` does it for minutes against a real process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_fails_or_mixes_releases_while_they_are_swapped() {
    let (app, releases) = (start().await, &releases().1);
    let mut expected = HashMap::new();
    for release in releases {
        app.post(&format!("/v1/releases/{release}/activate"), &json!({})).await;
        for customer in 0..CUSTOMERS {
            let answer = app.post("/v1/recommend", &question(customer)).await.json();
            expected.insert((release.clone(), customer), answer["results"].clone());
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let expected = Arc::new(expected);
    let ask = |app: Arc<App>, start: usize| {
        let (stop, expected) = (Arc::clone(&stop), Arc::clone(&expected));
        tokio::spawn(async move {
            let mut asked = 0;
            while !stop.load(Ordering::Relaxed) {
                let customer = (start + asked) % CUSTOMERS;
                let answer = app.post("/v1/recommend", &question(customer)).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                let answer = answer.json();
                let release = answer["release"].as_str().unwrap().to_owned();
                assert_eq!(
                    answer["results"],
                    expected[&(release, customer)],
                    "a mixed answer for c{customer}"
                );
                assert!(!ids(&answer).is_empty());
                asked += 1;
            }
            asked
        })
    };
    let clients: Vec<_> = (0..4).map(|client| ask(Arc::clone(&app), client * 20)).collect();
    for swap in 0..12 {
        let answer = app.post(&format!("/v1/releases/{}/activate", releases[swap % 2]), &json!({})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
}
