//! A report beside an earlier one: the ratio of each figure, and a verdict.

use super::{Phase, Report};
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use std::fmt::{self, Display};

/// Ratios within this of 1 are level: shared machines do not repeat themselves better.
const LEVEL: f64 = 0.10;

/// A report beside an earlier one.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What differs in how it was measured.
    pub differences: Vec<String>,
    /// Each figure that both have.
    pub rows: Vec<Row>,
}

/// One figure in both reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its phase.
    pub phase: String,
    /// Its name.
    pub figure: &'static str,
    /// Then.
    pub earlier: f64,
    /// Now.
    pub now: f64,
    /// Whether more of it is better.
    pub more_is_better: bool,
}

/// What a ratio says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Better by more than a tenth.
    Better,
    /// Within a tenth.
    Level,
    /// Worse by more than a tenth.
    Worse,
}

impl Row {
    /// Now over then.
    pub fn ratio(&self) -> f64 {
        if self.now == self.earlier { 1.0 } else { self.now / self.earlier }
    }

    /// What that says.
    pub fn verdict(&self) -> Verdict {
        let (low, high) = (1.0 - LEVEL, 1.0 / (1.0 - LEVEL));
        match (self.ratio(), self.more_is_better) {
            (ratio, _) if (low..=high).contains(&ratio) => Verdict::Level,
            (ratio, more_is_better) if (ratio > 1.0) == more_is_better => Verdict::Better,
            _ => Verdict::Worse,
        }
    }
}

impl Comparison {
    /// Compares phases of the same name and the same rate.
    pub fn new(earlier: &Report, now: &Report) -> Self {
        let mut differences = Vec::new();
        let mut differ = |what: &str, earlier: String, now: String| {
            if earlier != now {
                differences.push(format!("{what}: {earlier} then, {now} now"));
            }
        };
        differ("workload", earlier.workload.clone(), now.workload.clone());
        differ("mode", format!("{:?}", earlier.mode), format!("{:?}", now.mode));
        differ("processors", earlier.processors.to_string(), now.processors.to_string());
        differ("connections", earlier.settings.connections.to_string(), now.settings.connections.to_string());
        differ("generator threads", earlier.settings.threads.to_string(), now.settings.threads.to_string());
        let mut rows = Vec::new();
        for phase in &now.phases {
            let same = |other: &&Phase| other.name == phase.name && same_rate(other.rate, phase.rate);
            match earlier.phases.iter().find(same) {
                Some(earlier) => rows.extend(compared(earlier, phase)),
                None => differences.push(format!("phase {:?} at this rate is new", phase.name)),
            }
        }
        if let (Some(then), Some(now)) = (knee(earlier), knee(now)) {
            rows.push(Row { phase: "all".into(), figure: "knee", earlier: then, now, more_is_better: true });
        }
        Self { differences, rows }
    }

    /// The verdict over all figures: worse when any latency, share or throughput is.
    pub fn verdict(&self) -> Verdict {
        let any = |verdict| self.rows.iter().any(|row| row.verdict() == verdict);
        match () {
            () if any(Verdict::Worse) => Verdict::Worse,
            () if any(Verdict::Better) => Verdict::Better,
            () => Verdict::Level,
        }
    }
}

fn knee(report: &Report) -> Option<f64> {
    report.knee.as_ref()?.rate
}

/// Rates that were searched for are never the same to the digit.
fn same_rate(one: Option<f64>, other: Option<f64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one / other - 1.0).abs() <= LEVEL,
        (one, other) => one == other,
    }
}

fn compared(earlier: &Phase, now: &Phase) -> Vec<Row> {
    let share = |count: u64, of: u64| count as f64 / of.max(1) as f64;
    let both = [earlier, now];
    let accepted = both.map(|phase| phase.figures.accepted_ms.as_ref());
    let figures: [(&'static str, [Option<f64>; 2], bool); 9] = [
        ("accepted/s", both.map(|phase| Some(phase.accepted_per_second)), true),
        ("p50 ms", accepted.map(|ms| ms.map(|ms| ms.p50)), false),
        ("p90 ms", accepted.map(|ms| ms.map(|ms| ms.p90)), false),
        ("p99 ms", accepted.map(|ms| ms.map(|ms| ms.p99)), false),
        ("p99.9 ms", accepted.map(|ms| ms.map(|ms| ms.p99_9)), false),
        ("shed share", both.map(|phase| Some(share(phase.figures.shed, phase.figures.due))), false),
        ("failed share", both.map(|phase| Some(share(phase.figures.failed, phase.figures.due))), false),
        ("service CPU ms/accepted", both.map(Phase::cpu_ms_per_accepted), false),
        ("resident MB", both.map(|phase| phase.server.as_ref().map(|server| server.resident_mb_most)), false),
    ];
    let row = |(figure, [earlier, later], more_is_better): (&'static str, [Option<f64>; 2], bool)| {
        Some(Row { phase: now.name.clone(), figure, earlier: earlier?, now: later?, more_is_better })
    };
    figures.into_iter().filter_map(row).collect()
}

impl Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Better => "better",
            Self::Level => "level",
            Self::Worse => "WORSE",
        })
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_preset(ASCII_MARKDOWN);
        table.set_header(["phase", "figure", "earlier", "now", "now/earlier", "verdict"]);
        for row in &self.rows {
            table.add_row([
                row.phase.clone(),
                row.figure.to_owned(),
                format!("{:.4}", row.earlier),
                format!("{:.4}", row.now),
                format!("{:.3}", row.ratio()),
                row.verdict().to_string(),
            ]);
        }
        writeln!(f, "Beside the earlier run:\n\n{table}")?;
        for difference in &self.differences {
            writeln!(f, "Not the same, {difference}")?;
        }
        write!(f, "\nVerdict: {} (a tenth either way is level)", self.verdict())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(earlier: f64, now: f64, more_is_better: bool) -> Row {
        Row { phase: "all".into(), figure: "p99 ms", earlier, now, more_is_better }
    }

    #[test]
    fn a_ratio_within_a_tenth_is_level_and_beyond_it_depends_on_the_figure() {
        let cases = [
            (row(10.0, 9.5, false), Verdict::Level),
            (row(10.0, 8.0, false), Verdict::Better),
            (row(10.0, 12.0, false), Verdict::Worse),
            (row(10.0, 12.0, true), Verdict::Better),
            (row(10.0, 8.0, true), Verdict::Worse),
            (row(0.0, 0.0, false), Verdict::Level),
            (row(0.0, 0.1, false), Verdict::Worse),
        ];
        for (row, expected) in cases {
            assert_eq!(row.verdict(), expected, "{row:?}");
        }
    }

    #[test]
    fn one_worse_figure_makes_the_whole_worse() {
        let with = |rows| Comparison { differences: Vec::new(), rows };
        assert_eq!(with(vec![row(10.0, 5.0, false), row(10.0, 20.0, false)]).verdict(), Verdict::Worse);
        assert_eq!(with(vec![row(10.0, 5.0, false), row(10.0, 10.0, false)]).verdict(), Verdict::Better);
        assert_eq!(with(Vec::new()).verdict(), Verdict::Level);
    }
}
