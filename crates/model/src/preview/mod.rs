//! Preview environments: what a repository wants ([`Policy`]), which branch or pull request one belongs to
//! ([`Subject`]), what is kept of one ([`Environment`]), and what GitHub says ([`github`]).

mod environment;
pub mod github;
mod notice;
mod policy;
mod subject;
pub mod view;

pub use self::environment::{
    Deployed, Ended, Environment, Failure, HookRun, HookState, Intent, Presence, Progress, Removal,
    Resources, Revision, Sleep, State, Wish,
};
pub use self::notice::{Deed, Delivery, DeliveryState, Entry, EntryKind, Moment, Notice, Source};
pub use self::policy::{
    Access, Entrance, Health, Hook, HookAction, Hooks, Limits, Network, Policy, PullRequests, Route,
    Schedule, ServicePolicy, Trigger,
};
pub use self::subject::{Names, Subject};
