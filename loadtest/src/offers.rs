//! Writes a set of offers to a service, as a retailer would have them.

use crate::http::{AskError, Target, ask};
use crate::workload::Ids;
use serde_json::{Value, json};

/// Offers of one request: well below the service's limits of rows and bytes.
const AT_ONCE: u64 = 200;

/// Items that an offer promotes.
const PROMOTED: u64 = 5;

/// Writes so many offers, `load-0` and on, that promote items of a population.
///
/// # Errors
/// [`AskError`].
pub fn write(target: &Target, count: u64, items: &Ids) -> Result<(), AskError> {
    for begin in (0..count).step_by(AT_ONCE as usize) {
        let batch: Value = (begin..count.min(begin + AT_ONCE)).map(|at| offer(at, items)).collect();
        ask(target, "POST", "/v1/offers:batch", Some(batch.to_string().as_bytes()))?;
    }
    Ok(())
}

/// With a rule, a group, a value and a treatment for each channel of the workloads.
fn offer(at: u64, items: &Ids) -> Value {
    const RULES: [&str; 3] = [
        "history.orders >= 1",
        "history.orders >= 5 && history.return_share < 0.5",
        "has(churn.probability)",
    ];
    let treatments = ["web", "email", "branch"].map(|channel| json!({ "channel": channel }));
    let promoted = (0..PROMOTED.min(items.count())).map(|step| {
        let mut id = Vec::new();
        items.write((at.wrapping_mul(37) + step * 911) % items.count(), &mut id);
        String::from_utf8_lossy(&id).into_owned()
    });
    json!({ "offer_id": format!("load-{at}"), "offer": {
        "name": format!("Offer {at}"), "issue": "sales", "group": format!("group-{}", at % 20),
        "value": 5.0 + (at % 17) as f64, "cost": 0.01, "items": promoted.collect::<Vec<_>>(),
        "eligibility": RULES[(at % 3) as usize], "treatments": treatments,
    } })
}
