//! Preview environments: what a repository wants ([`Policy`]), which branch or pull request one belongs to
//! ([`Subject`]), what is kept of one ([`Environment`]), and what GitHub says ([`github`]).

mod environment;
pub mod github;
mod notice;
mod policy;
mod route;
mod subject;
pub mod view;
mod wish;

pub use self::environment::{
    Deployed, Ended, Environment, Failure, HookRun, HookState, Intent, Progress, Resources, State,
};
pub use self::notice::{Deed, Delivery, DeliveryState, Entry, EntryKind, Moment, Notice, Source};
pub use self::policy::{
    Health, Hook, HookAction, Hooks, Limits, Network, Policy, PullRequests, Schedule, ServicePolicy, Trigger,
};
pub use self::route::{Access, Entrance, Route};
pub use self::subject::{Names, Subject};
pub use self::wish::{Presence, Removal, Revision, Sleep, Wish};
