//! What happens next to an environment.
//!
//! Guarantees: what could not be looked at is neither changed nor removed. What lacks our tags is never touched. A newer
//! wish ends what an older one began. `Removed` is said, and the record forgotten, only after every kind of thing that
//! an environment can have was seen to be gone.

mod seen;

pub use self::seen::{Action, BalancerSeen, Look, Needs, Outcome, Plan, Seen};
