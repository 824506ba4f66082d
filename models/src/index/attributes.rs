//! Items' payloads as columns, so that a filter is answered for a whole catalogue in a few passes over arrays.
//!
//! A column holds one key's values, by type: flags as a byte, numbers as `f64`, words as codes of the column's
//! dictionary. A key may hold values of several types; an array exists only once a value of its type was met.
//! The meaning of a filter is [`Filter::accepts`]; [`Attributes::select`] agrees with it on every payload.

use super::bits::Bits;
use crate::payload::{Condition, Filter, Match, Payload, PayloadValue};
use indexmap::IndexSet;
use std::collections::BTreeMap;

/// The payloads of rows `0..len`, by key.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    columns: BTreeMap<String, Column>,
    length: usize,
}

impl Attributes {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Gives a row the attributes of a payload in place of those it had. A row beyond the last is added.
    ///
    /// # Errors
    /// [`crate::Error::NotFinite`] for a number that is not; the row keeps what it had.
    pub fn set(&mut self, row: usize, payload: &Payload) -> crate::Result<()> {
        let not_finite =
            |value: &PayloadValue| matches!(value, PayloadValue::Number(number) if !number.is_finite());
        if let Some((key, _)) = payload.iter().find(|(_, value)| not_finite(value)) {
            return Err(crate::Error::NotFinite { what: "payload", at: key.clone() });
        }
        for column in self.columns.values_mut() {
            column.clear(row);
        }
        for (key, value) in payload {
            if !self.columns.contains_key(key) {
                self.columns.insert(key.clone(), Column::default());
            }
            if let Some(column) = self.columns.get_mut(key) {
                column.set(row, value);
            }
        }
        self.length = self.length.max(row + 1);
        Ok(())
    }

    /// The rows that a filter lets pass.
    pub fn select(&self, filter: &Filter) -> Bits {
        let mut passing = match filter.should.as_slice() {
            [] => Bits::all(self.length),
            should => {
                let mut any = Bits::none(self.length);
                should.iter().for_each(|condition| any.add(&self.holding(condition)));
                any
            }
        };
        filter.must.iter().for_each(|condition| passing.keep(&self.holding(condition)));
        filter.must_not.iter().for_each(|condition| passing.subtract(&self.holding(condition)));
        passing
    }

    fn holding(&self, condition: &Condition) -> Bits {
        let mut holding = Bits::none(self.length);
        if let Some(column) = self.columns.get(&condition.key) {
            column.select(condition, &mut holding);
        }
        holding
    }
}

/// What stands for "no flag"; false and true follow.
const NO_FLAG: u8 = 0;
/// What stands for "no number": payloads hold finite ones only.
const NO_NUMBER: f64 = f64::NAN;
/// What stands for "no word"; a word's code is its place in the dictionary plus one.
const NO_WORD: u32 = 0;

#[derive(Clone, Debug, Default)]
struct Column {
    flags: Vec<u8>,
    numbers: Vec<f64>,
    words: Vec<u32>,
    lists: Vec<Option<Box<[u32]>>>,
    dictionary: IndexSet<Box<str>>,
}

impl Column {
    fn clear(&mut self, row: usize) {
        self.flags.get_mut(row).into_iter().for_each(|cell| *cell = NO_FLAG);
        self.numbers.get_mut(row).into_iter().for_each(|cell| *cell = NO_NUMBER);
        self.words.get_mut(row).into_iter().for_each(|cell| *cell = NO_WORD);
        self.lists.get_mut(row).into_iter().for_each(|cell| *cell = None);
    }

    fn set(&mut self, row: usize, value: &PayloadValue) {
        match value {
            PayloadValue::Flag(flag) => put(&mut self.flags, row, flag_code(*flag), NO_FLAG),
            PayloadValue::Number(number) => put(&mut self.numbers, row, *number, NO_NUMBER),
            PayloadValue::Text(word) => {
                let code = self.intern(word);
                put(&mut self.words, row, code, NO_WORD);
            }
            PayloadValue::Texts(words) => {
                let codes = words.iter().map(|word| self.intern(word)).collect();
                put(&mut self.lists, row, Some(codes), None);
            }
        }
    }

    fn intern(&mut self, word: &str) -> u32 {
        let place = match self.dictionary.get_index_of(word) {
            Some(place) => place,
            None => self.dictionary.insert_full(word.into()).0,
        };
        place as u32 + 1
    }

    /// A word that no row ever had has no code.
    fn code(&self, word: &str) -> Option<u32> {
        self.dictionary.get_index_of(word).map(|place| place as u32 + 1)
    }

    fn select(&self, condition: &Condition, holding: &mut Bits) {
        let wanted = condition.matches.as_ref().map(|matches| match matches {
            Match::Value(value) => std::slice::from_ref(value),
            Match::Any(values) => values.as_slice(),
        });
        let range = condition.range.unwrap_or_default();
        holding.insert_where(&self.numbers, |&number| {
            !number.is_nan()
                && range.contains(number)
                && wanted.is_none_or(|wanted| wanted.contains(&PayloadValue::Number(number)))
        });
        if condition.range.is_some() {
            return;
        }
        let wants_flag = |flag| wanted.is_none_or(|wanted| wanted.contains(&PayloadValue::Flag(flag)));
        let flags = [false, wants_flag(false), wants_flag(true)];
        holding.insert_where(&self.flags, |&code| flags[usize::from(code)]);

        let codes = self.wanted_words(wanted);
        holding.insert_where(&self.words, |&code| codes[code as usize]);
        let lists = self.wanted_lists(wanted);
        holding.insert_where(&self.lists, |list| {
            list.as_ref().is_some_and(|list| {
                wanted.is_none() || list.iter().any(|&code| codes[code as usize]) || lists.contains(list)
            })
        });
    }

    /// For each code whether its word is wanted.
    fn wanted_words(&self, wanted: Option<&[PayloadValue]>) -> Vec<bool> {
        let mut codes = vec![wanted.is_none(); self.dictionary.len() + 1];
        codes[NO_WORD as usize] = false;
        for value in wanted.unwrap_or_default() {
            if let PayloadValue::Text(word) = value
                && let Some(code) = self.code(word)
            {
                codes[code as usize] = true;
            }
        }
        codes
    }

    /// The wanted lists of words, in codes.
    fn wanted_lists(&self, wanted: Option<&[PayloadValue]>) -> Vec<Box<[u32]>> {
        let coded = |value: &PayloadValue| match value {
            PayloadValue::Texts(words) => words.iter().map(|word| self.code(word)).collect(),
            _ => None,
        };
        wanted.unwrap_or_default().iter().filter_map(coded).collect()
    }
}

fn flag_code(flag: bool) -> u8 {
    1 + u8::from(flag)
}

fn put<T: Clone>(cells: &mut Vec<T>, row: usize, value: T, absent: T) {
    if cells.len() <= row {
        cells.resize(row + 1, absent);
    }
    cells[row] = value;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Range;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = PayloadValue> {
        let word = || prop::sample::select(vec!["a", "b", "c", ""]).prop_map(String::from);
        prop_oneof![
            any::<bool>().prop_map(PayloadValue::Flag),
            (-2i8..3).prop_map(|number| PayloadValue::Number(f64::from(number))),
            word().prop_map(PayloadValue::Text),
            prop::collection::vec(word(), 0..3).prop_map(PayloadValue::Texts),
        ]
    }

    fn key() -> impl Strategy<Value = String> {
        prop::sample::select(vec!["k", "l", "m"]).prop_map(String::from)
    }

    fn payload() -> impl Strategy<Value = Payload> {
        prop::collection::btree_map(key(), value(), 0..4)
    }

    fn condition() -> impl Strategy<Value = Condition> {
        let matches = prop_oneof![
            value().prop_map(Match::Value),
            prop::collection::vec(value(), 0..3).prop_map(Match::Any)
        ];
        let bound = || prop::option::of((-2i8..3).prop_map(f64::from));
        let range =
            (bound(), bound(), bound(), bound()).prop_map(|(gt, gte, lt, lte)| Range { gt, gte, lt, lte });
        (key(), prop::option::weighted(0.7, matches), prop::option::weighted(0.3, range))
            .prop_map(|(key, matches, range)| Condition { key, matches, range })
    }

    fn filter() -> impl Strategy<Value = Filter> {
        let conditions = || prop::collection::vec(condition(), 0..3);
        (conditions(), conditions(), conditions()).prop_map(|(must, should, must_not)| Filter {
            must,
            should,
            must_not,
        })
    }

    proptest! {
        #[test]
        fn columns_select_the_rows_that_the_filter_accepts(
            first in prop::collection::vec(payload(), 0..90),
            changes in prop::collection::vec((0usize..90, payload()), 0..9),
            filter in filter(),
        ) {
            let mut payloads = first;
            let mut attributes = Attributes::default();
            for (row, payload) in payloads.iter().enumerate() {
                attributes.set(row, payload).unwrap();
            }
            for (row, payload) in changes {
                let row = row.min(payloads.len());
                attributes.set(row, &payload).unwrap();
                if row == payloads.len() { payloads.push(payload) } else { payloads[row] = payload }
            }
            let expected: Vec<usize> = (0..payloads.len()).filter(|&row| filter.accepts(&payloads[row])).collect();
            prop_assert_eq!(attributes.select(&filter).iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused_and_changes_nothing() {
        let mut attributes = Attributes::default();
        let one = |number| Payload::from([("price".to_string(), PayloadValue::Number(number))]);
        attributes.set(0, &one(1.0)).unwrap();
        assert!(attributes.set(0, &one(f64::NAN)).is_err());
        let dear = Filter {
            must: vec![Condition {
                key: "price".into(),
                matches: None,
                range: Some(Range { gte: Some(1.0), ..Range::default() }),
            }],
            ..Filter::default()
        };
        assert_eq!(attributes.select(&dear).count(), 1);
    }
}
