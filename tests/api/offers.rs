//! The next best offer: what is decided, what may not be, why, and what comes of it.

use crate::helpers::{Answer, App, Lock, encoded, hostile_ids, postgres};
use crate::world;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

async fn start() -> Arc<App> {
    start_with(&[]).await
}

async fn start_with(settings: &[&str]) -> Arc<App> {
    let settings: Vec<&str> = ["customers.as_of=data"].into_iter().chain(settings.iter().copied()).collect();
    world::start_in(&world::releases_folder(), &settings).await
}

/// An offer for one of the world's two tastes.
fn offer(taste: &str, value: f64) -> Value {
    let treatment = |channel: &str| json!({ "channel": channel, "content": { "en": { "title": "Buy" }, "fr": { "title": "Achetez" } } });
    let treatments = ["web", "email", "phone", "branch"].map(treatment);
    let items: Vec<String> = (0..5).map(|item| format!("{taste}{item}")).collect();
    json!({
        "name": format!("{taste} offer"), "issue": "sales", "group": taste, "value": value, "cost": 0.5,
        "items": items, "treatments": treatments,
    })
}

fn with(mut offer: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("{changes} is no object") };
    for (key, value) in changes {
        offer[key] = value;
    }
    offer
}

async fn ok(answer: Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn put(app: &App, id: &str, offer: &Value) {
    let answer = app.put(&format!("/v1/offers/{}", encoded(id)), offer).await;
    assert_eq!(answer.status, 200, "{id:?}: {answer:?}");
}

async fn publish(app: &App, policy: &str) -> i64 {
    let draft = ok(app.post_raw("/v1/policies", "application/toml", policy.to_owned()).await).await;
    let version = draft["version"].as_i64().unwrap();
    ok(app.post(&format!("/v1/policies/{version}/publish"), &json!({})).await).await;
    version
}

async fn next(app: &App, customer: &str, contact_point: &str, n: usize) -> Value {
    let request = json!({ "customer_id": customer, "contact_point": contact_point, "n": n, "explain": true });
    ok(app.post("/v1/offers/next", &request).await).await
}

async fn respond(app: &App, decision: &Value, outcome: &str) -> Value {
    let body = json!({ "decision_id": decision["decision_id"], "rank": 1, "outcome": outcome });
    ok(app.post("/v1/responses", &body).await).await
}

/// Nothing is left to chance, and everyone is in the full arm.
const PLAIN: &str = "name = \"plain\"\n[exploration]\nmethod = \"off\"\n";

#[tokio::test]
async fn an_offer_is_decided_by_taste_from_its_first_minute_explained_replayed_and_answered() {
    let app = start().await;
    let version = publish(&app, PLAIN).await;
    put(&app, "for red", &offer("red", 10.0)).await;
    put(&app, "for blue", &offer("blue", 10.0)).await;
    for (customer, liked) in [("c0", "for red"), ("c1", "for blue")] {
        let decision = next(&app, customer, "web_home", 2).await;
        assert_eq!(world::ids(&decision)[0], liked, "{decision}");
        assert_eq!((decision["policy_version"].as_i64(), &decision["arm"]), (Some(version), &json!("nba")));
    }
    let decision = next(&app, "c0", "web_home", 2).await;
    let results = decision["results"].as_array().unwrap();
    let mut above = Vec::new();
    for result in results {
        let factors = &result["factors"];
        let product: f64 = ["propensity", "context", "value", "lever"]
            .iter()
            .map(|f| factors[f].as_f64().unwrap())
            .product();
        assert!((product - result["score"].as_f64().unwrap()).abs() < 1e-12, "{result}");
        let reasons = result["reasons"].as_array().unwrap();
        assert!(reasons.iter().all(|reason| reason["texts"]["fr"] != reason["texts"]["en"]), "{result}");
        let sum: f64 = reasons.iter().map(|reason| reason["contribution"].as_f64().unwrap()).sum();
        above.push((sum, product.ln()));
        assert_eq!(result["probability_shown"], 1.0);
    }
    let typical = above.iter().map(|(_, log)| log).sum::<f64>() / above.len() as f64;
    assert!(
        above.iter().all(|(sum, log)| (sum - (log - typical)).abs() < 1e-9),
        "contributions are exact: {above:?}"
    );
    assert_eq!(results[0]["reasons"][0]["code"], "taste", "{decision}");

    let path = format!("/v1/decisions/{}", decision["decision_id"].as_str().unwrap());
    let replayed = ok(app.get(&path).await).await;
    let mut answer = replayed["record"]["answer"].clone();
    // Whether it will be kept is said when that is known.
    answer["kept"] = decision["kept"].clone();
    assert_eq!(answer, decision, "a replay is the answer as it was given");
    assert_eq!(replayed["record"]["facts"]["customer"]["id"], "c0");

    assert_eq!(respond(&app, &decision, "accepted").await["stored"], 1);
    assert_eq!(respond(&app, &decision, "accepted").await["duplicates"], 1);
    let replayed = ok(app.get(&path).await).await;
    assert_eq!(replayed["responses"][0]["outcome"], "accepted", "{replayed}");
    let kept = ok(app.get("/v1/offers/for%20red").await).await;
    assert_eq!(kept["usage"]["accepted"], 1, "{kept}");
    assert_eq!(
        app.metric(r#"proffer_offer_decisions_total{answered="yes",arm="nba",contact_point="web_home"}"#)
            .await,
        3.0
    );
    assert_eq!(app.metric(r#"proffer_responses_total{outcome="accepted",result="stored"}"#).await, 1.0);
}

#[tokio::test]
async fn an_answer_is_in_the_language_asked_for_and_says_what_a_person_must_look_at() {
    let app = start().await;
    publish(&app, PLAIN).await;
    put(&app, "o", &with(offer("red", 5.0), json!({ "regulated": true, "human_review_required": true })))
        .await;
    let request =
        json!({ "customer_id": "c0", "contact_point": "branch_advisor", "language": "fr", "explain": true });
    let decision = ok(app.post("/v1/offers/next", &request).await).await;
    let result = &decision["results"][0];
    assert_eq!(
        (&result["content"]["title"], &result["content"]["language"]),
        (&json!("Achetez"), &json!("fr"))
    );
    assert_eq!(result["human_review_required"], true);
    assert_eq!(result["reasons"][0]["text"], result["reasons"][0]["texts"]["fr"]);
}

/// A policy under which at most so many e-mails go to a customer in 30 days.
fn capped(at_most: u32) -> String {
    format!(
        "{PLAIN}[[pressure.caps]]\nname = \"emails\"\nchannels = [\"email\"]\nat_most = {at_most}\nwithin_days = 30\n"
    )
}

#[tokio::test]
async fn sixty_four_clients_at_once_never_get_a_fifth_contact_not_even_through_two_processes() {
    never_a_fifth_contact(start().await).await;
    if let Some(url) = postgres().await {
        never_a_fifth_contact(start_with(&[&format!("store.url={url}")]).await).await;
    }
}

async fn never_a_fifth_contact(app: Arc<App>) {
    publish(&app, &capped(4)).await;
    put(&app, "o", &offer("red", 5.0)).await;
    let other = app.twin().await;
    let asked = (0..64).map(|at| {
        let app = if at % 2 == 0 { Arc::clone(&app) } else { Arc::clone(&other) };
        tokio::spawn(async move { next(&app, "c0", "email", 1).await })
    });
    let mut reserved = Vec::new();
    for asked in asked.collect::<Vec<_>>() {
        let decision = asked.await.unwrap();
        if !decision["results"].as_array().unwrap().is_empty() {
            assert!(decision["reserved_until"].is_string(), "{decision}");
            reserved.push(decision);
        }
    }
    assert_eq!(reserved.len(), 4, "as many as allowed, and never one more");
    let blocked = next(&app, "c0", "email", 1).await;
    assert_eq!(
        blocked["funnel"]["removed"][0],
        json!({ "stage": "pressure", "rule": "emails", "offers": 1 })
    );
    let why = ok(app.get("/v1/customers/c0/why-not/o?contact_point=email").await).await;
    assert_eq!((&why["stage"], &why["rule"]), (&json!("pressure"), &json!("emails")), "{why}");
    assert!(why["next_allowed_at"].is_string(), "{why}");

    // A contact that did not take place frees its place at once, in both processes.
    respond(&app, &reserved[0], "undelivered").await;
    assert_eq!(next(&other, "c0", "email", 1).await["results"].as_array().unwrap().len(), 1);
    assert!(next(&app, "c0", "email", 1).await["results"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_withdrawn_consent_holds_from_the_very_next_request_in_every_process() {
    withdrawals_hold_at_once(start().await).await;
    if let Some(url) = postgres().await {
        withdrawals_hold_at_once(start_with(&[&format!("store.url={url}")]).await).await;
    }
}

async fn withdrawals_hold_at_once(app: Arc<App>) {
    let policy = format!(
        "{PLAIN}[[consent.rules]]\nname = \"email opt-in\"\nchannels = [\"email\"]\npurpose = \"marketing\"\ndefault = \"refused\"\n"
    );
    publish(&app, &policy).await;
    put(&app, "o", &offer("red", 5.0)).await;
    let other = app.twin().await;
    let say = async |app: &App, status: &str| {
        let line = json!({ "purpose": "marketing", "channel": "email", "status": status, "source": "form" });
        ok(app.put("/v1/customers/c0/consents", &line).await).await
    };
    let offered = async |app: &App| next(app, "c0", "email", 1).await["results"].as_array().unwrap().len();
    assert_eq!(offered(&app).await, 0, "nobody said yes");
    for _ in 0..3 {
        say(&app, "granted").await;
        assert_eq!((offered(&app).await, offered(&other).await), (1, 1));
        say(&other, "withdrawn").await;
        assert_eq!((offered(&app).await, offered(&other).await), (0, 0));
    }
    let ledger = ok(app.get("/v1/customers/c0/consents").await).await;
    let said: Vec<&str> =
        ledger["consents"].as_array().unwrap().iter().map(|line| line["status"].as_str().unwrap()).collect();
    assert_eq!(
        said,
        ["withdrawn", "granted", "withdrawn", "granted", "withdrawn", "granted"],
        "nothing is lost"
    );
    let why = ok(app.get("/v1/customers/c0/why-not/o?contact_point=email&language=fr").await).await;
    assert_eq!((&why["stage"], &why["rule"]), (&json!("consent"), &json!("email opt-in")), "{why}");
}

#[tokio::test]
async fn who_refuses_to_be_profiled_gets_the_same_answer_as_anyone_and_nothing_is_kept() {
    let app = start().await;
    publish(&app, PLAIN).await;
    put(&app, "for red", &offer("red", 10.0)).await;
    put(&app, "for blue", &offer("blue", 10.0)).await;
    let line = json!({ "purpose": "profiling", "status": "withdrawn", "source": "app" });
    for customer in ["c0", "c1"] {
        ok(app.put(&format!("/v1/customers/{customer}/consents"), &line).await).await;
    }
    let (one, other) = (next(&app, "c0", "web_home", 2).await, next(&app, "c1", "web_home", 2).await);
    assert_eq!((&one["evidence"], &one["kept"]), (&json!("none"), &json!(false)), "{one}");
    let scores = |decision: &Value| -> Vec<(String, String)> {
        decision["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| (r["id"].to_string(), r["score"].to_string()))
            .collect()
    };
    assert_eq!(scores(&one), scores(&other), "taste no longer speaks");
    let path = format!("/v1/decisions/{}", one["decision_id"].as_str().unwrap());
    app.get(&path).await.problem(404, "decision_not_found");
    let request = json!({ "customer_id": "c0", "contact_point": "web_home", "n": 5 });
    let items = ok(app.post("/v1/recommend", &request).await).await;
    assert_eq!(items["evidence"], "none", "lists of items are not personal either: {items}");
    let view = ok(app.get("/v1/customers/c0").await).await;
    assert_eq!((&view["profiling"], &view["stage"]), (&json!("refused"), &Value::Null), "{view}");
    assert_eq!(view["consents"][0]["status"], "withdrawn", "{view}");
    let granted = json!({ "purpose": "profiling", "status": "granted", "source": "app" });
    ok(app.put("/v1/customers/c0/consents", &granted).await).await;
    assert_eq!(next(&app, "c0", "web_home", 2).await["evidence"], "history", "and back at once");
}

#[tokio::test]
async fn the_first_blocking_stage_is_named_with_its_rule_and_the_next_date() {
    let app = start().await;
    let policy = format!(
        "{PLAIN}[[rules]]\nname = \"only red\"\nstage = \"applicability\"\nwhen = 'profile.likes == \"red\"'\noffers = {{ groups = [\"red\"] }}\n\
         text = {{ en = \"they like another colour\", fr = \"ils aiment une autre couleur\" }}\n\
         [[pressure.cool_offs]]\nname = \"refused\"\nafter = \"refused\"\nblocks = \"offer\"\ndays = 60\ndirections = [\"inbound\", \"outbound\"]\n"
    );
    publish(&app, &policy).await;
    put(&app, "red", &offer("red", 10.0)).await;
    put(&app, "later", &with(offer("red", 1.0), json!({ "valid_from": "2999-01-01T00:00:00Z" }))).await;
    put(&app, "few", &with(offer("blue", 1.0), json!({ "stock": 0 }))).await;
    put(&app, "rich", &with(offer("blue", 1.0), json!({ "eligibility": "value.clv > 1000000.0" }))).await;
    put(&app, "own", &with(offer("blue", 1.0), json!({ "suitability": "history.orders > 1000" }))).await;
    let why = async |customer: &str, offer: &str| {
        let path = format!("/v1/customers/{customer}/why-not/{offer}?contact_point=web_home&language=fr");
        ok(app.get(&path).await).await
    };
    let cases = [
        ("c1", "red", "applicability", "only red", None),
        ("c0", "later", "eligibility", "not_yet_valid", Some("2999-01-01T00:00:00Z")),
        ("c0", "few", "eligibility", "stock", None),
        ("c0", "rich", "eligibility", "offer.eligibility", None),
        ("c0", "own", "suitability", "offer.suitability", None),
    ];
    for (customer, offer, stage, rule, date) in cases {
        let answer = why(customer, offer).await;
        assert_eq!(
            (answer["stage"].as_str(), answer["rule"].as_str()),
            (Some(stage), Some(rule)),
            "{answer}"
        );
        assert_eq!(answer["next_allowed_at"].as_str(), date, "{answer}");
    }
    assert_eq!(why("c1", "red").await["text"], "ils aiment une autre couleur");
    let allowed = why("c0", "red").await;
    assert_eq!((&allowed["allowed"], &allowed["place"]), (&json!(true), &json!(1)), "{allowed}");
    let decision = next(&app, "c0", "web_home", 1).await;
    respond(&app, &decision, "refused").await;
    let refused = why("c0", "red").await;
    assert_eq!(
        (refused["stage"].as_str(), refused["rule"].as_str()),
        (Some("pressure"), Some("refused")),
        "{refused}"
    );
    assert!(refused["next_allowed_at"].is_string());
    app.get("/v1/customers/c0/why-not/nothing?contact_point=web_home").await.problem(404, "offer_not_found");
    app.get("/v1/customers/c0/why-not/red?contact_point=moon").await.problem(400, "invalid_field");
}

#[tokio::test]
async fn when_the_stock_of_an_offer_runs_out_others_take_its_place_and_their_stocks_hold_too() {
    let app = start().await;
    publish(&app, PLAIN).await;
    put(&app, "best", &with(offer("red", 100.0), json!({ "stock": 3 }))).await;
    put(&app, "next", &with(offer("red", 50.0), json!({ "stock": 2 }))).await;
    put(&app, "any", &offer("red", 1.0)).await;
    let asked = (0..20).map(|customer| {
        let app = Arc::clone(&app);
        tokio::spawn(async move { next(&app, &format!("c{customer}"), "email", 1).await })
    });
    let mut shown: HashMap<String, usize> = HashMap::new();
    for asked in asked.collect::<Vec<_>>() {
        *shown.entry(world::ids(&asked.await.unwrap())[0].clone()).or_default() += 1;
    }
    assert_eq!((shown["best"], shown["next"], shown["any"]), (3, 2, 15), "{shown:?}");
}

#[tokio::test]
async fn who_waits_for_a_reservation_keeps_nobody_else_from_being_answered() {
    let app = start_with(&["server.answers_at_once=1", "store.busy_timeout_ms=10000"]).await;
    publish(&app, PLAIN).await;
    put(&app, "o", &offer("red", 5.0)).await;
    let lock = Lock::take(&app).await;
    let asks = Arc::clone(&app);
    let reserving = tokio::spawn(async move { next(&asks, "c0", "email", 1).await });
    while app.state.metrics.requests_in_flight.get() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(next(&app, "c1", "web_home", 1).await["results"][0]["id"], "o");
    assert!(!reserving.is_finished(), "it waits for the store");
    lock.release().await;
    assert_eq!(reserving.await.unwrap()["results"][0]["id"], "o");
}

#[tokio::test]
async fn while_consents_cannot_be_read_nobody_is_contacted_or_profiled_and_only_service_messages_pass() {
    let app = start().await;
    publish(&app, PLAIN).await;
    put(&app, "o", &offer("red", 5.0)).await;
    put(&app, "notice", &with(offer("blue", 0.0), json!({ "class": "transactional" }))).await;
    app.state.store.close().await;
    let request = json!({ "customer_id": "c0", "contact_point": "email" });
    let answer = app.anonymous(Method::POST, "/v1/offers/next").json(&request);
    crate::helpers::send(answer).await.problem(401, "unauthenticated");
    let book = app.state.offers.book();
    let sources = proffer::offers::Sources {
        offers: &app.state.offers,
        store: &*app.state.store,
        config: &app.state.config,
        patience: &app.state.patience,
        serving: app.state.releases.current(),
        book: Arc::clone(&book),
        learned: None,
    };
    let ask = async |contact_point: &str| {
        let request =
            serde_json::from_value(json!({ "customer_id": "c0", "contact_point": contact_point })).unwrap();
        let point = book.point(&app.state.config, contact_point).unwrap();
        proffer::offers::next::next(&sources, request, point, chrono::Utc::now()).await
    };
    assert!(ask("email").await.is_err(), "nobody is contacted");
    let inbound = ask("web_home").await.unwrap();
    let shown: Vec<&str> = inbound.results.iter().map(|result| result.id.as_str()).collect();
    assert_eq!(
        (shown, inbound.degraded.as_slice(), inbound.kept),
        (vec!["notice"], ["store"].as_slice(), false)
    );
    assert_eq!(serde_json::to_value(inbound.evidence).unwrap(), "none");
}

#[tokio::test]
async fn a_rule_that_fails_on_a_customer_costs_that_offer_only_and_is_seen() {
    let app = start().await;
    publish(&app, PLAIN).await;
    put(&app, "broken", &with(offer("red", 99.0), json!({ "eligibility": "profile.income > 3.0" }))).await;
    put(&app, "sound", &offer("red", 1.0)).await;
    let decision = next(&app, "c0", "web_home", 3).await;
    assert_eq!(world::ids(&decision), ["sound"], "{decision}");
    let failed = &decision["funnel"]["failed_rules"][0];
    assert_eq!((&failed["rule"], &failed["offers"]), (&json!("offer.eligibility"), &json!(1)), "{decision}");
    assert_eq!(app.metric(r#"proffer_failed_rules_total{contact_point="web_home"}"#).await, 1.0);
}

#[tokio::test]
async fn offers_that_cannot_be_meant_are_refused_by_field_and_none_of_their_batch_is_written() {
    let app = start().await;
    let sound = offer("red", 1.0);
    let mut worthless = sound.clone();
    worthless.as_object_mut().unwrap().remove("value");
    let cases = [
        (worthless, "value"),
        (with(sound.clone(), json!({ "value": 1e12 })), "$.value"),
        (with(sound.clone(), json!({ "cost": -1.0 })), "$.cost"),
        (with(sound.clone(), json!({ "treatments": [] })), "$.treatments"),
        (
            with(sound.clone(), json!({ "treatments": [{ "channel": "web" }, { "channel": "web" }] })),
            "$.treatments[1].channel",
        ),
        (
            with(
                sound.clone(),
                json!({ "valid_from": "2026-02-01T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z" }),
            ),
            "$.valid_until",
        ),
        (with(sound.clone(), json!({ "eligibility": "profile.age >" })), "$.eligibility"),
        (with(sound.clone(), json!({ "eligibility": "history.orders" })), "$.eligibility"),
        (with(sound.clone(), json!({ "suitability": "history.ordres > 1" })), "$.suitability"),
        (with(sound.clone(), json!({ "clas": "default" })), "$.clas"),
    ];
    for (body, place) in cases {
        let problem = app.put("/v1/offers/x", &body).await.problem(400, "invalid_field");
        let said = format!("{}{}", problem["at"], problem["detail"]);
        assert!(said.contains(place), "{place}: {problem}");
    }
    let batch = json!([{ "offer_id": "a", "offer": sound }, { "offer_id": "b", "offer": with(sound.clone(), json!({ "cost": -1.0 })) }]);
    let problem = app.post("/v1/offers:batch", &batch).await.problem(400, "invalid_field");
    assert_eq!(problem["at"], "$[1].offer.cost");
    assert_eq!(ok(app.get("/v1/offers").await).await["offers"], json!([]));
    // A client may resolve `..` in a path before it asks.
    for id in hostile_ids().into_iter().filter(|id| id != "..") {
        put(&app, &id, &sound).await;
        assert_eq!(ok(app.get(&format!("/v1/offers/{}", encoded(&id))).await).await["offer_id"], json!(id));
        ok(app.delete(&format!("/v1/offers/{}", encoded(&id))).await).await;
    }
    app.delete("/v1/offers/x").await.problem(404, "offer_not_found");
}

#[tokio::test]
async fn a_policy_is_refused_with_path_and_position_published_tried_out_and_taken_back() {
    let app = start().await;
    put(&app, "for red", &offer("red", 10.0)).await;
    put(&app, "for blue", &offer("blue", 10.0)).await;
    let cases = [
        ("name = \"x\"\nfoo = 1\n", "foo"),
        ("name = \"x\"\n[exploration]\nmethod = \"epsilon_greedy\"\nepsilon = 2.0\n", "epsilon"),
        (
            "name = \"x\"\n[[rules]]\nname = \"r\"\nstage = \"eligibility\"\nwhen = 'history.orders > \"three\"'\n",
            "when",
        ),
        ("name = \"x\"\n[arms.shares]\nnba = 0.5\n", "shares"),
        (
            "name = \"x\"\n[[pressure.hours]]\nname = \"h\"\ndays = [\"monday\"]\nbetween = [[\"10:00\", \"14:00\"], [\"13:00\", \"20:00\"]]\n",
            "between",
        ),
        (
            "name = \"x\"\n[[pressure.caps]]\nname = \"c\"\nchannels = [\"pigeon\"]\nat_most = 1\nwithin_days = 1\n",
            "pigeon",
        ),
        ("name = ", "line 1"),
    ];
    for (policy, place) in cases {
        let problem =
            app.post_raw("/v1/policies", "application/toml", policy).await.problem(422, "invalid_policy");
        let said = format!("{} {}", problem["at"], problem["detail"]);
        assert!(said.contains(place) && said.contains("line"), "{place}: {problem}");
    }
    let first = publish(&app, PLAIN).await;
    let lever = format!(
        "{PLAIN}[[arbitration.levers]]\nname = \"push blue\"\noffers = {{ groups = [\"blue\"] }}\npercent = 900\n"
    );
    let draft = ok(app.post_raw("/v1/policies?note=blue", "application/toml", lever).await).await;
    let second = draft["version"].as_i64().unwrap();
    assert_eq!((second, &draft["in_force"], &draft["note"]), (first + 1, &json!(false), &json!("blue")));
    let trial = json!({ "contact_point": "web_home", "customers": 40, "seed": 7 });
    let differences = ok(app.post(&format!("/v1/policies/{second}/trial"), &trial).await).await;
    assert_eq!(differences["customers"], 40, "{differences}");
    assert!(
        differences["changed"].as_u64().unwrap() > 10,
        "red customers would see blue first: {differences}"
    );
    assert_eq!(
        world::ids(&next(&app, "c0", "web_home", 1).await),
        ["for red"],
        "nothing is in force before it is published"
    );
    ok(app.post(&format!("/v1/policies/{second}/publish"), &json!({})).await).await;
    let decision = next(&app, "c0", "web_home", 1).await;
    assert_eq!(
        (world::ids(&decision), decision["policy_version"].as_i64()),
        (vec!["for blue".to_owned()], Some(second))
    );
    assert_eq!(decision["results"][0]["factors"]["lever"], 10.0, "900 percent and 1");
    ok(app.post("/v1/policies/rollback", &json!({})).await).await;
    assert_eq!(next(&app, "c0", "web_home", 1).await["policy_version"].as_i64(), Some(first));
    let list = ok(app.get("/v1/policies").await).await;
    let published: Vec<i64> =
        list["publications"].as_array().unwrap().iter().map(|p| p["version"].as_i64().unwrap()).collect();
    assert_eq!(published, [first, second, first], "who did what stays on record: {list}");
    app.get("/v1/policies/99").await.problem(404, "policy_not_found");
    app.post("/v1/policies/two/publish", &json!({})).await.problem(404, "policy_not_found");
}

#[tokio::test]
async fn responses_may_come_early_twice_or_late_and_nothing_is_lost() {
    let app = start().await;
    publish(&app, PLAIN).await;
    put(&app, "o", &offer("red", 5.0)).await;
    let decision = next(&app, "c0", "web_home", 1).await;
    let id = decision["decision_id"].as_str().unwrap();
    let send = async |body: Value| app.post("/v1/responses", &body).await;
    let accepted = json!({ "response_id": "r1", "decision_id": id, "outcome": "accepted", "revenue": 4.5 });
    assert_eq!(ok(send(accepted.clone()).await).await["results"][0]["status"], "stored");
    assert_eq!(ok(send(accepted.clone()).await).await["results"][0]["status"], "duplicate");
    let other = with(accepted, json!({ "revenue": 5.0 }));
    send(other).await.problem(409, "response_conflict");
    send(json!({ "decision_id": id, "rank": 2, "outcome": "shown" })).await.problem(400, "invalid_field");
    send(json!({ "decision_id": id, "rank": 0, "outcome": "shown" })).await.problem(400, "invalid_field");
    send(json!({ "decision_id": id, "outcome": "no_response" })).await.problem(400, "invalid_field");
    send(json!({ "decision_id": id, "outcome": "shown", "at": "2999-01-01T00:00:00Z" }))
        .await
        .problem(400, "invalid_field");
    let early = ok(send(json!({ "decision_id": "not made yet", "outcome": "shown" })).await).await;
    assert_eq!(
        (&early["waiting"], &early["results"][0]["status"]),
        (&json!(1), &json!("waiting")),
        "{early}"
    );
    let batch = json!([
        { "decision_id": id, "outcome": "shown" }, { "decision_id": id, "outcome": "loved" }, { "decision_id": id, "outcome": "clicked" }
    ]);
    let answer = app.post("/v1/responses", &batch).await;
    assert_eq!(answer.status, 207, "{answer:?}");
    let receipt = answer.json();
    assert_eq!(
        (&receipt["stored"], &receipt["rejected"]),
        (&json!(2), &json!(1)),
        "the rest is not lost: {receipt}"
    );
    let flood: Vec<_> = (0..50)
        .map(|_| {
            let app = Arc::clone(&app);
            let body = json!({ "response_id": "flood", "decision_id": id, "outcome": "later" });
            tokio::spawn(async move { ok(app.post("/v1/responses", &body).await).await })
        })
        .collect();
    let mut stored = 0;
    for one in flood {
        stored += one.await.unwrap()["stored"].as_u64().unwrap();
    }
    assert_eq!(stored, 1, "of a flood of the same response one counts");
}

#[tokio::test]
async fn arms_are_stable_split_households_whole_and_control_is_shown_nothing_but_service_messages() {
    let app = start().await;
    let policy = "name = \"arms\"\n[exploration]\nmethod = \"off\"\n[arms]\nsalt = \"s\"\nunit = \"household\"\n\
                  [arms.shares]\nnba = 0.5\nrandom = 0.25\ncontrol = 0.25\n";
    publish(&app, policy).await;
    put(&app, "o", &offer("red", 5.0)).await;
    put(&app, "notice", &with(offer("blue", 0.0), json!({ "class": "transactional" }))).await;
    let mut arms: HashMap<String, String> = HashMap::new();
    for customer in 0..80 {
        let attributes = json!({ "attributes": { "household_id": format!("h{}", customer / 4) } });
        ok(app.put(&format!("/v1/customers/c{customer}"), &attributes).await).await;
        let decision = next(&app, &format!("c{customer}"), "web_home", 5).await;
        let arm = decision["arm"].as_str().unwrap().to_owned();
        let of_household = arms.entry(format!("h{}", customer / 4)).or_insert_with(|| arm.clone());
        assert_eq!(*of_household, arm, "a household has one arm");
        let shown: HashSet<String> = world::ids(&decision).into_iter().collect();
        assert!(shown.contains("notice"), "a service message is no matter of experiments: {decision}");
        assert_eq!(shown.contains("o"), arm != "control", "{decision}");
    }
    assert!(arms.values().collect::<HashSet<_>>().len() == 3, "{arms:?}");
    let first = ok(app.get("/v1/customers/c0/why-not/o?contact_point=web_home").await).await;
    assert_eq!(first["allowed"] == json!(true), arms["h0"] != "control", "{first}");
    app.get("/v1/decisions/x").await; // what was answered is kept before the report is made
    let report = ok(app.get("/v1/experiments").await).await;
    let units: u64 =
        report["arms"].as_object().unwrap().values().map(|arm| arm["units"].as_u64().unwrap()).sum();
    assert_eq!(units, 20, "households count as one: {report}");
    assert!(report["purchases"]["sample_ratio"]["p_value"].is_number(), "{report}");
}

#[tokio::test]
async fn a_draft_is_evaluated_on_the_log_and_refused_a_verdict_on_thin_evidence() {
    let app = start().await;
    let explore =
        "name = \"explore\"\n[exploration]\nmethod = \"epsilon_greedy\"\nepsilon = 0.5\nfloor = 0.01\n";
    let version = publish(&app, explore).await;
    let path = format!("/v1/policies/{version}/evaluate");
    app.post(&path, &json!({})).await.problem(422, "evidence_too_thin");
    put(&app, "for red", &offer("red", 10.0)).await;
    put(&app, "for blue", &offer("blue", 10.0)).await;
    for customer in 0..40 {
        let decision = next(&app, &format!("c{customer}"), "web_home", 1).await;
        let liked = if customer % 2 == 0 { "for red" } else { "for blue" };
        let outcome = if world::ids(&decision)[0] == liked { "accepted" } else { "refused" };
        respond(&app, &decision, outcome).await;
    }
    app.get("/v1/decisions/x").await;
    // Who accepts says so at once, who does not is only silent: what is younger than the wait does not count.
    app.post(&path, &json!({})).await.problem(422, "evidence_too_thin");
    let later = chrono::Utc::now() + chrono::TimeDelta::days(8);
    let book = app.state.offers.book();
    let evaluated = proffer::offers::off_policy::evaluate(&*app.state.store, &book, &app.state.config, later);
    let report = serde_json::to_value(evaluated.await.unwrap()).unwrap();
    assert_eq!((&report["decisions"], &report["settled"]), (&json!(40), &json!(40)), "{report}");
    let weights = &report["acceptance"]["weights"];
    assert!((weights["mean"].as_f64().unwrap() - 1.0).abs() < 1e-9, "the same policy weighs 1: {report}");
    assert!(
        report["acceptance"]["verdict"].to_string().contains("effective"),
        "40 decisions are too few: {report}"
    );
    let strict = format!(
        "{PLAIN}[[rules]]\nname = \"red people\"\nstage = \"eligibility\"\nwhen = 'profile.likes == \"red\"'\n"
    );
    let draft = proffer::policy::Policy::read(&strict, proffer::store::PolicyFormat::Toml).unwrap();
    let draft = proffer::offers::Book::new(9, Arc::new(draft), app.state.store.offers().await.unwrap());
    let evaluated =
        proffer::offers::off_policy::evaluate(&*app.state.store, &draft, &app.state.config, later)
            .await
            .unwrap();
    let report = serde_json::to_value(evaluated).unwrap();
    let mean = report["acceptance"]["weights"]["mean"].as_f64().unwrap();
    assert!(report["settled"] == 40 && mean < 0.8, "to half of the people it would show nothing: {report}");
}

#[tokio::test]
async fn a_request_that_cannot_be_meant_is_refused_by_field() {
    let app = start().await;
    let cases = [
        (json!({ "contact_point": "web_home" }), "customer_id"),
        (json!({ "customer_id": "", "contact_point": "web_home" }), "customer_id"),
        (json!({ "customer_id": "c0", "contact_point": "moon" }), "contact_point"),
        (json!({ "customer_id": "c0", "contact_point": "web_home", "n": 0 }), "n must be"),
        (json!({ "customer_id": "c0", "contact_point": "web_home", "n": 100000 }), "n must be"),
        (json!({ "customer_id": "c0", "contact_point": "web_home", "context": { "x": [1] } }), "context"),
        (
            json!({ "customer_id": "c0", "contact_point": "web_home", "context": { "channel": "x" } }),
            "channel",
        ),
        (json!({ "customer_id": "c0", "contact_point": "web_home", "nn": 1 }), "nn"),
    ];
    for (body, place) in cases {
        let problem = app.post("/v1/offers/next", &body).await.problem(400, "invalid_field");
        assert!(format!("{}{}", problem["at"], problem["detail"]).contains(place), "{place}: {problem}");
    }
    let unknown = next(&app, "never heard of", "web_home", 3).await;
    assert_eq!(
        (&unknown["evidence"], &unknown["results"]),
        (&json!("none"), &json!([])),
        "no offers, no error"
    );
    let request =
        app.request(Method::POST, "/v1/offers/next").body("{").header("content-type", "application/json");
    crate::helpers::send(request).await.problem(400, "malformed_json");
}
