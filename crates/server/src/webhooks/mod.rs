//! What comes in from GitHub and Slack: checked, stored, answered, and only then worked on.

pub(crate) mod body;
pub(crate) mod github;
pub(crate) mod slack;
mod talk;
