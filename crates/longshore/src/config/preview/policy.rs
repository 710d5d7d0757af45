//! From what longshore.toml says to a policy with every default in its place.

use anyhow::Result;
use longshore_model::network::CapacityProviderStrategyItem;
use longshore_model::preview as model;
use longshore_model::preview::{HookAction, Policy, ServicePolicy};

use super::super::duration::Span;
use super::{Access, Health, Hook, Limits, Preview, PullRequests, Route, Service, Ttl, When};
use crate::error::Failed;
use crate::run::words;

/// A hook has failed when it takes longer, in seconds.
const HOOK_TIMEOUT_S: u32 = 600;

/// The domain that browsers and curl lead to this machine without any DNS (RFC 6761, 6.3).
const LOCAL: &str = "localhost";

/// Whether a domain leads to this machine by itself.
pub(crate) fn is_local(domain: &str) -> bool {
    domain == LOCAL || domain.ends_with(".localhost")
}

impl Preview {
    /// The policy. What cannot be is an error that names the repository.
    pub(crate) fn policy(&self) -> Result<Policy> {
        self.try_policy().map_err(|why| {
            Failed::usage(format!("`[[preview]]` of `{}` is wrong: {why}", self.repository)).into()
        })
    }

    fn try_policy(&self) -> Result<Policy, String> {
        let name = match self.repository.split_once('/') {
            Some((owner, name)) if !owner.is_empty() && !name.is_empty() && !name.contains('/') => name,
            _ => return Err("its repository is OWNER/NAME".to_owned()),
        };
        let services = self.service.iter().map(Service::policy).collect::<Result<_, _>>()?;
        let mut hooks = model::Hooks::default();
        for hook in &self.hook {
            let list = match hook.when {
                When::AfterCreate => &mut hooks.after_create,
                When::AfterUpdate => &mut hooks.after_update,
                When::BeforeDestroy => &mut hooks.before_destroy,
            };
            list.push(hook.model()?);
        }
        Ok(Policy {
            repository: self.repository.clone(),
            app: self.app.clone().unwrap_or_else(|| name.to_lowercase()),
            trigger: model::Trigger {
                branches: self.branches.clone(),
                except: self.except.clone(),
                strip: self.strip.clone(),
                pull_requests: self.pull_requests.as_ref().map(PullRequests::model),
            },
            cluster: self.cluster.clone().unwrap_or_else(|| "default".to_owned()),
            services,
            route: self.route.model()?,
            limits: self.limits.model(),
            hooks,
        })
    }
}

impl PullRequests {
    fn model(&self) -> model::PullRequests {
        model::PullRequests {
            labels: self.labels.clone(),
            except_labels: self.except_labels.clone(),
            base: self.base.clone(),
            drafts: self.drafts,
            bots: self.bots,
            forks: self.forks,
        }
    }
}

impl Service {
    fn policy(&self) -> Result<ServicePolicy, String> {
        let launch_type = self.launch_type.as_deref().map(words::launch_type).transpose();
        let launch_type =
            launch_type.map_err(|why| format!("launch_type of service `{}`: {why}", self.name))?;
        let provider = |(name, weight): (&String, &i32)| CapacityProviderStrategyItem {
            capacity_provider: name.clone(),
            weight: Some(*weight),
            base: None,
        };
        let network = (!self.subnets.is_empty()).then(|| model::Network {
            subnets: self.subnets.clone(),
            security_groups: self.security_groups.clone(),
            public_ip: self.public_ip,
        });
        if network.is_none() && (self.public_ip || !self.security_groups.is_empty()) {
            return Err(format!("service `{}` has a network without subnets", self.name));
        }
        Ok(ServicePolicy {
            name: self.name.clone(),
            task_definition: self.task_definition.clone(),
            like: self.like.clone(),
            container: self.container.clone(),
            port: self.port,
            image: self.image.clone(),
            environment: self.environment.clone(),
            cpu: self.cpu,
            memory: self.memory,
            count: self.count.unwrap_or(1),
            launch_type,
            capacity_providers: self.capacity_providers.iter().map(provider).collect(),
            network,
            paths: self.paths.clone(),
            health: self.health.model(),
        })
    }
}

impl Health {
    fn model(&self) -> model::Health {
        let usual = model::Health::default();
        model::Health {
            protocol: self.protocol.clone().unwrap_or(usual.protocol),
            path: self.path.clone().unwrap_or(usual.path),
            port: self.port,
            interval_s: self.interval.map_or(usual.interval_s, Span::seconds),
            timeout_s: self.timeout.map_or(usual.timeout_s, Span::seconds),
            healthy: self.healthy.unwrap_or(usual.healthy),
            unhealthy: self.unhealthy.unwrap_or(usual.unhealthy),
            matcher: self.matcher.clone().unwrap_or(usual.matcher),
            grace_s: self.grace.map_or(usual.grace_s, Span::seconds),
        }
    }
}

impl Route {
    fn model(&self) -> Result<model::Route, String> {
        match (&self.load_balancer, &self.listener) {
            (Some(_), Some(_)) => Err("its route is `load_balancer` or `listener`, not both".to_owned()),
            (Some(load_balancer), None) => match self.ports {
                Some((first, last)) => {
                    Ok(model::Route::Port { load_balancer: load_balancer.clone(), first, last })
                }
                None => Err("its route has a `load_balancer` without `ports = [FIRST, LAST]`".to_owned()),
            },
            (None, Some(listener)) => match &self.domain {
                Some(domain) => Ok(model::Route::Host { listener: listener.clone(), domain: domain.clone() }),
                None => Err("its route has a `listener` without a `domain`".to_owned()),
            },
            (None, None) if self.ports.is_some() => {
                Err("its route has `ports` without a `load_balancer`".to_owned())
            }
            (None, None) => Ok(self.proxy()),
        }
    }

    fn proxy(&self) -> model::Route {
        let domain = self.domain.clone().unwrap_or_else(|| LOCAL.to_owned());
        let (scheme, access) =
            if is_local(&domain) { ("http", Access::Public) } else { ("https", Access::Login) };
        model::Route::Proxy {
            scheme: self.scheme.clone().unwrap_or_else(|| scheme.to_owned()),
            port: self.port,
            access: match self.access.unwrap_or(access) {
                Access::Login => model::Access::Login,
                Access::Public => model::Access::Public,
            },
            domain,
        }
    }
}

impl Limits {
    fn model(&self) -> model::Limits {
        let usual = model::Limits::default();
        model::Limits {
            environments: self.environments.unwrap_or(usual.environments),
            ttl_s: match self.ttl {
                Some(Ttl::Never(_)) => None,
                Some(Ttl::For(span)) => Some(span.seconds()),
                None => usual.ttl_s,
            },
            warn_s: self.warn.map_or(usual.warn_s, Span::seconds),
            sleep_s: self.sleep.map(Span::seconds),
            ready_s: self.ready.map_or(usual.ready_s, Span::seconds),
            crashes: self.crashes.unwrap_or(usual.crashes),
            removals: self.removals.unwrap_or(usual.removals),
        }
    }
}

impl Hook {
    fn model(&self) -> Result<model::Hook, String> {
        let action = match (&self.function, &self.command, &self.url) {
            (Some(function), None, None) => HookAction::Lambda { function: function.clone() },
            (None, Some(command), None) => HookAction::Task {
                task_definition: self.task_definition.clone(),
                command: command.clone(),
                container: self.container.clone(),
            },
            (None, None, Some(url)) => match &self.secret_env {
                Some(secret_env) => HookAction::Https { url: url.clone(), secret_env: secret_env.clone() },
                None => return Err(format!("hook `{}` has a `url` without a `secret_env`", self.name)),
            },
            _ => {
                return Err(format!("hook `{}` needs one of `function`, `command` and `url`", self.name));
            }
        };
        let timeout_s = self.timeout.map_or(HOOK_TIMEOUT_S, Span::seconds);
        Ok(model::Hook { name: self.name.clone(), action, timeout_s })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(more: &str) -> Preview {
        let text = format!(
            "repository = \"octo-org/Shop\"\n{more}\n[[service]]\nname = \"web\"\ntask_definition = \"web\"\nport = 80\n"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn little_is_enough() {
        let policy = preview("branches = [\"feature/**\"]").policy().unwrap();
        assert_eq!((policy.app.as_str(), policy.cluster.as_str()), ("shop", "default"));
        assert_eq!(policy.services[0].count, 1);
        assert_eq!(policy.limits, model::Limits::default());
        let public = model::Access::Public;
        let expected = model::Route::Proxy {
            domain: "localhost".into(),
            scheme: "http".into(),
            port: None,
            access: public,
        };
        assert_eq!(policy.route, expected);
    }

    #[test]
    fn away_from_this_machine_people_log_in() {
        let policy = preview("route = { domain = \"preview.example.com\" }").policy().unwrap();
        let model::Route::Proxy { scheme, access, .. } = policy.route else { panic!("not the proxy") };
        assert_eq!((scheme.as_str(), access), ("https", model::Access::Login));
    }

    #[test]
    fn a_ttl_may_be_never() {
        let limits = |text: &str| preview(text).policy().unwrap().limits;
        assert_eq!(limits("limits = { ttl = \"never\" }").ttl_s, None);
        assert_eq!(limits("limits = { ttl = \"2h\", sleep = \"30m\" }").ttl_s, Some(7200));
        assert_eq!(limits("limits = { sleep = \"30m\" }").sleep_s, Some(1800));
    }

    #[test]
    fn what_cannot_be_is_named() {
        let why = |text: &str| preview(text).policy().unwrap_err().to_string();
        let arn = "load_balancer = \"arn:lb\"";
        assert!(why(&format!("route = {{ {arn} }}")).contains("without `ports"));
        assert!(why("route = { listener = \"arn:l\" }").contains("without a `domain`"));
        assert!(why("route = { ports = [1, 2] }").contains("without a `load_balancer`"));
        let hook = "[[hook]]\nname = \"seed\"\nwhen = \"after_create\"";
        assert!(why(hook).contains("hook `seed` needs one of"), "{}", why(hook));
        assert!(why(&format!("{hook}\nurl = \"https://x\"")).contains("without a `secret_env`"));
        assert!(toml::from_str::<Preview>("repository = \"a/b\"\nservice = []\nbranch = []").is_err());
    }

    #[test]
    fn hooks_go_to_their_moment() {
        let text = "[[hook]]\nname = \"seed\"\nwhen = \"after_create\"\ncommand = [\"./seed\"]\ntimeout = \"1m\"\n\
                    [[hook]]\nname = \"drop\"\nwhen = \"before_destroy\"\nfunction = \"drop\"\n";
        let hooks = preview(text).policy().unwrap().hooks;
        assert_eq!((hooks.after_create[0].name.as_str(), hooks.after_create[0].timeout_s), ("seed", 60));
        assert_eq!(hooks.before_destroy[0].action, HookAction::Lambda { function: "drop".into() });
        assert!(hooks.after_update.is_empty());
    }
}
