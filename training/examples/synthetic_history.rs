//! Writes a synthetic purchase history: as large as asked for, and with tastes that a model can learn.
//!
//! ```text
//! cargo run --release -p training --example synthetic_history -- CUSTOMERS ITEMS ROWS SEED OUTPUT
//! cargo run --release -p training --example synthetic_history -- 100000 50000 10000000 7 history.csv.zst
//! ```
//!
//! Items fall into taste clusters; within a cluster, and over all, their popularity follows Zipf's law. Each
//! customer likes a few clusters, buys again what they bought before, comes at shop hours over one year, and is
//! as diligent as a lognormal draw makes them. The same arguments give the same file. The format follows the
//! name: `.csv`, `.csv.zst` or `.parquet`.

use arrow::array::{Float64Array, Int32Array, RecordBatch, StringArray, TimestampSecondArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal, Zipf};
use rayon::prelude::*;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

const CLUSTERS: usize = 40;
/// Clusters that one customer likes, the first the most.
const LIKED: usize = 3;
/// The share of purchases that repeat an earlier one of the customer.
const REPEATED: f64 = 0.35;
/// The share of the others that follow the customer's taste rather than the crowd.
const TO_TASTE: f64 = 0.8;
/// How often a line is drawn again when its item is in the basket already.
const TRIES: usize = 10;
const EXPONENT: f64 = 1.05;
const MEAN_BASKET: f64 = 7.0;
/// 2025-01-01 00:00 UTC.
const START: i64 = 1_735_689_600;
const ROWS_PER_BLOCK: usize = 1 << 17;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// One line of the history.
#[derive(Clone, Copy)]
struct Line {
    at: i64,
    customer: u32,
    item: u32,
    /// Counts the customer's own baskets.
    basket: u32,
    quantity: u8,
}

struct Shop {
    customers: usize,
    items: usize,
    rows: usize,
    seed: u64,
    popularity: Zipf<f64>,
    popularity_in_cluster: Zipf<f64>,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [customers, items, rows, seed, output] = arguments.as_slice() else {
        return Err("give CUSTOMERS ITEMS ROWS SEED OUTPUT".into());
    };
    let shop = Shop::new(customers.parse()?, items.parse()?, rows.parse()?, seed.parse()?)?;
    let lines = shop.history()?;
    if output.ends_with(".parquet") {
        write_parquet(&lines, output)?;
    } else if output.ends_with(".csv.zst") {
        let mut encoder = zstd::Encoder::new(File::create(output)?, 3)?;
        write_csv(&lines, &mut encoder)?;
        encoder.finish()?.sync_all()?;
    } else if output.ends_with(".csv") {
        let mut file = BufWriter::new(File::create(output)?);
        write_csv(&lines, &mut file)?;
        file.flush()?;
    } else {
        return Err(format!("{output} should end in .csv, .csv.zst or .parquet").into());
    }
    Ok(())
}

impl Shop {
    fn new(customers: usize, items: usize, rows: usize, seed: u64) -> Outcome<Self> {
        if customers == 0 || items < CLUSTERS || u32::try_from(customers.max(items)).is_err() {
            return Err(format!("at least one customer and {CLUSTERS} items are needed").into());
        }
        let popularity = Zipf::new(items as f64, EXPONENT)?;
        let popularity_in_cluster = Zipf::new((items / CLUSTERS) as f64, EXPONENT)?;
        Ok(Self { customers, items, rows, seed, popularity, popularity_in_cluster })
    }

    /// All lines in the order of time.
    fn history(&self) -> Outcome<Vec<Line>> {
        let diligence = LogNormal::new(0.0, 0.9)?;
        let mut rng = StdRng::seed_from_u64(self.seed);
        let shares: Vec<f64> = (0..self.customers).map(|_| diligence.sample(&mut rng)).collect();
        let total: f64 = shares.iter().sum();
        // Rounding the running sum, not each share, makes the rows come out exactly.
        let mut ends = Vec::with_capacity(self.customers);
        let mut sum = 0.0;
        for share in shares {
            sum += share;
            ends.push((sum / total * self.rows as f64).round() as usize);
        }
        let mut lines = vec![Line { at: 0, customer: 0, item: 0, basket: 0, quantity: 0 }; self.rows];
        let mut rest = lines.as_mut_slice();
        let mut own = Vec::with_capacity(self.customers);
        let mut start = 0;
        for (customer, end) in ends.into_iter().enumerate() {
            let (mine, others) = rest.split_at_mut(end.min(self.rows).saturating_sub(start));
            start += mine.len();
            rest = others;
            own.push((customer, mine));
        }
        own.into_par_iter().for_each(|(customer, mine)| self.purchases(customer, mine));
        lines.par_sort_unstable_by_key(|line| (line.at, line.customer, line.basket, line.item));
        Ok(lines)
    }

    /// One customer's year.
    fn purchases(&self, customer: usize, lines: &mut [Line]) {
        let mut rng =
            StdRng::seed_from_u64(self.seed ^ (customer as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let liked: [usize; LIKED] = std::array::from_fn(|_| rng.random_range(0..CLUSTERS));
        let (mut at, mut left, mut basket, mut first) = (START, 0, 0, 0);
        for position in 0..lines.len() {
            if left == 0 {
                basket += 1;
                first = position;
                left = 1 + (-(1.0 - rng.random::<f64>()).ln() * (MEAN_BASKET - 1.0)) as usize;
                at = moment(&mut rng);
            }
            left -= 1;
            // What lies in the basket already is not put on a second line, unless the draw insists.
            let mut item = self.item(&lines[..position], &liked, &mut rng);
            for _ in 0..TRIES {
                if lines[first..position].iter().all(|line| line.item != item) {
                    break;
                }
                item = self.item(&lines[..position], &liked, &mut rng);
            }
            let quantity = if rng.random_bool(0.8) { 1 } else { rng.random_range(2..6) };
            lines[position] = Line { at, customer: customer as u32, item, basket, quantity };
        }
    }

    /// What someone takes who bought `before`, and likes these clusters.
    fn item(&self, before: &[Line], liked: &[usize; LIKED], rng: &mut StdRng) -> u32 {
        let item = if !before.is_empty() && rng.random_bool(REPEATED) {
            before[rng.random_range(0..before.len())].item
        } else if rng.random_bool(TO_TASTE) {
            // Squaring draws the first of the liked clusters most often.
            let cluster = liked[(rng.random::<f64>().powi(2) * LIKED as f64) as usize];
            let rank = self.popularity_in_cluster.sample(rng) as usize - 1;
            (rank * CLUSTERS + cluster) as u32
        } else {
            self.popularity.sample(rng) as u32 - 1
        };
        item.min(self.items as u32 - 1)
    }
}

/// A moment of the year at which shops are open; the afternoon is busiest.
fn moment(rng: &mut StdRng) -> i64 {
    let hours = 8.0 + 13.0 * (rng.random::<f64>() + rng.random::<f64>()) / 2.0;
    START + rng.random_range(0..365) * 86_400 + (hours * 3600.0) as i64
}

/// A price between 0.50 and 40, always the same for an item.
fn price(item: u32) -> f64 {
    let spread = f64::from(item.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
    (50.0 * 80f64.powf(spread)).round() / 100.0
}

fn write_csv(lines: &[Line], output: &mut impl Write) -> Outcome<()> {
    output.write_all(b"customer_id,item_id,timestamp,quantity,unit_price,order_id\n")?;
    for blocks in lines.chunks(8 * ROWS_PER_BLOCK) {
        let texts: Vec<String> = blocks.par_chunks(ROWS_PER_BLOCK).map(block_text).collect();
        for text in texts {
            output.write_all(text.as_bytes())?;
        }
    }
    Ok(())
}

fn block_text(lines: &[Line]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(lines.len() * 56);
    let mut last = (0, String::new());
    for line in lines {
        if last.0 != line.at {
            let at = chrono::DateTime::from_timestamp(line.at, 0).unwrap_or_default();
            last = (line.at, at.format("%Y-%m-%d %H:%M:%S").to_string());
        }
        let Line { customer, item, basket, quantity, .. } = line;
        let (at, price) = (&last.1, price(*item));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "c{customer},i{item},{at},{quantity},{price:.2},{customer}-{basket}");
    }
    text
}

fn write_parquet(lines: &[Line], output: &str) -> Outcome<()> {
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?)).build();
    let mut writer: Option<ArrowWriter<File>> = None;
    for blocks in lines.chunks(8 * ROWS_PER_BLOCK) {
        let batches: Vec<_> = blocks.par_chunks(ROWS_PER_BLOCK).map(batch).collect();
        for batch in batches {
            let batch = batch?;
            let writer = match &mut writer {
                Some(writer) => writer,
                none => none.insert(ArrowWriter::try_new(
                    File::create(output)?,
                    batch.schema(),
                    Some(properties.clone()),
                )?),
            };
            writer.write(&batch)?;
        }
    }
    if let Some(writer) = writer {
        writer.close()?;
    }
    Ok(())
}

fn batch(lines: &[Line]) -> Result<RecordBatch, arrow::error::ArrowError> {
    let text = |id: fn(&Line) -> String| Arc::new(StringArray::from_iter_values(lines.iter().map(id)));
    let times = lines.iter().map(|line| line.at);
    let quantities = lines.iter().map(|line| i32::from(line.quantity));
    let prices = lines.iter().map(|line| price(line.item));
    RecordBatch::try_from_iter([
        ("customer_id", text(|line| format!("c{}", line.customer)) as _),
        ("item_id", text(|line| format!("i{}", line.item)) as _),
        ("timestamp", Arc::new(TimestampSecondArray::from_iter_values(times).with_timezone("UTC")) as _),
        ("quantity", Arc::new(Int32Array::from_iter_values(quantities)) as _),
        ("unit_price", Arc::new(Float64Array::from_iter_values(prices)) as _),
        ("order_id", text(|line| format!("{}-{}", line.customer, line.basket)) as _),
    ])
}
