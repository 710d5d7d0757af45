//! On what the tasks of a call run: launch types, and the shares of capacity providers.

use longshore_model::network::{CapacityProviderStrategyItem, LaunchType};

use super::{RunTask, Target};
use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::provider;

/// ECS's limit on one strategy.
const STRATEGY_LIMIT: usize = 20;

impl Cloud {
    /// One target for each task of the call.
    pub(super) fn targets_of(
        &self,
        cluster: &str,
        request: &RunTask,
        count: usize,
    ) -> Result<Vec<Target>, Fault> {
        let cluster = self.clusters.get(cluster);
        let known = cluster.map(|it| it.capacity_providers.as_slice()).unwrap_or_default();
        match (request.launch_type, request.capacity_provider_strategy.as_slice()) {
            (Some(_), [_, ..]) => Err(Fault::invalid(
                "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try \
                 again.",
            )),
            (Some(LaunchType::Fargate), []) => Ok(vec![Target::Fargate { provider: None }; count]),
            (Some(LaunchType::Ec2), []) => Ok(vec![Target::Instances { provider: None }; count]),
            (Some(LaunchType::External), []) => {
                Err(Fault::invalid("No Container Instances were found in your cluster."))
            }
            (Some(LaunchType::ManagedInstances), []) => {
                Err(Fault::invalid("Launch type MANAGED_INSTANCES needs a capacity provider strategy."))
            }
            (None, strategy @ [_, ..]) => shares(strategy, known, count),
            (None, []) => match cluster.map(|it| it.default_strategy.as_slice()).unwrap_or_default() {
                [] => Ok(vec![Target::Instances { provider: None }; count]),
                strategy => shares(strategy, known, count),
            },
        }
    }
}

/// Divides tasks over a strategy: first the base, then by weight.
fn shares(
    strategy: &[CapacityProviderStrategyItem],
    known: &[String],
    count: usize,
) -> Result<Vec<Target>, Fault> {
    check_strategy(strategy, known)?;
    Ok(divide(strategy, count))
}

/// The shares of a strategy that was found valid.
pub(crate) fn divide(strategy: &[CapacityProviderStrategyItem], count: usize) -> Vec<Target> {
    let weights = weights(strategy);
    let based = strategy.iter().find(|item| item.base.unwrap_or(0) > 0);
    let base = based.and_then(|item| usize::try_from(item.base?).ok()).unwrap_or(0).min(count);
    let mut targets: Vec<Target> = based.map(|item| vec![target(item); base]).unwrap_or_default();
    let mut given = vec![0_i64; strategy.len()];
    while targets.len() < count {
        // The provider that is furthest behind its share: (given + 1) / weight is least.
        let weighted = given.iter().zip(&weights).enumerate().filter(|(_, (_, weight))| **weight > 0);
        let next = weighted.min_by(|(_, (a, weight_a)), (_, (b, weight_b))| {
            ((*a + 1) * *weight_b).cmp(&((*b + 1) * *weight_a))
        });
        let Some((index, _)) = next else { break };
        targets.push(target(&strategy[index]));
        given[index] += 1;
    }
    targets
}

/// Whether a strategy is one for a cluster with these providers.
pub(crate) fn check_strategy(
    strategy: &[CapacityProviderStrategyItem],
    known: &[String],
) -> Result<(), Fault> {
    let weights = weights(strategy);
    if strategy.len() > STRATEGY_LIMIT {
        return Err(Fault::invalid(format!(
            "The capacity provider strategy cannot contain more than {STRATEGY_LIMIT} capacity providers."
        )));
    }
    if strategy.iter().any(|item| !known.contains(&item.capacity_provider)) {
        return Err(Fault::invalid(
            "The specified capacity provider strategy cannot contain a capacity provider that is not associated \
             with the cluster. Associate the capacity provider with the cluster and try again.",
        ));
    }
    if strategy.iter().filter(|item| item.base.unwrap_or(0) > 0).count() > 1 {
        return Err(Fault::invalid(
            "The specified capacity provider strategy cannot contain more than one capacity provider with a base \
             value defined.",
        ));
    }
    let legal = |item: &CapacityProviderStrategyItem| {
        (0..=1000).contains(&item.weight.unwrap_or(0)) && (0..=100_000).contains(&item.base.unwrap_or(0))
    };
    if !strategy.iter().all(legal) {
        return Err(Fault::invalid("weight must be from 0 to 1000 and base from 0 to 100000."));
    }
    if weights.iter().all(|weight| *weight == 0) {
        return Err(Fault::invalid(
            "The specified capacity provider strategy must contain at least one capacity provider with a weight \
             greater than 0.",
        ));
    }
    Ok(())
}

/// A single provider without a weight gets everything; the API's default for the weight is otherwise 0.
fn weights(strategy: &[CapacityProviderStrategyItem]) -> Vec<i64> {
    let absent = if strategy.len() == 1 { 1 } else { 0 };
    strategy.iter().map(|item| i64::from(item.weight.unwrap_or(absent))).collect()
}

/// Which instances belong to a provider nobody knows here: its tasks go to any of the cluster's.
fn target(item: &CapacityProviderStrategyItem) -> Target {
    let provider = Some(item.capacity_provider.clone());
    if provider::is_fargate(&item.capacity_provider) {
        Target::Fargate { provider }
    } else {
        Target::Instances { provider }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(provider: &str, weight: i32, base: i32) -> CapacityProviderStrategyItem {
        CapacityProviderStrategyItem {
            capacity_provider: provider.into(),
            weight: Some(weight),
            base: Some(base),
        }
    }

    #[test]
    fn the_base_comes_first_and_the_weights_share_the_rest() {
        let known = ["FARGATE".to_owned(), "FARGATE_SPOT".to_owned()];
        let strategy = [item("FARGATE", 1, 2), item("FARGATE_SPOT", 3, 0)];
        let targets = shares(&strategy, &known, 10).unwrap();
        let spot = Target::Fargate { provider: Some("FARGATE_SPOT".into()) };
        assert_eq!(targets.iter().filter(|it| **it == spot).count(), 6);
        assert_eq!(targets.len(), 10);
        assert!(targets[..2].iter().all(|it| *it != spot));
    }

    #[test]
    fn a_strategy_needs_known_providers_and_a_weight() {
        let known = ["FARGATE".to_owned()];
        assert!(shares(&[item("FARGATE_SPOT", 1, 0)], &known, 1).is_err());
        assert!(shares(&[item("FARGATE", 0, 0)], &known, 1).is_err());
        assert!(shares(&[item("FARGATE", 1001, 0)], &known, 1).is_err());
    }
}
