//! Ids from outside: opaque, 1 to 256 bytes of UTF-8, any character but NUL.

use crate::problem::{Code, Problem};
use actix_web::{FromRequest, HttpRequest, dev};
use models::payload::{Payload, name_fault};
use percent_encoding::percent_decode_str;
use std::future::{Ready, ready};

/// The longest id in bytes.
pub const MAX_ID_BYTES: usize = 256;

/// Says why a text is no id, as the end of a sentence.
///
/// NUL is refused because neither SQLite nor PostgreSQL compares texts that hold it reliably.
pub fn id_fault(id: &str) -> Option<String> {
    match id {
        "" => Some("must not be empty".into()),
        id if id.len() > MAX_ID_BYTES => {
            Some(format!("must have at most {MAX_ID_BYTES} bytes, but has {}", id.len()))
        }
        id if id.contains('\0') => Some("may hold any character but NUL (U+0000)".into()),
        _ => None,
    }
}

/// Checks an id that stands in a field of the body.
///
/// # Errors
/// [`Code::InvalidField`] at the field's JSON path.
pub fn check_id(id: &str, field: &str, place: &str) -> Result<(), Problem> {
    match id_fault(id) {
        Some(fault) => {
            Err(Problem::new(Code::InvalidField, format!("{field} {fault}")).at(format!("{place}.{field}")))
        }
        None => Ok(()),
    }
}

/// Checks the names of attributes: a later filter could not name them, and no index would take the item.
///
/// # Errors
/// [`Code::InvalidField`] at the attributes' JSON path.
pub fn check_attributes(attributes: &Payload, place: &str) -> Result<(), Problem> {
    let faults = attributes.keys().filter_map(|name| Some((name, name_fault(name)?)));
    faults.take(1).try_for_each(|(name, fault)| {
        let said = format!("the name {name:?} of an attribute {fault}");
        Err(Problem::new(Code::InvalidField, said).at(place))
    })
}

/// The `{id}` of a path. Any character may stand in it, percent-encoded: `a/b` is written `a%2Fb`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathId(pub String);

impl FromRequest for PathId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(path_id(request, "id").map(PathId))
    }
}

/// The id that stands in a path under a name; any character may stand in it, percent-encoded.
///
/// # Errors
/// [`Code::InvalidId`].
pub fn path_id(request: &HttpRequest, name: &str) -> Result<String, Problem> {
    let invalid = |fault: &str| Problem::new(Code::InvalidId, format!("The {name} in the path {fault}."));
    // Routing replaces what is not UTF-8; only the raw path shows it.
    if percent_decode_str(request.uri().path()).decode_utf8().is_err() {
        return Err(invalid("must be UTF-8, percent-encoded"));
    }
    // Routing decodes all but the escapes of '%', '/' and '+'.
    let segment = request.match_info().get(name).unwrap_or_default();
    let id = percent_decode_str(segment).decode_utf8_lossy().into_owned();
    match id_fault(&id) {
        Some(fault) => Err(invalid(&fault)),
        None => Ok(id),
    }
}
