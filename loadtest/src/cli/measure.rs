//! `proffer-loadtest run` and `proffer-loadtest saturate`

use super::Held;
use super::settings::{Load, LoadArguments};
use crate::arrivals::{Process, Segment};
use crate::engine::Pace;
use crate::gates::Gates;
use crate::knee::Search;
use crate::report::{Comparison, FORMAT, Knee, Measurement, Mode, Phase, Report, Settings};
use crate::tally::Outcome;
use crate::workload::limits;
use anyhow::{Context, bail, ensure};
use clap::Args;
use std::time::Duration;

/// Arguments of `proffer-loadtest run`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    load: LoadArguments,
    /// Requests a second, instead of the workload's.
    #[arg(long, value_name = "R", conflicts_with_all = ["rates", "knee"])]
    rate: Option<f64>,
    /// Several rates, one after the other.
    #[arg(long, value_name = "R,R,…", value_delimiter = ',', conflicts_with = "knee")]
    rates: Vec<f64>,
    /// Looks for the highest rate at which all gates hold; phases that are a multiple of it follow.
    #[arg(long)]
    knee: bool,
    /// The knee, where it is known, for workloads whose phases are multiples of it.
    #[arg(long, value_name = "R", conflicts_with_all = ["rates", "knee"])]
    knee_rate: Option<f64>,
    /// The highest rate that the search for the knee tries.
    #[arg(long, value_name = "R", default_value_t = 64_000.0)]
    knee_most: f64,
    /// How near the search must come, as a share.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    knee_precision: f64,
    /// How often a rate must break to be believed: on a shared machine, once may be by chance.
    #[arg(long, value_name = "N", default_value_t = 2)]
    knee_tries: u32,
    /// How arrivals lie in time, instead of the workload's.
    #[arg(long)]
    arrivals: Option<Process>,
    /// A gate instead of, or beside, the workload's, such as p99_ms=5 or mark_shares.fallback=0.01; can be repeated.
    #[arg(long = "gate", value_name = "KEY=VALUE")]
    gates: Vec<String>,
}

/// Arguments of `proffer-loadtest saturate`.
#[derive(Debug, Args)]
pub(super) struct SaturateArguments {
    #[command(flatten)]
    load: LoadArguments,
}

/// Asks in an open loop.
pub(super) fn run(arguments: &RunArguments) -> anyhow::Result<Held> {
    let earlier = arguments.load.earlier()?;
    let load = arguments.load.load()?;
    let run = Run { arguments, load: &load, gates: arguments.gates()?.over(&load.workload.gates) };
    let mut settings = load.settings();
    settings.arrivals = Some(run.process());
    let mut report = Report { settings, ..report(&load, Mode::OpenLoop) };
    let mut knee_rate = arguments.knee_rate;
    if arguments.knee {
        let knee = run.knee()?;
        knee_rate = knee.rate;
        report.phases = at_the_knee(&knee);
        report.held = knee.rate.is_some();
        report.knee = Some(knee);
    }
    if load.workload.phases.is_empty() {
        if !arguments.knee {
            report.phases = run.rates()?;
            report.held = report.phases.iter().all(Phase::held);
        }
    } else if report.held {
        report.phases = run.phases(knee_rate)?;
        report.held = report.phases.iter().all(Phase::held);
    }
    finish(&report, earlier.as_ref(), &arguments.load)
}

/// Asks in a closed loop.
pub(super) fn saturate(arguments: &SaturateArguments) -> anyhow::Result<Held> {
    let earlier = arguments.load.earlier()?;
    let load = arguments.load.load()?;
    let seconds = length(arguments.load.seconds.unwrap_or(load.workload.load.seconds))?;
    let pace = Pace::Closed { lengths: vec![Duration::from_secs_f64(load.warm_up), seconds] };
    let segments = [warm_up(), Measurement { name: "saturation".into(), gates: Some(Gates::default()) }];
    let measured = load.measure(pace, &segments)?;
    let report = Report { phases: measured.phases, ..report(&load, Mode::ClosedLoop) };
    finish(&report, earlier.as_ref(), &arguments.load)
}

impl RunArguments {
    /// The gates of the command line.
    fn gates(&self) -> anyhow::Result<Gates> {
        let text = self.gates.join("\n");
        let gates: Gates = toml::from_str(&text).with_context(|| format!("--gate {text:?}"))?;
        let mut faults = Vec::new();
        gates.check("--gate", &mut faults);
        ensure!(faults.is_empty(), "{}", faults.join("; "));
        Ok(gates)
    }
}

/// One call of `run`.
struct Run<'a> {
    arguments: &'a RunArguments,
    load: &'a Load,
    gates: Gates,
}

impl Run<'_> {
    fn process(&self) -> Process {
        self.arguments.arrivals.unwrap_or(self.load.workload.load.arrivals)
    }

    /// Measures one rate after the other.
    fn rates(&self) -> anyhow::Result<Vec<Phase>> {
        let rates = match (&self.arguments.rates[..], self.arguments.rate) {
            ([], rate) => vec![rate.unwrap_or(self.load.workload.load.rate)],
            (rates, _) => rates.to_vec(),
        };
        let segments =
            rates.into_iter().map(|rate| self.segment(rate)).collect::<anyhow::Result<Vec<_>>>()?;
        // What cannot be measured is better refused before the first rate than after the last but one.
        let with_warm_ups = segments.iter().flat_map(|segment| [self.warm_up(segment), *segment]);
        self.load.check_fresh(&with_warm_ups.collect::<Vec<_>>())?;
        let mut phases = Vec::new();
        for segment in segments {
            phases.extend(self.at(segment)?);
        }
        Ok(phases)
    }

    fn segment(&self, rate: f64) -> anyhow::Result<Segment> {
        let seconds = self.arguments.load.seconds.unwrap_or(self.load.workload.load.seconds);
        Ok(Segment { rate: checked(rate)?, length: length(seconds)? })
    }

    fn warm_up(&self, before: &Segment) -> Segment {
        Segment { length: Duration::from_secs_f64(self.load.warm_up), ..*before }
    }

    /// Measures one rate, after a warm-up at it.
    fn at(&self, segment: Segment) -> anyhow::Result<Vec<Phase>> {
        let name = format!("{:.0}/s", segment.rate);
        self.measure(vec![(segment, Measurement { name, gates: Some(self.gates.clone()) })])
    }

    fn knee(&self) -> anyhow::Result<Knee> {
        let arguments = self.arguments;
        ensure!(
            (0.001..=0.5).contains(&arguments.knee_precision),
            "--knee-precision must be from 0.001 to 0.5"
        );
        let search = Search {
            from: checked(self.load.workload.load.rate)?,
            most: checked(arguments.knee_most)?,
            precision: arguments.knee_precision,
            tries: arguments.knee_tries,
        };
        let mut tries = Vec::new();
        let rate = search.run(|rate| {
            let phases = self.at(self.segment(rate)?)?;
            let held = phases.iter().all(Phase::held);
            tries.extend(phases);
            anyhow::Ok(held)
        })?;
        Ok(Knee { rate, tries })
    }

    /// Measures the phases of the workload, each right after the other.
    fn phases(&self, knee: Option<f64>) -> anyhow::Result<Vec<Phase>> {
        let phases = &self.load.workload.phases;
        let arguments = self.arguments;
        let alone = phases.len() == 1;
        ensure!(
            arguments.rates.is_empty(),
            "the workload has phases with rates of their own; leave --rates out"
        );
        ensure!(
            alone || (arguments.rate.is_none() && arguments.load.seconds.is_none()) || arguments.knee,
            "the workload has {} phases with rates and lengths of their own; leave --rate and --seconds out",
            phases.len()
        );
        let mut segments = Vec::new();
        for phase in phases {
            let rate = match (arguments.rate, phase.rate, phase.of_knee, knee) {
                (Some(rate), ..) => rate,
                (None, Some(rate), ..) => rate,
                (None, None, Some(times), Some(knee)) => times * knee,
                _ => bail!(
                    "phase {:?} is a multiple of the knee: give it with --knee-rate, or let it be found with --knee",
                    phase.name
                ),
            };
            // While the knee is looked for, --seconds is the length of a try.
            let seconds =
                arguments.load.seconds.filter(|_| alone && !arguments.knee).unwrap_or(phase.seconds);
            let gates = self.arguments.gates()?.over(&phase.gates.over(&self.load.workload.gates));
            let counted = Measurement { name: phase.name.clone(), gates: Some(gates) };
            segments.push((Segment { rate: checked(rate)?, length: length(seconds)? }, counted));
        }
        self.measure(segments)
    }

    /// Measures segments after a warm-up at the rate of the first.
    fn measure(&self, counted: Vec<(Segment, Measurement)>) -> anyhow::Result<Vec<Phase>> {
        let (mut segments, mut measurements) = (Vec::new(), Vec::new());
        if let Some((first, _)) = counted.first().filter(|_| self.load.warm_up > 0.0) {
            segments.push(self.warm_up(first));
            measurements.push(warm_up());
        }
        for (segment, measurement) in counted {
            eprintln!(
                "{} of {}: {:.0} requests a second for {:.0} s",
                measurement.name,
                self.load.workload.name,
                segment.rate,
                segment.length.as_secs_f64()
            );
            segments.push(segment);
            measurements.push(measurement);
        }
        let pace = Pace::Open { process: self.process(), segments };
        Ok(self.load.measure(pace, &measurements)?.phases)
    }
}

fn warm_up() -> Measurement {
    Measurement { name: "warm-up".into(), gates: None }
}

fn checked(rate: f64) -> anyhow::Result<f64> {
    limits::check("a rate of requests a second", rate, &limits::RATE)?;
    Ok(rate)
}

fn length(seconds: f64) -> anyhow::Result<Duration> {
    limits::check("--seconds", seconds, &limits::SECONDS)?;
    Ok(Duration::from_secs_f64(seconds))
}

/// What was measured at the knee: the last try at its rate, which is the one that held; without a knee, the last try. No
/// two searches end at the same rate, so its name is not the rate's: a comparison finds it by that.
fn at_the_knee(knee: &Knee) -> Vec<Phase> {
    let at_it = |phase: &&Phase| phase.rate == knee.rate;
    let held =
        knee.tries.iter().rev().find(at_it).map(|phase| Phase { name: "knee".into(), ..phase.clone() });
    held.or_else(|| knee.tries.last().cloned()).into_iter().collect()
}

/// A report without figures.
fn report(load: &Load, mode: Mode) -> Report {
    Report {
        format: FORMAT,
        mode,
        workload: load.workload.name.clone(),
        description: load.workload.description.clone(),
        url: load.url.clone(),
        started_at: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        processors: std::thread::available_parallelism().map_or(0, usize::from),
        settings: Settings { arrivals: None, ..load.settings() },
        phases: Vec::new(),
        knee: None,
        held: true,
    }
}

/// Prints a report, writes it, and puts it beside an earlier one.
fn finish(report: &Report, earlier: Option<&Report>, arguments: &LoadArguments) -> anyhow::Result<Held> {
    println!("{report}");
    if let Some(earlier) = earlier {
        println!("{}", Comparison::new(earlier, report));
    }
    if let Some(path) = &arguments.json {
        let json = serde_json::to_vec_pretty(report)?;
        std::fs::write(path, json).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    ensure!(
        report.phases.iter().any(was_measured),
        "the service neither accepted a request, nor turned one away, nor was late: is the --key right, and are the \
         workload's requests? The table says what happened instead"
    );
    Ok(if report.held { Held::Yes } else { Held::No })
}

/// Whether a phase says something of speed: a service that refuses everything is not slow.
fn was_measured(phase: &Phase) -> bool {
    let late = phase.kinds.iter().any(|kind| kind.outcomes.contains_key(&Outcome::TimedOut.to_string()));
    phase.figures.accepted + phase.figures.shed > 0 || late
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(rate: f64) -> Phase {
        Phase { name: format!("{rate:.0}/s"), rate: Some(rate), ..Phase::default() }
    }

    #[test]
    fn the_figures_at_one_knee_are_compared_with_those_at_another_nearby() {
        let report = |rate| {
            let knee = Knee { rate: Some(rate), tries: vec![tried(rate), tried(2.0 * rate)] };
            let settings = Settings {
                connections: 1,
                threads: 1,
                arrivals: None,
                timeout_ms: 1,
                warm_up_seconds: 0.0,
                seed: 1,
            };
            Report {
                format: FORMAT,
                mode: Mode::OpenLoop,
                workload: "test".into(),
                description: "a test".into(),
                url: String::new(),
                started_at: String::new(),
                processors: 1,
                settings,
                phases: at_the_knee(&knee),
                knee: Some(knee),
                held: true,
            }
        };
        let comparison = Comparison::new(&report(1000.0), &report(1031.0));
        assert_eq!(comparison.differences, Vec::<String>::new());
        let figures = |phase: &str| comparison.rows.iter().filter(|row| row.phase == phase).count();
        assert!(figures("knee") > 0 && figures("all") == 1, "{:?}", comparison.rows);
    }

    #[test]
    fn where_no_rate_held_there_is_the_last_try_and_it_is_not_called_the_knee() {
        let phases = at_the_knee(&Knee { rate: None, tries: vec![tried(2.0), tried(1.0)] });
        assert_eq!(phases.iter().map(|phase| phase.name.as_str()).collect::<Vec<_>>(), ["1/s"]);
    }
}
