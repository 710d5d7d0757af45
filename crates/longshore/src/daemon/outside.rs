//! The world around the daemon, as longshore.toml has it: GitHub, hooks, people to tell, people who log in.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use longshore_aws::{Aws, LambdaHooks, SnsTopic};
use longshore_control::preview::TaskHooks;
use longshore_decide::preview::sns::{self, Voice};
use longshore_model::Error;
use longshore_model::preview::view::Role;
use longshore_model::preview::{HookAction, Policy};
use longshore_outbound::{
    GitHub, GitHubComments, GitHubLogin, GitHubNotifier, HookRunner, Http, HttpsHooks, LoginSettings,
    Responder, Secret, Slack, Webhook,
};
use longshore_proxy::sites::{Key, Scope, enter_url, sign_link};
use longshore_server::{Reply, SignLink};
use longshore_world::{Clock, Hooks, Login, Notifier};

use super::Setup;
use crate::config::Notify;
use crate::error::Failed;

/// Where GitHub's API and its pages are, unless it is an Enterprise Server.
const GITHUB_API: &str = "https://api.github.com";
const GITHUB_WEB: &str = "https://github.com";
/// Behind an Enterprise Server's address, its API.
const ENTERPRISE_API: &str = "/api/v3";
/// A link that leads into an environment is good for so long, in seconds: it is followed at once.
const LINK_TIME_S: i64 = 60;

/// GitHub, with the token that may see the repositories.
pub(super) fn github(setup: &Setup) -> Result<Arc<GitHub>> {
    let github = &setup.config.serve.github;
    let token = setup.secret(&github.token_env).map(Secret::new);
    Ok(Arc::new(GitHub::new(Http::new()?, &github.api, token)?))
}

/// Where people look at repositories; nobody does at the local stand-in.
pub(super) fn repositories_url(api: &str) -> Option<String> {
    match api.trim_end_matches('/') {
        GITHUB_API => Some(GITHUB_WEB.to_owned()),
        other => other.strip_suffix(ENTERPRISE_API).map(ToOwned::to_owned),
    }
}

/// Whom notices are told.
pub(super) fn notifiers(
    setup: &Setup,
    github: &Arc<GitHub>,
    aws: &Aws,
    public_url: &str,
) -> Result<Vec<Arc<dyn Notifier>>> {
    let http = Http::new()?;
    let mut notifiers: Vec<Arc<dyn Notifier>> = Vec::new();
    if setup.config.serve.github.report {
        let page = format!("{public_url}/environments/");
        notifiers.push(Arc::new(GitHubNotifier::new("github", Arc::clone(github), Some(page))));
        notifiers.push(Arc::new(GitHubComments::new("github-comments", Arc::clone(github))));
    }
    for (number, notify) in setup.config.notify.iter().enumerate() {
        let needed = |name: &str| {
            setup.secret(name).map(Secret::new).ok_or_else(|| {
                Failed::usage(format!("`[[notify]]` needs the environment variable {name}, which is not set"))
            })
        };
        // The place in the file is part of the name: two channels are told apart.
        let name = |kind: &str| format!("{kind}-{}", number + 1);
        notifiers.push(match notify {
            Notify::Sns { topic, channel, username, icon_url } => {
                let voice = Voice {
                    channel: channel.clone(),
                    username: username.clone(),
                    icon_url: icon_url.clone(),
                };
                let text = move |notice: &_| sns::payload(notice, &voice).to_string();
                Arc::new(SnsTopic::new(aws, name("sns"), topic, text)?)
            }
            Notify::Slack { channel, token_env } => {
                Arc::new(Slack::channel(http.clone(), name("slack"), Slack::API, needed(token_env)?, channel))
            }
            Notify::SlackWebhook { url_env } => {
                Arc::new(Slack::webhook(http.clone(), name("slack"), needed(url_env)?))
            }
            Notify::Webhook { url, secret_env } => {
                Arc::new(Webhook::new(http.clone(), name("webhook"), url, needed(secret_env)?))
            }
        });
    }
    Ok(notifiers)
}

/// Hooks of all kinds. The keys of those over HTTPS are read once, at the start.
pub(super) fn hooks(
    setup: &Setup,
    policies: &BTreeMap<String, Arc<Policy>>,
    aws: &Aws,
    tasks: TaskHooks,
) -> Result<Arc<dyn Hooks>> {
    let all = policies.values().flat_map(|policy| {
        let hooks = &policy.hooks;
        hooks.after_create.iter().chain(&hooks.after_update).chain(&hooks.before_destroy)
    });
    let mut keys = BTreeMap::new();
    for hook in all {
        let HookAction::Https { secret_env, .. } = &hook.action else { continue };
        let Some(key) = setup.secret(secret_env) else {
            return Err(Failed::usage(format!(
                "hook `{}` needs the environment variable {secret_env}, which is not set",
                hook.name
            ))
            .into());
        };
        keys.insert(secret_env.clone(), Secret::new(key));
    }
    let https = HttpsHooks::new(Http::new()?, keys);
    Ok(Arc::new(HookRunner::new(https, Arc::new(LambdaHooks::new(aws.clone())), Arc::new(tasks))))
}

/// GitHub's login for people, where it is set up.
pub(super) fn login(setup: &Setup, public_url: &str) -> Result<Option<Arc<dyn Login>>> {
    let serve = &setup.config.serve;
    let Some(login) = &serve.login else { return Ok(None) };
    let Some(client_secret) = setup.secret(&login.client_secret_env) else {
        return Err(Failed::usage(format!(
            "`[serve.login]` needs the environment variable {}, which is not set",
            login.client_secret_env
        ))
        .into());
    };
    let settings = LoginSettings {
        web: repositories_url(&serve.github.api).unwrap_or_else(|| GITHUB_WEB.to_owned()),
        api: serve.github.api.clone(),
        client_id: login.client_id.clone(),
        client_secret: Secret::new(client_secret),
        redirect_uri: format!("{public_url}/login/callback"),
        operators: login.operators.clone(),
        viewers: login.viewers.clone(),
        organisation: login.organisation.clone().map(|name| (name, Role::Viewer)),
    };
    Ok(Some(Arc::new(GitHubLogin::new(Http::new()?, settings)?)))
}

/// The rest of answers to slash commands.
#[derive(Debug)]
pub(super) struct Replies(Responder);

impl Replies {
    pub(super) fn new() -> Result<Self> {
        Ok(Self(Responder::new(Http::new()?, false)))
    }
}

#[async_trait]
impl Reply for Replies {
    async fn reply(&self, response_url: &str, text: &str) -> Result<(), Error> {
        self.0.respond(response_url, text).await
    }
}

/// Makes links into environments behind our own proxy, for people who have logged in.
pub(super) fn link_signer(key: Key, clock: Arc<dyn Clock>) -> SignLink {
    Arc::new(move |environment, site, to| {
        let expires = clock.now().plus_seconds(LINK_TIME_S);
        enter_url(site, &sign_link(&key, Scope::Environment(environment), expires), to)
    })
}
