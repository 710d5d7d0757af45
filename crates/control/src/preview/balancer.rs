//! Looks at the load balancers of routes `port` and `host`, as far as an environment may have something there.

use std::collections::BTreeMap;

use futures_util::future::{join, join3, try_join_all};
use longshore_decide::preview::environment::{self, BalancerSeen};
use longshore_model::preview::{Environment, Policy, Route};
use longshore_model::seen::TargetHealth;
use longshore_model::{Error, Kind};
use longshore_world::{Balancers, Listener, LoadBalancer, Rule};

use super::Previews;

impl Previews {
    /// The calls, when there is somebody to make them.
    pub(super) fn balancers(&self) -> Result<&dyn Balancers, Error> {
        let none = || Error::new(Kind::Invalid, "this process cannot reach load balancers");
        self.world.balancers.as_deref().ok_or_else(none)
    }

    pub(super) async fn balancer(
        &self,
        record: &Environment,
        policy: Option<&Policy>,
    ) -> Result<BalancerSeen, Error> {
        match environment::route(record, policy) {
            Some(Route::Port { load_balancer, first, last }) => {
                self.own_listener(record, load_balancer, (*first, *last)).await
            }
            Some(Route::Host { listener, .. }) => {
                self.shared_listener(record, listener, environment::host(record, policy).as_deref()).await
            }
            Some(Route::Proxy { .. }) | None => Ok(BalancerSeen::default()),
        }
    }

    /// Route `port`: all listeners of the load balancer, the tags of those on our ports, and the rules of our own.
    async fn own_listener(
        &self,
        record: &Environment,
        load_balancer: &str,
        (first, last): (u16, u16),
    ) -> Result<BalancerSeen, Error> {
        let calls = self.balancers()?;
        let (balancer, listeners, groups) = join3(
            calls.load_balancer(load_balancer),
            calls.listeners(load_balancer),
            calls.target_groups(&record.names.target_groups),
        )
        .await;
        let balancer = balancer?;
        let (listeners, groups) = (unless_gone(&balancer, listeners)?, groups?);
        let on_our_ports = listeners.iter().filter(|it| (first..=last).contains(&it.port));
        let mut ours: Vec<String> = on_our_ports.map(|it| it.arn.clone()).collect();
        let known = record.progress.resources.listener.as_ref();
        let (tags, rules) = match known.filter(|known| listeners.iter().any(|it| it.arn == **known)) {
            Some(known) => join(calls.tags(&ours), calls.rules(known)).await,
            None => (calls.tags(&ours).await, Ok(Vec::new())),
        };
        let (mut tags, rules) = (tags?, rules?);
        ours.clear();
        ours.extend(rules.iter().map(|rule| rule.arn.clone()));
        if !ours.is_empty() {
            tags.extend(calls.tags(&ours).await?);
        }
        Ok(BalancerSeen {
            load_balancer: balancer.map(parts),
            target_groups: groups.into_iter().map(|it| (it.name, (it.arn, it.tags))).collect(),
            protocol: None,
            listeners: listeners.iter().map(place).collect(),
            rules: rules.into_iter().map(conditions).collect(),
            tags,
        })
    }

    /// Route `host`: the listener, its rules, and the tags of those that have our host or are recorded.
    async fn shared_listener(
        &self,
        record: &Environment,
        listener: &str,
        host: Option<&str>,
    ) -> Result<BalancerSeen, Error> {
        let calls = self.balancers()?;
        let (shared, rules, groups) = join3(
            calls.listener(listener),
            calls.rules(listener),
            calls.target_groups(&record.names.target_groups),
        )
        .await;
        let shared = shared?;
        let (rules, groups) = (unless_gone(&shared, rules)?, groups?);
        let known = &record.progress.resources.rules;
        let may_be_ours =
            |rule: &&Rule| known.contains(&rule.arn) || rule.hosts.iter().any(|it| Some(it.as_str()) == host);
        let ours: Vec<String> = rules.iter().filter(may_be_ours).map(|rule| rule.arn.clone()).collect();
        let balancer = async {
            match &shared {
                Some((_, load_balancer)) => calls.load_balancer(load_balancer).await,
                None => Ok(None),
            }
        };
        let tags = async {
            match ours.is_empty() {
                true => Ok(BTreeMap::new()),
                false => calls.tags(&ours).await,
            }
        };
        let (balancer, tags) = join(balancer, tags).await;
        Ok(BalancerSeen {
            load_balancer: balancer?.map(parts),
            target_groups: groups.into_iter().map(|it| (it.name, (it.arn, it.tags))).collect(),
            protocol: shared.as_ref().map(|(listener, _)| listener.protocol.clone()),
            listeners: shared.iter().map(|(listener, _)| place(listener)).collect(),
            rules: rules.into_iter().map(conditions).collect(),
            tags: tags?,
        })
    }

    /// Health by target group, of those that the environment has.
    pub(super) async fn target_health(
        &self,
        record: &Environment,
    ) -> Result<BTreeMap<String, BTreeMap<String, TargetHealth>>, Error> {
        let groups = record.progress.resources.target_groups.values();
        let each = groups.map(|arn| async move {
            Ok::<_, Error>((arn.clone(), self.balancers()?.target_health(arn).await?))
        });
        Ok(try_join_all(each).await?.into_iter().collect())
    }
}

/// What was found in something. When that is gone, nothing is in it: this is no gap, and people are told.
fn unless_gone<T, U>(place: &Option<T>, found: Result<Vec<U>, Error>) -> Result<Vec<U>, Error> {
    match found {
        Err(error) if place.is_none() && error.kind() == Kind::NotFound => Ok(Vec::new()),
        found => found,
    }
}

fn parts(it: LoadBalancer) -> (String, String, String) {
    (it.arn, it.dns_name, it.vpc)
}

fn place(it: &Listener) -> (String, u16) {
    (it.arn.clone(), it.port)
}

fn conditions(it: Rule) -> (String, u32, Vec<String>) {
    (it.arn, it.priority, it.hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_has_nothing_in_it_and_all_else_is_a_gap() {
        let failed = |kind| Err::<Vec<u8>, _>(Error::new(kind, "no"));
        assert_eq!(unless_gone(&None::<u8>, failed(Kind::NotFound)).ok(), Some(Vec::new()));
        assert!(unless_gone(&None::<u8>, failed(Kind::Throttled)).is_err());
        assert!(unless_gone(&Some(1), failed(Kind::NotFound)).is_err(), "they contradict each other");
        assert_eq!(unless_gone(&Some(1), Ok(vec![1])).ok(), Some(vec![1]));
    }
}
