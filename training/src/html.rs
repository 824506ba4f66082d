//! The measured quality as one page with charts: no script, nothing loaded from anywhere.

use crate::judge::{Slice, Task};
use crate::pipeline::Evaluation;
use crate::report::{Whom, sentence, task_title};
use models::measures::{Interval, Summary};
use models::taste::Blend;
use std::fmt::{self, Display, Formatter, Write};

/// The page of one evaluation.
pub struct Page<'a>(pub &'a Evaluation);

const STYLE: &str = "
:root { color-scheme: light dark; --ours: #2563eb; --other: #94a3b8; --line: #8886; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; margin: 1rem 0; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
small { opacity: .75; white-space: nowrap; } svg { width: 100%; height: auto; } text { fill: currentColor; font-size: 13px; }
.scroll { overflow-x: auto; }";

impl Display for Page<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Evaluation { quality, blend, trials, .. } = self.0;
        write!(
            f,
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>Proffer: measured quality</title><style>{STYLE}</style><h1>Measured quality</h1><p>{}</p>",
            Escaped(&Whom(quality).to_string())
        )?;
        quality.tasks.iter().try_for_each(|task| write_task(f, task))?;
        write!(f, "<h2>How the views are blended</h2><div class=\"scroll\"><table><tr><th>lists</th>")?;
        for (name, _) in terms(&Blend::default()) {
            write!(f, "<th>{name}</th>")?;
        }
        write!(f, "<th>quality on held-back baskets</th><th>people</th></tr>")?;
        for (name, learned) in ["with owned items", "new items only"].iter().zip(blend) {
            write!(f, "<tr><td>{name}</td>")?;
            for (_, weight) in terms(&learned.blend) {
                write!(f, "<td>{weight:.3}</td>")?;
            }
            write!(f, "<td>{:.4}</td><td>{}</td></tr>", learned.quality, learned.people)?;
        }
        write!(f, "</table></div><p><small>Quality here is the mean of NDCG and recall.</small></p>")?;
        if !trials.is_empty() {
            write!(
                f,
                "<h2>Search</h2><table><tr><th>trial, best first</th><th>quality</th><th>seconds</th></tr>"
            )?;
            for (number, trial) in trials.iter().enumerate() {
                write!(
                    f,
                    "<tr><td>{}</td><td>{:.4}</td><td>{:.1}</td></tr>",
                    number + 1,
                    trial.quality,
                    trial.seconds
                )?;
            }
            write!(f, "</table><p><small>The parameters of every trial are in report.json.</small></p>")?;
        }
        write!(f, "</html>")
    }
}

fn terms(blend: &Blend) -> [(&'static str, f32); 6] {
    [
        ("factorisation", blend.factors),
        ("spectral", blend.spectral),
        ("item weights", blend.weights),
        ("habits", blend.often),
        ("recent habits", blend.lately),
        ("popular", blend.popular),
    ]
}

fn write_task(f: &mut Formatter<'_>, task: &Task) -> fmt::Result {
    let n = task.models.first().map_or(0, |model| model.n);
    write!(f, "<h2>{}</h2>", Escaped(task_title(task.repeats)))?;
    write_chart(f, &format!("Recall@{n}"), &task.models, |model| model.recall)?;
    write_chart(f, &format!("NDCG@{n}"), &task.models, |model| model.ndcg)?;
    write!(
        f,
        "<div class=\"scroll\"><table><tr><th>model</th><th>Recall@{n}</th><th>NDCG@{n}</th><th>MRR@{n}</th>"
    )?;
    write!(f, "<th>hit rate</th><th>coverage</th><th>novelty (bits)</th></tr>")?;
    for model in &task.models {
        write!(f, "<tr><td>{}</td>", Escaped(&model.model))?;
        for interval in [&model.recall, &model.ndcg, &model.mrr, &model.hit_rate] {
            write!(f, "<td>{}</td>", Cell(interval))?;
        }
        write!(f, "<td>{:.4}</td><td>{:.2}</td></tr>", model.coverage, model.novelty)?;
    }
    write!(f, "</table></div><ul>")?;
    let ours = task.models.first().map_or("ours", |model| model.model.as_str());
    for difference in &task.differences {
        write!(f, "<li>{}</li>", Escaped(&sentence(ours, difference, n)))?;
    }
    write!(f, "</ul>")?;
    write_slices(f, &task.slices, n)
}

/// Who is served how well: a table of NDCG by the length of the history.
fn write_slices(f: &mut Formatter<'_>, slices: &[Slice], n: usize) -> fmt::Result {
    let Some(first) = slices.first() else { return Ok(()) };
    write!(f, "<div class=\"scroll\"><table><tr><th>NDCG@{n} by history</th><th>customers</th>")?;
    for (model, _) in &first.ndcg {
        write!(f, "<th>{}</th>", Escaped(model))?;
    }
    write!(f, "</tr>")?;
    for slice in slices {
        write!(f, "<tr><td>{}</td><td>{}</td>", Escaped(&slice.name), slice.customers)?;
        for (_, interval) in &slice.ndcg {
            write!(f, "<td>{}</td>", Cell(interval))?;
        }
        write!(f, "</tr>")?;
    }
    write!(f, "</table></div>")
}

/// A mean and its interval.
struct Cell<'a>(&'a Interval);

impl Display for Cell<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} <small>[{:.4}, {:.4}]</small>", self.0.mean, self.0.low, self.0.high)
    }
}

const LABELS: f64 = 150.0;
const BARS: f64 = 560.0;
const ROW: f64 = 26.0;

/// Horizontal bars with their intervals, ours in colour.
fn write_chart(
    f: &mut Formatter<'_>,
    title: &str,
    models: &[Summary],
    of: impl Fn(&Summary) -> Interval,
) -> fmt::Result {
    let widest = models.iter().map(|model| of(model).high).fold(f64::MIN_POSITIVE, f64::max);
    let scale = |value: f64| LABELS + BARS * value / widest;
    let height = ROW * (models.len() + 1) as f64;
    write!(f, "<svg viewBox=\"0 0 780 {height}\" role=\"img\" aria-label=\"{}\">", Escaped(title))?;
    write!(f, "<text x=\"0\" y=\"16\" font-weight=\"bold\">{}</text>", Escaped(title))?;
    for (at, model) in models.iter().enumerate() {
        let (interval, y) = (of(model), ROW * (at + 1) as f64);
        let colour = if at == 0 { "var(--ours)" } else { "var(--other)" };
        let (width, low, high) = (scale(interval.mean) - LABELS, scale(interval.low), scale(interval.high));
        let middle = y + ROW * 0.4;
        write!(
            f,
            "<text x=\"0\" y=\"{text}\">{name}</text><rect x=\"{LABELS}\" y=\"{y}\" width=\"{width:.1}\" height=\"{bar}\" fill=\"{colour}\"/>\
             <path d=\"M{low:.1} {middle}H{high:.1}\" stroke=\"currentColor\" stroke-width=\"2\"/>\
             <text x=\"{label:.1}\" y=\"{text}\">{mean:.4}</text>",
            text = y + ROW * 0.6,
            name = Escaped(&model.model),
            bar = ROW * 0.8,
            label = high + 6.0,
            mean = interval.mean,
        )?;
    }
    write!(f, "</svg>")
}

/// Text inside HTML.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '&' => f.write_str("&amp;"),
            '"' => f.write_str("&quot;"),
            other => f.write_char(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_cannot_become_markup() {
        assert_eq!(Escaped("<b>\"&\"</b>").to_string(), "&lt;b&gt;&quot;&amp;&quot;&lt;/b&gt;");
    }
}
