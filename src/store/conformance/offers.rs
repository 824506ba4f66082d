//! Offers, usage, policies and consents.

use super::*;

pub(super) fn consent(customer_id: &str, channel: &str, status: ConsentStatus, at: i64) -> Consent {
    Consent {
        customer_id: customer_id.into(),
        purpose: "marketing".into(),
        channel: channel.into(),
        status,
        source: "web".into(),
        text_version: None,
        proof: None,
        at: moment(at),
    }
}

pub(super) async fn offers_are_replaced_and_deleted_and_every_change_is_a_new_revision(store: &dyn Store) {
    let offer = |id: &str, body: &str, at| OfferRecord {
        offer_id: id.into(),
        body: body.into(),
        updated_at: moment(at),
    };
    let start = store.revision().await.unwrap();
    for id in hostile_ids() {
        store.put_offers(vec![offer(&id, "old", 1), offer(&id, &id, 2)]).await.unwrap();
    }
    let mut expected: Vec<OfferRecord> = hostile_ids().iter().map(|id| offer(id, id, 2)).collect();
    expected.sort_by(|a, b| a.offer_id.cmp(&b.offer_id));
    assert_eq!(store.offers().await.unwrap(), expected, "in the order of bytes, on every database");
    let written = store.revision().await.unwrap();
    assert_eq!(written - start, hostile_ids().len() as i64);
    assert!(store.delete_offer(" ").await.unwrap());
    assert!(!store.delete_offer(" ").await.unwrap());
    assert_eq!(store.offers().await.unwrap().len(), expected.len() - 1);
    assert_eq!(store.revision().await.unwrap(), written + 1, "deleting nothing changes nothing");
}

pub(super) async fn a_policy_is_kept_in_versions_and_the_last_published_is_in_force(store: &dyn Store) {
    let policy = |body: &str, format, at| NewPolicy {
        format,
        body: body.into(),
        note: "été".into(),
        actor: "k".into(),
        at: moment(at),
    };
    let (first, second) = (policy("'; --", PolicyFormat::Toml, 1), policy("{}", PolicyFormat::Json, 2));
    assert_eq!(store.put_policy(first.clone()).await.unwrap(), 1);
    assert_eq!(store.put_policy(second.clone()).await.unwrap(), 2);
    let (first, second) =
        (PolicyRecord { version: 1, policy: first }, PolicyRecord { version: 2, policy: second });
    assert_eq!(store.policy(1).await.unwrap(), Some(first.clone()));
    assert_eq!(store.policy(3).await.unwrap(), None);
    assert_eq!(store.policies(1).await.unwrap(), std::slice::from_ref(&second));
    assert_eq!(store.policies(9).await.unwrap(), [second, first]);
    assert_eq!(store.publications(9).await.unwrap(), []);
    let publication = |version, at| Publication { version, actor: "k".into(), at: moment(at) };
    let before = store.revision().await.unwrap();
    assert!(!store.publish_policy(publication(3, 3)).await.unwrap(), "there is no such version");
    assert_eq!(store.revision().await.unwrap(), before);
    for (version, at) in [(2, 3), (1, 4)] {
        assert!(store.publish_policy(publication(version, at)).await.unwrap());
    }
    assert_eq!(store.publications(9).await.unwrap(), [publication(1, 4), publication(2, 3)]);
    assert_eq!(store.revision().await.unwrap(), before + 2);
}

pub(super) async fn consents_are_only_added_and_the_last_word_counts(store: &dyn Store) {
    use ConsentStatus::{Granted, Refused, Withdrawn};
    let lines = [
        consent("c-consent", "phone", Granted, 5),
        consent("c-consent", "phone", Withdrawn, 9),
        // Written down late: it was said before.
        consent("c-consent", "phone", Refused, 7),
        consent("c-consent", "*", Refused, 3),
        consent("c-consent", "*", Granted, 3),
    ];
    for line in &lines {
        store.append_consents(vec![line.clone()]).await.unwrap();
    }
    let of = store.consents_of("c-consent").await.unwrap();
    let newest_first = [1, 2, 0, 4, 3].map(|line: usize| lines[line].clone());
    assert_eq!(of, newest_first);
    let in_force = ledger(store, "c-consent", None, 100).await.consents;
    assert_eq!(in_force, [lines[4].clone(), lines[1].clone()]);
    for id in hostile_ids() {
        let line = Consent {
            purpose: id.clone(),
            source: id.clone(),
            text_version: Some(id.clone()),
            proof: Some(id.clone()),
            ..consent(&id, &id, Granted, 1)
        };
        store.append_consents(vec![line.clone()]).await.unwrap();
        assert_eq!(store.consents_of(&id).await.unwrap(), [line]);
    }
}
