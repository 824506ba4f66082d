//! How well customers are known, as a part of the report's page: no script, nothing loaded from anywhere.

use super::{ChurnReport, CustomersReport, SegmentsReport, ValueReport};
use crate::html::Escaped;
use crate::report::cell;
use models::customers::Learned;
use models::segments::Language;
use std::fmt::{self, Formatter};

/// Writes the sections on churn, value and segments.
pub(crate) fn write(f: &mut Formatter<'_>, report: &CustomersReport) -> fmt::Result {
    section(f, "Who leaves", &report.churn, write_churn)?;
    section(f, "What customers are worth", &report.value, write_value)?;
    section(f, "Segments", &report.segments, write_segments)
}

fn section<T>(
    f: &mut Formatter<'_>,
    title: &str,
    part: &Learned<T>,
    write: fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    write!(f, "<h2>{title}</h2>")?;
    match part {
        Learned::Learned(part) => write(f, part),
        Learned::Refused(reason) => write!(f, "<p>Not learned: {}.</p>", Escaped(reason)),
    }
}

fn write_churn(f: &mut Formatter<'_>, churn: &ChurnReport) -> fmt::Result {
    write!(
        f,
        "<p>{}. Learned on earlier windows, calibrated on a later one, judged on the last.</p>",
        churn.question()
    )?;
    rows(f, &["", "AUC", "Brier", "log loss", "ECE", "lift@10 %"], |f| {
        churn.models.iter().try_for_each(|model| {
            let quality = &model.quality;
            let intervals =
                [&quality.auc, &quality.brier, &quality.log_loss, &quality.ece, &quality.lift_at_10_percent];
            write!(f, "<tr><td>{}</td>", Escaped(&model.name))?;
            intervals.iter().try_for_each(|interval| write!(f, "<td>{}</td>", cell(interval)))?;
            write!(f, "</tr>")
        })
    })?;
    write!(f, "<ul>")?;
    churn.sentences().iter().try_for_each(|sentence| write!(f, "<li>{}</li>", Escaped(sentence)))?;
    write!(f, "</ul>")?;
    let Some(winner) = churn.models.first() else { return Ok(()) };
    let reliability = winner.quality.reliability.iter().map(|bin| (bin.mean_predicted, bin.observed));
    chart(
        f,
        "Reliability: predicted (across) and observed (up)",
        1.0,
        &[
            Line { name: &winner.name, points: reliability.collect() },
            Line { name: "as predicted", points: vec![(0.0, 0.0), (1.0, 1.0)] },
        ],
    )?;
    rows(f, &["customers", "mean predicted", "observed"], |f| {
        winner.quality.reliability.iter().try_for_each(|bin| {
            let (predicted, observed) = (bin.mean_predicted, bin.observed);
            write!(f, "<tr><td>{}</td><td>{predicted:.4}</td><td>{observed:.4}</td></tr>", bin.customers)
        })
    })?;
    let lifts = churn.models.iter().map(|model| Line {
        name: &model.name,
        points: model.quality.lift_curve.iter().map(|point| (point.contacted, point.caught)).collect(),
    });
    chart(f, "Lift: customers contacted (across), leavers reached (up)", 1.0, &lifts.collect::<Vec<_>>())?;
    let longest = churn
        .survival
        .iter()
        .flat_map(|curve| &curve.points)
        .map(|point| f64::from(point.0))
        .fold(1.0, f64::max);
    let curves = churn.survival.iter().map(|curve| Line {
        name: &curve.stage,
        points: curve.points.iter().map(|&(days, share)| (f64::from(days), share)).collect(),
    });
    chart(f, "Still waited for, by stage: days (across)", longest, &curves.collect::<Vec<_>>())
}

fn write_value(f: &mut Formatter<'_>, value: &ValueReport) -> fmt::Result {
    write!(
        f,
        "<p>Days with orders in {:.0} days, foretold and counted, by repeat orders before. Mean error {:.3} orders a \
         customer; {:.3} if everyone went on at their own rate.</p>",
        value.judged_days, value.error[0], value.error[1]
    )?;
    rows(f, &["repeats before", "customers", "foretold", "came"], |f| {
        value.by_frequency.iter().try_for_each(|row| {
            let (repeats, foretold, came) = (&row.repeats, row.foretold, row.came);
            write!(
                f,
                "<tr><td>{repeats}</td><td>{}</td><td>{foretold:.3}</td><td>{came:.3}</td></tr>",
                row.customers
            )
        })
    })
}

fn write_segments(f: &mut Formatter<'_>, segments: &SegmentsReport) -> fmt::Result {
    rows(f, &["stage", "customers"], |f| {
        segments.stages.iter().try_for_each(|(stage, n)| {
            write!(f, "<tr><td>{}</td><td>{n}</td></tr>", stage.name(Language::En))
        })
    })?;
    rows(f, &["value by intensity", "customers"], |f| {
        segments
            .cells
            .iter()
            .try_for_each(|(_, name, n)| write!(f, "<tr><td>{}</td><td>{n}</td></tr>", Escaped(name)))
    })?;
    rows(f, &["clusters tried", "stability (0.8 wanted)", "silhouette"], |f| {
        segments.clusters.iter().try_for_each(|trial| {
            let (stability, silhouette) = (trial.stability, trial.silhouette);
            write!(f, "<tr><td>{}</td><td>{stability:.3}</td><td>{silhouette:.3}</td></tr>", trial.clusters)
        })
    })
}

fn rows(
    f: &mut Formatter<'_>,
    header: &[&str],
    body: impl FnOnce(&mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    write!(f, "<div class=\"scroll\"><table><tr>")?;
    header.iter().try_for_each(|name| write!(f, "<th>{name}</th>"))?;
    write!(f, "</tr>")?;
    body(f)?;
    write!(f, "</table></div>")
}

/// A line of a chart; what is up lies between 0 and 1.
struct Line<'a> {
    name: &'a str,
    points: Vec<(f64, f64)>,
}

const COLOURS: [&str; 7] = ["#2563eb", "#94a3b8", "#d97706", "#059669", "#9333ea", "#dc2626", "#0891b2"];

/// Lines over a square; the legend names them in their colours.
fn chart(f: &mut Formatter<'_>, title: &str, widest: f64, lines: &[Line<'_>]) -> fmt::Result {
    let (left, top, width, height) = (40.0, 30.0, 480.0, 240.0);
    write!(f, "<svg viewBox=\"0 0 780 300\" role=\"img\" aria-label=\"{title}\">")?;
    write!(f, "<text x=\"0\" y=\"16\" font-weight=\"bold\">{title}</text>")?;
    for tick in 0..=4 {
        let share = f64::from(tick) / 4.0;
        let (x, y) = (left + width * share, top + height * (1.0 - share));
        write!(
            f,
            "<path d=\"M{left} {y:.1}H{}\" stroke=\"var(--line)\"/><text x=\"0\" y=\"{:.1}\">{share}</text>\
             <text x=\"{x:.1}\" y=\"{}\">{}</text>",
            left + width,
            y + 4.0,
            top + height + 18.0,
            (widest * share * 100.0).round() / 100.0
        )?;
    }
    for (at, line) in lines.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let points = line.points.iter().map(|(x, y)| {
            format!(
                "{:.1},{:.1}",
                left + width * (x / widest).clamp(0.0, 1.0),
                top + height * (1.0 - y.clamp(0.0, 1.0))
            )
        });
        let points = points.collect::<Vec<_>>().join(" ");
        let text = top + 20.0 * (at + 1) as f64;
        write!(
            f,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"{}\" y=\"{text}\" style=\"fill:{colour}\">{}</text>",
            left + width + 20.0,
            Escaped(line.name)
        )?;
    }
    write!(f, "</svg>")
}
