//! What the service would recommend to whom, ranked here once, so that the first question about a customer is answered as
//! fast as the next.
//!
//! It is the service's own way (an index, then the whole blend), so that it makes no difference who ranked.

use crate::config::PrecomputedConfig;
use crate::progress::Progress;
use models::Result;
use models::events::Timestamp;
use models::ids::{CustomerIx, ItemIx, Ix};
use models::index::quantised::QUERIES_PER_PASS;
use models::index::{ItemIndex, Query};
use models::interactions::{History, Interaction};
use models::measures::Repeats;
use models::payload::Filter;
use models::ranking::Scored;
use models::release::precomputed::{Lists, file_name};
use models::release::{Files, Release};
use models::taste::Person;
use rayon::prelude::*;

/// How many more items are asked of the index than are kept: where other views take something away from some, the next are there.
const BEYOND: usize = 50;

/// Customers between two reports of progress.
const STEP: usize = 8192;

/// The files of precomputed recommendations, by name; none for a length of 0.
///
/// # Errors
/// [`models::Error`] when a customer's vector is not finite.
pub fn rank(
    config: &PrecomputedConfig,
    release: &Release,
    index: &dyn ItemIndex,
    as_of: Timestamp,
    progress: &dyn Progress,
) -> Result<Files> {
    let wanted = [(Repeats::Kept, config.repeats_allowed), (Repeats::Removed, config.repeats_excluded)];
    let wanted = wanted.into_iter().filter(|(_, length)| *length > 0);
    let file = |(repeats, length)| {
        let ranking = Ranking { release, index, as_of, repeats, length };
        Ok((file_name(repeats).to_owned(), ranking.everyone(progress)?.encode(repeats)?))
    };
    wanted.map(file).collect()
}

/// Lists of one length under one treatment of repeats.
struct Ranking<'a> {
    release: &'a Release,
    index: &'a dyn ItemIndex,
    as_of: Timestamp,
    repeats: Repeats,
    length: usize,
}

impl Ranking<'_> {
    fn everyone(&self, progress: &dyn Progress) -> Result<Lists> {
        let n = self.release.customers.len();
        let mut lists = Lists::new(self.length, n);
        let customers: Vec<CustomerIx> = (0..n).map(CustomerIx::at).collect();
        for step in customers.chunks(STEP) {
            let ranked: Vec<_> = step.par_chunks(QUERIES_PER_PASS).map(|some| self.some(some)).collect();
            for list in ranked.into_iter().collect::<Result<Vec<_>>>()?.iter().flatten() {
                lists.push(list);
            }
            progress.at(step[step.len() - 1].position() as u64);
        }
        Ok(lists)
    }

    /// The lists of some customers, in one pass of the index.
    fn some(&self, customers: &[CustomerIx]) -> Result<Vec<Vec<Scored>>> {
        let (taste, filter) = (&self.release.taste, Filter::default());
        let people: Vec<Person> = customers.iter().map(|customer| self.person(*customer)).collect();
        let vectors: Vec<Vec<f32>> =
            people.iter().map(|person| taste.query_vector(person, self.repeats)).collect();
        let owned: Vec<Vec<ItemIx>> = customers.iter().map(|customer| self.owned(*customer)).collect();
        let query = |(vector, exclude)| Query { vector, n: self.length + BEYOND, filter: &filter, exclude };
        let queries: Vec<Query<'_>> =
            vectors.iter().map(Vec::as_slice).zip(owned.iter().map(Vec::as_slice)).map(query).collect();
        let dense = self.index.search(&queries)?;
        let ranker = taste.ranker(self.repeats);
        let list = |((person, dense), owned): ((&Person, &Vec<Scored>), &Vec<ItemIx>)| {
            ranker.rank(person, dense, self.length, |item| owned.binary_search(&item).is_err())
        };
        Ok(people.iter().zip(&dense).zip(&owned).map(list).collect())
    }

    fn person(&self, customer: CustomerIx) -> Person {
        let cells = self.release.history.row(customer).iter().filter(|cell| cell.counts());
        let cells: Vec<Interaction> = cells.copied().collect();
        let profile = self.release.profiles.of(customer.position());
        self.release.taste.person(History::new(&cells, self.as_of).with_profile(profile))
    }

    /// What the customer may not be shown, sorted.
    fn owned(&self, customer: CustomerIx) -> Vec<ItemIx> {
        match self.repeats {
            Repeats::Kept => Vec::new(),
            Repeats::Removed => self.release.history.row(customer).iter().map(|cell| cell.item).collect(),
        }
    }
}
