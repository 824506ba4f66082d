use crate::world::{CUSTOMERS, ids, releases, releases_folder, start, start_in, train_by};
use chrono::{TimeDelta, Utc};
use models::ids::{CustomerIx, Ix};
use models::interactions::History;
use models::measures::Repeats;
use models::ranking::top_n;
use models::scoring::Scorer;
use serde_json::{Value, json};
use training::config::{PrecomputedConfig, TrainingConfig};

fn ask(who: &Value, more: &Value) -> Value {
    let mut request = json!({"contact_point": "web_home", "n": 5});
    for part in [who, more] {
        request.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
    }
    request
}

#[tokio::test]
async fn a_customer_gets_items_of_their_taste_and_the_reasons_sum_to_the_score() {
    let app = start().await;
    // The cap per category would force the other taste in.
    let request =
        ask(&json!({"customer_id": "c2"}), &json!({"explain": true, "contact_point": "app", "n": 3}));
    let decision = app.post("/v1/recommend", &request).await.json();
    assert_eq!(
        (&decision["evidence"], &decision["fallback"]),
        (&json!("history"), &json!(false)),
        "{decision}"
    );
    assert!(ids(&decision).iter().all(|id| id.starts_with("red")), "{decision}");
    for result in decision["results"].as_array().unwrap() {
        let reasons = result["reasons"].as_array().unwrap();
        let sum: f64 = reasons.iter().map(|reason| reason["contribution"].as_f64().unwrap()).sum();
        assert!((sum - result["score"].as_f64().unwrap()).abs() < 1e-5, "{result}");
        assert!(
            reasons.iter().any(|reason| reason["text"].as_str().unwrap().contains("red number")),
            "{result}"
        );
    }
}

#[tokio::test]
async fn a_stranger_gets_what_is_popular_and_a_session_turns_it() {
    let app = start().await;
    let stranger = app.post("/v1/recommend", &ask(&json!({"customer_id": "nobody"}), &json!({}))).await;
    assert_eq!(stranger.status, 200);
    let stranger = stranger.json();
    assert_eq!(stranger["evidence"], "none", "{stranger}");
    let nobody = app.post("/v1/recommend", &ask(&json!({}), &json!({}))).await.json();
    assert_eq!((&nobody["degraded"], ids(&nobody)), (&json!([]), ids(&stranger)), "an unnamed one likewise");
    assert_eq!(ids(&stranger).len(), 5);
    assert!(stranger["results"].as_array().unwrap().iter().all(|result| result["source"] == "popular"));
    let session = ask(&json!({"session_items": ["blue3", "blue4"]}), &json!({"n": 3}));
    let session = app.post("/v1/recommend", &session).await.json();
    assert_eq!(session["evidence"], "session", "{session}");
    let shown = ids(&session);
    assert!(shown.iter().all(|id| id.starts_with("blue") && id != "blue3" && id != "blue4"), "{session}");
}

#[tokio::test]
async fn who_has_only_said_what_they_like_gets_what_people_like_them_take() {
    let app = start().await;
    let who = ask(&json!({"customer_id": "new"}), &json!({"contact_point": "app", "n": 3, "explain": true}));
    app.put("/v1/customers/new", &json!({"attributes": {"likes": "blue"}})).await;
    let decision = app.post("/v1/recommend", &who).await.json();
    assert_eq!(
        (&decision["evidence"], &decision["fallback"]),
        (&json!("profile"), &json!(false)),
        "{decision}"
    );
    for result in decision["results"].as_array().unwrap() {
        assert_eq!(result["source"], "profile");
        let reasons = result["reasons"].as_array().unwrap();
        let sum: f64 = reasons.iter().map(|reason| reason["contribution"].as_f64().unwrap()).sum();
        assert!((sum - result["score"].as_f64().unwrap()).abs() < 1e-5, "{result}");
    }
    let blues = |decision: &Value| ids(decision).iter().filter(|id| id.starts_with("blue")).count();
    assert_eq!(blues(&decision), 3, "{decision}");
    app.put("/v1/customers/new", &json!({"attributes": {"likes": "red"}})).await;
    assert_eq!(blues(&app.post("/v1/recommend", &who).await.json()), 0, "a changed profile counts at once");
    app.put("/v1/customers/new", &json!({"attributes": {"shoe_size": 44}})).await;
    assert_eq!(app.post("/v1/recommend", &who).await.json()["evidence"], "none", "it says nothing of taste");
}

#[tokio::test]
async fn what_customers_do_now_is_their_session_without_being_named() {
    let app = start().await;
    for (who, item) in [("now", "red3"), ("now", "red8"), ("then", "red3"), ("then", "red8")] {
        let at = if who == "now" { Utc::now() } else { Utc::now() - TimeDelta::hours(2) };
        let event = json!({"type": "view", "customer_id": who, "item_id": item, "at": at});
        assert_eq!(app.post("/v1/events", &event).await.status, 200);
    }
    let reasons = async |who: &str| {
        let asked = json!({"customer_id": who, "contact_point": "app", "n": 3, "explain": true});
        let decision = app.post("/v1/recommend", &asked).await.json();
        let of = |result: &Value| result["reasons"].as_array().unwrap().clone();
        decision["results"].as_array().unwrap().iter().flat_map(of).collect::<Vec<Value>>()
    };
    let of_session = |reason: &&Value| reason["code"] == "session_items";
    let now = reasons("now").await;
    let reason = now.iter().find(of_session).unwrap_or_else(|| panic!("{now:?}"));
    assert_eq!(reason["evidence_ids"], json!(["red8", "red3"]), "the latest first");
    assert!(reasons("then").await.iter().find(of_session).is_none(), "two hours later it is over");
}

#[tokio::test]
async fn an_event_changes_the_next_answer_of_that_customer_alone() {
    let app = start().await;
    let (mine, other) = (
        ask(&json!({"customer_id": "newcomer"}), &json!({"n": 3})),
        ask(&json!({"customer_id": "c4"}), &json!({})),
    );
    let before = app.post("/v1/recommend", &mine).await.json();
    let others_before = app.post("/v1/recommend", &other).await.json();
    let event = json!([
        {"type": "purchase", "customer_id": "newcomer", "item_id": "blue7"},
        {"type": "purchase", "customer_id": "newcomer", "item_id": "blue9"},
        {"type": "purchase", "customer_id": "newcomer", "item_id": "never seen"},
    ]);
    assert_eq!(app.post("/v1/events", &event).await.status, 200);
    let after = app.post("/v1/recommend", &mine).await.json();
    assert_ne!(ids(&before), ids(&after));
    assert_eq!(after["evidence"], "session", "nothing is known of them but what they do now: {after}");
    let shown = ids(&after);
    assert!(shown.iter().all(|id| id.starts_with("blue") && id != "blue7" && id != "blue9"), "{after}");
    assert_eq!(app.post("/v1/recommend", &other).await.json()["results"], others_before["results"]);
}

#[tokio::test]
async fn filters_exclusions_and_the_contact_points_rules_hold() {
    let app = start().await;
    let who = json!({"customer_id": "c2"});
    let cheap =
        json!({"n": 12, "filter": {"must": [{"key": "price", "range": {"lt": 3}}]}, "exclude_ids": ["red1"]});
    let decision = app.post("/v1/recommend", &ask(&who, &cheap)).await.json();
    let expected = ["red0", "red2", "blue0", "blue1", "blue2"];
    let mut found = ids(&decision);
    found.sort();
    let mut sorted = expected.map(String::from);
    sorted.sort();
    assert_eq!(found, sorted, "all that is cheap, taste first, the rest as fallback: {decision}");
    let capped = app.post("/v1/recommend", &ask(&who, &json!({"n": 6}))).await.json();
    let reds = ids(&capped).iter().filter(|id| id.starts_with("red")).count();
    assert_eq!(reds, 3, "at most three of a category at web_home: {capped}");
    let advisor = json!({"contact_point": "call_centre", "n": 3});
    let advised = app.post("/v1/recommend", &ask(&who, &advisor)).await.json();
    let owned: Vec<&Value> =
        advised["results"].as_array().unwrap().iter().filter(|r| r["source"] == "repeat").collect();
    assert!(owned.is_empty(), "the call centre does not want owned items: {advised}");
}

#[tokio::test]
async fn an_item_can_be_withdrawn_and_a_new_one_be_found_at_once() {
    let app = start().await;
    let who = ask(&json!({"customer_id": "c2"}), &json!({"n": 3, "contact_point": "app"}));
    let first = ids(&app.post("/v1/recommend", &who).await.json())[0].clone();
    let withdrawn = json!({"attributes": {"category": "red", "available": false}});
    app.put(&format!("/v1/items/{first}"), &withdrawn).await;
    assert!(!ids(&app.post("/v1/recommend", &who).await.json()).contains(&first));
    let novelty = json!({"attributes": {"category": "red", "collection": "winter"}});
    app.put("/v1/items/brand%20new", &novelty).await;
    let winter = json!({"customer_id": "c2", "contact_point": "app", "n": 1, "explain": true,
        "filter": {"must": [{"key": "collection", "match": {"value": "winter"}}]}});
    let found = app.post("/v1/recommend", &winter).await.json();
    assert_eq!(
        (ids(&found), &found["results"][0]["source"]),
        (vec!["brand new".to_owned()], &json!("dense")),
        "{found}"
    );
    let unsaid = json!({"attributes": {"available": false}});
    app.put("/v1/items/brand%20new", &unsaid).await;
    assert!(
        ids(&app.post("/v1/recommend", &winter).await.json()).is_empty(),
        "its place is gone with its attributes"
    );
}

#[tokio::test]
async fn complements_were_bought_together_and_substitutes_are_like_each_other() {
    let app = start().await;
    let ask = |relation: &str| json!({"item_ids": ["red0"], "relation": relation, "n": 4});
    let complements = app.post("/v1/cross-sell", &ask("complement")).await.json();
    assert!(!ids(&complements).is_empty(), "{complements}");
    let substitutes = app.post("/v1/cross-sell", &ask("substitute")).await.json();
    for decision in [&complements, &substitutes] {
        assert!(ids(decision).iter().all(|id| id.starts_with("red") && id != "red0"), "{decision}");
    }
    let similar = app.get("/v1/items/red0/similar?n=4").await.json();
    assert_eq!(ids(&similar), ids(&substitutes));
    let unknown = json!({"item_ids": ["unknown"], "relation": "complement"});
    assert!(ids(&app.post("/v1/cross-sell", &unknown).await.json()).is_empty());
    app.get("/v1/items/unknown/similar").await.problem(404, "item_not_found");
}

#[tokio::test]
async fn a_wrong_question_is_refused_with_its_place() {
    let app = start().await;
    let cases = [
        (json!({"contact_point": "nowhere"}), "$.contact_point"),
        (json!({"contact_point": "web_home", "n": 0}), "$.n"),
        (json!({"contact_point": "web_home", "n": 1_000_000}), "$.n"),
        (json!({"contact_point": "web_home", "customer_id": "x".repeat(10_000)}), "$.customer_id"),
        (json!({"contact_point": "web_home", "session_items": ["a\u{0}b"]}), "$.session_items"),
        (json!({"contact_point": "web_home", "filter": {"moist": []}}), "$.filter.moist"),
        (json!({"contact_point": "web_home", "filter": {"must": [{"key": "price"}]}}), "$.filter"),
        (
            json!({"contact_point": "web_home", "filter": {"must": [{"key": "a\"b", "match": {"value": 1}}]}}),
            "$.filter",
        ),
        (json!({"contact_point": "web_home", "surprise": 1}), "$.surprise"),
    ];
    for (request, place) in cases {
        let problem = app.post("/v1/recommend", &request).await.problem(400, "invalid_field");
        assert_eq!(problem["at"], place, "{problem}");
    }
    let empty = json!({"item_ids": [], "relation": "complement"});
    app.post("/v1/cross-sell", &empty).await.problem(400, "invalid_field");
}

#[tokio::test]
async fn each_decision_is_counted_once() {
    let app = start().await;
    app.post("/v1/recommend", &ask(&json!({"customer_id": "c2"}), &json!({"n": 2}))).await;
    let nothing = json!({"filter": {"must": [{"key": "price", "range": {"lt": -1}}]}});
    app.post("/v1/recommend", &ask(&json!({}), &nothing)).await;
    let line = |fallback: &str| {
        format!(r#"proffer_decisions_total{{contact_point="web_home",fallback="{fallback}"}}"#)
    };
    assert_eq!((app.metric(&line("no")).await, app.metric(&line("yes")).await), (1.0, 1.0));
}

#[tokio::test]
async fn the_service_answers_with_the_items_and_scores_of_the_offline_list() {
    let plain = ["contact_points.again.diversity=0", "contact_points.again.max_per_category=0"];
    let new = [
        "contact_points.new.diversity=0",
        "contact_points.new.max_per_category=0",
        "contact_points.new.repeats=excluded",
    ];
    let app = start_in(&releases_folder(), &[plain.as_slice(), &new].concat()).await;
    let (manifest, release, _) = proffer::releases::load(&releases_folder(), &releases().1[1]).unwrap();
    for customer in 0..CUSTOMERS {
        let id = release.customers.id(CustomerIx::at(customer)).unwrap().to_owned();
        let row = release.history.row(release.customers.get(&id).unwrap());
        let profile = release.profiles.of(customer);
        let history = History::new(row, manifest.data_cutoff).with_profile(profile);
        for (point, repeats) in [("again", Repeats::Kept), ("new", Repeats::Removed)] {
            let mut scores = vec![0.0; release.items.len()];
            release.taste.ranker(repeats).score(history, &mut scores);
            let owned = |item| point == "new" && row.iter().any(|past| past.item == item);
            let expected = top_n(&scores, 10, owned);
            let request = json!({"customer_id": id, "contact_point": point, "n": 10});
            let decision = app.post("/v1/recommend", &request).await.json();
            let results = decision["results"].as_array().unwrap();
            for (result, expected) in results.iter().zip(&expected) {
                assert_eq!(result["id"], release.items.id(expected.item).unwrap(), "{point}: {decision}");
                let score = result["score"].as_f64().unwrap();
                assert!((score - f64::from(expected.score)).abs() < 1e-5, "{point}: {score} {expected:?}");
            }
            assert_eq!(results.len(), expected.len());
        }
    }
}

#[tokio::test]
async fn who_asks_the_same_again_is_answered_the_same_until_something_changes() {
    let app = start().await;
    let lookups = app.state.metrics.cache_lookups.with_label_values(&["answers", "hit"]);
    let ask = async |customer: &str| {
        let question = json!({"customer_id": customer, "contact_point": "web_home", "n": 4, "explain": true});
        app.post("/v1/recommend", &question).await.json()
    };
    let (first, again) = (ask("c3").await, ask("c3").await);
    assert_eq!(lookups.get(), 1);
    assert_eq!(first["results"], again["results"]);
    assert_ne!(first["decision_id"], again["decision_id"], "each answer can be responded to");
    // An hour ago: no session goes on, which would be answered anew anyway.
    let at = (Utc::now() - TimeDelta::hours(1)).to_rfc3339();
    let event =
        json!({"event_id": "again", "type": "purchase", "customer_id": "c3", "item_id": "blue1", "at": at});
    assert_eq!(app.post("/v1/events", &event).await.json()["stored"], 1);
    assert_ne!(ask("c3").await["results"], first["results"], "a purchase counts at once");
    assert_eq!(lookups.get(), 1);

    let (before, kept) = (ask("c4").await, ask("c4").await);
    assert_eq!((lookups.get(), &before["results"]), (2, &kept["results"]));
    let gone = before["results"][0]["id"].clone();
    let path = format!("/v1/items/{}", gone.as_str().unwrap());
    assert_eq!(app.put(&path, &json!({"attributes": {"available": false}})).await.status, 200);
    let without = ask("c4").await;
    assert!(without["results"].as_array().unwrap().iter().all(|item| item["id"] != gone), "{without}");
    assert_eq!(lookups.get(), 2);
}

#[tokio::test]
async fn what_training_ranked_is_what_would_be_computed_and_stands_until_something_new_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = TrainingConfig::default();
    config.ials.factors = 8;
    config.precomputed = PrecomputedConfig { repeats_allowed: 30, repeats_excluded: 30 };
    train_by(&folder.path().join("ready"), &config);
    config.precomputed = PrecomputedConfig { repeats_allowed: 0, repeats_excluded: 0 };
    train_by(&folder.path().join("none"), &config);
    let points = ["contact_points.new.repeats=excluded", "contact_points.new.max_per_category=0"];
    let start = async |which: &str| start_in(&folder.path().join(which).join("releases"), &points).await;
    let (ready, computing) = (start("ready").await, start("none").await);
    // Whether the index was asked, by the service that need not.
    let asks = async |question: &Value| {
        let (one, other) =
            (ready.post("/v1/recommend", question).await, computing.post("/v1/recommend", question).await);
        let (listed, computed) = (one.json(), other.json());
        assert_eq!(ids(&listed), ids(&computed), "{question}");
        let score = |decision: &Value, at: usize| decision["results"][at]["score"].as_f64().unwrap();
        assert!((0..ids(&listed).len()).all(|at| (score(&listed, at) - score(&computed, at)).abs() < 1e-4));
        assert!(other.header("server-timing").contains("index"));
        one.header("server-timing").contains("index")
    };
    let question =
        |customer: &str, point: &str| json!({"customer_id": customer, "contact_point": point, "n": 3});
    for customer in 0..CUSTOMERS {
        for point in ["web_home", "app", "new"] {
            assert!(!asks(&question(&format!("c{customer}"), point)).await, "c{customer} at {point}");
        }
    }
    let told = ready.post("/v1/recommend", &question("c2", "new")).await.json();
    assert!(
        told["results"].as_array().unwrap().iter().all(|result| result["source"] == "precomputed"),
        "{told}"
    );
    assert!(asks(&question("nobody", "app")).await, "training knows nothing of them");
    let session = json!({"customer_id": "c2", "contact_point": "app", "n": 3, "session_items": ["blue3"]});
    assert!(asks(&session).await, "nor of a session");
    let much = json!({"customer_id": "c2", "contact_point": "app", "n": 12});
    assert!(asks(&much).await, "thirty items are too few to choose twelve from");
    for app in [&ready, &computing] {
        let withdrawn = json!({"attributes": {"category": "red", "available": false}});
        app.put("/v1/items/red3", &withdrawn).await;
        app.put("/v1/items/new", &json!({"attributes": {"category": "red", "price": 2.5}})).await;
        let at = Utc::now() - TimeDelta::hours(1);
        let event =
            json!({"event_id": "e", "type": "purchase", "customer_id": "c3", "item_id": "red5", "at": at});
        assert_eq!(app.post("/v1/events", &event).await.status, 200);
        app.put("/v1/customers/c5", &json!({"attributes": {"likes": "red"}})).await;
    }
    for (customer, is_new) in [("c2", false), ("c3", true), ("c4", false), ("c5", true)] {
        assert_eq!(asks(&question(customer, "app")).await, is_new, "{customer}");
    }
}
