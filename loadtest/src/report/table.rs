//! A report for people.

use super::figures::{Figures, Kind, Marked, Phase, Quantiles};
use super::{Mode, Report};
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use std::fmt::{self, Display};

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let mode = match self.mode {
            Mode::OpenLoop => "open loop: latencies from the moment at which a request was due",
            Mode::ClosedLoop => {
                "CLOSED LOOP: throughput at saturation; its latencies are not what people would wait"
            }
        };
        writeln!(f, "{} at {}, {mode}", self.workload, self.url)?;
        writeln!(f, "{}", self.description)?;
        writeln!(
            f,
            "{} connections, {} generator thread(s), seed {}, {} processors, {} s of warm-up not counted\n",
            settings.connections, settings.threads, settings.seed, self.processors, settings.warm_up_seconds
        )?;
        writeln!(f, "{}\n", phases(&self.phases))?;
        if let Some(kinds) = kinds(&self.phases) {
            writeln!(f, "{kinds}\n")?;
        }
        writeln!(f, "{}", processes(&self.phases))?;
        if let Some(gates) = gates(&self.phases) {
            writeln!(f, "\n{gates}")?;
        }
        for phase in &self.phases {
            for warning in &phase.warnings {
                writeln!(f, "\nWARNING, {}: {warning}", phase.name)?;
            }
        }
        if let Some(knee) = &self.knee {
            let said = knee.rate.map_or("no rate held".into(), |rate| format!("{rate:.0} requests a second"));
            writeln!(f, "\nKnee: {said} ({} tries)", knee.tries.len())?;
        }
        writeln!(f, "\n{}", if self.held { "All gates held." } else { "BROKEN: not all gates held." })
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(header.iter().copied());
    table
}

fn ms(quantiles: Option<&Quantiles>, which: impl Fn(&Quantiles) -> f64) -> String {
    quantiles.map_or_else(|| "-".to_owned(), |quantiles| format!("{:.2}", which(quantiles)))
}

fn share(count: u64, of: u64) -> String {
    let percent = if of == 0 { 0.0 } else { count as f64 / of as f64 * 100.0 };
    format!("{percent:.2} %")
}

fn latencies(figures: &Figures) -> [String; 5] {
    let accepted = figures.accepted_ms.as_ref();
    [
        ms(accepted, |ms| ms.p50),
        ms(accepted, |ms| ms.p90),
        ms(accepted, |ms| ms.p99),
        ms(accepted, |ms| ms.p99_9),
        ms(accepted, |ms| ms.max),
    ]
}

/// Shares of answers with each mark, such as `fallback 1.00 %`.
fn marks(figures: &Figures) -> String {
    let mark = |(name, marked): (&String, &Marked)| format!("{name} {}", share(marked.count, marked.of));
    figures.marks.iter().map(mark).collect::<Vec<_>>().join(", ")
}

fn phases(phases: &[Phase]) -> Table {
    let mut table = table(&[
        "phase",
        "due/s",
        "accepted/s",
        "p50 ms",
        "p90",
        "p99",
        "p99.9",
        "max",
        "shed",
        "shed p99",
        "failed",
        "not as expected",
        "marks",
    ]);
    for phase in phases {
        let figures = &phase.figures;
        let mut row = vec![
            phase.name.clone(),
            phase.rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}")),
            format!("{:.0}", phase.accepted_per_second),
        ];
        row.extend(latencies(figures));
        row.extend([
            share(figures.shed, figures.due),
            ms(figures.shed_ms.as_ref(), |ms| ms.p99),
            share(figures.failed, figures.due),
            share(figures.unmet, figures.accepted),
            marks(figures),
        ]);
        table.add_row(row);
    }
    table
}

/// Each kind of request and each status; nothing where there is but one.
fn kinds(phases: &[Phase]) -> Option<Table> {
    let several = |phase: &Phase| phase.kinds.iter().map(|kind| kind.outcomes.len()).sum::<usize>() > 1;
    if !phases.iter().any(several) {
        return None;
    }
    let mut table =
        table(&["phase", "request", "outcome", "count", "p50 ms", "p90", "p99", "p99.9", "max", "marks"]);
    for phase in phases {
        let rows = phase.kinds.iter().flat_map(|kind: &Kind| {
            kind.outcomes.iter().map(move |(outcome, figures)| (kind, outcome, figures))
        });
        for (kind, outcome, figures) in rows {
            let ms = Some(&figures.ms);
            let marks = if outcome.starts_with('2') { marks(&kind.figures) } else { String::new() };
            table.add_row([
                phase.name.clone(),
                kind.name.clone(),
                outcome.clone(),
                figures.count.to_string(),
                self::ms(ms, |ms| ms.p50),
                self::ms(ms, |ms| ms.p90),
                self::ms(ms, |ms| ms.p99),
                self::ms(ms, |ms| ms.p99_9),
                self::ms(ms, |ms| ms.max),
                marks,
            ]);
        }
    }
    Some(table)
}

/// What the processes of generator and service used.
fn processes(phases: &[Phase]) -> Table {
    let mut table = table(&[
        "phase",
        "late p50 ms",
        "late p99",
        "waited for a connection",
        "generator CPU s",
        "CPUs",
        "service CPU s",
        "CPUs",
        "CPU ms/accepted",
        "resident MB first",
        "last",
        "most",
        "MB/h",
    ]);
    for phase in phases {
        let generator = &phase.generator;
        let usage = |usage: Option<&crate::process::Usage>| match usage {
            Some(usage) => [format!("{:.2}", usage.cpu_seconds), format!("{:.2}", usage.cpus)],
            None => ["-".to_owned(), "-".to_owned()],
        };
        let mut row = vec![
            phase.name.clone(),
            ms(generator.late_ms.as_ref(), |ms| ms.p50),
            ms(generator.late_ms.as_ref(), |ms| ms.p99),
            format!("{:.2} %", generator.waited_share * 100.0),
        ];
        row.extend(usage(generator.usage.as_ref()));
        row.extend(usage(phase.server.as_ref()));
        match &phase.server {
            Some(server) => row.extend([
                phase.cpu_ms_per_accepted().map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.3}")),
                format!("{:.0}", server.resident_mb_first),
                format!("{:.0}", server.resident_mb_last),
                format!("{:.0}", server.resident_mb_most),
                server.growth_mb_per_hour.map_or_else(|| "-".to_owned(), |growth| format!("{growth:.1}")),
            ]),
            None => row.extend(["-"; 5].map(String::from)),
        }
        table.add_row(row);
    }
    table
}

fn gates(phases: &[Phase]) -> Option<Table> {
    let mut table = table(&["phase", "gate", "limit", "measured", "held"]);
    for phase in phases {
        for gate in &phase.gates {
            table.add_row([
                phase.name.clone(),
                gate.gate.clone(),
                gate.limit.to_string(),
                gate.measured.map_or_else(|| "nothing".to_owned(), |measured| format!("{measured:.4}")),
                if gate.held { "yes" } else { "NO" }.to_owned(),
            ]);
        }
    }
    (table.row_count() > 0).then_some(table)
}
