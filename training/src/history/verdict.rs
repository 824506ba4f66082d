//! May this history be trained on? Each problem says what was found and what would suffice.

use super::config::Minimums;
use super::report::{DataReport, Finding, grouped};
use super::rows::Reason;

/// From this share of events on, one item is probably no product.
const SUSPICIOUS_ITEM_SHARE: f64 = 0.2;
/// From this share of rows on, duplicates are worth a look.
const SUSPICIOUS_DUPLICATES: f64 = 0.01;

/// Fills in the problems and the warnings.
pub(super) fn judge(report: &mut DataReport, minimums: &Minimums) {
    report.problems = problems(report, minimums);
    report.warnings = warnings(report);
}

fn problems(report: &DataReport, minimums: &Minimums) -> Vec<Finding> {
    if report.rows_kept == 0 {
        let found = format!("no row of {} became an event", grouped(report.rows_read));
        return vec![finding("no_events", found, "see why rows were dropped".into())];
    }
    let days = report.span.as_ref().map_or(0.0, |span| span.days);
    let repeat_share = report.repeat_customers as f64 / report.customers.max(1) as f64;
    let rows_read = report.rows_read.max(1) as f64;
    let mut problems = Vec::new();
    let mut unless = |holds: bool, code, found: String, remedy: String| {
        if !holds {
            problems.push(finding(code, found, remedy));
        }
    };
    unless(
        report.customers >= minimums.customers,
        "too_few_customers",
        format!("there are {} customers", grouped(report.customers as u64)),
        format!("{} suffice", grouped(minimums.customers as u64)),
    );
    unless(
        report.items >= minimums.items,
        "too_few_items",
        format!("there are {} items", grouped(report.items as u64)),
        format!("{} suffice", grouped(minimums.items as u64)),
    );
    // Without times nothing is judged on what came after; the split is random, and says so.
    unless(
        days >= minimums.days || days == 0.0,
        "too_short",
        format!("the history spans {days:.1} days"),
        format!("{} days suffice to judge a model on what came after its training", minimums.days),
    );
    unless(
        repeat_share >= minimums.repeat_customers_share,
        "no_repeat_customers",
        format!("{:.1} % of the customers have two events or more", repeat_share * 100.0),
        format!(
            "{:.1} % suffice; is `columns.customer_id` really the customer, or the order?",
            minimums.repeat_customers_share * 100.0
        ),
    );
    let malformed: u64 = report
        .rows_dropped
        .iter()
        .filter(|(reason, _)| reason.is_malformed())
        .map(|(_, rows)| rows.rows)
        .sum();
    unless(
        malformed as f64 / rows_read <= minimums.max_malformed_share,
        "malformed_rows",
        format!(
            "{:.1} % of the rows are malformed ({})",
            malformed as f64 / rows_read * 100.0,
            causes(report)
        ),
        format!("at most {:.1} % may be: {}", minimums.max_malformed_share * 100.0, remedy(report)),
    );
    let dropped = report.total_dropped() as f64 / rows_read;
    unless(
        dropped <= minimums.max_dropped_share,
        "dropped_rows",
        format!("{:.1} % of the rows are dropped", dropped * 100.0),
        format!("at most {:.1} % may be: see the reasons", minimums.max_dropped_share * 100.0),
    );
    problems
}

fn warnings(report: &DataReport) -> Vec<Finding> {
    let mut warnings = Vec::new();
    if report.span.as_ref().is_some_and(|span| span.days == 0.0) {
        let found = "the events have no times, or all the same".into();
        let remedy = "if there are times, name their column in `columns.timestamp`; without them quality is measured on a random split, and recency says nothing".into();
        warnings.push(finding("no_times", found, remedy));
    }
    if let Some(top) = report.top_item.as_ref().filter(|top| top.share >= SUSPICIOUS_ITEM_SHARE) {
        let found = format!("item `{}` is {:.0} % of all events", top.id, top.share * 100.0);
        let remedy = "if it is a bag, postage or a fee, add it to `exclude.items`".into();
        warnings.push(finding("dominant_item", found, remedy));
    }
    let duplicates = report.rows_dropped.get(&Reason::Duplicate).map_or(0, |dropped| dropped.rows);
    if duplicates as f64 >= SUSPICIOUS_DUPLICATES * report.rows_read.max(1) as f64 && duplicates > 0 {
        let found = format!("{} rows repeat an earlier one", grouped(duplicates));
        let remedy = "where a repeated line means another unit, set `duplicates = \"keep\"`".into();
        warnings.push(finding("duplicates", found, remedy));
    }
    if let Some(future) = report.rows_dropped.get(&Reason::Future) {
        let found = format!("{} rows lie in the future", grouped(future.rows));
        warnings.push(finding("future", found, "check `timestamp_formats` and `utc_offset`".into()));
    }
    if report.lines_of_other_channels > 0 {
        let lines = grouped(report.lines_of_other_channels);
        let found = format!("{lines} lines are of channels beyond the first {}", report.channels.len());
        let remedy = "they count as of no known channel; name a column of fewer values in `columns.channel`";
        warnings.push(finding("too_many_channels", found, remedy.into()));
    }
    if report.rows_kept > 0 && report.sales == 0.0 {
        let found = "there are no prices".into();
        let remedy =
            "map `columns.unit_price` or `columns.line_total` to learn what customers are worth".into();
        warnings.push(finding("no_prices", found, remedy));
    }
    warnings
}

fn finding(code: &'static str, found: String, remedy: String) -> Finding {
    Finding { code, found, remedy }
}

fn causes(report: &DataReport) -> String {
    let malformed = report.rows_dropped.iter().filter(|(reason, _)| reason.is_malformed());
    malformed
        .map(|(reason, rows)| format!("{} {}", grouped(rows.rows), reason.code()))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What mends the most frequent kind of damage.
fn remedy(report: &DataReport) -> &'static str {
    let malformed = report.rows_dropped.iter().filter(|(reason, _)| reason.is_malformed());
    match malformed.max_by_key(|(_, rows)| rows.rows).map(|(reason, _)| reason) {
        Some(Reason::BadTimestamp) => "state how times are written in `timestamp_formats`",
        Some(Reason::BadNumber) => {
            "check the columns of quantity, price and discount, and `decimal_separator`"
        }
        Some(Reason::BadEncoding) => "state the `encoding`",
        Some(Reason::UnknownEventType) => "say what the values mean in `event_types`",
        Some(Reason::Ragged) => "check the `delimiter` and the quoting of the export",
        _ => "see the first of each in the report",
    }
}
