//! The world outside of AWS, over HTTP: GitHub, Slack, signed webhooks and hooks. Nothing here decides; errors say what
//! failed on which object, and hold no secret.

mod github;
mod http;
mod secret;
mod signature;
#[cfg(test)]
mod stand;
mod words;

pub use self::github::GitHub;
pub use self::http::Http;
pub use self::secret::Secret;
