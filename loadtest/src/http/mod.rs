//! As much of HTTP/1.1 as a client needs: requests are bytes, answers are read with `httparse`.
//!
//! An HTTP library's client would be correct, too, but the generator shares its cores with what it measures, and each
//! microsecond that it takes is missing there. `loadtest/README.md` has the comparison with hyper.

mod answer;
mod ask;
mod target;

pub use answer::{Answer, AnswerReader, Malformed};
pub use ask::{AskError, ask};
pub(crate) use target::push_body;
pub use target::{Target, TargetError};
