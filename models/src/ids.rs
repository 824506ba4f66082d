//! Ids: what users write outside ([`str`]), and the dense index that stands for it inside a release.
//!
//! An outside id is an opaque string of any characters. Inside, it is the position at which the release's
//! [`Vocabulary`] met it: [`ItemIx`], [`CustomerIx`] or [`ChannelIx`], never a bare integer. An index means nothing
//! without the vocabulary of its release.

use indexmap::IndexSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;

/// A dense index of one kind of thing.
pub trait Ix: Copy + Debug + Eq + Ord + Hash + Send + Sync + 'static {
    /// How many positions an index can tell apart: [`Vocabulary::intern`] refuses to grow beyond.
    const MOST: usize;
    /// The index at a position, which must be below [`Self::MOST`].
    fn at(position: usize) -> Self;
    /// The position in arrays over all things of this kind.
    fn position(self) -> usize;
}

macro_rules! index_type {
    ($(#[$doc:meta])* $name:ident($number:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $number);

        impl Ix for $name {
            const MOST: usize = <$number>::MAX as usize;
            fn at(position: usize) -> Self {
                debug_assert!(position < Self::MOST);
                Self(position as $number)
            }
            fn position(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index_type!(
    /// An item's dense index inside one release.
    ItemIx(u32)
);
index_type!(
    /// A customer's dense index inside one release.
    CustomerIx(u32)
);
index_type!(
    /// An order's (basket's) dense index inside one history.
    OrderIx(u32)
);
index_type!(
    /// A sales channel's dense index inside one history; 0 stands for what is not known, whose id is empty.
    ChannelIx(u8)
);

impl ChannelIx {
    /// No channel is known.
    pub const UNKNOWN: Self = Self(0);
}

/// Outside ids and their dense indexes, both ways.
#[derive(Clone, Debug)]
pub struct Vocabulary<I> {
    ids: IndexSet<Box<str>>,
    kind: PhantomData<I>,
}

impl<I: Ix> Default for Vocabulary<I> {
    fn default() -> Self {
        Self { ids: IndexSet::new(), kind: PhantomData }
    }
}

impl<I: Ix> Vocabulary<I> {
    /// The index of an id, which is added when it is new.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] when there are already [`Ix::MOST`] ids.
    pub fn intern(&mut self, id: &str) -> crate::Result<I> {
        if let Some(position) = self.ids.get_index_of(id) {
            return Ok(I::at(position));
        }
        if self.ids.len() >= I::MOST {
            return Err(crate::Error::OutOfRange {
                name: "number of different ids of one kind",
                value: format!("{} and growing", self.ids.len()),
                expected: "no more than their index can tell apart",
            });
        }
        Ok(I::at(self.ids.insert_full(id.into()).0))
    }

    /// The index of a known id.
    pub fn get(&self, id: &str) -> Option<I> {
        self.ids.get_index_of(id).map(I::at)
    }

    /// The outside id of an index of this vocabulary.
    pub fn id(&self, ix: I) -> Option<&str> {
        self.ids.get_index(ix.position()).map(|id| &**id)
    }

    /// How many ids there are; valid indexes are below it.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are no ids.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// All ids in the order of their indexes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (I, &str)> {
        self.ids.iter().enumerate().map(|(position, id)| (I::at(position), &**id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vocabulary_gives_each_id_the_index_of_its_first_meeting() {
        let mut items = Vocabulary::<ItemIx>::default();
        let ids = ["a/b", "", "été \u{0}", "a/b"];
        let met: Vec<u32> = ids.iter().map(|id| items.intern(id).unwrap().0).collect();
        assert_eq!(met, [0, 1, 2, 0]);
        assert_eq!(items.id(ItemIx(2)), Some("été \u{0}"));
        assert_eq!(items.get("unknown"), None);
        assert_eq!(items.id(ItemIx(3)), None);
    }

    #[test]
    fn a_vocabulary_refuses_an_id_that_its_index_could_not_tell_apart() {
        let mut channels = Vocabulary::<ChannelIx>::default();
        let last = (0..255).map(|n| channels.intern(&n.to_string()).unwrap()).last();
        assert_eq!(last, Some(ChannelIx(254)));
        assert!(matches!(channels.intern("255"), Err(crate::Error::OutOfRange { .. })));
        assert_eq!(channels.intern("254").unwrap(), ChannelIx(254), "a known id is still found");
    }
}
