//! What comes in (deliveries), what happened (entries of the journal), and what is told (notices).

use serde::{Deserialize, Serialize};

use super::Revision;
use crate::Timestamp;

/// A webhook that was accepted. It is stored before it is answered, and always ends in a state that people can see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// `X-GitHub-Delivery`, or our own id: the same id again is the same delivery.
    pub id: String,
    /// Where it came from.
    pub source: Source,
    /// `X-GitHub-Event`, or the command.
    pub event: String,
    /// `OWNER/NAME`, when it names one.
    pub repository: Option<String>,
    /// What it speaks of, for people: a branch, a pull request.
    pub about: Option<String>,
    /// When it came.
    pub at: Timestamp,
    /// What became of it.
    pub state: DeliveryState,
}

/// Where a delivery came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A GitHub webhook.
    Github,
    /// A slash command, or an outgoing webhook.
    Slack,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Stored; the round that looks for itself has not ended yet.
    Accepted,
    /// What it asked for is carried out; this is the answer, which whoever asked has not been given yet.
    Answering(String),
    /// That round has ended; this is what it found, or answered.
    Done(String),
    /// There was nothing to do, and why.
    Ignored(String),
}

/// Something that somebody did: a line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// A login, a token's name, or a name in Slack.
    pub who: String,
    /// `api`, `dashboard`, `github` (a comment) or `slack`.
    pub via: String,
    /// In words, such as `down x.web`.
    pub what: String,
    /// What became of it; absent when the process ended in between.
    pub outcome: Option<String>,
}

/// A line of an object's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// The environment's id, or the repository.
    pub object: String,
    /// Which round wrote it.
    pub round: String,
    /// What kind of line it is.
    pub kind: EntryKind,
    /// In words.
    pub text: String,
}

/// What kind of line an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Something is about to be done.
    Intent,
    /// It was.
    Done,
    /// It was not.
    Error,
    /// The state changed.
    State,
    /// Somebody asked for something: who, and what.
    Asked,
}

/// Something that people should hear of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// When.
    pub at: Timestamp,
    /// What it is about.
    pub moment: Moment,
    /// The environment's id.
    pub environment: String,
    /// `OWNER/NAME`.
    pub repository: String,
    /// What it runs or should run.
    pub revision: Revision,
    /// Where it answers; only once it does.
    pub url: Option<String>,
    /// In a sentence or two, for people.
    pub text: String,
    /// The last lines of a task that failed.
    pub log_tail: Vec<String>,
}

/// The moments of an environment's life that are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// It waits for room.
    Queued,
    /// It begins.
    Creating,
    /// It answers for the first time.
    Ready,
    /// A new revision is on the way.
    Updating,
    /// A new revision answers.
    Updated,
    /// The wished revision does not run.
    Failed,
    /// It went to sleep.
    Asleep,
    /// It is awake again.
    Awake,
    /// It will end soon by itself.
    Expiring,
    /// It would be removed, and is not before a person says so, or GitHub's list is believed again.
    Held,
    /// It was held, and is wanted again.
    Kept,
    /// Its removal has begun.
    Removing,
    /// A hook before the removal failed, and is tried again.
    HookFailed,
    /// Nothing of it is left.
    Removed,
}
