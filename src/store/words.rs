//! Enumerations as the store keeps them: by the same word as in the API.

use super::{ConsentStatus, PolicyFormat, ResponseKind, ResultState};
use crate::config::Direction;

/// A value that has a word.
pub(super) trait Word: Copy + PartialEq + 'static {
    /// Every value and its word.
    const WORDS: &'static [(Self, &'static str)];

    /// The word of this value.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(value, _)| *value == self).map_or("unknown", |(_, word)| word)
    }

    /// The value of a word.
    fn from_word(text: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, word)| *word == text).map(|(value, _)| *value)
    }
}

impl Word for PolicyFormat {
    const WORDS: &'static [(Self, &'static str)] = &[(Self::Toml, "toml"), (Self::Json, "json")];
}

impl Word for ConsentStatus {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Granted, "granted"), (Self::Refused, "refused"), (Self::Withdrawn, "withdrawn")];
}

impl Word for Direction {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Inbound, "inbound"), (Self::Outbound, "outbound")];
}

impl Word for ResultState {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Shown, "shown"),
        (Self::Reserved, "reserved"),
        (Self::Delivered, "delivered"),
        (Self::Released, "released"),
        (Self::Expired, "expired"),
    ];
}

impl ResponseKind {
    /// Its word in the API, in the store and in metrics.
    pub fn word(self) -> &'static str {
        Word::word(self)
    }
}

impl Word for ResponseKind {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Delivered, "delivered"),
        (Self::Undelivered, "undelivered"),
        (Self::Shown, "shown"),
        (Self::Clicked, "clicked"),
        (Self::Accepted, "accepted"),
        (Self::Refused, "refused"),
        (Self::Later, "later"),
        (Self::Complaint, "complaint"),
        (Self::NoResponse, "no_response"),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use std::fmt::Debug;

    fn words_are_those_of_the_api<W: Word + Serialize + Debug>() {
        for (value, word) in W::WORDS {
            assert_eq!(serde_json::to_value(value).unwrap(), *word);
            assert_eq!((value.word(), W::from_word(word)), (*word, Some(*value)));
        }
        assert_eq!(W::from_word("unknown"), None);
    }

    #[test]
    fn every_word_is_that_of_the_api() {
        words_are_those_of_the_api::<PolicyFormat>();
        words_are_those_of_the_api::<ConsentStatus>();
        words_are_those_of_the_api::<Direction>();
        words_are_those_of_the_api::<ResultState>();
        words_are_those_of_the_api::<ResponseKind>();
    }
}
