//! `proffer demo`: train on the bundled real history, serve, and say what to try.

use super::ConfigArguments;
use super::progress::Shown;
use crate::auth::{NewKey, Role};
use crate::config::Config;
use crate::releases::Serving;
use crate::routes::offers::{OfferBody, write};
use crate::startup::{self, Application};
use crate::telemetry;
use anyhow::Context;
use chrono::Utc;
use clap::Args;
use models::churn::RiskBand;
use models::customers::Score;
use models::events::{DAY_SECONDS, Timestamp};
use models::ids::Ix;
use secrecy::ExposeSecret;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use training::pipeline::{self, Gate, Inputs, Run};

/// The bundled history: a year of groceries, for demonstration, not for commercial decisions (demo/README.md).
const PURCHASES: &[u8] = include_bytes!("../../demo/purchases.parquet");
const PRODUCTS: &[u8] = include_bytes!("../../demo/products.parquet");
const CUSTOMERS: &[u8] = include_bytes!("../../demo/customers.parquet");

/// Offers for these customers, made up.
const OFFERS: &[u8] = include_bytes!("../../demo/offers.json");

/// The label of the key that a demonstration makes, and takes back at the next one.
const KEY_LABEL: &str = "proffer demo";

/// Arguments of `proffer demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Where the demonstration keeps its data, releases and store.
    #[arg(long, value_name = "DIR", default_value = "proffer-demo")]
    directory: PathBuf,
    /// Address and port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

/// Trains where that has not been done, then serves until stopped.
pub(super) async fn run(mut arguments: DemoArguments) -> anyhow::Result<()> {
    let directory = arguments.directory.clone();
    arguments.config.overrides.extend([
        format!("server.listen={}", arguments.listen),
        format!("store.path={}", directory.join("proffer.db").display()),
        "store.url=".to_owned(),
        format!("releases.dir={}", directory.join("releases").display()),
        "catalogue.category_attribute=category".to_owned(),
        // The year ended long ago: seen from now, everyone would be lost.
        "customers.as_of=data".to_owned(),
        // Enough to see how good it is, sooner.
        "training.evaluation.max_sessions=200".to_owned(),
    ]);
    let config = arguments.config.load()?;
    let _log =
        telemetry::start(&config.log).with_context(|| format!("log.filter {:?}", config.log.filter))?;
    train(&config, &directory)?;
    let application = startup::build(config).await?;
    let key = key(&application).await?;
    add_offers(&application).await?;
    print_what_to_try(&application, &key);
    super::serve::until_stopped(application).await
}

fn train(config: &Config, directory: &Path) -> anyhow::Result<()> {
    if crate::releases::list(&config.releases.dir)?.iter().any(|(_, manifest)| manifest.is_ok()) {
        eprintln!("Using the release in {}; remove the folder to train anew.", config.releases.dir.display());
        return Ok(());
    }
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let path = |name: &str| directory.join(name);
    let (purchases, products, customers) =
        (path("purchases.parquet"), path("products.parquet"), path("customers.parquet"));
    for (path, bytes) in [(&purchases, PURCHASES), (&products, PRODUCTS), (&customers, CUSTOMERS)] {
        fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    eprintln!(
        "Training on a year of groceries: simulated data, for demonstration, not for commercial decisions."
    );
    let inputs = Inputs {
        history: vec![purchases],
        items: Some(products),
        customers: Some(customers),
        ..Inputs::default()
    };
    let run = Run { now: Utc::now(), search: None, gate: Gate::default() };
    let trained = pipeline::train(&config.training, &inputs, &run, &config.releases.dir, &Shown::new())?;
    println!("{}\n{}{}", trained.data, trained.evaluation.quality, trained.evaluation.customers);
    Ok(())
}

/// Writes the demonstration's offers where there are none.
async fn add_offers(application: &Application) -> anyhow::Result<()> {
    let state = application.state();
    if !state.store.offers().await?.is_empty() {
        return Ok(());
    }
    let offers: Vec<OfferBody> = serde_json::from_slice(OFFERS)?;
    let offers = offers.into_iter().map(|body| (body.offer_id, body.offer)).collect();
    write(state, offers).await.map_err(|problem| anyhow::anyhow!("{problem}"))?;
    Ok(())
}

/// A fresh key for everything; keys of earlier demonstrations are taken back.
async fn key(application: &Application) -> anyhow::Result<String> {
    let store = &application.state().store;
    for old in
        store.keys().await?.into_iter().filter(|key| key.label == KEY_LABEL && key.revoked_at.is_none())
    {
        store.revoke_key(&old.key_id, Utc::now()).await?;
    }
    let key = NewKey::generate(Role::Admin, KEY_LABEL).context("the system gives no random numbers")?;
    store.add_key(key.record).await?;
    Ok(key.text.expose_secret().to_owned())
}

/// Commands that work as pasted, on a customer with a history and an item that goes with others.
fn print_what_to_try(application: &Application, key: &str) {
    let Some(serving) = application.state().releases.current() else { return };
    let release = &serving.release;
    let liveliest = release.history.rows().max_by_key(|(_, row)| row.len()).map(|(customer, _)| customer);
    let customer = liveliest.and_then(|customer| release.customers.id(customer)).unwrap_or("1");
    let popular = release.popularity.ranked().iter().map(|scored| scored.item);
    let paired = popular.into_iter().find(|&item| release.complements.of(item).len() > 0);
    let item = paired.and_then(|item| release.items.id(item)).unwrap_or("1");
    let new_taste =
        release.trending.ranked().first().and_then(|scored| release.items.id(scored.item)).unwrap_or(item);
    let at = format!("http://{}", application.address());
    let post = |path: &str, body: &str| {
        format!(
            "curl -s {at}{path} -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{body}'"
        )
    };
    let recommend = |who: &str| {
        post("/v1/recommend", &format!(r#"{{{who}"contact_point":"web_home","n":5,"explain":true}}"#))
    };
    let known = recommend(&format!(r#""customer_id":"{customer}","#));
    println!("Proffer answers at {at}; documentation at {at}/docs. Try:\n");
    println!("# What to show a customer, and why\n{known}\n");
    println!(
        "# What to show a stranger who looks at one item\n{}\n",
        recommend(&format!(r#""session_items":["{item}"],"#))
    );
    println!(
        "# What goes with an item\n{}\n",
        post("/v1/cross-sell", &format!(r#"{{"item_ids":["{item}"],"relation":"complement","n":5}}"#))
    );
    println!(
        "# What could take its place\ncurl -s '{at}/v1/items/{item}/similar?n=5' -H 'Authorization: Bearer {key}'\n"
    );
    print_whom_to_keep(&serving, &at, key, post);
    println!("# The customer buys something; ask again, and the answer has changed");
    println!(
        "{}\n{known}\n",
        post(
            "/v1/events",
            &format!(
                r#"{{"type":"purchase","customer_id":"{customer}","item_id":"{new_taste}","at":"{}"}}"#,
                day_after(serving.manifest.data_cutoff)
            )
        )
    );
}

/// Commands on the most precious of the customers who are likely to leave.
fn print_whom_to_keep(serving: &Serving, at: &str, key: &str, post: impl Fn(&str, &str) -> String) {
    let scores = &serving.release.known.scores;
    let at_risk = |score: &Score| score.band >= Some(RiskBand::High);
    let rows = (0..scores.len()).filter(|&row| at_risk(&scores[row]));
    let worth = |row: &usize| scores[*row].clv.unwrap_or_default();
    let precious = rows.max_by(|a, b| worth(a).total_cmp(&worth(b)));
    let customer = precious.and_then(|row| serving.release.customers.id(Ix::at(row))).unwrap_or("1");
    let risky =
        r#"{"filter":{"must":[{"key":"risk","match":{"any":["high","very_high"]}}]},"sort":"clv","n":5}"#;
    println!("# Whom to keep: the most precious among those who are likely to leave");
    println!("{}\n", post("/v1/customers/search", risky));
    println!("# What to offer one of them in a conversation, and with which words");
    println!(
        "{}\n",
        post(
            "/v1/offers/next",
            &format!(
                r#"{{"customer_id":"{customer}","contact_point":"branch_advisor","n":2,"explain":true}}"#
            )
        )
    );
    println!(
        "# What to write to them: a contact is reserved before the answer, within consent and contact pressure"
    );
    println!(
        "{}\n",
        post("/v1/offers/next", &format!(r#"{{"customer_id":"{customer}","contact_point":"email","n":1}}"#))
    );
    for (what, path) in [
        ("Why not another offer", "/why-not/store-card-credit?contact_point=branch_advisor&language=fr"),
        ("Who one of them is, what they are worth, and where they are in their life", "?language=en"),
        ("When they may leave, and why", "/churn"),
    ] {
        println!("# {what}\ncurl -s '{at}/v1/customers/{customer}{path}' -H 'Authorization: Bearer {key}'\n");
    }
}

/// A day after a moment, as events write it.
fn day_after(moment: Timestamp) -> String {
    let day = chrono::DateTime::from_timestamp(moment.0.saturating_add(DAY_SECONDS), 0);
    day.unwrap_or_default().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
