//! Decisions: which items to show, where they come from, and why.

mod cross_sell;
mod fallback;
mod kept;
mod precomputed;
mod reasons;
mod recommend;
mod similar;
mod wire;

pub use cross_sell::cross_sell;
pub use kept::{Answers, Question};
pub use recommend::{Asked, Known, kept, ready, recommend};
pub use similar::similar;
pub use wire::{
    CrossSellRequest, DEFAULT_CROSS_SELL_N, Decision, DecisionResult, Funnel, Reason, ReasonCode,
    RecommendRequest, Relation, RemovedItems, Source,
};

use crate::customers::{self, CustomerState, Evidence};
use crate::patience::Patience;
use crate::releases::{Serving, View};
use crate::store::{Store, within};
use crate::telemetry::request_id;
use chrono::Utc;
use models::ranking::Scored;
use std::sync::Arc;
use uuid::Uuid;

/// The part named in `degraded` when customers' events cannot be read.
const STORE: &str = "store";
/// The part named in `degraded` when the index does not answer.
const INDEX: &str = "index";

/// A chosen item on its way into the answer.
struct Chosen {
    scored: Scored,
    source: Source,
    reasons: Vec<Reason>,
}

/// A customer's state; a stranger's, with the store named as degraded, when it cannot be read: who may have refused to be
/// profiled is treated as if they had.
async fn known_state(
    serving: &Serving,
    store: &dyn Store,
    (customer_id, patience): (Option<&str>, &Patience),
    degraded: &mut Vec<&'static str>,
) -> Arc<CustomerState> {
    let Some(customer_id) = customer_id else { return serving.stranger() };
    match within(patience, customers::state(serving, store, customer_id)).await {
        Ok(state) => state,
        Err(error) => {
            let request_id = request_id();
            tracing::warn!(request_id, %error, "a customer cannot be read; answering as a stranger");
            degraded.push(STORE);
            Arc::new(customers::refusing(serving))
        }
    }
}

/// The answer of one release with what was chosen.
fn answer(serving: &Serving, view: &View<'_>, chosen: Vec<Chosen>) -> Decision {
    let results: Vec<DecisionResult> = chosen
        .into_iter()
        .filter_map(|chosen| Some((view.id(chosen.scored.item)?.to_owned(), chosen)))
        .enumerate()
        .map(|(position, (id, chosen))| DecisionResult {
            rank: position + 1,
            id,
            score: chosen.scored.score,
            source: chosen.source,
            reasons: chosen.reasons,
        })
        .collect();
    Decision {
        decision_id: Uuid::now_v7().to_string(),
        customer_id: None,
        contact_point: None,
        generated_at: Utc::now(),
        release: serving.manifest.id.clone(),
        evidence: Evidence::None,
        degraded: Vec::new(),
        fallback: false,
        funnel: Funnel { returned: results.len(), ..Funnel::default() },
        removed: RemovedItems::default(),
        results,
    }
}
