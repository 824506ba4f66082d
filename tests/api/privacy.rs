//! No customer in what the service says about itself, whatever it is asked and whatever goes wrong.

use crate::collector::Collector;
use crate::helpers::Lock;
use crate::process::Service;
use crate::world::releases_folder;
use futures_util::future::join_all;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// Stands in every id and attribute of a customer.
const MARK: &str = "Zq9Mark";

/// Someone who asks everything, in order and out of order.
struct Visitor {
    client: Client,
    address: String,
    key: String,
    operations: Vec<(Method, String)>,
}

impl Visitor {
    async fn new(service: &Service, folder: &Path) -> Self {
        let client = Client::builder().no_proxy().build().unwrap();
        let address = service.address.clone();
        let document = client.get(format!("{address}/openapi.json")).send().await.unwrap();
        let document: Value = document.json().await.unwrap();
        let operations = document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| (method.to_uppercase().parse().unwrap(), path.clone()))
        });
        Self { client, address, key: Service::key(folder), operations: operations.collect() }
    }

    async fn ask(&self, method: &Method, path: &str, content_type: &str, body: String) -> (u16, Value) {
        let request = self.client.request(method.clone(), format!("{}{path}", self.address));
        let request = request.bearer_auth(&self.key).header("content-type", content_type).body(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn json(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        self.ask(&method, path, "application/json", body.to_string()).await
    }

    /// Every documented operation with what it cannot want; gives the statuses.
    async fn ask_nonsense(&self) -> BTreeSet<u16> {
        let operations = self.operations.iter().map(|(method, template)| async move {
            let path: Vec<&str> =
                template.split('/').map(|part| if part.starts_with('{') { MARK } else { part }).collect();
            let path = path.join("/");
            let mut statuses = BTreeSet::new();
            for query in ["", "?M=M", "?language=M&n=M&contact_point=M&since=M&status=M&after=M"] {
                let path = format!("{path}{}", query.replace('M', MARK));
                statuses.insert(self.ask(method, &path, "application/json", String::new()).await.0);
            }
            for (content_type, body) in nonsense() {
                let (content_type, body) = (content_type.replace('M', MARK), body.replace('M', MARK));
                statuses.insert(self.ask(method, &path, &content_type, body).await.0);
            }
            statuses
        });
        let mut statuses: BTreeSet<u16> = join_all(operations).await.into_iter().flatten().collect();
        for (method, path) in [(MARK, "/v1/events"), ("GET", MARK), ("PATCH", "/v1/customers/Zq9Mark")] {
            let path = format!("/{}", path.trim_start_matches('/'));
            statuses.insert(self.ask(&method.parse().unwrap(), &path, "text/plain", MARK.into()).await.0);
        }
        let stranger = self.client.get(format!("{}/v1/customers/{MARK}", self.address)).bearer_auth(MARK);
        statuses.insert(stranger.send().await.unwrap().status().as_u16());
        statuses
    }

    /// What a shop does all day with one customer; gives the statuses.
    async fn ask_sense(&self, customer: &str) -> BTreeSet<u16> {
        let mut statuses = BTreeSet::new();
        for (method, path, body) in a_day(customer) {
            statuses.insert(self.json(method, &path, body).await.0);
        }
        for contact_point in ["web_home", "branch_advisor", "email"] {
            let question = json!({"customer_id": customer, "contact_point": contact_point, "explain": true});
            let (status, decision) = self.json(Method::POST, "/v1/offers/next", question).await;
            let id = decision["decision_id"].as_str().unwrap_or("0199f5a2-6d7e-7cc0-9a55-0a3a3f4e8b11");
            let path = format!("/v1/decisions/{id}");
            let response =
                json!({"response_id": customer, "decision_id": id, "rank": 1, "outcome": "accepted"});
            let answered = self.json(Method::POST, "/v1/responses", response).await.0;
            statuses.extend([status, answered, self.json(Method::GET, &path, json!({})).await.0]);
        }
        let policy = "name = \"plain\"\n[exploration]\nmethod = \"off\"\n".to_owned();
        let (status, draft) = self.ask(&Method::POST, "/v1/policies", "application/toml", policy).await;
        for act in ["trial", "evaluate", "publish"] {
            let path = format!("/v1/policies/{}/{act}", draft["version"]);
            statuses.insert(self.json(Method::POST, &path, json!({})).await.0);
        }
        statuses.extend([
            status,
            self.json(Method::DELETE, &format!("/v1/customers/{customer}"), json!({})).await.0,
        ]);
        statuses
    }
}

/// Bodies that no route wants; `M` stands for the mark.
fn nonsense() -> [(&'static str, &'static str); 8] {
    [
        ("application/json", r#"{"customer_id": "M"#),
        ("application/json", r#"{"M": "M"}"#),
        ("application/json", r#""M""#),
        ("application/json", r#"[{"M": 1}, "M"]"#),
        (
            "application/json",
            r#"{"customer_id": ["M"], "customer_ids": "M", "item_ids": "M", "attributes": "M", "type": "M", "purpose": {"M": 1}}"#,
        ),
        ("application/x-ndjson", "M\n{\"type\": \"M\"}"),
        ("application/toml", "M = \"M\"\n[M"),
        ("M/M", "M"),
    ]
}

/// Questions that are well-formed.
fn a_day(customer: &str) -> Vec<(Method, String, Value)> {
    let event = |kind: &str, item: &str| json!({"type": kind, "customer_id": customer, "item_id": item, "order_id": customer});
    let treatments = ["web", "email", "branch"]
        .map(|channel| json!({"channel": channel, "content": {"en": {"title": "Buy"}}}));
    let offer = |eligibility: &str| {
        json!({"name": "an offer", "issue": "sales", "group": "g", "value": 1.0, "items": ["red1"],
            "treatments": treatments, "eligibility": eligibility})
    };
    let attributes =
        json!({"household_id": customer, "preferred_channel": customer, customer: customer, "age": 3.0});
    let unusual = json!({format!("{MARK}\"\\"): MARK, "proffer_id": MARK});
    let of_theirs = json!({"must": [{"key": customer, "match": {"value": customer}}]});
    let (post, put, get) = (Method::POST, Method::PUT, Method::GET);
    let this = format!("/v1/customers/{customer}");
    let consent = json!({"purpose": "marketing", "status": "granted", "source": customer, "proof": customer});
    vec![
        (put.clone(), format!("/v1/items/{customer}"), json!({"attributes": {"name": customer}})),
        (put.clone(), this.clone(), json!({"attributes": attributes})),
        (
            post.clone(),
            "/v1/customers:batch".into(),
            json!([{"customer_id": format!("{customer}2"), "attributes": unusual}]),
        ),
        (
            post.clone(),
            "/v1/events".into(),
            json!([
                event("view", "red1"),
                event("purchase", customer),
                event("complaint", "red2"),
                event(customer, "x")
            ]),
        ),
        (put.clone(), format!("{this}/consents"), consent),
        (get.clone(), format!("{this}/consents"), json!({})),
        (put.clone(), "/v1/offers/open".into(), offer("true")),
        // A rule that fails on whoever has the attribute.
        (put, "/v1/offers/broken".into(), offer(&format!("profile.{customer} > 3.0"))),
        (
            post.clone(),
            "/v1/recommend".into(),
            json!({"customer_id": customer, "contact_point": "web_home", "session_items": [customer, "red1"],
                "exclude_ids": [customer], "explain": true, "filter": of_theirs}),
        ),
        (
            post.clone(),
            "/v1/cross-sell".into(),
            json!({"customer_id": customer, "item_ids": [customer, "red1"], "relation": "complement"}),
        ),
        (post.clone(), "/v1/customers:score".into(), json!({"customer_ids": [customer, "c0"]})),
        (post.clone(), "/v1/customers/search".into(), json!({"filter": of_theirs})),
        (post, "/v1/customers/search".into(), json!({"nearest_to": ["c0", customer]})),
        (get.clone(), this.clone(), json!({})),
        (get.clone(), format!("{this}/churn?language=fr"), json!({})),
        (get, format!("{this}/why-not/open?contact_point=email"), json!({})),
    ]
}

/// Does to the store what a broken disk or a careless hand does.
async fn damage(store: &Path, statements: &[&str]) {
    let mut other = SqliteConnectOptions::new().filename(store).foreign_keys(false).connect().await.unwrap();
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement.replace('M', MARK))).execute(&mut other).await.unwrap();
    }
    other.close().await.unwrap();
}

#[tokio::test]
async fn no_log_line_and_no_span_names_a_customer_or_holds_an_attribute() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("proffer.db");
    let (collector, endpoint) = Collector::start();
    let releases = format!("releases.dir={}", releases_folder().display());
    let settings = [
        "log.filter=info,proffer=trace",
        "log.requests=all",
        "log.queue=100000",
        "store.busy_timeout_ms=50",
        "traces.sample_ratio=1",
        &endpoint,
        &releases,
    ];
    let service = Service::start_with(folder.path(), &settings);
    let visitor = Visitor::new(&service, folder.path()).await;

    let mut statuses = visitor.ask_sense(&format!("{MARK}1")).await;
    statuses.extend(visitor.ask_nonsense().await);
    let lock = Lock::of(&store).await;
    statuses.extend(visitor.ask_sense(&format!("{MARK}2")).await);
    statuses.extend(visitor.ask_nonsense().await);
    lock.release().await;
    let attributes = json!({"attributes": {"name": MARK}});
    assert_eq!(visitor.json(Method::PUT, &format!("/v1/customers/{MARK}"), attributes).await.0, 200);
    damage(&store, &["UPDATE customers SET attributes = '\"M\"'"]).await;
    statuses.insert(visitor.json(Method::GET, &format!("/v1/customers/{MARK}"), json!({})).await.0);
    statuses.extend(visitor.ask_nonsense().await);
    damage(&store, &["DROP TABLE events", "DROP TABLE consents", "DROP TABLE responses"]).await;
    statuses.extend(visitor.ask_sense(&format!("{MARK}3")).await);
    // What works in the background meets the damage within its next seconds.
    tokio::time::sleep(Duration::from_secs(3)).await;

    let log = tokio::task::spawn_blocking(move || service.stop("-TERM")).await.unwrap();
    for status in [200, 400, 401, 404, 405, 415, 500, 503] {
        assert!(statuses.contains(&status), "{status} was never answered, only {statuses:?}");
    }
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let logged: BTreeSet<(String, String)> = lines
        .filter_map(|line| Some((line["method"].as_str()?.to_owned(), line["route"].as_str()?.to_owned())))
        .collect();
    for (method, path) in visitor.operations {
        assert!(logged.contains(&(method.to_string(), path.clone())), "{method} {path} left no line");
    }
    let is_marked = |text: &str| text.to_lowercase().contains(&MARK.to_lowercase());
    let marked: BTreeSet<&str> = log.lines().filter(|line| is_marked(line)).collect();
    assert!(marked.is_empty(), "{marked:#?}");
    assert!(collector.spans().len() > 1000, "{} spans", collector.spans().len());
    assert!(!is_marked(&collector.text()), "{}", collector.text());
}
