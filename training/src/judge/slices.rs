//! Who is served how well, and which items.

use super::comparison::{Compared, Comparison};
use models::Result;
use models::ids::{CustomerIx, ItemIx, Ix};
use models::interactions::Interactions;
use models::measures::{Bootstrap, Evaluation, Measure};

/// Where the groups of customers by number of items end.
const HISTORY_ENDS: [usize; 3] = [5, 20, usize::MAX];

/// The share of the items, the best known, that are the head.
const HEAD: f64 = 0.2;

/// The evaluations by the length of the history, and by how many had bought the item.
pub(super) fn all(
    evaluations: &[Evaluation],
    interactions: &Interactions,
    bootstrap: &Bootstrap,
) -> Result<Vec<Comparison>> {
    let n = evaluations.first().map_or(0, |evaluation| evaluation.summary.n);
    let comparison = |title: &str, measure: &str, rows| Comparison {
        title: title.into(),
        measure: format!("{measure}@{n}"),
        whom: "customers".into(),
        models: evaluations.iter().map(|evaluation| evaluation.summary.model.clone()).collect(),
        rows,
    };
    Ok(vec![
        comparison("By the length of the history", "NDCG", by_history(evaluations, interactions, bootstrap)?),
        comparison("By how well known the item is", "Recall", by_item(evaluations, interactions, bootstrap)?),
    ])
}

fn by_history(
    evaluations: &[Evaluation],
    interactions: &Interactions,
    bootstrap: &Bootstrap,
) -> Result<Vec<Compared>> {
    let mut rows = Vec::new();
    let mut begin = 1;
    for end in HISTORY_ENDS {
        let is_member = |customer: CustomerIx| (begin..end).contains(&interactions.row(customer).len());
        let values = |evaluation: &Evaluation| -> Vec<f64> {
            let members = evaluation.customers.iter().zip(&evaluation.measures);
            members.filter(|(customer, _)| is_member(**customer)).map(|(_, m)| m.get(Measure::Ndcg)).collect()
        };
        let values: Vec<Vec<f64>> = evaluations.iter().map(values).collect();
        let name = match end {
            usize::MAX => format!("{begin} items or more"),
            _ => format!("{begin} to {} items", end - 1),
        };
        if values.iter().any(|values| !values.is_empty()) {
            rows.push(Compared::of(name, &values, bootstrap)?);
        }
        begin = end;
    }
    Ok(rows)
}

/// Recall on the head, on the tail, and on items that nobody had bought.
fn by_item(
    evaluations: &[Evaluation],
    interactions: &Interactions,
    bootstrap: &Bootstrap,
) -> Result<Vec<Compared>> {
    let mut buyers = vec![0u32; interactions.n_items()];
    for cell in interactions.cells() {
        buyers[cell.item.position()] += 1;
    }
    let mut known: Vec<u32> = buyers.iter().copied().filter(|n| *n > 0).collect();
    known.sort_unstable_by(|a, b| b.cmp(a));
    let least = known.get((known.len() as f64 * HEAD) as usize).copied().unwrap_or(0);
    let of = |item: ItemIx| buyers[item.position()];
    let groups: [(String, &dyn Fn(ItemIx) -> bool); 3] = [
        (format!("head: more than {least} buyers"), &|item| of(item) > least),
        ("tail: the others".into(), &|item| (1..=least).contains(&of(item))),
        ("items that nobody had bought".into(), &|item| of(item) == 0),
    ];
    let mut rows = Vec::new();
    for (name, is_member) in groups {
        let means = evaluations.iter().map(|evaluation| evaluation.recall_on(is_member, bootstrap));
        let means = means.collect::<Result<Vec<_>>>()?;
        let size = means.first().map_or(0, |(size, _)| *size);
        let means = means.into_iter().map(|(_, mean)| mean).collect();
        rows.extend((size > 0).then_some(Compared { name, size, means, differences: Vec::new() }));
    }
    Ok(rows)
}
