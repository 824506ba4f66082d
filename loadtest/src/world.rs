//! A history of purchases of any size, in which there is something to learn.
//!
//! Items fall into tastes; within each, and over all, their popularity follows Zipf's law, so item n is the n-th most
//! popular. Each customer likes three tastes, buys more of their items than of others, and again what they bought
//! before, on days of one year. Customers are made one after the other, each by a seed of their own, so memory does not
//! grow with their number.

use rand::distr::Distribution;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{LogNormal, Zipf};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// How large a world is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Customers `c1` and on.
    pub customers: u32,
    /// Items `i1` and on, the most popular first.
    pub items: u32,
    /// The mean number of rows of a customer.
    pub purchases_per_customer: f64,
}

/// Why a world cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A size that cannot be meant.
    #[error("{0}")]
    Size(String),
    /// A file cannot be written.
    #[error("{path}: {error}")]
    Write {
        /// Which file.
        path: String,
        /// Why not.
        error: io::Error,
    },
}

/// Tastes, and those that one customer likes, the first the most.
const TASTES: u32 = 50;
const LIKED: usize = 3;
/// The share of purchases that repeat an earlier one of the customer.
const REPEATED: f64 = 0.3;
/// The share of the others that follow their taste rather than the crowd.
const TO_TASTE: f64 = 0.8;
/// How often a line is drawn again when its item is in the basket already.
const DRAWS: usize = 10;
const EXPONENT: f64 = 1.05;
const MEAN_BASKET: f64 = 4.0;
/// How much customers differ in how much they buy: the deviation of the logarithm.
const SPREAD: f64 = 0.7;
/// 2025-01-01 00:00 UTC, and the days from there on.
const START: i64 = 1_735_689_600;
const DAYS: i64 = 365;
/// Speed matters more than size.
const COMPRESSION: i32 = 1;

struct World {
    size: Size,
    seed: u64,
    tastes: u32,
    popularity: Zipf<f64>,
    popularity_in_taste: Zipf<f64>,
    amount: LogNormal<f64>,
}

/// Writes `history.csv.zst` and `items.csv` into a folder, and returns the number of rows of the history. The same seed
/// gives the same files.
///
/// # Errors
/// [`WorldError`].
pub fn write(size: Size, seed: u64, folder: &Path) -> Result<u64, WorldError> {
    let world = World::new(size, seed)?;
    let (history, items) = (folder.join("history.csv.zst"), folder.join("items.csv"));
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error| WorldError::Write { path, error }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    world.write_items(&items).map_err(failed(&items))?;
    world.write_history(&history).map_err(failed(&history))
}

impl World {
    fn new(size: Size, seed: u64) -> Result<Self, WorldError> {
        let Size { customers, items, purchases_per_customer: purchases } = size;
        if customers == 0 || items == 0 {
            return Err(WorldError::Size(format!(
                "a world needs customers and items, but {customers} and {items} are asked for"
            )));
        }
        if !(1.0..=100_000.0).contains(&purchases) {
            return Err(WorldError::Size(format!(
                "purchases per customer must be from 1 to 100000, but are {purchases}"
            )));
        }
        let tastes = TASTES.min(items);
        let no_law = |what: &str| WorldError::Size(format!("{what} of {items} items follows no law"));
        let zipf = |n: u32| Zipf::new(f64::from(n), EXPONENT).map_err(|_| no_law("popularity"));
        // The mean of the exponential of a normal number is above one by half its variance.
        let amount = LogNormal::new(purchases.ln() - SPREAD * SPREAD / 2.0, SPREAD);
        Ok(Self {
            size,
            seed,
            tastes,
            popularity: zipf(items)?,
            popularity_in_taste: zipf(items / tastes)?,
            amount: amount.map_err(|_| no_law("the number of purchases"))?,
        })
    }

    fn write_items(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "item_id,name,category,price")?;
        for item in 0..self.size.items {
            let taste = item % self.tastes;
            writeln!(file, "i{},Item {},category-{taste},{:.2}", item + 1, item + 1, price(item))?;
        }
        file.flush()
    }

    fn write_history(&self, path: &Path) -> io::Result<u64> {
        let mut encoder = zstd::Encoder::new(BufWriter::new(File::create(path)?), COMPRESSION)?;
        encoder.write_all(b"customer_id,item_id,timestamp,order_id,quantity,unit_price\n")?;
        let (mut rows, mut text) = (0, Vec::new());
        let mut bought = Vec::new();
        for customer in 0..self.size.customers {
            text.clear();
            rows += self.purchases(customer, &mut bought, &mut text)?;
            encoder.write_all(&text)?;
        }
        encoder.finish()?.into_inner()?.sync_all()?;
        Ok(rows)
    }

    /// Appends one customer's year, in the order of time, and returns its number of rows.
    fn purchases(&self, customer: u32, bought: &mut Vec<u32>, text: &mut Vec<u8>) -> io::Result<u64> {
        let own = (u64::from(customer) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut rng = StdRng::seed_from_u64(self.seed ^ own);
        let liked: [u32; LIKED] = std::array::from_fn(|_| rng.random_range(0..self.tastes));
        let mut left = (self.amount.sample(&mut rng).round() as u64).max(1);
        let rows = left;
        let mut baskets = Vec::new();
        while left > 0 {
            let size = 1 + (-(1.0 - rng.random::<f64>()).ln() * (MEAN_BASKET - 1.0)) as u64;
            baskets.push((moment(&mut rng), size.min(left)));
            left -= size.min(left);
        }
        baskets.sort_unstable();
        bought.clear();
        for (order, (at, size)) in baskets.into_iter().enumerate() {
            let at = chrono::DateTime::from_timestamp(at, 0).unwrap_or_default().format("%Y-%m-%d %H:%M:%S");
            let at = at.to_string();
            let first = bought.len();
            for _ in 0..size {
                let mut item = self.item(bought, &liked, &mut rng);
                for _ in 1..DRAWS {
                    if !bought[first..].contains(&item) {
                        break;
                    }
                    item = self.item(bought, &liked, &mut rng);
                }
                bought.push(item);
                let quantity = if rng.random_bool(0.8) { 1 } else { rng.random_range(2..6) };
                let (customer, item_number, order) = (customer + 1, item + 1, order + 1);
                let price = price(item);
                writeln!(text, "c{customer},i{item_number},{at},{customer}-{order},{quantity},{price:.2}")?;
            }
        }
        Ok(rows)
    }

    /// What someone takes who has `bought`, and likes these tastes.
    fn item(&self, bought: &[u32], liked: &[u32; LIKED], rng: &mut StdRng) -> u32 {
        let item = if !bought.is_empty() && rng.random_bool(REPEATED) {
            bought[rng.random_range(0..bought.len())]
        } else if rng.random_bool(TO_TASTE) {
            // Squaring draws the first of the liked tastes most often.
            let taste = liked[(rng.random::<f64>().powi(2) * LIKED as f64) as usize];
            let rank = self.popularity_in_taste.sample(rng) as u32 - 1;
            rank * self.tastes + taste
        } else {
            self.popularity.sample(rng) as u32 - 1
        };
        item.min(self.size.items - 1)
    }
}

/// A moment of the year at which shops are open; the afternoon is busiest.
fn moment(rng: &mut StdRng) -> i64 {
    let hours = 8.0 + 13.0 * (rng.random::<f64>() + rng.random::<f64>()) / 2.0;
    START + rng.random_range(0..DAYS) * 86_400 + (hours * 3600.0) as i64
}

/// A price between 0.50 and 40, always the same for an item.
fn price(item: u32) -> f64 {
    let spread = f64::from(item.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
    (50.0 * 80f64.powf(spread)).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const SIZE: Size = Size { customers: 2000, items: 1000, purchases_per_customer: 20.0 };

    fn history(size: Size, seed: u64) -> (u64, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let rows = write(size, seed, folder.path()).unwrap();
        let file = File::open(folder.path().join("history.csv.zst")).unwrap();
        let history = String::from_utf8(zstd::decode_all(file).unwrap()).unwrap();
        (rows, history, std::fs::read_to_string(folder.path().join("items.csv")).unwrap())
    }

    #[test]
    fn a_seed_gives_the_same_world_and_another_one_another() {
        let one = history(SIZE, 1);
        assert_eq!(one, history(SIZE, 1));
        assert_ne!(one.1, history(SIZE, 2).1);
    }

    #[test]
    fn a_world_is_as_large_as_asked_for_with_popular_items_and_tastes() {
        let (rows, history, items) = history(SIZE, 7);
        let lines: Vec<Vec<&str>> = history.lines().skip(1).map(|line| line.split(',').collect()).collect();
        assert_eq!(lines.len() as u64, rows);
        assert!((rows as f64 / 40_000.0 - 1.0).abs() < 0.1, "{rows} rows");
        let categories: HashMap<&str, &str> = items
            .lines()
            .skip(1)
            .map(|line| line.split(',').collect::<Vec<_>>())
            .map(|fields| (fields[0], fields[2]))
            .collect();
        assert_eq!(categories.len(), 1000);
        let count = |wanted: &str| lines.iter().filter(|fields| fields[1] == wanted).count();
        assert!(
            count("i1") > 5 * count("i101") && count("i101") > 0,
            "{} and {}",
            count("i1"),
            count("i101")
        );
        // Half of what someone buys is of the one taste that they like the most; by chance it would be a fiftieth.
        let mut own: HashMap<&str, HashMap<&str, usize>> = HashMap::new();
        for fields in &lines {
            *own.entry(fields[0]).or_default().entry(categories[fields[1]]).or_default() += 1;
        }
        let most: usize = own.values().filter_map(|tastes| tastes.values().max()).sum();
        assert!(most as f64 / rows as f64 > 0.35, "{most} of {rows}");
    }

    #[test]
    fn a_world_of_nothing_is_refused_and_a_tiny_one_is_not() {
        let refused = |size| World::new(size, 1).err().unwrap().to_string();
        assert!(refused(Size { customers: 0, ..SIZE }).contains('0'));
        assert!(refused(Size { purchases_per_customer: f64::NAN, ..SIZE }).contains("NaN"));
        let tiny = history(Size { customers: 1, items: 1, purchases_per_customer: 1.0 }, 1);
        assert!(tiny.1.contains("c1,i1,"), "{tiny:?}");
    }
}
