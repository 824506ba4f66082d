//! The customers, items and offers that requests are about.

use rand::RngExt;
use rand::distr::Distribution;
use rand::rngs::StdRng;
use rand_distr::Zipf;
use serde::Deserialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where the ids of a workload come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationSource {
    /// Customers.
    pub customers: IdsSource,
    /// Items.
    pub items: IdsSource,
    /// Offers; those of `proffer-loadtest offers` when left out.
    #[serde(default = "IdsSource::offers")]
    pub offers: IdsSource,
}

/// Where ids of one sort come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum IdsSource {
    /// Ids that are counted, such as those of `proffer-loadtest world`.
    World {
        /// An id, with `{n}` for its number.
        pattern: String,
        /// How many.
        count: u64,
        /// The first number.
        #[serde(default = "one")]
        first: u64,
        /// How much more often the first are drawn: the n-th in proportion to n to the minus this; all alike when
        /// left out.
        zipf: Option<f64>,
    },
    /// The lines of a file, the most frequent first.
    File {
        /// The file, relative to the workload's.
        path: PathBuf,
        /// As above.
        zipf: Option<f64>,
    },
}

fn one() -> u64 {
    1
}

/// Why ids cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PopulationError {
    /// The file cannot be read.
    #[error("the ids in {path} cannot be read: {error}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// There is nothing to draw from.
    #[error("there are no ids {0}; give at least one")]
    Empty(String),
    /// A file has as many ids as it has lines.
    #[error(
        "{wanted} ids cannot be had of {path}, which has as many as it has lines: give another file instead"
    )]
    Count {
        /// How many were asked for.
        wanted: u64,
        /// Of which file.
        path: PathBuf,
    },
    /// The pattern has no place for the number.
    #[error("the pattern {0:?} of ids must hold {{n}} once, for the number")]
    Pattern(String),
    /// The exponent makes no distribution.
    #[error("the zipf exponent of ids must be a number of at least 0, but is {0}")]
    Exponent(f64),
}

impl IdsSource {
    fn offers() -> Self {
        Self::World { pattern: "load-{n}".into(), count: 500, first: 0, zipf: None }
    }

    /// The same with another number of ids.
    ///
    /// # Errors
    /// [`PopulationError::Count`] where ids come from a file.
    pub fn with_count(self, wanted: u64) -> Result<Self, PopulationError> {
        match self {
            Self::World { pattern, first, zipf, .. } => {
                Ok(Self::World { pattern, count: wanted, first, zipf })
            }
            Self::File { path, .. } => Err(PopulationError::Count { wanted, path }),
        }
    }

    /// The same popularity over the lines of a file.
    #[must_use]
    pub fn with_file(self, path: PathBuf) -> Self {
        let (Self::World { zipf, .. } | Self::File { zipf, .. }) = self;
        Self::File { path, zipf }
    }
}

/// Ids to draw from.
#[derive(Clone, Debug)]
pub struct Ids {
    names: Names,
    popularity: Option<Zipf<f64>>,
}

#[derive(Clone, Debug)]
enum Names {
    Counted { before: String, after: String, first: u64, count: u64 },
    Listed(Vec<String>),
}

impl Ids {
    /// Reads or counts the ids.
    ///
    /// # Errors
    /// [`PopulationError`].
    pub fn open(source: &IdsSource, folder: &Path) -> Result<Self, PopulationError> {
        let (names, zipf) = match source {
            IdsSource::World { pattern, count, first, zipf } => {
                let parts: Vec<&str> = pattern.split("{n}").collect();
                let [before, after] = parts[..] else {
                    return Err(PopulationError::Pattern(pattern.clone()));
                };
                let (before, after) = (before.to_owned(), after.to_owned());
                (Names::Counted { before, after, first: *first, count: *count }, *zipf)
            }
            IdsSource::File { path, zipf } => {
                let path = folder.join(path);
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| PopulationError::Read { path: path.clone(), error })?;
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                (Names::Listed(lines.map(String::from).collect()), *zipf)
            }
        };
        let mut ids = Self { names, popularity: None };
        if ids.count() == 0 {
            return Err(PopulationError::Empty(format!("of {source:?}")));
        }
        if let Some(exponent) = zipf {
            let sound = exponent.is_finite() && exponent >= 0.0;
            let popularity = Zipf::new(ids.count() as f64, exponent).ok().filter(|_| sound);
            ids.popularity = Some(popularity.ok_or(PopulationError::Exponent(exponent))?);
        }
        Ok(ids)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        match &self.names {
            Names::Counted { count, .. } => *count,
            Names::Listed(names) => names.len() as u64,
        }
    }

    /// The place of one of them, from 0, by its popularity.
    pub fn draw(&self, rng: &mut StdRng) -> u64 {
        match &self.popularity {
            None => rng.random_range(0..self.count()),
            Some(zipf) => (zipf.sample(rng) as u64).clamp(1, self.count()) - 1,
        }
    }

    /// Appends the id at a place.
    pub fn write(&self, at: u64, out: &mut Vec<u8>) {
        match &self.names {
            Names::Counted { before, after, first, .. } => {
                out.extend_from_slice(before.as_bytes());
                // Writing to a vector cannot fail.
                let _ = write!(out, "{}", first + at);
                out.extend_from_slice(after.as_bytes());
            }
            Names::Listed(names) => {
                out.extend_from_slice(names.get(at as usize).map_or(&[][..], String::as_bytes));
            }
        }
    }
}

/// All that requests are about.
#[derive(Clone, Debug)]
pub struct Population {
    /// Customers.
    pub customers: Ids,
    /// Items.
    pub items: Ids,
    /// Offers.
    pub offers: Ids,
}

impl Population {
    /// Opens the ids of all sorts; files are relative to a folder.
    ///
    /// # Errors
    /// [`PopulationError`].
    pub fn open(source: &PopulationSource, folder: &Path) -> Result<Self, PopulationError> {
        Ok(Self {
            customers: Ids::open(&source.customers, folder)?,
            items: Ids::open(&source.items, folder)?,
            offers: Ids::open(&source.offers, folder)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn world(pattern: &str, count: u64, zipf: Option<f64>) -> Result<Ids, PopulationError> {
        let source = IdsSource::World { pattern: pattern.into(), count, first: 1, zipf };
        Ids::open(&source, Path::new("."))
    }

    fn text(ids: &Ids, at: u64) -> String {
        let mut out = Vec::new();
        ids.write(at, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_nth_id_is_drawn_as_often_as_zipfs_law_says() {
        let ids = world("c{n}", 1000, Some(1.0)).unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let mut counts = vec![0u32; 1000];
        let draws = 1_000_000;
        for _ in 0..draws {
            counts[ids.draw(&mut rng) as usize] += 1;
        }
        let harmonic: f64 = (1..=1000).map(|n| 1.0 / f64::from(n)).sum();
        for n in [1usize, 2, 10, 100] {
            let expected = f64::from(draws) / harmonic / n as f64;
            let ratio = f64::from(counts[n - 1]) / expected;
            assert!((ratio - 1.0).abs() < 5.0 / expected.sqrt(), "{n}: {ratio}");
        }
        assert_eq!((text(&ids, 0), text(&ids, 999)), ("c1".into(), "c1000".into()));
    }

    #[test]
    fn without_an_exponent_all_are_drawn_alike() {
        let ids = world("{n}", 10, None).unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let mut counts = [0u32; 10];
        for _ in 0..100_000 {
            counts[ids.draw(&mut rng) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }

    #[test]
    fn ids_of_a_file_are_its_lines() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ids"), "a/b\n\nc \n").unwrap();
        let source = IdsSource::File { path: "ids".into(), zipf: None };
        let ids = Ids::open(&source, folder.path()).unwrap();
        assert_eq!((ids.count(), text(&ids, 0), text(&ids, 1)), (2, "a/b".into(), "c".into()));
    }

    #[test]
    fn what_nothing_can_be_drawn_from_is_refused_with_its_value() {
        let refused = |outcome: Result<Ids, PopulationError>, value: &str| {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains(value), "{error}");
        };
        refused(world("c", 10, None), "\"c\"");
        refused(world("{n}{n}", 10, None), "{n}{n}");
        refused(world("c{n}", 0, None), "count: 0");
        refused(world("c{n}", 10, Some(-1.0)), "-1");
        refused(world("c{n}", 10, Some(f64::NAN)), "NaN");
        let missing = IdsSource::File { path: "nowhere".into(), zipf: None };
        refused(Ids::open(&missing, Path::new("/")), "/nowhere");
        let error = missing.with_count(7).unwrap_err().to_string();
        assert!(error.contains("7 ids") && error.contains("nowhere"), "{error}");
    }
}
