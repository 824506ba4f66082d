//! The measured quality as a table for people.

use crate::judge::{Compared, Comparison, Difference, Quality, Task};
use crate::split::SplitKind;
use chrono::DateTime;
use comfy_table::{Table, presets};
use models::events::Timestamp;
use models::measures::{Interval, Repeats, Summary};
use models::propensity::PropensityReport;
use std::fmt::{self, Display, Formatter};

impl Display for Quality {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", Whom(self))?;
        self.tasks.iter().try_for_each(|task| write!(f, "\n{task}"))?;
        let mut others = self.cold_start.iter().chain(&self.sessions).chain(&self.pruning);
        others.try_for_each(|comparison| write!(f, "\n{comparison}"))
    }
}

/// Who was judged, by what and how.
pub(crate) struct Whom<'a>(pub(crate) &'a Quality);

impl Display for Whom<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let quality = self.0;
        write!(f, "Judged on {} of {} customers ", quality.judged(), quality.returning_customers)?;
        match quality.split {
            SplitKind::Time => {
                write!(f, "who came back from {} to {}", Day(quality.judged_from), Day(quality.judged_to))?;
            }
            SplitKind::Random => write!(f, "by a random fifth of their items, since there are no times")?,
            SplitKind::File => write!(f, "of the test file")?,
        }
        write!(f, ", ranking the full catalogue; {} % bootstrap intervals.", 100.0 * quality.interval_level)
    }
}

/// What counts in a task.
pub(crate) fn task_title(repeats: Repeats) -> &'static str {
    match repeats {
        Repeats::Kept => "Everything they bought counts, also what they had before:",
        Repeats::Removed => "Only what they had never bought counts:",
    }
}

impl Display for Task {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", task_title(self.repeats))?;
        let n = self.models.first().map_or(0, |model| model.n);
        let mut table = Table::new();
        table.load_preset(presets::ASCII_MARKDOWN);
        let header = [
            "model".to_owned(),
            format!("Recall@{n}"),
            format!("NDCG@{n}"),
            format!("MRR@{n}"),
            "hit rate".into(),
            "coverage".into(),
            "novelty (bits)".into(),
            "diversity".into(),
        ];
        table.set_header(header);
        for model in &self.models {
            table.add_row(row(model));
        }
        writeln!(f, "{table}")?;
        let ours = self.models.first().map_or("ours", |model| model.model.as_str());
        for difference in &self.differences {
            writeln!(f, "{}", sentence(ours, difference, n))?;
        }
        self.slices.iter().try_for_each(|comparison| write!(f, "\n{comparison}"))
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {}:", self.title, self.measure)?;
        let mut table = Table::new();
        table.load_preset(presets::ASCII_MARKDOWN);
        let header = ["", self.whom.as_str()].into_iter().chain(self.models.iter().map(String::as_str));
        table.set_header(header);
        for row in &self.rows {
            table.add_row([row.name.clone(), row.size.to_string()].into_iter().chain(row.cells()));
        }
        writeln!(f, "{table}")?;
        if self.rows.iter().any(|row| !row.differences.is_empty()) {
            let ours = self.models.first().map_or("ours", String::as_str);
            writeln!(f, "In brackets: {ours} minus the other, paired, with its interval.")?;
        }
        Ok(())
    }
}

impl Compared {
    /// The mean of every model; the first with its interval, the others with what ours is ahead where that is known.
    pub(crate) fn cells(&self) -> impl Iterator<Item = String> + '_ {
        let differences = [None].into_iter().chain(self.differences.iter().map(Some));
        let differences = differences.chain(std::iter::repeat(None));
        self.means.iter().zip(differences).map(|(mean, difference)| match difference {
            Some(d) => format!("{:.4} ({:+.4} [{:+.4}, {:+.4}])", mean.mean, d.mean, d.low, d.high),
            None => cell(mean),
        })
    }
}

fn row(model: &Summary) -> [String; 8] {
    [
        model.model.clone(),
        cell(&model.recall),
        cell(&model.ndcg),
        cell(&model.mrr),
        cell(&model.hit_rate),
        format!("{:.4}", model.coverage),
        format!("{:.2}", model.novelty),
        model.diversity.map_or_else(String::new, |diversity| format!("{diversity:.3}")),
    ]
}

pub(crate) fn cell(interval: &Interval) -> String {
    format!("{:.4} [{:.4}, {:.4}]", interval.mean, interval.low, interval.high)
}

/// Which model won and by how much, in words.
pub(crate) fn sentence(ours: &str, difference: &Difference, n: usize) -> String {
    let verdict = |interval: &Interval| match interval {
        Interval { low, .. } if *low > 0.0 => "beats",
        Interval { high, .. } if *high < 0.0 => "LOSES to",
        _ => "is level with",
    };
    let Difference { baseline, recall, ndcg } = difference;
    format!(
        "{ours} {} {baseline} in Recall@{n} by {:+.4} [{:+.4}, {:+.4}] and {} it in NDCG@{n} by {:+.4} [{:+.4}, {:+.4}].",
        verdict(recall),
        recall.mean,
        recall.low,
        recall.high,
        verdict(ndcg),
        ndcg.mean,
        ndcg.low,
        ndcg.high,
    )
}

/// A moment as a date.
pub(crate) struct Day(pub(crate) Timestamp);

impl Display for Day {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp(self.0.0, 0) {
            Some(moment) => write!(f, "{}", moment.format("%Y-%m-%d")),
            None => write!(f, "{} s", self.0.0),
        }
    }
}

/// Who accepts which offer, as a table.
pub struct Propensity<'a>(pub &'a PropensityReport);

impl Display for Propensity<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        writeln!(
            f,
            "\nWho accepts which offer, learned from {} results, {} of them accepted.",
            report.examples, report.accepted
        )?;
        let Some(judged) = &report.judged else {
            return writeln!(f, "There were too few to judge it on the latest of them.");
        };
        if let Some(quality) = &judged.quality {
            let [auc, log_loss] = [quality.auc.mean, quality.log_loss.mean];
            writeln!(f, "On those from {} on: AUC {auc:.3}, log loss {log_loss:.4}.", Day(judged.from))?;
        }
        let mut table = Table::new();
        table.load_preset(presets::ASCII_MARKDOWN);
        table.set_header(["offer", "channel", "results", "accepted", "foretold / accepted"]);
        for one in &judged.treatments {
            let ratio = if one.accepted > 0 {
                format!("{:.2}", one.foretold / one.accepted as f64)
            } else {
                format!("{:.1} / 0", one.foretold)
            };
            let counts = [one.examples.to_string(), one.accepted.to_string(), ratio];
            let row = [one.treatment.offer.clone(), one.treatment.channel.clone()].into_iter().chain(counts);
            table.add_row(row);
        }
        writeln!(f, "{table}")
    }
}
