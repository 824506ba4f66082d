//! A release survives its bytes, and says what is wrong with bytes that are not its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use models::attributes::{Prior, PriorParams};
use models::behaviour::{Behaviour, Categories, FeatureSet, Rhythm};
use models::churn::RiskBand;
use models::complements::ComplementsParams;
use models::customers::{CustomerModels, Learned, Score, SegmentModels, Subject};
use models::events::{Event, EventLog, Timestamp};
use models::ials::IalsParams;
use models::ids::{CustomerIx, ItemIx, OrderIx, Vocabulary};
use models::interactions::{History, Interactions, KindWeights};
use models::item_lists::ItemLists;
use models::item_weights::ItemWeightsParams;
use models::payload::{Payload, PayloadValue};
use models::popularity::PopularityParams;
use models::release::{
    Counts, CustomerTables, FORMAT_VERSION, FileEntry, Files, Manifest, Release, TimeUnit, release_id,
};
use models::repeat::Repeat;
use models::segments::{GridCuts, RfmCuts, StageRules};
use models::sessions::SessionParams;
use models::spectral::SpectralParams;
use models::taste::{Blend, Blends, ByRepeats, Taste, Views};
use ndarray::Array2;
use std::collections::BTreeMap;

const CUTOFF: Timestamp = Timestamp(1_000_000);

fn release() -> Release {
    let event = |n: u32| Event {
        at: Timestamp(i64::from(n) * 100),
        customer: CustomerIx(n % 7),
        item: ItemIx(n * n % 11),
        order: OrderIx(n / 3),
        quantity: 1.0 + (n % 3) as f32,
        amount: 2.5,
        ..Event::default()
    };
    let log = EventLog::new((0..200).map(event).collect(), 7, 11);
    let history = Interactions::from_events(log.events(), 7, 11, &KindWeights::default());
    let mut items = Vocabulary::default();
    for id in ["a/b", "", "été", "\u{1F600}", "e", "f", "g", "h", "i", "j", "k"] {
        items.intern(id).unwrap();
    }
    let mut customers = Vocabulary::default();
    for id in 0..7 {
        customers.intern(&format!("customer {id}")).unwrap();
    }
    let payload: Payload =
        serde_json::from_str(r#"{"category":"x","price":1.25,"available":true,"tags":["a","b"]}"#).unwrap();
    let mut payloads = vec![Payload::new(); 11];
    payloads[3] = payload;
    let ials = IalsParams { factors: 3, sweeps: 2, ..Default::default() }.check().unwrap();
    let popularity = PopularityParams::default().check().unwrap().fit(log.events(), 11, CUTOFF).unwrap();
    let spectral = SpectralParams { factors: 2, ..Default::default() }.check().unwrap();
    let views = Views {
        ials: ials.fit(&history, CUTOFF, |_| ()).unwrap(),
        spectral: Some(spectral.fit(&history, CUTOFF).unwrap()),
        weights: ItemWeightsParams::default().check().unwrap().fit(&history, CUTOFF).unwrap(),
        repeat: Repeat::new(7.5).unwrap(),
        sessions: SessionParams { gap_minutes: 1e4, ..Default::default() }.check().unwrap().fit(
            log.events(),
            7,
            11,
        ),
        prior: prior(3),
    };
    assert!(!views.sessions.is_empty());
    let (features, profiles) = (views.prior.features().clone(), attributes());
    let blend = Blend {
        factors: 1.0,
        spectral: 0.5,
        weights: 2.0,
        often: 0.25,
        lately: 0.5,
        popular: 0.1,
        session: 0.3,
    };
    let removed = Blend { often: 0.0, ..blend };
    let blends = Blends { profile_items: 2.5, ..Blends::everyone(ByRepeats { kept: blend, removed }) };
    Release {
        taste: Taste::new(views, &popularity, blends).unwrap(),
        complements: ComplementsParams { min_llr: 0.0, min_baskets: 1, ..Default::default() }
            .check()
            .unwrap()
            .fit(log.events(), 11)
            .unwrap(),
        similar: ItemLists::from_rows(vec![Vec::new(); 11]),
        trending: popularity.clone(),
        popularity,
        items,
        payloads,
        customers,
        profiles: profiles.iter().map(|payload| features.row(payload)).chain([Vec::new()]).collect(),
        propensities: None,
        item_prior: Some(prior(6)),
        known: known(&log),
        history,
    }
}

/// What is known of customers: acts, models that could not be learned, and scores of all sorts.
fn known(log: &EventLog) -> CustomerTables {
    let refused = || "too short".to_owned();
    let behaviour = Behaviour::from_events(log.events(), 7, &Categories(vec![1, 2, 3]));
    let rhythm = Rhythm::learn(&behaviour, CUTOFF, 30.0).unwrap();
    let features = FeatureSet { rhythm, attributes: prior(3).features().clone() };
    let segments = SegmentModels {
        rfm: RfmCuts::learn((1..10u32).map(|n| (n as f32, n, f64::from(n)))).into(),
        grid: GridCuts::learn((1..10).map(|n| (f64::from(n), f64::from(n)))).into(),
        stages: StageRules::default().check().unwrap(),
        clusters: Learned::Refused(refused()),
    };
    let models = CustomerModels {
        category_attribute: "category".into(),
        consent_attribute: "profiling_consent".into(),
        channels: vec![String::new(), "web".into()],
        features,
        churn: Learned::Refused(refused()),
        value: Learned::Refused(refused()),
        segments,
        profile: Learned::Refused(refused()),
    };
    let scores = (0..7).map(|customer| {
        let subject = Subject { acts: behaviour.of(CustomerIx(customer)), ..Subject::default() };
        Score::of(&models.standing(&subject, CUTOFF), None)
    });
    let mut scores: Vec<Score> = scores.collect();
    scores[0] = Score {
        churn: Some(0.25),
        band: Some(RiskBand::VeryHigh),
        clv: Some(12.5),
        portrait: Some(0),
        ..scores[0]
    };
    scores[1] = Score::default();
    let mut attributes = CustomerTables::attribute_texts(&attributes()).unwrap();
    attributes.push("{}".into());
    let vectors = Array2::from_shape_fn((7, 2), |(row, column)| (row + column) as f32);
    CustomerTables { behaviour, models, scores, vectors, attributes }
}

/// The attributes of all customers but the last.
fn attributes() -> Vec<Payload> {
    let town = |n: usize| PayloadValue::Text(["Nice", "Lyon"][n % 2].into());
    (0..6).map(|n| Payload::from([("town".to_owned(), town(n))])).collect()
}

/// A prior by town.
fn prior(dimensions: usize) -> Prior {
    let features = PriorParams { least_rows: 1, ..Default::default() }.features(attributes().iter());
    let weights = Array2::from_shape_fn((features.len(), dimensions), |(row, column)| (row + column) as f32);
    Prior::from_parts(features, vec![0.5; dimensions], weights).unwrap()
}

fn encoded(release: &Release) -> (Manifest, Files) {
    let files = release.encode(&release.taste.ials.fold_in_all(&release.history, CUTOFF)).unwrap();
    let entries: BTreeMap<_, _> =
        files.iter().map(|(name, bytes)| (name.clone(), FileEntry::of(bytes))).collect();
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        id: release_id(CUTOFF, &entries),
        created_at: "2024-01-01T00:00:00Z".into(),
        data_cutoff: CUTOFF,
        time_unit: TimeUnit::UnixSeconds,
        seed: 1,
        event_weights: KindWeights::default(),
        counts: release.counts(),
        parameters: serde_json::Value::Null,
        quality: serde_json::Value::Null,
        files: entries,
    };
    (manifest, files)
}

#[test]
fn a_release_read_back_scores_every_customer_alike() {
    let before = release();
    let (manifest, files) = encoded(&before);
    let manifest = Manifest::parse(&manifest.to_json().unwrap()).unwrap();
    let after = Release::decode(&manifest, &files).unwrap();
    assert_eq!(before.payloads, after.payloads);
    assert_eq!(before.history.cells(), after.history.cells());
    assert_eq!(before.popularity, after.popularity);
    assert_eq!(before.complements, after.complements);
    assert_eq!(before.taste.sessions, after.taste.sessions);
    assert_eq!(before.taste.blends, after.taste.blends);
    assert_eq!(before.known, after.known);
    assert_eq!(before.profiles, after.profiles);
    assert_eq!((&before.taste.prior, &before.item_prior), (&after.taste.prior, &after.item_prior));
    assert!(before.items.iter().eq(after.items.iter()) && before.customers.iter().eq(after.customers.iter()));
    for (customer, interactions) in before.history.rows() {
        let of = |release: &Release| release.taste.ials.fold_in(History::new(interactions, CUTOFF));
        assert_eq!(of(&before), of(&after), "{customer:?}");
    }
}

#[test]
fn the_same_release_has_the_same_bytes_and_id() {
    let ((a, a_files), (b, b_files)) = (encoded(&release()), encoded(&release()));
    assert!(a_files == b_files && a.id == b.id);
}

#[test]
fn whatever_is_wrong_with_a_file_is_said_with_its_name() {
    let (manifest, files) = encoded(&release());
    let needed = files.keys().filter(|name| models::release::is_loaded_to_serve(name));
    for name in needed {
        type Harm<'a> = Box<dyn Fn(&mut Files) + 'a>;
        let damage: [(&str, Harm<'_>); 3] = [
            ("missing", Box::new(|files| drop(files.remove(name)))),
            ("truncated", Box::new(|files| files.get_mut(name).unwrap().truncate(10))),
            ("altered", Box::new(|files| files.get_mut(name).unwrap()[5] ^= 1)),
        ];
        for (how, harm) in damage {
            let mut files = files.clone();
            harm(&mut files);
            let error = Release::decode(&manifest, &files).unwrap_err().to_string();
            assert!(error.contains(name), "{name} {how}: {error}");
            assert!(error.contains(how), "{name} {how}: {error}");
        }
    }
}

#[test]
fn sound_files_that_do_not_belong_together_are_refused() {
    let (manifest, files) = encoded(&release());
    let other = Manifest { counts: Counts { items: 12, ..manifest.counts }, ..manifest.clone() };
    assert!(Release::decode(&other, &files).unwrap_err().to_string().contains("items: 12"));
    let mut mixed = release();
    mixed.payloads.pop();
    assert!(mixed.encode(&Array2::zeros((7, 3))).unwrap_err().to_string().contains("attributes"));
}
