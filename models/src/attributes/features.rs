//! From attributes to sparse rows of numbers.

use crate::payload::{Payload, PayloadValue};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One number of a row: which feature, and its value.
pub type Feature = (u32, f32);

/// What the numbers of a row stand for, learned from a table of attributes.
///
/// A word, a flag or the absence of a number each make a feature that is 0 or 1; a number makes one that is its
/// distance from the mean in standard deviations, held to ±3. What was not met in training says nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Features {
    columns: BTreeMap<String, Column>,
    n: u32,
}

/// The features of one attribute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    /// Words and flags, each with its feature.
    words: BTreeMap<String, u32>,
    number: Option<Number>,
}

/// The feature of an attribute's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Number {
    feature: u32,
    mean: f64,
    deviation: f64,
}

/// Standard deviations beyond which a number is no further away.
const FARTHEST: f64 = 3.0;

impl Features {
    /// Learns what to tell apart: words that at least `least` rows have, the `most` most frequent of them (ties by
    /// attribute, then word), and every attribute with numbers that differ.
    pub fn fit<'a>(rows: impl Iterator<Item = &'a Payload> + Clone, least: usize, most: usize) -> Self {
        let mut words: BTreeMap<(&str, String), usize> = BTreeMap::new();
        let mut numbers: BTreeMap<&str, (f64, f64, f64)> = BTreeMap::new();
        for (key, value) in rows.flatten() {
            if let PayloadValue::Number(number) = value {
                let (count, sum, squares) = numbers.entry(key).or_default();
                (*count, *sum, *squares) = (*count + 1.0, *sum + number, *squares + number * number);
            }
            for word in spelled(value) {
                *words.entry((key, word)).or_default() += 1;
            }
        }
        let mut frequent: Vec<_> = words.into_iter().filter(|(_, count)| *count >= least).collect();
        frequent.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let mut features = Self::default();
        for ((key, word), _) in frequent.into_iter().take(most) {
            features.columns.entry(key.into()).or_default().words.insert(word, features.n);
            features.n += 1;
        }
        for (key, (count, sum, squares)) in numbers {
            let mean = sum / count;
            let deviation = (squares / count - mean * mean).max(0.0).sqrt();
            if count >= least as f64 && deviation.is_normal() && deviation > 1e-9 * mean.abs() {
                let number = Number { feature: features.n, mean, deviation };
                features.columns.entry(key.into()).or_default().number = Some(number);
                features.n += 1;
            }
        }
        features
    }

    /// The row of some attributes, by feature.
    pub fn row(&self, attributes: &Payload) -> Vec<Feature> {
        let mut row = Vec::new();
        for (key, column) in &self.columns {
            let Some(value) = attributes.get(key) else { continue };
            if let (PayloadValue::Number(number), Some(of)) = (value, column.number) {
                let away = ((number - of.mean) / of.deviation).clamp(-FARTHEST, FARTHEST);
                row.push((of.feature, away as f32));
            }
            row.extend(spelled(value).filter_map(|word| Some((*column.words.get(&word)?, 1.0))));
        }
        row.sort_by_key(|(feature, _)| *feature);
        row.dedup_by_key(|(feature, _)| *feature);
        row
    }

    /// Whether every feature stands for one thing, and every number can be measured.
    pub fn are_sound(&self) -> bool {
        let numbers = || self.columns.values().filter_map(|column| column.number);
        let words = self.columns.values().flat_map(|column| column.words.values().copied());
        let mut features: Vec<u32> = words.chain(numbers().map(|number| number.feature)).collect();
        features.sort_unstable();
        let measurable = |n: Number| n.mean.is_finite() && n.deviation.is_finite() && n.deviation > 0.0;
        features.into_iter().eq(0..self.n) && numbers().all(measurable)
    }

    /// How many features there are.
    pub fn len(&self) -> usize {
        self.n as usize
    }

    /// Whether attributes tell nothing apart.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// The attributes whose words make people alike, each with the features of its words: ways to cut segments.
    pub fn segments(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = u32> + '_)> {
        let worded = self.columns.iter().filter(|(_, column)| !column.words.is_empty());
        worded.map(|(key, column)| (key.as_str(), column.words.values().copied()))
    }
}

/// The words of a value; a number has none.
fn spelled(value: &PayloadValue) -> impl Iterator<Item = String> + '_ {
    let (flag, word, words) = match value {
        PayloadValue::Flag(flag) => (Some(flag.to_string()), None, &[][..]),
        PayloadValue::Number(_) => (None, None, &[][..]),
        PayloadValue::Text(word) => (None, Some(word), &[][..]),
        PayloadValue::Texts(words) => (None, None, words.as_slice()),
    };
    flag.into_iter().chain(word.into_iter().chain(words).cloned())
}

/// Rows of many, compressed.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureRows {
    starts: Vec<usize>,
    features: Vec<Feature>,
}

impl FromIterator<Vec<Feature>> for FeatureRows {
    fn from_iter<T: IntoIterator<Item = Vec<Feature>>>(rows: T) -> Self {
        let mut all = Self { starts: vec![0], features: Vec::new() };
        for row in rows {
            all.features.extend(row);
            all.starts.push(all.features.len());
        }
        all
    }
}

impl FeatureRows {
    /// One row; empty for a position beyond the last.
    pub fn of(&self, position: usize) -> &[Feature] {
        let bounds = self.starts.get(position..position + 2);
        bounds.map_or(&[], |bounds| &self.features[bounds[0]..bounds[1]])
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_flags_and_numbers_become_features_and_what_is_unknown_says_nothing() {
        let payload = |json: &str| serde_json::from_str::<Payload>(json).unwrap();
        let rows = [
            payload(r#"{"age": 20, "city": "Nice", "likes": ["tea", "jam"], "member": true}"#),
            payload(r#"{"age": 40, "city": "Nice", "likes": ["tea"], "member": true, "same": 1}"#),
            payload(r#"{"age": 60, "city": "Lyon", "member": false, "same": 1}"#),
        ];
        let features = Features::fit(rows.iter(), 2, 10);
        assert_eq!(features.len(), 4, "Nice, tea, true and age; Lyon and jam are rare, same is constant");
        let row = features.row(&rows[0]);
        assert_eq!(row.iter().filter(|(_, value)| *value == 1.0).count(), 3);
        assert!(row.iter().any(|(_, value)| (*value + 1.5f32.sqrt()).abs() < 1e-6), "{row:?}");
        assert!(features.row(&payload(r#"{"city": "Rome", "shoe": 44}"#)).is_empty());
        assert_eq!(features.row(&payload(r#"{"age": 1e300}"#))[0].1, 3.0, "held to the farthest");
        assert_eq!(Features::fit(rows.iter(), 2, 1).len(), 2, "one word, and age");
    }
}
