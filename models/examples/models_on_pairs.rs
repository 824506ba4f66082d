//! Fits a model on lines `user item item …` and writes the 20 best new items of every user in the same form; tells the
//! seconds of the fit, the best of several, as JSON. Our half of `benches/peers`.
//!
//! `models_on_pairs PAIRS LISTS REPEATS ials FACTORS SWEEPS` or `… REPEATS item-knn NEIGHBOURS`; `RAYON_NUM_THREADS` sets
//! the threads.

use models::events::Timestamp;
use models::ials::IalsParams;
use models::ids::ItemIx;
use models::interactions::{History, Interaction, Interactions};
use models::item_knn::ItemKnnParams;
use models::ranking::{Scored, top_n};
use models::scoring::Scorer;
use rayon::prelude::*;
use std::error::Error;
use std::io::{BufWriter, Write};
use std::time::Instant;
use std::{env, fs};

const AS_OF: Timestamp = Timestamp(0);

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [pairs, lists, repeats, model @ ..] = args.as_slice() else { return Err(USAGE.into()) };
    let (users, interactions) = read(&fs::read_to_string(pairs)?)?;
    let (mut seconds, mut fitted) = (f64::INFINITY, None);
    for _ in 0..repeats.parse()? {
        let start = Instant::now();
        fitted = Some(fit(model, &interactions)?);
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    let model = fitted.ok_or("REPEATS must be at least 1")?;
    let rows: Vec<&[Interaction]> = interactions.rows().map(|(_, row)| row).collect();
    let found: Vec<Vec<Scored>> =
        rows.par_chunks(64).flat_map_iter(|rows| new_items(model.as_ref(), rows)).collect();

    let mut out = BufWriter::new(fs::File::create(lists)?);
    for (user, list) in users.iter().zip(found) {
        write!(out, "{user}")?;
        for entry in list {
            write!(out, " {}", entry.item.0)?;
        }
        writeln!(out)?;
    }
    out.flush()?;
    println!("{{\"seconds\": {seconds}}}");
    Ok(())
}

const USAGE: &str = "usage: models_on_pairs PAIRS LISTS REPEATS (ials FACTORS SWEEPS | item-knn NEIGHBOURS)";

fn fit(model: &[String], interactions: &Interactions) -> Result<Box<dyn Scorer>, Box<dyn Error>> {
    match model {
        [name, factors, sweeps] if name == "ials" => {
            let params =
                IalsParams { factors: factors.parse()?, sweeps: sweeps.parse()?, ..Default::default() };
            Ok(Box::new(params.check()?.fit(interactions, AS_OF, |_| {})?))
        }
        [name, neighbours] if name == "item-knn" => {
            let params = ItemKnnParams { neighbours: neighbours.parse()?, ..Default::default() };
            Ok(Box::new(params.check()?.fit(interactions)?))
        }
        _ => Err(USAGE.into()),
    }
}

/// For each history the 20 best items that it does not hold.
fn new_items(model: &dyn Scorer, rows: &[&[Interaction]]) -> Vec<Vec<Scored>> {
    let histories: Vec<History<'_>> =
        rows.iter().map(|interactions| History::new(interactions, AS_OF)).collect();
    let mut scores = vec![0.0; rows.len() * model.n_items()];
    model.score_batch(&histories, &mut scores);
    let list = |(row, scores): (&&[Interaction], &[f32])| {
        top_n(scores, 20, |item| row.binary_search_by_key(&item, |known| known.item).is_ok())
    };
    rows.iter().zip(scores.chunks_exact(model.n_items())).map(list).collect()
}

/// The users in the order of the lines, and a row for each.
fn read(pairs: &str) -> Result<(Vec<u32>, Interactions), Box<dyn Error>> {
    let (mut users, mut starts, mut cells, mut n_items) = (Vec::new(), vec![0], Vec::new(), 0);
    for line in pairs.lines() {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        let Some(user) = numbers.next() else { continue };
        let mut items = numbers.collect::<Result<Vec<u32>, _>>()?;
        items.sort_unstable();
        items.dedup();
        n_items = n_items.max(items.last().map_or(0, |last| *last as usize + 1));
        let cell = |item| Interaction { item: ItemIx(item), times: 1.0, quantity: 1.0, last: AS_OF };
        cells.extend(items.into_iter().map(cell));
        users.push(user?);
        starts.push(cells.len());
    }
    Ok((users, Interactions::from_parts(starts, cells, n_items)?))
}
