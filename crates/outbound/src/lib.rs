//! The world outside of AWS, over HTTP: GitHub, Slack, signed webhooks and hooks. Nothing here decides; errors say what
//! failed on which object, and hold no secret.

mod github;
mod hooks;
mod http;
mod secret;
mod signature;
mod slack;
#[cfg(test)]
mod stand;
mod webhook;
mod words;

pub use self::github::GitHub;
pub use self::github::comment::GitHubComments;
pub use self::github::login::{GitHubLogin, LoginSettings};
pub use self::github::notifier::GitHubNotifier;
pub use self::hooks::{HookRunner, HttpsHooks};
pub use self::http::Http;
pub use self::secret::Secret;
pub use self::slack::{Responder, Slack};
pub use self::webhook::Webhook;
