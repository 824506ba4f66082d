//! Precomputed recommendations: the best of the catalogue for every customer, ranked once by training.
//!
//! They are what the service would compute while it knows no more of a customer than training did. The tensors `items` and `scores` are
//! customers × length, best first; a row of fewer ends in items of [`NONE`]. An answer needs one row of a file that can
//! be larger than all others together, so [`Layout`] says where each row lies, and nothing is loaded.

use super::tensors::unreadable;
use crate::ids::{CustomerIx, ItemIx, Ix};
use crate::measures::Repeats;
use crate::ranking::Scored;
use crate::{Error, Result};
use safetensors::tensor::{Dtype, Metadata, TensorView};
use std::ops::Range;

const ITEMS: &str = "items";
const SCORES: &str = "scores";

/// The item of a place that is empty.
pub const NONE: u32 = u32::MAX;

/// Bytes of an item, and of a score.
const NUMBER: usize = 4;

/// The bytes before the header: its length.
pub const PREFIX: usize = 8;

/// A header is a few hundred bytes; a file that says more is none of ours.
const MAX_HEADER: u64 = 1 << 16;

/// The file of a release for a treatment of repeats.
pub fn file_name(repeats: Repeats) -> &'static str {
    match repeats {
        Repeats::Kept => "precomputed_allowed.safetensors",
        Repeats::Removed => "precomputed_excluded.safetensors",
    }
}

/// The lists of all customers on their way into a file.
#[derive(Debug)]
pub struct Lists {
    length: usize,
    items: Vec<u8>,
    scores: Vec<u8>,
}

impl Lists {
    /// None yet, each of so many items at most; room for so many customers.
    pub fn new(length: usize, customers: usize) -> Self {
        let room = || Vec::with_capacity(NUMBER * length * customers);
        Self { length, items: room(), scores: room() }
    }

    /// Adds the next customer's list.
    pub fn push(&mut self, best: &[Scored]) {
        let empty = std::iter::repeat((NONE, 0.0));
        let places = best.iter().map(|one| (one.item.0, one.score)).chain(empty).take(self.length);
        for (item, score) in places {
            self.items.extend(item.to_le_bytes());
            self.scores.extend(score.to_le_bytes());
        }
    }

    /// The file.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for what has no such form, a length of 0.
    pub fn encode(self, repeats: Repeats) -> Result<Vec<u8>> {
        let failed = |error: safetensors::SafeTensorError| unreadable(file_name(repeats), error.to_string());
        let shape = vec![(self.items.len() / NUMBER).checked_div(self.length).unwrap_or(0), self.length];
        let items = TensorView::new(Dtype::U32, shape.clone(), &self.items).map_err(failed)?;
        let scores = TensorView::new(Dtype::F32, shape, &self.scores).map_err(failed)?;
        safetensors::serialize([(ITEMS, items), (SCORES, scores)], None).map_err(failed)
    }
}

/// Where in a file each customer's row lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    customers: usize,
    length: usize,
    items_at: u64,
    scores_at: u64,
}

impl Layout {
    /// The length of the header that follows the first bytes of a file.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for a length that no header of ours has.
    pub fn header_length(repeats: Repeats, prefix: [u8; PREFIX]) -> Result<usize> {
        let length = u64::from_le_bytes(prefix);
        let length = Some(length).filter(|length| *length <= MAX_HEADER);
        length.and_then(|length| usize::try_from(length).ok()).ok_or_else(|| {
            unreadable(
                file_name(repeats),
                format!("its header is said to be {} bytes long", u64::from_le_bytes(prefix)),
            )
        })
    }

    /// The layout that a header describes, of a file of so many bytes for so many customers.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for a header of something else, [`Error::Shape`] for other customers or another size.
    pub fn of(repeats: Repeats, header: &[u8], size_bytes: u64, customers: usize) -> Result<Self> {
        let part = file_name(repeats);
        let metadata: Metadata =
            serde_json::from_slice(header).map_err(|e| unreadable(part, e.to_string()))?;
        let tensor = |name: &str, dtype| {
            let info = metadata.info(name).filter(|info| info.dtype == dtype && info.shape.len() == 2);
            info.ok_or_else(|| unreadable(part, format!("it has no matrix {name:?} of {dtype:?}")))
        };
        let (items, scores) = (tensor(ITEMS, Dtype::U32)?, tensor(SCORES, Dtype::F32)?);
        if items.shape != scores.shape || items.shape[0] != customers {
            return Err(Error::Shape {
                what: part.into(),
                expected: format!("two matrices of {customers} rows"),
                found: format!("{:?} and {:?}", items.shape, scores.shape),
            });
        }
        let end = items.data_offsets.1.max(scores.data_offsets.1);
        let said = (PREFIX as u64 + header.len() as u64).saturating_add(end as u64);
        if said != size_bytes {
            return Err(Error::Shape {
                what: part.into(),
                expected: format!("{said} bytes by its header"),
                found: size_bytes.to_string(),
            });
        }
        let start = |offset: usize| (PREFIX + header.len() + offset) as u64;
        let (items_at, scores_at) = (start(items.data_offsets.0), start(scores.data_offsets.0));
        Ok(Self { customers, length: items.shape[1], items_at, scores_at })
    }

    /// Where the items of a customer stand in the file, and where their scores; `None` beyond the last.
    pub fn row(&self, customer: CustomerIx) -> Option<[Range<u64>; 2]> {
        let bytes = (NUMBER * self.length) as u64;
        let within = (customer.position() < self.customers).then(|| customer.position() as u64 * bytes)?;
        Some([self.items_at, self.scores_at].map(|at| at + within..at + within + bytes))
    }

    /// The list that a row's bytes say, best first.
    pub fn list(items: &[u8], scores: &[u8]) -> Vec<Scored> {
        let numbers = items.as_chunks::<NUMBER>().0.iter().zip(scores.as_chunks::<NUMBER>().0);
        let list = numbers.map(|(item, score)| (u32::from_le_bytes(*item), f32::from_le_bytes(*score)));
        let list = list.take_while(|(item, score)| *item != NONE && score.is_finite());
        list.map(|(item, score)| Scored { item: ItemIx(item), score }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(item: u32, score: f32) -> Scored {
        Scored { item: ItemIx(item), score }
    }

    #[test]
    fn every_customers_list_is_found_where_the_header_says() {
        let lists = [vec![scored(7, 2.5), scored(1, -1.0)], vec![scored(3, 0.5)], vec![]];
        let mut written = Lists::new(2, 3);
        lists.iter().for_each(|list| written.push(list));
        let bytes = written.encode(Repeats::Kept).unwrap();
        let prefix = *bytes.first_chunk().unwrap();
        let header = &bytes[PREFIX..][..Layout::header_length(Repeats::Kept, prefix).unwrap()];
        let layout = Layout::of(Repeats::Kept, header, bytes.len() as u64, 3).unwrap();
        for (customer, list) in lists.iter().enumerate() {
            let [items, scores] = layout.row(CustomerIx::at(customer)).unwrap();
            let part = |range: Range<u64>| &bytes[range.start as usize..range.end as usize];
            assert_eq!(Layout::list(part(items), part(scores)), *list);
        }
        assert_eq!(layout.row(CustomerIx::at(3)), None);
        let refused = |size: usize, customers| {
            Layout::of(Repeats::Kept, header, size as u64, customers).unwrap_err().to_string()
        };
        assert!(refused(bytes.len(), 4).contains("4 rows"));
        assert!(refused(bytes.len() - 1, 3).contains("bytes by its header"));
        let foreign = Layout::header_length(Repeats::Kept, [255; PREFIX]).unwrap_err().to_string();
        assert!(foreign.contains("precomputed_allowed"), "{foreign}");
    }
}
