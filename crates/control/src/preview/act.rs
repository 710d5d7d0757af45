//! Carries out one action of a plan: one call, and what it came to.

use std::error::Error as _;

use longshore_decide::preview::environment::{self, Action, Outcome};
use longshore_model::preview::{Environment, Policy};
use longshore_model::{Error, Kind};
use longshore_world::Share;

use super::Previews;

impl Previews {
    /// Makes the call. What is gone already counts as deleted: the wish is that it is not there.
    pub(super) async fn act(&self, record: &Environment, action: &Action) -> Outcome {
        let policy = self.policy_as_named(record);
        let policy = policy.as_deref();
        match self.call(record, policy, action).await {
            Ok(made) => Outcome::Done(made),
            Err(error) if error.kind() == Kind::NotFound && action.takes_away() => Outcome::Done(None),
            Err(error) => Outcome::Failed(error.kind(), words(&error)),
        }
    }

    async fn call(
        &self,
        record: &Environment,
        policy: Option<&Policy>,
        action: &Action,
    ) -> Result<Option<String>, Error> {
        let services = &self.world.services;
        match action {
            Action::Register(_, input) => Ok(Some(services.register(input).await?.arn)),
            Action::CreateService(_, input) => Ok(Some(services.create_service(input).await?.arn)),
            Action::UpdateService(_, input) => Ok(Some(services.update_service(input).await?.arn)),
            Action::DeleteService { name } => {
                let unknown =
                    || Error::new(Kind::Invalid, format!("the cluster of service `{name}` is not known"));
                let cluster = environment::cluster(record, policy).ok_or_else(unknown)?;
                services.delete_service(cluster, name).await.map(|_| None)
            }
            Action::Deregister(arn) => services.deregister(arn).await.map(|()| None),
            Action::CreateTargetGroup(_, input) => {
                Ok(Some(self.balancers()?.create_target_group(input).await?.arn))
            }
            Action::CreateListener { load_balancer, port, tags } => {
                let group = target_group(record, policy, 0)?;
                Ok(Some(self.balancers()?.create_listener(load_balancer, *port, group, tags).await?.arn))
            }
            Action::CreateRule { listener, index, priority, host, paths, tags } => {
                let own = record.progress.resources.listener.as_ref();
                let none = || Error::new(Kind::Bug, "a rule for a listener that was not made");
                let listener = listener.as_ref().or(own).ok_or_else(none)?;
                let target_group = target_group(record, policy, *index)?.to_owned();
                let share = Share { target_group, paths: paths.clone() };
                let rule = self.balancers()?.create_rule(listener, *priority, host.as_deref(), &share, tags);
                Ok(Some(rule.await?.arn))
            }
            Action::DeleteRule(arn) => self.balancers()?.delete_rule(arn).await.map(|()| None),
            Action::DeleteListener(arn) => self.balancers()?.delete_listener(arn).await.map(|()| None),
            Action::DeleteTargetGroup(arn) => self.balancers()?.delete_target_group(arn).await.map(|()| None),
        }
    }
}

/// The target group of the service at this index: made earlier in the same plan, or before it.
fn target_group<'a>(
    record: &'a Environment,
    policy: Option<&Policy>,
    index: usize,
) -> Result<&'a str, Error> {
    let name = policy.and_then(|policy| policy.services.get(index)).map(|service| service.name.as_str());
    let arn = name.and_then(|name| record.progress.resources.target_groups.get(name));
    arn.map(String::as_str)
        .ok_or_else(|| Error::new(Kind::Bug, "a listener for a target group that was not made"))
}

/// An error with its cause, in one line.
pub(super) fn words(error: &Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
