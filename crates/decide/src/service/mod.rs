//! Services: what a file says and what runs, what is to be done about it, and how a deployment goes.

mod apply;
pub mod drift;
mod failing;
pub mod files;
mod gate;
pub mod gc;
pub mod init;
mod normal;
mod outcome;
mod plan;
mod previous;
mod prune;
mod removal;
mod rollout;
mod secret;
mod shape;
mod tail;
pub mod usage;
mod verify;

pub use self::apply::{Apply, Ask, Did, SHOWN_FAILING, Way};
pub use self::failing::{FAILING_LINES, failing, look_again};
pub use self::gate::{Gate, gate_spec, gate_started_by};
pub use self::normal::side_by_side;
pub use self::outcome::{Ended, Failing, News, Outcome};
pub use self::plan::{Change, Plan, PlanError, Revision, Wish, in_cluster, mark, plan, revision};
pub use self::previous::{previous, successful};
pub use self::prune::{DEFAULT_PROJECT, is_revision_ours, ours, without_file};
pub use self::removal::{Gone, Removal, Removed, Step};
pub use self::rollout::{Progress, Rollout, Stage};
pub use self::secret::{holds_credentials, looks_secret, secret_variables};
pub use self::shape::{MEMBERS, create_input};
pub use self::tail::{Tail, TailAnswer, TailAsk, TailNews, TailWish};
pub use self::verify::{Answer, Answers, Check, Judged, Question, Runs, State, Unit, checks, ends_it, judge};

/// The keys of the tags that only we set begin like this.
pub const OUR_TAGS: &str = "longshore:";

/// The tag that says to which project a service or a revision belongs: what lacks it, is not ours.
pub const PROJECT_TAG: &str = "longshore:project";

/// The tag that says which revision has passed the gates after its deployment.
pub const PASSED_TAG: &str = "longshore:passed";

/// The tag that says which revision has failed a gate after its deployment: to ECS it was successful.
pub const FAILED_TAG: &str = "longshore:failed";

/// `family:revision` of a task definition's ARN, or the name as it is.
#[must_use]
pub fn revision_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// The family of a task definition that is named without its revision; `None` for an exact revision.
#[must_use]
pub fn family(name: &str) -> Option<String> {
    let name = revision_name(name);
    (!name.contains(':') && !name.is_empty()).then(|| name.to_owned())
}
