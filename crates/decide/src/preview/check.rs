//! What policies cannot be: in sentences, before anything is made of them.

mod service;

use std::collections::BTreeMap;

use longshore_model::preview::{Hook, HookAction, Policy, Route};

use super::names::{LABEL_LIMIT, is_dns_label};
use super::webhook::is_full_name;

/// Characters of a host name (RFC 1035, 2.3.4, without the last dot).
const HOST_LIMIT: usize = 253;
/// Characters of a host name in a rule's condition (API reference of CreateRule).
const RULE_HOST_LIMIT: usize = 128;
/// Listeners of a load balancer, unless AWS was asked for more (quotas of Application Load Balancers).
const LISTENERS: u32 = 50;
/// Target groups of a load balancer; AWS does not allow more (the same page).
const TARGET_GROUPS: u32 = 100;

/// What is said of a policy, with its repository before each sentence.
struct Findings<'a> {
    repository: &'a str,
    sentences: Vec<String>,
}

impl Findings<'_> {
    fn add(&mut self, sentence: impl AsRef<str>) {
        self.sentences.push(format!("[[preview]] of `{}`: {}", self.repository, sentence.as_ref()));
    }

    fn add_if(&mut self, is_wrong: bool, sentence: impl AsRef<str>) {
        if is_wrong {
            self.add(sentence);
        }
    }
}

/// Whether policies can be.
///
/// # Errors
/// A sentence for each thing that cannot.
pub fn check(policies: &[Policy]) -> Result<(), Vec<String>> {
    let mut sentences = Vec::new();
    for policy in policies {
        let mut found = Findings { repository: &policy.repository, sentences: Vec::new() };
        names(policy, &mut found);
        bounds(policy, &mut found);
        route(policy, &mut found);
        service::services(policy, &mut found);
        hooks(policy, &mut found);
        sentences.extend(found.sentences);
    }
    let key = |text: &str| text.to_ascii_lowercase();
    for (what, names) in [
        ("the repository", policies.iter().map(|it| key(&it.repository)).collect::<Vec<_>>()),
        ("the app", policies.iter().map(|it| key(&it.app)).collect()),
    ] {
        sentences
            .extend(twice(&names).map(|name| format!("{what} `{name}` is in more than one [[preview]]")));
    }
    if sentences.is_empty() { Ok(()) } else { Err(sentences) }
}

/// What can be, and may still surprise.
#[must_use]
pub fn warnings(policies: &[Policy]) -> Vec<String> {
    let mut sentences = Vec::new();
    for policy in policies {
        let mut found = Findings { repository: &policy.repository, sentences: Vec::new() };
        let most = policy.limits.environments;
        found.add_if(
            policy.trigger.pull_requests.as_ref().is_some_and(|rules| rules.forks),
            "pull requests from forks get environments: anybody's code runs with the role and the secrets of the task \
             definition",
        );
        if let Route::Port { first, last, .. } = policy.route {
            let ports = u32::from(last.saturating_sub(first)) + 1;
            found.add_if(
                ports.min(LISTENERS) < most,
                format!(
                    "{most} environments may be there at once, but there are {ports} ports, and a load balancer has \
                     {LISTENERS} listeners unless AWS allowed more"
                ),
            );
        }
        let services = u32::try_from(policy.services.len()).unwrap_or(u32::MAX);
        found.add_if(
            !matches!(policy.route, Route::Proxy { .. }) && most.saturating_mul(services) > TARGET_GROUPS,
            format!(
                "{most} environments of {services} services need more target groups than the {TARGET_GROUPS} that a load \
                 balancer may have"
            ),
        );
        sentences.extend(found.sentences);
    }
    sentences
}

fn names(policy: &Policy, found: &mut Findings<'_>) {
    found.add_if(!is_full_name(&policy.repository), "a repository is `OWNER/NAME`");
    found.add_if(
        !is_dns_label(&policy.app),
        format!(
            "the app `{}` is no DNS label: lower-case letters, digits and inner hyphens, at most 63",
            policy.app
        ),
    );
    found.add_if(policy.cluster.is_empty(), "it names no cluster");
    let trigger = &policy.trigger;
    let bases = trigger.pull_requests.iter().flat_map(|rules| &rules.base);
    let globs = trigger.branches.iter().chain(&trigger.except).chain(&trigger.strip).chain(bases);
    found.add_if(globs.clone().any(String::is_empty), "an empty text is no branch and no prefix");
}

fn bounds(policy: &Policy, found: &mut Findings<'_>) {
    let limits = &policy.limits;
    for (name, is_zero) in [
        ("environments", limits.environments == 0),
        ("ready", limits.ready_s == 0),
        ("crashes", limits.crashes == 0),
        ("ttl", limits.ttl_s == Some(0)),
        ("sleep", limits.sleep_s == Some(0)),
    ] {
        found.add_if(is_zero, format!("`{name}` of 0 leaves nothing to run"));
    }
    let sees_requests = matches!(policy.route, Route::Proxy { .. });
    found.add_if(
        limits.sleep_s.is_some() && !sees_requests,
        "`sleep` needs the route `proxy`: requests to a load balancer are not seen here, so that nothing would tell when \
         an environment is idle, or wake it",
    );
}

fn route(policy: &Policy, found: &mut Findings<'_>) {
    let is_arn = |arn: &str| arn.starts_with("arn:") && arn.contains(":elasticloadbalancing:");
    match &policy.route {
        Route::Proxy { domain, scheme, port, .. } => {
            found.add_if(scheme != "http" && scheme != "https", "the scheme is `http` or `https`");
            found.add_if(*port == Some(0), "there is no port 0");
            host(policy, domain, HOST_LIMIT, found);
        }
        Route::Port { load_balancer, first, last } => {
            found.add_if(*first == 0 || first > last, format!("`{first}-{last}` is no range of ports"));
            found.add_if(!is_arn(load_balancer), format!("`{load_balancer}` is no load balancer's ARN"));
        }
        Route::Host { listener, domain } => {
            found.add_if(!is_arn(listener), format!("`{listener}` is no listener's ARN"));
            host(policy, domain, RULE_HOST_LIMIT, found);
            let ending = domain.rsplit('.').next().unwrap_or_default();
            found.add_if(
                !ending.bytes().all(|byte| byte.is_ascii_alphabetic()),
                format!("a load balancer's rules take only letters behind the last dot, not `{ending}`"),
            );
        }
    }
}

/// The longest label of all must fit, so that no branch's environment fails for its name.
fn host(policy: &Policy, domain: &str, limit: usize, found: &mut Findings<'_>) {
    let is_domain = !domain.is_empty() && domain.split('.').all(is_dns_label);
    found.add_if(!is_domain, format!("`{domain}` is no domain"));
    let longest = LABEL_LIMIT + 1 + policy.app.len() + 1 + domain.len();
    found.add_if(
        longest > limit,
        format!(
            "host names LABEL.{}.{domain} can have {longest} characters, and {limit} are the most: shorten the app or the \
             domain",
            policy.app
        ),
    );
}

fn hooks(policy: &Policy, found: &mut Findings<'_>) {
    let hooks = &policy.hooks;
    for (moment, hooks) in [
        ("after_create", &hooks.after_create),
        ("after_update", &hooks.after_update),
        ("before_destroy", &hooks.before_destroy),
    ] {
        for name in twice(&hooks.iter().map(|hook| hook.name.clone()).collect::<Vec<_>>()) {
            found.add(format!("`{moment}` has two hooks `{name}`"));
        }
        for hook in hooks {
            self::hook(moment, hook, found);
        }
    }
}

fn hook(moment: &str, hook: &Hook, found: &mut Findings<'_>) {
    let name = &hook.name;
    found.add_if(name.is_empty(), format!("a hook of `{moment}` has no name"));
    found.add_if(hook.timeout_s == 0, format!("the hook `{name}` has no time at all"));
    match &hook.action {
        HookAction::Lambda { function } => {
            found.add_if(function.is_empty(), format!("the hook `{name}` names no function"));
        }
        HookAction::Task { .. } => {}
        HookAction::Https { url, secret_env } => {
            found.add_if(
                !is_safe(url),
                format!("the hook `{name}` goes to `{url}`: it must begin with https://, but for this machine's own"),
            );
            found
                .add_if(secret_env.is_empty(), format!("the hook `{name}` has no `secret_env` to sign with"));
        }
    }
}

/// `https://`, or `http://` to the loopback.
fn is_safe(url: &str) -> bool {
    let host = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    if let Some(rest) = url.strip_prefix("https://") {
        return !host(rest).is_empty();
    }
    let Some(authority) = url.strip_prefix("http://").map(host) else { return false };
    let name = authority.strip_prefix("[::1]").map_or(authority.split(':').next(), |_| Some("[::1]"));
    matches!(name, Some("127.0.0.1" | "localhost" | "[::1]"))
}

/// Those that are there more than once.
fn twice(names: &[String]) -> impl Iterator<Item = &String> {
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name)
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
