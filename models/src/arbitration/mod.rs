//! Which offers are shown, in which order, and how likely it was that the policy would show them.
//!
//! ```text
//! priority = P × C × V × L      propensity × context × value × levers
//! C, L     = max(0, 1 + Σ percent / 100)                    15 and 40 give 1.55
//! ```
//!
//! [`slate`] fills the ranks one after the other. At each rank some contenders are still open: not shown yet, not excluded
//! by one that is, their group not full. Among them:
//!
//! 1. **Mandatory** contenders come first, by priority. They are shown with probability 1, and chance never takes their
//!    place.
//! 2. Else the **best** is the open contender of the highest priority; of equals the lower index.
//! 3. If the best may not be explored (regulated offers), it is shown with probability 1: a rank that belongs to it is not
//!    explored at all.
//! 4. Else [`Exploration`] says with which probability each open contender *that may be explored* is shown.
//!
//! A contender that may not be explored is thus shown only when it is the best. That alone would not keep chance out: an
//! explored offer can displace the one that excludes it, or that fills its group. So it is in the running only if
//! priority alone, without any chance, would have put it on the slate; and where everything is left to chance (ε = 1),
//! there is no priority, and it is not in the running at all.
//!
//! The probability of a [`Slot`] is the probability *given the ranks before*; those of all contenders sum to 1 at each
//! rank. The probability of a slate is the product of its slots'. For off-policy evaluation: where a rank was not explored,
//! the log says nothing of what another offer would have brought there.

mod arm;
mod exploration;
mod factors;
mod field;
mod slate;
#[cfg(test)]
mod tests;
mod thompson;
#[cfg(test)]
mod twin;

pub use arm::Arm;
pub use exploration::{DEFAULT_SCALE, Exploration};
pub use factors::{Factors, Switches, weight};
pub use slate::{Contender, Slot, chances, slate};
