//! Texts with placeholders: paths and bodies of requests.
//!
//! A placeholder is a name in braces, `{customer}`, or with a number, `{items:3}`. Anything else in braces is text, so
//! JSON needs no escapes: its braces are followed by a quote, a brace or a space, never by a bare name.

use std::fmt::{self, Display};

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it is.
    Text(Vec<u8>),
    /// A customer of the population; the same throughout one request.
    Customer,
    /// A customer that nobody ever heard of.
    UnknownCustomer,
    /// A customer of the population that this run asked for at most once before all others were.
    FreshCustomer,
    /// An item, drawn anew each time.
    Item,
    /// So many items as the inside of a JSON list.
    Items(usize),
    /// An offer that `proffer-loadtest offers` wrote.
    Offer,
    /// A new UUID.
    Uuid,
    /// This moment, in RFC 3339.
    Now,
    /// The id of a decision that was answered lately; a new UUID while there is none.
    DecisionId,
    /// The releases that the service has, one after the other.
    Release,
}

/// The placeholders, as an error names them.
const KNOWN: &str = "{customer}, {unknown_customer}, {fresh_customer}, {item}, {items:N}, {offer}, {uuid}, {now}, \
                     {decision_id}, {release}";

/// The most items of one `{items:N}`.
const MOST_ITEMS: usize = 1_000;

/// Where a text stands: ids are escaped accordingly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path of a URL.
    Path,
    /// In a JSON string, within its quotes.
    Json,
}

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Vec<Piece>);

/// A placeholder that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPlaceholder(String);

impl Display for UnknownPlaceholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no placeholder {:?}; there are {KNOWN} (N from 1 to {MOST_ITEMS})", self.0)
    }
}

impl Text {
    /// Reads a text.
    ///
    /// # Errors
    /// [`UnknownPlaceholder`].
    pub fn parse(text: &str) -> Result<Self, UnknownPlaceholder> {
        let mut pieces = Vec::new();
        let mut rest = text;
        let mut literal = String::new();
        while let Some(open) = rest.find('{') {
            let (before, after) = rest.split_at(open);
            literal.push_str(before);
            let name = after[1..].split('}').next().unwrap_or_default();
            if name.is_empty() || name.len() + 2 > after.len() || !name.bytes().all(is_of_a_name) {
                literal.push('{');
                rest = &after[1..];
                continue;
            }
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal).into_bytes()));
            }
            pieces.push(placeholder(name).ok_or_else(|| UnknownPlaceholder(format!("{{{name}}}")))?);
            rest = &after[name.len() + 2..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal.into_bytes()));
        }
        Ok(Self(pieces))
    }

    /// Its parts, in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b':'
}

fn placeholder(name: &str) -> Option<Piece> {
    Some(match name {
        "customer" => Piece::Customer,
        "unknown_customer" => Piece::UnknownCustomer,
        "fresh_customer" => Piece::FreshCustomer,
        "item" => Piece::Item,
        "offer" => Piece::Offer,
        "uuid" => Piece::Uuid,
        "now" => Piece::Now,
        "decision_id" => Piece::DecisionId,
        "release" => Piece::Release,
        _ => {
            let n = name.strip_prefix("items:")?.parse().ok()?;
            if !(1..=MOST_ITEMS).contains(&n) {
                return None;
            }
            Piece::Items(n)
        }
    })
}

/// Appends an id, escaped for its place.
pub(super) fn push_escaped(id: &[u8], place: Place, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in id {
        let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
        match place {
            Place::Path if !(byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)) => {
                out.extend_from_slice(&[b'%', high, low]);
            }
            Place::Json if byte == b'"' || byte == b'\\' => out.extend_from_slice(&[b'\\', byte]),
            Place::Json if byte < 0x20 => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_braces_are_placeholders_and_the_braces_of_json_are_text() {
        let text = Text::parse(r#"{"a":{},"c":"{customer}","items":[{items:3}],"t":[{"x":1}]}"#).unwrap();
        let literal = |text: &str| Piece::Text(text.into());
        let expected = [
            literal(r#"{"a":{},"c":""#),
            Piece::Customer,
            literal(r#"","items":["#),
            Piece::Items(3),
            literal(r#"],"t":[{"x":1}]}"#),
        ];
        assert_eq!(text.pieces(), expected);
        assert_eq!(Text::parse("{customer").unwrap().pieces(), [literal("{customer")], "never closed");
    }

    #[test]
    fn a_placeholder_that_does_not_exist_is_named() {
        for wrong in ["{custmer}", "{items}", "{items:0}", "{items:1001}", "{items:x}"] {
            let error = Text::parse(&format!("/v1/{wrong}/x")).unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("{customer}"), "{error}");
        }
    }

    #[test]
    fn ids_are_escaped_for_their_place() {
        for (place, expected) in [(Place::Path, "a%2F%22%0A%C3%A9"), (Place::Json, "a/\\\"\\u000Aé")] {
            let mut out = Vec::new();
            push_escaped("a/\"\né".as_bytes(), place, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
