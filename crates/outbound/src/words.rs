//! What notices say at GitHub and in Slack: decided elsewhere.

pub(crate) use longshore_decide::preview::github::{Deployment, comment, deployment, environment, marker};
pub(crate) use longshore_decide::preview::slack::message;
pub(crate) use longshore_decide::preview::words::cut;
