//! The measured quality as one page with charts: no script, nothing loaded from anywhere.

use crate::blend::Lesson;
use crate::customers::page;
use crate::judge::{Comparison, Task};
use crate::pipeline::Evaluation;
use crate::report::{Whom, sentence, task_title};
use models::measures::{Interval, Summary};
use models::taste::blend::Learned;
use models::taste::{Blend, Blends};
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
        let Evaluation { quality, blends, lesson, trials, customers, .. } = self.0;
        write!(
            f,
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>Proffer: measured quality</title><style>{STYLE}</style><h1>Measured quality</h1><p>{}</p>",
            Escaped(&Whom(quality).to_string())
        )?;
        quality.tasks.iter().try_for_each(|task| write_task(f, task))?;
        let pruning = quality.pruning.as_slice();
        let parts: [(&str, &[Comparison]); 3] =
            [("Cold start", &quality.cold_start), ("Sessions", &quality.sessions), ("Pruning", pruning)];
        for (title, comparisons) in parts {
            if !comparisons.is_empty() {
                write!(f, "<h2>{title}</h2>")?;
                comparisons.iter().try_for_each(|comparison| write_comparison(f, comparison))?;
            }
        }
        page::write(f, customers)?;
        write_blends(f, blends, lesson)?;
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

/// The weights of every blend, and how well each did on what was held back.
fn write_blends(f: &mut Formatter<'_>, blends: &Blends, lesson: &Lesson) -> fmt::Result {
    write!(f, "<h2>How the views are blended</h2><div class=\"scroll\"><table><tr><th>lists</th>")?;
    for (name, _) in terms(&Blend::default()) {
        write!(f, "<th>{name}</th>")?;
    }
    write!(f, "<th>quality on what was held back</th><th>people</th></tr>")?;
    let rows: [(&str, &Blend, Option<Learned>); 8] = [
        ("a history, owned items may return", &blends.history.kept, Some(lesson.kept)),
        ("a history, new items only", &blends.history.removed, Some(lesson.removed)),
        ("a few items, owned items may return", &blends.few.kept, lesson.few),
        ("a few items, new items only", &blends.few.removed, None),
        ("one or two items, owned items may return", &blends.glimpse.kept, lesson.glimpse),
        ("one or two items, new items only", &blends.glimpse.removed, None),
        ("a session of someone unknown", &blends.session, lesson.session_of_unknown),
        ("nothing but a profile", &blends.stranger, lesson.stranger),
    ];
    for (name, blend, learned) in rows {
        write!(f, "<tr><td>{name}</td>")?;
        for (_, weight) in terms(blend) {
            write!(f, "<td>{weight:.3}</td>")?;
        }
        match learned {
            Some(learned) => write!(f, "<td>{:.4}</td><td>{}</td></tr>", learned.quality, learned.people)?,
            None => write!(f, "<td></td><td></td></tr>")?,
        }
    }
    write!(
        f,
        "</table></div><p><small>Quality here is the mean of NDCG and recall. A profile is worth {} items of a person's \
         own.</small></p>",
        blends.profile_items
    )
}

fn terms(blend: &Blend) -> [(&'static str, f32); 7] {
    [
        ("factorisation", blend.factors),
        ("spectral", blend.spectral),
        ("item weights", blend.weights),
        ("habits", blend.often),
        ("recent habits", blend.lately),
        ("popular", blend.popular),
        ("session", blend.session),
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
    write!(f, "<th>hit rate</th><th>coverage</th><th>novelty (bits)</th><th>diversity</th></tr>")?;
    for model in &task.models {
        write!(f, "<tr><td>{}</td>", Escaped(&model.model))?;
        for interval in [&model.recall, &model.ndcg, &model.mrr, &model.hit_rate] {
            write!(f, "<td>{}</td>", Cell(interval))?;
        }
        let diversity = model.diversity.map_or_else(String::new, |diversity| format!("{diversity:.3}"));
        write!(f, "<td>{:.4}</td><td>{:.2}</td><td>{diversity}</td></tr>", model.coverage, model.novelty)?;
    }
    write!(f, "</table></div><ul>")?;
    let ours = task.models.first().map_or("ours", |model| model.model.as_str());
    for difference in &task.differences {
        write!(f, "<li>{}</li>", Escaped(&sentence(ours, difference, n)))?;
    }
    write!(f, "</ul>")?;
    task.slices.iter().try_for_each(|slice| write_comparison(f, slice))
}

/// Models side by side on several groups.
fn write_comparison(f: &mut Formatter<'_>, comparison: &Comparison) -> fmt::Result {
    let Comparison { title, measure, whom, models, rows } = comparison;
    write!(f, "<h3>{}, {}</h3>", Escaped(title), Escaped(measure))?;
    write!(f, "<div class=\"scroll\"><table><tr><th></th><th>{}</th>", Escaped(whom))?;
    for model in models {
        write!(f, "<th>{}</th>", Escaped(model))?;
    }
    write!(f, "</tr>")?;
    for row in rows {
        write!(f, "<tr><td>{}</td><td>{}</td>", Escaped(&row.name), row.size)?;
        for cell in row.cells() {
            let (mean, rest) = cell.split_once(' ').unwrap_or((&cell, ""));
            write!(f, "<td>{mean} <small>{rest}</small></td>")?;
        }
        write!(f, "</tr>")?;
    }
    write!(f, "</table></div>")?;
    if rows.iter().any(|row| !row.differences.is_empty()) {
        write!(
            f,
            "<p><small>In brackets: the first minus the other, paired, with its interval.</small></p>"
        )?;
    }
    Ok(())
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
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

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
