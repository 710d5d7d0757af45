//! `[serve]` and `[[notify]]` of longshore.toml: the daemon, and whom it tells. Secrets are named by the environment
//! variables that hold them; none stands in the file.

use std::net::SocketAddr;

use hyper::Uri;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The daemon.
#[derive(Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Serve {
    /// Where the dashboard, the API and the webhooks are.
    #[schemars(with = "String")]
    pub(crate) listen: SocketAddr,
    /// Where people and GitHub reach it, such as `https://longshore.example.com`, without a path; `http://` and `listen`
    /// when it is not there.
    #[serde(deserialize_with = "origin")]
    pub(crate) url: Option<String>,
    /// Where the environments behind our own proxy are.
    #[schemars(with = "String")]
    pub(crate) proxy: SocketAddr,
    /// Where load balancers in front of it are, such as `10.0.0.0/16`: their `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<String>,
    /// The SQS queue with EventBridge's events (name or URL), as `templates/events.yaml` makes it. Without one,
    /// changes are noticed by looking alone.
    pub(crate) queue: Option<String>,
    /// GitHub.
    pub(crate) github: Github,
    /// Slack's slash commands.
    pub(crate) slack: Slack,
    /// Who may log in with GitHub.
    pub(crate) login: Option<Login>,
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7400)),
            url: None,
            proxy: SocketAddr::from(([127, 0, 0, 1], 7480)),
            trusted_proxies: Vec::new(),
            queue: None,
            github: Github::default(),
            slack: Slack::default(),
            login: None,
        }
    }
}

impl Serve {
    /// What is hardly meant, in sentences. `is_set` says whether there is an environment variable.
    pub(crate) fn warnings(&self, is_set: impl Fn(&str) -> bool) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.url.as_deref().is_some_and(|url| url.starts_with("https://"))
            && self.trusted_proxies.is_empty()
        {
            warnings.push(
                "`serve.url` begins with https, so that something in front of Longshore ends TLS, and \
                 `serve.trusted_proxies` is empty: all clients count as one address, and what one does in vain limits \
                 all; name its subnets there"
                    .to_owned(),
            );
        }
        let Github { token_env, webhook_secret_env, .. } = &self.github;
        if !is_set(token_env) {
            warnings.push(format!(
                "{token_env} is not set: GitHub is asked as a stranger, who may ask little and write nothing there"
            ));
        }
        if !is_set(webhook_secret_env) {
            warnings.push(format!(
                "{webhook_secret_env} is not set: webhooks of GitHub are refused, and a push is seen when GitHub is read \
                 next, up to two minutes later"
            ));
        }
        warnings
    }
}

/// The address as it is everywhere put before a path.
fn origin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || format!("`url` is `https://HOST` or `http://HOST:PORT`, without a path, and not `{text}`");
    read_origin(&text).map(Some).ok_or_else(|| D::Error::custom(wrong()))
}

fn read_origin(text: &str) -> Option<String> {
    let uri: Uri = text.trim_end_matches('/').parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let is_bare = uri.path() == "/" && uri.query().is_none() && !text.contains('#');
    // As browsers write the origin of a form.
    is_bare.then(|| format!("{scheme}://{}", authority.as_str().to_ascii_lowercase()))
}

/// GitHub.
#[derive(Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Github {
    /// Where its API is; for GitHub Enterprise Server `https://HOST/api/v3`.
    pub(crate) api: String,
    /// The environment variable with a token that may read contents and pull requests, and write deployments and
    /// issue comments.
    pub(crate) token_env: String,
    /// The environment variable with the webhook's secret.
    pub(crate) webhook_secret_env: String,
    /// Whether environments are shown on GitHub: as deployments, and in a comment of their pull request.
    pub(crate) report: bool,
}

impl Default for Github {
    fn default() -> Self {
        Self {
            api: "https://api.github.com".to_owned(),
            token_env: "GITHUB_TOKEN".to_owned(),
            webhook_secret_env: "GITHUB_WEBHOOK_SECRET".to_owned(),
            report: true,
        }
    }
}

/// Slack's slash commands.
#[derive(Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Slack {
    /// The environment variable with the app's signing secret.
    pub(crate) signing_secret_env: String,
    /// The environment variable with the token of an outgoing webhook, the legacy form; off when it is not there.
    pub(crate) outgoing_token_env: Option<String>,
}

impl Default for Slack {
    fn default() -> Self {
        Self { signing_secret_env: "SLACK_SIGNING_SECRET".to_owned(), outgoing_token_env: None }
    }
}

/// Who may log in with GitHub.
#[derive(Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// Of the OAuth app.
    pub(crate) client_id: String,
    /// The environment variable with the OAuth app's secret.
    #[serde(default = "client_secret_env")]
    pub(crate) client_secret_env: String,
    /// Members of this organisation may look.
    pub(crate) organisation: Option<String>,
    /// Logins that may look.
    #[serde(default)]
    pub(crate) viewers: Vec<String>,
    /// Logins that may do.
    #[serde(default)]
    pub(crate) operators: Vec<String>,
}

fn client_secret_env() -> String {
    "GITHUB_CLIENT_SECRET".to_owned()
}

/// Somebody who is told what happens to environments.
#[derive(Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, tag = "to", rename_all = "snake_case")]
pub(crate) enum Notify {
    /// An SNS topic, in the Slack-shaped JSON of ECS Deity.
    Sns {
        /// Its ARN.
        topic: String,
        /// The channel in the message.
        channel: String,
        /// The name in the message.
        #[serde(default = "username")]
        username: String,
        /// The address of the picture in the message.
        icon_url: Option<String>,
    },
    /// A Slack channel: one message for each environment, kept up to date.
    Slack {
        /// Its id or name.
        channel: String,
        /// The environment variable with the bot's token.
        #[serde(default = "slack_token_env")]
        token_env: String,
    },
    /// An incoming webhook of Slack.
    SlackWebhook {
        /// The environment variable with its address.
        url_env: String,
    },
    /// A signed POST.
    Webhook {
        /// The address.
        url: String,
        /// The environment variable with the key of the signature.
        secret_env: String,
    },
}

fn username() -> String {
    "longshore".to_owned()
}

fn slack_token_env() -> String {
    "SLACK_BOT_TOKEN".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_put_before_paths() {
        for (text, expected) in [
            ("https://longshore.example.com", "https://longshore.example.com"),
            ("https://longshore.example.com/", "https://longshore.example.com"),
            ("https://Longshore.Example.com//", "https://longshore.example.com"),
            ("http://[::1]:7400/", "http://[::1]:7400"),
        ] {
            let read: Serve = toml::from_str(&format!("url = {text:?}")).unwrap();
            assert_eq!(read.url.as_deref(), Some(expected));
        }
        for text in [
            "",
            "/",
            "longshore.example.com",
            "ftp://a.example",
            "https://",
            "https://a.example/b",
            "https://a.example?b",
            "https://a.example/#b",
            "https://a@b.example",
            "https://a b.example",
        ] {
            let error = toml::from_str::<Serve>(&format!("url = {text:?}")).unwrap_err();
            assert!(error.message().contains("without a path, and not"), "{text}: {error}");
        }
        assert_eq!(toml::from_str::<Serve>("").unwrap().url, None);
    }

    #[test]
    fn tls_that_nobody_is_known_to_end_is_warned_of() {
        let warnings = |text: &str| toml::from_str::<Serve>(text).unwrap().warnings(|_| true);
        let [warning] = &warnings("url = 'https://a.example'")[..] else { panic!("one warning") };
        assert!(warning.contains("trusted_proxies"));
        assert_eq!(
            warnings("url = 'https://a.example'\ntrusted_proxies = ['10.0.0.0/16']"),
            Vec::<String>::new()
        );
        assert_eq!(warnings("url = 'http://a.example'"), Vec::<String>::new());
        assert_eq!(warnings(""), Vec::<String>::new());
    }

    #[test]
    fn what_github_lacks_is_warned_of_by_its_name() {
        let serve: Serve = toml::from_str("[github]\ntoken_env = 'MINE'").unwrap();
        let [token, secret] = &serve.warnings(|_| false)[..] else { panic!("two warnings") };
        assert!(
            token.starts_with("MINE is not set") && secret.starts_with("GITHUB_WEBHOOK_SECRET is not set")
        );
        assert_eq!(serve.warnings(|name| name == "MINE").len(), 1);
    }
}
