//! Contracts: when they began and when they were closed, from the attributes of customers.

use crate::behaviour::Act;
use crate::events::Timestamp;
use crate::ids::{CustomerIx, Ix};
use crate::payload::{Payload, PayloadValue};
use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use serde::{Deserialize, Serialize};

/// Which attributes of customers hold the days of their contracts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractAttributes {
    /// The day of the closure; nothing while the contract is open.
    pub closed: String,
    /// The day of the beginning; the first act counts where this is not told.
    pub opened: Option<String>,
}

/// The days of one contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contract {
    /// When it began, where that is stated.
    pub opened: Option<Timestamp>,
    /// When it was closed.
    pub closed: Option<Timestamp>,
}

impl ContractAttributes {
    /// Reads the days from the attributes of one customer.
    ///
    /// # Errors
    /// In words, naming the attribute and its value, where one is no day.
    pub fn read(&self, payload: &Payload) -> Result<Contract, String> {
        let days =
            |attribute: &String| payload.get(attribute).map_or(Ok(None), |value| day(attribute, value));
        let opened = self.opened.as_ref().map_or(Ok(None), days)?;
        Ok(Contract { opened, closed: days(&self.closed)? })
    }
}

/// The contracts of all customers, in the order of their indexes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contracts(Vec<Contract>);

impl Contracts {
    /// Reads the days from the attributes of all.
    ///
    /// # Errors
    /// As [`ContractAttributes::read`].
    pub fn read(payloads: &[Payload], attributes: &ContractAttributes) -> Result<Self, String> {
        payloads.iter().map(|payload| attributes.read(payload)).collect::<Result<_, _>>().map(Self)
    }

    /// The contract of one customer; one of whom nothing is stated has an open one.
    pub fn of(&self, customer: CustomerIx) -> Contract {
        self.0.get(customer.position()).copied().unwrap_or_default()
    }

    /// When a customer closed theirs, if they did.
    pub fn closed(&self, customer: CustomerIx) -> Option<Timestamp> {
        self.of(customer).closed
    }

    /// When it began: as stated, or with the first act.
    pub fn opened(&self, customer: CustomerIx, acts: &[Act]) -> Option<Timestamp> {
        self.of(customer).opened.or_else(|| acts.first().map(|act| act.at))
    }

    /// Whether it had begun and was not closed at a moment.
    pub fn is_open(&self, customer: CustomerIx, acts: &[Act], at: Timestamp) -> bool {
        let had_begun = self.opened(customer, acts).is_some_and(|opened| opened < at);
        had_begun && self.closed(customer).is_none_or(|closed| closed >= at)
    }
}

/// A moment written as a date, as RFC 3339, or as seconds since 1970; nothing where the text is empty.
fn day(attribute: &str, value: &PayloadValue) -> Result<Option<Timestamp>, String> {
    let text = match value {
        PayloadValue::Text(text) if text.trim().is_empty() => return Ok(None),
        PayloadValue::Text(text) => text.trim(),
        PayloadValue::Number(seconds) if seconds.abs() < 1e11 => return Ok(Some(Timestamp(*seconds as i64))),
        _ => "",
    };
    match string_to_timestamp_nanos(text) {
        Ok(nanoseconds) => Ok(Some(Timestamp(nanoseconds.div_euclid(1_000_000_000)))),
        Err(_) => Err(format!(
            "the attribute {attribute:?} of a customer is {value:?}; write a day as 2024-03-31 or \
             2024-03-31T00:00:00Z, or nothing where the contract is open"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::DAY_SECONDS;

    #[test]
    fn a_contract_is_open_from_its_beginning_until_its_closure() {
        let payload = |json: &str| serde_json::from_str::<Payload>(json).unwrap();
        let payloads = [
            payload(r#"{"opened": "2024-01-01", "closed": "2024-03-01"}"#),
            payload(r#"{"opened": "2024-02-01T00:00:00+01:00", "closed": ""}"#),
            payload("{}"),
        ];
        let attributes = ContractAttributes { closed: "closed".into(), opened: Some("opened".into()) };
        let contracts = Contracts::read(&payloads, &attributes).unwrap();
        let open =
            |day: i64| [0, 1, 2].map(|c| contracts.is_open(CustomerIx(c), &[], Timestamp(day * DAY_SECONDS)));
        assert_eq!(open(19_750), [true, false, false], "28 January 2024");
        assert_eq!(open(19_780), [true, true, false], "27 February 2024");
        assert_eq!(open(19_784), [false, true, false], "2 March 2024");
        let error = attributes.read(&payload(r#"{"closed": "soon"}"#)).unwrap_err();
        assert!(error.contains("soon"), "{error}");
    }
}
