//! How well customers are known, as text for people.

use super::{ChurnReport, CustomersReport, ModelReport, SegmentsReport, ValueReport, WindowUse};
use crate::report::{Day, cell};
use comfy_table::{Table, presets};
use models::customers::{Learned, Setting};
use models::segments::Language;
use std::fmt::{self, Display, Formatter};

impl Display for CustomersReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { churn, value, segments } = self;
        section(f, "Who leaves", churn)?;
        section(f, "What customers are worth", value)?;
        section(f, "Segments", segments)
    }
}

fn section<T: Display>(f: &mut Formatter<'_>, title: &str, part: &Learned<T>) -> fmt::Result {
    match part {
        Learned::Learned(part) => writeln!(f, "\n{title}: {part}"),
        Learned::Refused(reason) => writeln!(f, "\n{title}: not learned: {reason}."),
    }
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(header);
    table
}

impl ChurnReport {
    /// The question, in words.
    pub fn question(&self) -> String {
        match self.setting {
            Setting::Contractual => format!("a closure within {} days", self.horizon_days),
            Setting::NonContractual => format!("no order within {} days", self.horizon_days),
        }
    }

    /// How the winner stands against each of the others, in words.
    pub fn sentences(&self) -> Vec<String> {
        let Some((winner, others)) = self.models.split_first() else { return Vec::new() };
        others
            .iter()
            .filter_map(|other| Some(against(&winner.name, other, other.difference.as_ref()?)))
            .collect()
    }
}

/// Lower log loss is better.
fn against(winner: &str, other: &ModelReport, difference: &models::measures::BinaryDifference) -> String {
    let log_loss = &difference.log_loss;
    let verdict = match (log_loss.low, log_loss.high) {
        (_, high) if high < 0.0 => "beats",
        (low, _) if low > 0.0 => "LOSES to",
        _ => "is level with",
    };
    format!(
        "{winner} {verdict} {} in log loss by {:+.4} [{:+.4}, {:+.4}] (less is better); in AUC by {:+.4} [{:+.4}, {:+.4}].",
        other.name,
        log_loss.mean,
        log_loss.low,
        log_loss.high,
        difference.auc.mean,
        difference.auc.low,
        difference.auc.high,
    )
}

impl Display for ChurnReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.", self.question())?;
        for window in &self.windows {
            let what = match window.purpose {
                WindowUse::Fit => "learned",
                WindowUse::Calibrate => "calibrated",
                WindowUse::Judge => "judged",
            };
            let share = 100.0 * window.left;
            write!(
                f,
                "\n  {what} from {}: {} customers, {share:.1} % left",
                Day(window.origin),
                window.customers
            )?;
        }
        write!(f, "\n  the last weeks before shift log odds by {:+.3}", self.lately)?;
        let mut table = table(["", "AUC", "Brier", "log loss", "ECE", "lift@10 %"]);
        for ModelReport { name, quality, .. } in &self.models {
            table.add_row([
                name.clone(),
                cell(&quality.auc),
                cell(&quality.brier),
                cell(&quality.log_loss),
                format!("{:.4}", quality.ece.mean),
                format!("{:.2}", quality.lift_at_10_percent.mean),
            ]);
        }
        writeln!(f, "\n{table}")?;
        for sentence in self.sentences() {
            writeln!(f, "{sentence}")?;
        }
        match (&self.concordance, &self.hazard_fault) {
            (Some(concordance), _) => write!(f, "When: concordance {concordance:.4}."),
            (None, Some(fault)) => write!(f, "When: not learned: {fault}."),
            (None, None) => Ok(()),
        }
    }
}

impl Display for ValueReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "days with orders in the {:.0} days from {}, foretold and counted, by repeat orders before.",
            self.judged_days,
            Day(self.judged_from)
        )?;
        let mut table = table(["repeats before", "customers", "foretold", "came"]);
        for row in &self.by_frequency {
            table.add_row([
                row.repeats.clone(),
                row.customers.to_string(),
                format!("{:.3}", row.foretold),
                format!("{:.3}", row.came),
            ]);
        }
        writeln!(f, "{table}")?;
        let [ours, naive] = self.error;
        write!(
            f,
            "Mean error {ours:.3} orders a customer; {naive:.3} if everyone went on at their own rate."
        )?;
        if let Some(ratio) = self.money_ratio {
            write!(f, " Money that came over money foretold: {ratio:.3}.")?;
        }
        if let Some(correlation) = self.correlation {
            write!(f, " Spend and frequency correlate by {correlation:+.2}, which the model takes for 0.")?;
        }
        for (what, fit) in [("orders", Some(&self.purchases)), ("baskets", self.baskets.learned())] {
            if let Some((fault, fit)) = fit.and_then(|fit| Some((fit.fault.as_ref()?, fit))) {
                write!(f, " The model of {what} has a penalty of {}: {fault}.", fit.penalty)?;
            }
        }
        match self.baskets.refusal() {
            Some(reason) => write!(f, " Baskets: not learned: {reason}."),
            None => Ok(()),
        }
    }
}

impl Display for SegmentsReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let stages: Vec<String> = self
            .stages
            .iter()
            .filter(|(_, n)| *n > 0)
            .map(|(stage, n)| format!("{n} {}", stage.name(Language::En).to_lowercase()))
            .collect();
        write!(f, "{}.", stages.join(", "))?;
        let tried: Vec<String> = self
            .clusters
            .iter()
            .map(|trial| format!("{} ({:.2})", trial.clusters, trial.stability))
            .collect();
        match self.published_clusters {
            Some(n) => write!(f, " {n} clusters are stable; stability by number: {}.", tried.join(", ")),
            None => write!(f, " No number of clusters is stable (0.8 wanted): {}.", tried.join(", ")),
        }
    }
}
